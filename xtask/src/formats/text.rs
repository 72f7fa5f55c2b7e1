//! Untrusted text: what a test printed, a file's or a submission's name. In each format it stands as text and as nothing else.

use crate::{build::without_colour, chart::text::legal};

/// Without terminal commands, control characters and what turns the direction of writing; line breaks and tabs stay.
pub fn plain(text: &str) -> String {
    let text = without_colour(&text.replace("\r\n", "\n"));
    text.chars().map(|c| if matches!(c, '\n' | '\t') { c } else { legal(c) }).collect()
}

/// The same in one line of at most `most` characters.
pub fn line(text: &str, most: usize) -> String {
    let words = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&words, most)
}

/// The same in as many lines as it has, of at most `most` characters altogether.
pub fn block(text: &str, most: usize) -> String {
    cut(plain(text).trim_end(), most)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{} [..]", &text[..end]),
        None => text.to_owned(),
    }
}

/// For the middle of a line of Markdown, a cell of a table included.
pub fn markdown(text: &str) -> String {
    let text = line(text, usize::MAX);
    let mut safe = String::with_capacity(text.len() + 8);
    for (index, c) in text.chars().enumerate() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A list, a quotation, a heading or a rule can only begin at the first character of a line.
            '-' | '+' | '=' if index == 0 => safe.extend(['\\', c]),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '@' | ':' | '$' | '!' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    // Without its dot no address begins with `www.`, which would become a link.
    for www in ["www.", "WWW.", "Www."] {
        safe = safe.replace(www, &www.replace('.', "\\."));
    }
    safe
}

/// A block of Markdown that shows the text as it is: its fence is longer than any run of backticks in it.
pub fn fenced(text: &str) -> String {
    let text = block(text, usize::MAX);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}\n{fence}\n")
}

/// For a cell that a spreadsheet opens: what it would take for a formula begins with an apostrophe.
pub fn cell(text: &str) -> String {
    let text = line(text, 1000);
    if text.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) { format!("'{text}") } else { text }
}

/// For the message of a GitHub workflow command.
pub fn command_message(text: &str) -> String {
    plain(text).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// For a property of a GitHub workflow command.
pub fn command_property(text: &str) -> String {
    command_message(&line(text, 200)).replace(':', "%3A").replace(',', "%2C")
}

/// A path as a relative URI reference.
pub fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_commands_and_turned_writing_are_gone() {
        assert_eq!(plain("\u{1b}[31mred\u{1b}[0m\u{7}\u{202e}x\r\ny\rz\0"), "red\u{fffd}\u{fffd}x\ny\u{fffd}z\u{fffd}");
        assert_eq!(line(" a\n\tb  c", 100), "a b c");
        assert_eq!(line("abcdef", 3), "abc [..]");
    }

    #[test]
    fn markdown_is_text() {
        assert_eq!(markdown("<b>|x| https://e.org\n# *a* `b`"), "&lt;b&gt;\\|x\\| https\\://e.org \\# \\*a\\* \\`b\\`");
        assert_eq!(markdown("- a www.e.org"), "\\- a www\\.e.org");
        assert_eq!(fenced("a\n```\nb"), "````text\na\n```\nb\n````\n");
        assert_eq!(fenced("````` x"), "``````text\n````` x\n``````\n");
    }

    #[test]
    fn a_cell_is_no_formula() {
        let given = ["=1+1", "+1", "-1", "@A1", "\t=1", "\r\n=1", "a=1", "\u{ff1d}1"];
        assert_eq!(given.map(cell), ["'=1+1", "'+1", "'-1", "'@A1", "'=1", "'=1", "a=1", "'\u{ff1d}1"]);
    }

    #[test]
    fn a_workflow_command_is_one_line() {
        assert_eq!(command_message("100%\n::error::x"), "100%25%0A::error::x");
        assert_eq!(command_property("a,line=1::x"), "a%2Cline=1%3A%3Ax");
    }
}
