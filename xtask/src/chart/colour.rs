//! Colours: of Okabe and Ito's palette, which the colour-blind can tell apart, with darker and lighter forms for text.

use std::fmt::Write;

/// Fonts that no text width of [`super::text`] is too small for.
pub const FONTS: &str = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif";

/// What a colour stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The surface of a chart.
    Panel,
    /// Titles and values.
    Ink,
    /// Everything that explains.
    Muted,
    /// Hairlines.
    Grid,
    /// The ideal, and the count of cores.
    Guide,
    /// The region beyond the cores.
    Shade,
    /// A thread that does nothing.
    Idle,
    /// One of the [`SERIES`] colours.
    Series(usize),
}

struct Colours {
    name: &'static str,
    /// Lines and areas on light and on dark.
    shape: [&'static str; 2],
    /// Text on light and on dark: at least 4.5 to 1.
    text: [&'static str; 2],
}

const fn colours(name: &'static str, shape: [&'static str; 2], text: [&'static str; 2]) -> Colours {
    Colours { name, shape, text }
}

const PLAIN: [Colours; 7] = [
    colours("panel", ["#FFFFFF", "#1B1F23"], ["#FFFFFF", "#1B1F23"]),
    colours("ink", ["#1C2126", "#E8EAED"], ["#1C2126", "#E8EAED"]),
    colours("muted", ["#59636E", "#A3ACB6"], ["#59636E", "#A3ACB6"]),
    colours("grid", ["#E3E6E9", "#31373D"], ["#E3E6E9", "#31373D"]),
    colours("guide", ["#8C959F", "#7D8791"], ["#59636E", "#A3ACB6"]),
    colours("shade", ["#F5F6F7", "#20252A"], ["#F5F6F7", "#20252A"]),
    colours("idle", ["#E9EBEE", "#2B3137"], ["#59636E", "#A3ACB6"]),
];

/// The learner, the reference, then whatever else there is.
const SERIES: [Colours; 7] = [
    colours("yours", ["#D55E00", "#F08A3C"], ["#A84300", "#F59B57"]),
    colours("reference", ["#0072B2", "#4FA8E0"], ["#005F96", "#6CB8EA"]),
    colours("green", ["#009E73", "#2BBF92"], ["#00704F", "#3CCB9F"]),
    colours("purple", ["#CC79A7", "#DB94BB"], ["#97427A", "#E3A5C7"]),
    colours("orange", ["#E69F00", "#E9AE2E"], ["#875B00", "#EFBC4F"]),
    colours("sky", ["#56B4E9", "#7CC6F0"], ["#1A6A9A", "#8FD0F5"]),
    colours("other", ["#767F88", "#98A1AA"], ["#59636E", "#A3ACB6"]),
];

impl Role {
    /// The learner's.
    pub const YOURS: Self = Self::Series(0);
    /// The reference's.
    pub const REFERENCE: Self = Self::Series(1);
    /// What is left over.
    pub const OTHER: Self = Self::Series(6);

    /// The n-th of the colours that belong to nobody.
    pub fn free(n: usize) -> Self {
        Self::Series(2 + n % 4)
    }

    /// A number for each role, to be found again by [`Role::of_index`].
    pub fn index(self) -> u8 {
        match self {
            Self::Panel => 0,
            Self::Ink => 1,
            Self::Muted => 2,
            Self::Grid => 3,
            Self::Guide => 4,
            Self::Shade => 5,
            Self::Idle => 6,
            Self::Series(n) => 7 + (n % SERIES.len()) as u8,
        }
    }

    /// The role of that number.
    pub fn of_index(index: u8) -> Option<Self> {
        Some(match index {
            0 => Self::Panel,
            1 => Self::Ink,
            2 => Self::Muted,
            3 => Self::Grid,
            4 => Self::Guide,
            5 => Self::Shade,
            6 => Self::Idle,
            7..=13 => Self::Series(usize::from(index) - 7),
            _ => return None,
        })
    }

    fn colours(self) -> &'static Colours {
        match self {
            Self::Series(n) => &SERIES[n % SERIES.len()],
            plain => &PLAIN[usize::from(plain.index())],
        }
    }

    /// Attributes that paint a stroke: a class for the style sheet, a colour for those who read none.
    pub fn stroke(self) -> String {
        format!("class=\"s-{}\" stroke=\"{}\"", self.colours().name, self.colours().shape[0])
    }

    /// Attributes that fill an area.
    pub fn fill(self) -> String {
        format!("class=\"f-{}\" fill=\"{}\"", self.colours().name, self.colours().shape[0])
    }

    /// Attributes that colour text.
    pub fn text(self) -> String {
        format!("class=\"t-{}\" fill=\"{}\"", self.colours().name, self.colours().text[0])
    }
}

/// The style sheet of every chart: the variables, for light and for dark, and the classes that use them. Paper is light.
pub fn style() -> String {
    let all = || PLAIN.iter().chain(&SERIES);
    let mut variables = [String::new(), String::new()];
    let mut classes = String::new();
    for Colours { name, shape, text } in all() {
        for (variables, (shape, text)) in variables.iter_mut().zip(shape.iter().zip(text)) {
            write!(variables, "--{name}:{shape};--{name}-text:{text};").expect("a string takes everything");
        }
        write!(classes, ".s-{name}{{stroke:var(--{name})}}.f-{name}{{fill:var(--{name})}}.t-{name}{{fill:var(--{name}-text)}}")
            .expect("a string takes everything");
    }
    let [light, dark] = variables;
    format!(":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{classes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance, as WCAG 2 defines it.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("a hexadecimal colour")) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_text_is_legible_on_light_and_on_dark() {
        assert!((contrast("#FFFFFF", "#000000") - 21.0).abs() < 1e-9);
        let texts = PLAIN.iter().filter(|c| ["ink", "muted", "guide", "idle"].contains(&c.name)).chain(&SERIES);
        for colours in texts {
            for mode in [0, 1] {
                let panel = PLAIN[0].shape[mode];
                let reached = contrast(colours.text[mode], panel);
                assert!(reached >= 4.5, "{} on {panel}: {reached:.2} to 1", colours.name);
            }
        }
    }

    #[test]
    fn roles_and_numbers_are_the_same_thing() {
        for index in 0..14 {
            assert_eq!(Role::of_index(index).map(Role::index), Some(index));
        }
        assert_eq!(Role::of_index(14), None);
    }
}
