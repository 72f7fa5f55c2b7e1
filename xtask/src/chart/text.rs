//! Text in a picture: how wide it is at the most, where it breaks, and what must be escaped.
//!
//! The machine that draws a chart does not know the font of the machine that shows it. So widths come from a table of the
//! widest of the usual sans-serif fonts (DejaVu Sans and Liberation Sans, which has Arial's and Helvetica's widths), and
//! whatever fits by the table fits on every screen.

/// Advance widths of the characters from space to `~`, in hundredths of the font size; the wider of the two fonts.
const REGULAR: [u8; 95] = [
    32, 41, 46, 84, 64, 96, 78, 28, 40, 40, 50, 84, 32, 37, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84,
    56, 102, 69, 69, 73, 78, 67, 62, 78, 76, 30, 50, 67, 56, 87, 75, 79, 67, 79, 73, 67, 62, 74, 69, 99, 69, 67, 69, 40, 34, 40,
    84, 56, 50, 62, 64, 55, 64, 62, 36, 64, 64, 28, 28, 58, 28, 98, 64, 62, 64, 64, 42, 53, 40, 64, 60, 82, 60, 60, 53, 64, 34,
    64, 84,
];

/// The same in bold.
const BOLD: [u8; 95] = [
    35, 46, 53, 84, 70, 101, 88, 31, 46, 46, 53, 84, 38, 42, 38, 37, 70, 70, 70, 70, 70, 70, 70, 70, 70, 70, 40, 40, 84, 84, 84,
    62, 100, 78, 77, 74, 84, 69, 69, 83, 84, 38, 56, 78, 64, 100, 84, 86, 74, 86, 78, 73, 69, 82, 78, 111, 78, 73, 73, 46, 37,
    46, 84, 56, 50, 68, 72, 60, 72, 68, 44, 72, 72, 35, 35, 67, 35, 105, 72, 69, 72, 72, 50, 60, 48, 72, 66, 93, 65, 66, 59, 72,
    37, 72, 84,
];

/// The most that a line of text can measure, in pixels, when set in `size` pixels.
pub fn width(text: &str, size: f64, bold: bool) -> f64 {
    let widths = if bold { &BOLD } else { &REGULAR };
    let hundredths: u32 = text.chars().map(|c| advance(c, widths)).sum();
    f64::from(hundredths) / 100.0 * size
}

fn advance(c: char, widths: &[u8; 95]) -> u32 {
    match c {
        ' '..='~' => u32::from(widths[c as usize - 32]),
        '\u{a0}' => 32,
        '\u{b7}' => 38,
        '\u{d7}' | '\u{2212}' | '\u{b5}' => 84,
        '\u{2013}' => 56,
        '\u{2026}' => 100,
        // Accented Latin is no wider than its widest letters; everything else may be a full-width sign.
        '\u{a1}'..='\u{24f}' => 145,
        _ => 200,
    }
}

/// Breaks a text at spaces (and not at no-break spaces) into lines no wider than `room` pixels; a single word that is wider
/// is cut with an ellipsis.
pub fn wrap(text: &str, size: f64, bold: bool, room: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split([' ', '\n', '\t']).filter(|word| !word.is_empty()) {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if width(&longer, size, bold) <= room {
                *line = longer;
                continue;
            }
        }
        lines.push(cut(word, size, bold, room));
    }
    lines
}

/// The text itself where it fits into `room` pixels, else its beginning with an ellipsis.
pub fn cut(text: &str, size: f64, bold: bool, room: f64) -> String {
    if width(text, size, bold) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if width(&kept, size, bold) + width("\u{2026}", size, bold) > room {
            kept.pop();
            break;
        }
    }
    kept.push('\u{2026}');
    kept
}

/// Makes untrusted text safe inside an element or a quoted attribute of HTML, SVG and XML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(c),
            c => safe.push(legal(c)),
        }
    }
    safe
}

/// The character itself, or the replacement character for what a picture or a page must not hold: control characters, which
/// XML forbids (a learner's message may carry terminal colours), and those that turn the direction of what follows, so that
/// a message could show what it does not say.
pub fn legal(c: char) -> char {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns || matches!(c, '\u{fffe}' | '\u{ffff}') { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn width_counts_characters_and_not_bytes() {
        assert_eq!(width("1.80\u{d7}", 100.0, false), f64::from(64 + 32 + 64 + 64 + 84));
        assert!(width("i", 12.0, false) < width("W", 12.0, false));
        assert!(width("merge", 12.0, true) > width("merge", 12.0, false));
    }

    #[test]
    fn wrapped_lines_fit_and_lose_no_word() {
        let text = "Your merge sort is 1.80\u{d7} as fast as sequential on 2 threads; reference 1.85\u{d7}, rayon 1.91\u{d7}";
        let lines = wrap(text, 15.0, true, 300.0);
        assert!(lines.len() > 1);
        assert!(lines.iter().all(|line| width(line, 15.0, true) <= 300.0));
        assert_eq!(lines.join(" "), text);
    }

    #[test]
    fn a_word_that_is_too_wide_is_cut_to_the_room() {
        let lines = wrap(&"w".repeat(400), 12.0, false, 100.0);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].ends_with('\u{2026}') && width(&lines[0], 12.0, false) <= 100.0);
    }

    #[test]
    fn escape_leaves_no_markup_and_no_control_character() {
        assert_eq!(
            escape("<script>\"a\" & 'b'\u{1b}[31m\u{202e}"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}[31m\u{fffd}"
        );
    }
}
