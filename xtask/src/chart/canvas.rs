//! What a chart is made of that is drawn without plotters: texts and paths, in pixels.

use std::fmt::Write;

use super::{Layout, colour::Role, text};

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

const SMALL: f64 = 11.0;

/// The elements of a chart, as far as they are drawn.
#[derive(Debug, Default)]
pub struct Canvas {
    body: String,
}

impl Canvas {
    /// A line of text; the place is half-way up a small letter, at the end that `anchor` names (`start`, `middle`, `end`).
    pub fn text(&mut self, text: &str, (x, y): (f64, f64), size: f64, bold: bool, role: Role, anchor: &str) {
        let weight = if bold { " font-weight=\"bold\"" } else { "" };
        let (x, y, paint, text) = (short(x), short(y), role.text(), text::escape(text));
        writeln!(
            self.body,
            "<text x=\"{x}\" y=\"{y}\" dy=\"0.5ex\" text-anchor=\"{anchor}\" font-size=\"{size}\"{weight} {paint}>{text}</text>"
        )
        .expect(TAKES);
    }

    /// The finding as the title and what it rests on below it, from the upper edge on; returns where the next line may stand.
    pub fn heading(&mut self, finding: &str, below: &str, layout: Layout) -> f64 {
        let (side, size) = if layout == Layout::Wide { (20.0, 16.0) } else { (12.0, 14.0) };
        let room = layout.width() - 2.0 * side;
        let mut y = side + size / 2.0;
        for line in text::wrap(finding, size, true, room) {
            self.text(&line, (side, y), size, true, Role::Ink, "start");
            y += size + 5.0;
        }
        y += 1.0;
        for line in text::wrap(below, SMALL, false, room) {
            self.text(&line, (side, y), SMALL, false, Role::Muted, "start");
            y += 15.0;
        }
        y
    }

    /// A path with the attributes that paint it.
    pub fn shape(&mut self, d: &str, paint: &str) {
        writeln!(self.body, "<path {paint} d=\"{d}\"/>").expect(TAKES);
    }

    /// The elements.
    pub fn finish(self) -> String {
        self.body
    }
}

/// A coordinate, to a tenth of a pixel.
pub fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}
