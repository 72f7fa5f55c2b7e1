//! What a picture or a page must be whatever it shows: read as text, without a browser.

use std::collections::BTreeSet;

use xtask::chart::{Chart, text};

/// The value of an attribute of a tag.
pub fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    Some(&tag[start..start + tag[start..].find('"')?])
}

fn number_of(tag: &str, name: &str) -> f64 {
    attribute(tag, name).and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{tag} has no number {name}"))
}

/// A text as it stands in the picture: what it says, and left, top, right and bottom in units of the drawing.
#[derive(Debug)]
pub struct Boxed {
    pub says: String,
    pub sides: [f64; 4],
}

/// All texts of a picture.
pub fn texts(svg: &str) -> Vec<Boxed> {
    let of = |element: &str| {
        let (tag, rest) = element.split_once('>').expect("a tag ends");
        let says = rest.split("</text>").next().expect("an element ends");
        let says =
            says.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&#39;", "'");
        let says = says.replace("&amp;", "&");
        let (x, y, size) = (number_of(tag, "x"), number_of(tag, "y"), number_of(tag, "font-size"));
        let width = text::width(&says, size, attribute(tag, "font-weight") == Some("bold"));
        let left = match attribute(tag, "text-anchor") {
            Some("end") => x - width,
            Some("middle") => x - width / 2.0,
            _ => x,
        };
        Boxed { says, sides: [left, y - 0.6 * size, left + width, y + 0.6 * size] }
    };
    svg.split("<text").skip(1).map(of).collect()
}

/// No text leaves the canvas, and none covers another.
pub fn assert_texts_have_room(chart: &Chart, what: &str) {
    let svg = chart.file();
    let canvas: Vec<f64> =
        attribute(&svg, "viewBox").expect("a box").split(' ').map(|side| side.parse().expect("a number")).collect();
    let texts = texts(&svg);
    assert!(texts.len() > 2, "{what}: a chart without words");
    for Boxed { says, sides: [left, top, right, bottom] } in &texts {
        let inside = *left >= 0.0 && *top >= 0.0 && *right <= canvas[2] && *bottom <= canvas[3];
        assert!(inside, "{what}: {says:?} at {left} {top} {right} {bottom} leaves {canvas:?}");
    }
    for (i, one) in texts.iter().enumerate() {
        for other in &texts[i + 1..] {
            let apart = (0..2)
                .any(|side| one.sides[side] + 0.5 >= other.sides[side + 2] || other.sides[side] + 0.5 >= one.sides[side + 2]);
            assert!(apart, "{what}: {one:?} and {other:?} cover each other");
        }
    }
}

/// Every tag is closed in its order, every id is there once.
pub fn assert_well_formed(markup: &str) {
    let mut open = Vec::new();
    let mut ids = BTreeSet::new();
    let mut rest = markup;
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        if let Some(id) = attribute(&rest[start..end], "id") {
            assert!(ids.insert(id.to_owned()), "two elements are called {id}");
        }
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        match tag {
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name), "before {}", &rest[start..]),
            _ if tag.starts_with('!') || tag.ends_with('/') || name == "meta" => {}
            _ => open.push(name),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    for reference in markup.split("aria-labelledby=\"").chain(markup.split("aria-describedby=\"")).skip(1) {
        let id = reference.split('"').next().unwrap_or_default();
        assert!(id.contains(['<', ' ']) || ids.contains(id), "nothing is called {id}");
    }
}
