//! Charts as pure functions of results: each is an SVG that stands inside the report page or alone as a file.
//!
//! A chart carries its own colours as CSS variables, so that it follows the reader's light or dark setting in either
//! place; programs that know no CSS variables (image viewers, converters) see the light colours.

pub mod class;
pub mod interleaving;
pub mod losses;
pub mod measured;
pub mod number;
pub mod pairs;
pub mod parallelism;
pub mod speedup;
#[cfg(feature = "author")]
pub mod study;
pub mod sweep;
pub mod text;
pub mod timeline;

mod canvas;
mod colour;
mod plot;

use text::escape;

use crate::results::Subject;

pub use colour::style;

/// How wide a chart is. The page holds both and shows the one that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// For a page on a desk, a README and print.
    Wide,
    /// For a telephone.
    Narrow,
}

impl Layout {
    /// In CSS pixels.
    pub fn width(self) -> f64 {
        match self {
            Self::Wide => 720.0,
            Self::Narrow => 340.0,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
        }
    }
}

/// A drawn chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What it shows, in a sentence; also drawn as its title.
    pub finding: String,
    /// The same at more length, for those who cannot see it.
    pub description: String,
    layout: Layout,
    height: f64,
    /// How many units of the drawing are one pixel.
    scale: f64,
    /// The elements, without the `svg` around them.
    body: String,
}

impl Chart {
    /// A file that stands alone.
    pub fn file(&self) -> String {
        let (width, height) = (self.layout.width(), self.height);
        let corner = 8.0 * self.scale;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" {}<style>{}</style>\n\
             <rect width=\"100%\" height=\"100%\" rx=\"{corner}\" class=\"f-panel\" fill=\"#FFFFFF\"/>\n{}</svg>\n",
            self.head("chart"),
            style(),
            self.body,
        )
    }

    /// An element for the page, whose style sheet holds [`style`]. `id` is unique in the page.
    pub fn inline(&self, id: &str) -> String {
        format!("<svg class=\"chart {}\" {}{}</svg>\n", self.layout.class(), self.head(id), self.body)
    }

    /// The rest of the opening tag, and what screen readers read.
    fn head(&self, id: &str) -> String {
        let id = format!("{}-{}", escape(id), self.layout.class());
        format!(
            "viewBox=\"0 0 {} {}\" font-family=\"{}\" role=\"img\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\">\n\
             <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
            self.layout.width() * self.scale,
            self.height * self.scale,
            colour::FONTS,
            escape(&self.finding),
            escape(&self.description),
        )
    }
}

/// The name of an exercise as words: `algorithms/merge_sort` is `merge sort`.
pub fn words(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).replace('_', " ")
}

/// Whose program it is, at the beginning of a sentence: `Your merge sort`.
fn whose(subject: Subject, path: &str) -> String {
    let whose = match subject {
        Subject::Reference => "The reference",
        Subject::Yours => "Your",
        Subject::Submission => "The submitted",
        Subject::Planted => "The planted",
    };
    format!("{whose} {}", words(path))
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// With as many decimals as it needs, six at the most.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_the_axis() {
        assert_eq!([0.7, 1.0, 1.3, 3.0, 6.0, 30.0].map(nice_step), [1.0, 1.0, 2.0, 5.0, 10.0, 50.0]);
    }
}
