//! The seam to plotters: what it cannot draw is put right in the text that it wrote.
//!
//! Its SVG backend draws on a grid of whole pixels, knows no dashes, no classes and no CSS variables. So charts are drawn
//! [`SCALE`] times as large, in colours that are no colours but codes for a role and a dash, and [`finish`] replaces them.

use plotters::{
    prelude::*,
    style::{
        FontStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{colour::Role, text::legal};

/// Units of the drawing in one pixel.
pub const SCALE: f64 = 8.0;

/// Plotters writes a font size of its size over this.
const FONT_SCALE: f64 = 1.24;

/// The area of a whole chart.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

/// Plotters reports errors of a disk or a font. Neither is there: it draws into a string, and text is not measured.
pub const CANNOT_FAIL: &str = "drawing into a string cannot fail";

/// How a line is broken: dash and gap in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// For ideals.
    Dashed,
    /// For limits.
    Dotted,
    /// For every second peer.
    Long,
    /// For others.
    Mixed,
    /// For ceilings that hold for some programs only.
    Fine,
}

const DASHES: [(Dash, &str); 6] = [
    (Dash::Solid, ""),
    (Dash::Dashed, "40 32"),
    (Dash::Dotted, "8 28"),
    (Dash::Long, "88 28"),
    (Dash::Mixed, "64 24 8 24"),
    (Dash::Fine, "12 12"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Shape = 1,
    Text = 2,
}

fn code(role: Role, dash: Dash, purpose: Use) -> RGBColor {
    let dash = DASHES.iter().position(|(other, _)| *other == dash).expect("every dash is in the table");
    RGBColor(role.index(), dash as u8, purpose as u8)
}

/// A filled shape.
pub fn fill(role: Role) -> ShapeStyle {
    code(role, Dash::Solid, Use::Shape).filled()
}

/// A line of that many pixels.
pub fn stroke(role: Role, width: f64, dash: Dash) -> ShapeStyle {
    code(role, dash, Use::Shape).stroke_width(units(width) as u32)
}

/// Pixels as units of the drawing.
pub fn units(pixels: f64) -> i32 {
    (pixels * SCALE).round() as i32
}

/// Where a text stands to the place it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// It begins there.
    Left,
    /// Its middle is there.
    Middle,
    /// It ends there.
    Right,
}

/// A style for text of that many pixels; the place it is given is half-way up a small letter.
pub fn text_style(size: f64, bold: bool, role: Role, align: Align) -> TextStyle<'static> {
    let horizontal = match align {
        Align::Left => HPos::Left,
        Align::Middle => HPos::Center,
        Align::Right => HPos::Right,
    };
    let weight = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::SansSerif, size * SCALE * FONT_SCALE, weight)
        .color(&code(role, Dash::Solid, Use::Text))
        .pos(Pos::new(horizontal, VPos::Center))
}

/// Writes a text of one line.
pub fn write(area: &Area, text: &str, (x, y): (f64, f64), style: &TextStyle) {
    let text: String = text.chars().map(legal).collect();
    area.draw(&Text::new(text, (units(x), units(y)), style.clone())).expect(CANNOT_FAIL);
}

/// What plotters wrote, without the `svg` around it, with classes, colours and dashes in the place of the codes.
pub fn finish(drawn: &str) -> String {
    let inside = drawn.find('\n').map_or("", |end| &drawn[end + 1..]);
    let inside = inside.trim_end().strip_suffix("</svg>").unwrap_or(inside);
    let mut finished = String::with_capacity(inside.len());
    let mut rest = inside;
    // Attribute by attribute. Text between tags holds no quotation mark: plotters has escaped it.
    while let Some(start) = rest.find("=\"") {
        let name_at = rest[..start].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '-').map_or(0, |at| at + 1);
        let name = &rest[name_at..start];
        let value_at = start + 2;
        let end = value_at + rest[value_at..].find('"').expect("plotters closes its attributes");
        let value = &rest[value_at..end];
        let kept = match (name, value) {
            ("opacity", "1") | ("stroke", "none") | ("stroke-width", "1") | ("font-family", _) => String::new(),
            ("fill" | "stroke", code) if code.starts_with('#') => painted(name, code),
            ("points", points) => format!("points=\"{}\"", points.trim_end()),
            _ => format!("{name}=\"{value}\""),
        };
        let before = &rest[..name_at];
        finished.push_str(if kept.is_empty() { before.trim_end_matches(' ') } else { before });
        finished.push_str(&kept);
        rest = &rest[end + 1..];
    }
    finished.push_str(rest);
    // Plotters sets text on lines of its own; a viewer that keeps white space would move it.
    let finished = finished.trim_end().replace("\n</text>", "</text>");
    let mut joined = String::with_capacity(finished.len() + 1);
    for line in finished.lines() {
        joined.push_str(line);
        if line.ends_with("/>") || line.ends_with("</text>") {
            joined.push('\n');
        }
    }
    joined
}

fn painted(attribute: &str, code: &str) -> String {
    let byte = |at: usize| u8::from_str_radix(&code[at..at + 2], 16).expect("plotters writes six hexadecimal digits");
    let role = Role::of_index(byte(1)).expect("only codes are drawn with");
    let (_, dash) = DASHES[usize::from(byte(3))];
    match (attribute, byte(5)) {
        ("fill", purpose) if purpose == Use::Text as u8 => role.text(),
        ("fill", _) => role.fill(),
        _ if dash.is_empty() => role.stroke(),
        _ => format!("{} stroke-dasharray=\"{dash}\"", role.stroke()),
    }
}

/// Moves the places of labels apart, as little as possible, so that each has `gap` and all lie between `top` and `bottom`.
///
/// Least squares with a fixed order: places minus their rank times the gap must not fall (pool adjacent violators).
/// The answer is in the order of the question.
pub fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]).then(a.cmp(&b)));
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for (rank, &i) in order.iter().enumerate() {
        let mut pool = (wanted[i] - rank as f64 * gap, 1);
        while let Some(&(mean, members)) = pools.last().filter(|(mean, _)| *mean >= pool.0) {
            let together = members + pool.1;
            pool = ((mean * members as f64 + pool.0 * pool.1 as f64) / together as f64, together);
            pools.pop();
        }
        pools.push(pool);
    }
    let lowest = (bottom - gap * (wanted.len() as f64 - 1.0)).max(top);
    let flat = pools.iter().flat_map(|&(mean, members)| std::iter::repeat_n(mean.clamp(top, lowest), members));
    let mut places = vec![0.0; wanted.len()];
    for (rank, (flat, &i)) in flat.zip(&order).enumerate() {
        places[i] = flat + rank as f64 * gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_moved_apart_and_kept_inside() {
        assert_eq!(spread(&[50.0, 10.0], 15.0, 0.0, 100.0), [50.0, 10.0], "no need, no move");
        assert_eq!(spread(&[50.0, 50.0, 50.0], 10.0, 0.0, 100.0), [40.0, 50.0, 60.0], "around where they belong");
        assert_eq!(spread(&[99.0, 98.0, 5.0], 10.0, 0.0, 100.0), [100.0, 90.0, 5.0], "the bottom holds");
        assert_eq!(spread(&[-5.0, 0.0, 1.0], 10.0, 0.0, 20.0), [0.0, 10.0, 20.0]);
        assert!(spread(&[], 10.0, 0.0, 20.0).is_empty());
    }

    #[test]
    fn codes_become_classes_and_text_keeps_its_own() {
        let mut drawn = String::new();
        {
            let area = SVGBackend::with_string(&mut drawn, (800, 800)).into_drawing_area();
            area.draw(&PathElement::new([(0, 0), (8, 8)], stroke(Role::YOURS, 2.0, Dash::Dashed))).expect(CANNOT_FAIL);
            area.draw(&Circle::new((8, 8), 4, fill(Role::REFERENCE))).expect(CANNOT_FAIL);
            write(&area, "a <b> c=\"#070001\" & x", (1.0, 1.0), &text_style(12.0, true, Role::Muted, Align::Right));
            area.present().expect(CANNOT_FAIL);
        }
        let finished = finish(&drawn);
        assert_eq!(
            finished,
            "<polyline fill=\"none\" class=\"s-yours\" stroke=\"#D55E00\" stroke-dasharray=\"40 32\" stroke-width=\"16\" points=\"0,0 8,8\"/>\n\
             <circle cx=\"8\" cy=\"8\" r=\"4\" class=\"f-reference\" fill=\"#0072B2\"/>\n\
             <text x=\"8\" y=\"8\" dy=\"0.5ex\" text-anchor=\"end\" font-size=\"96\" class=\"t-muted\" fill=\"#59636E\" font-weight=\"bold\">\
             a &lt;b&gt; c=&quot;#070001&quot; &amp; x</text>\n"
        );
    }
}
