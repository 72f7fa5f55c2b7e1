//! The few elements that the page is made of. Arguments called `html` are trusted: their parts have been escaped.

use std::fmt::Write;

use super::TAKES;
use crate::{
    chart::{self, text::escape},
    results::Verdict,
};

/// How every page begins, up to its body. `title` is text; `styles` come after the page's own.
pub fn head(title: &str, styles: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{} \u{b7} Racecourse</title>\n<style>\n{}\n{}{styles}</style>\n</head>\n<body>\n",
        escape(title),
        chart::style(),
        include_str!("style.css"),
    )
}

/// A cell of a table.
pub struct Cell {
    html: String,
    number: bool,
}

impl Cell {
    /// Words.
    pub fn text(html: String) -> Self {
        Self { html, number: false }
    }

    /// A number, set so that digits stand under each other.
    pub fn number(html: String) -> Self {
        Self { html, number: true }
    }
}

/// A table whose first column names the row.
///
/// The roles say again what the elements say: a narrow screen shows each row as a block, and some browsers then forget
/// that it is a table. There each cell carries the name of its column.
pub fn table(class: &str, head: &[String], rows: &[Vec<Cell>]) -> String {
    let mut table = format!("<table class=\"{class}\" role=\"table\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for (i, name) in head.iter().enumerate() {
        let number = if rows.iter().all(|row| row[i].number) && !rows.is_empty() { " class=\"number\"" } else { "" };
        write!(table, "<th role=\"columnheader\" scope=\"col\"{number}>{}</th>", escape(name)).expect(TAKES);
    }
    table.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for row in rows {
        table.push_str("<tr role=\"row\">");
        for (i, (cell, name)) in row.iter().zip(head).enumerate() {
            let number = if cell.number { " class=\"number\"" } else { "" };
            let html = &cell.html;
            match i {
                0 => write!(table, "<th role=\"rowheader\" scope=\"row\"{number}>{html}</th>"),
                _ => write!(table, "<td role=\"cell\" data-label=\"{}\"{number}><div>{html}</div></td>", escape(name)),
            }
            .expect(TAKES);
        }
        table.push_str("</tr>\n");
    }
    table.push_str("</tbody>\n</table>\n");
    table
}

/// A verdict, told by a word and a sign as well as by its colour.
pub fn badge(verdict: Verdict, html: &str) -> String {
    let (class, sign) = match verdict {
        Verdict::Pass => ("pass", "\u{2713}"),
        Verdict::Fail => ("fail", "\u{2717}"),
        Verdict::NotMeasurable => ("unmeasured", "?"),
        Verdict::Error => ("error", "!"),
    };
    format!("<span class=\"badge {class}\"><span aria-hidden=\"true\">{sign}</span> {html}</span>")
}

/// A command to type.
pub fn command(text: &str) -> String {
    format!("<code>{}</code>", escape(text))
}

/// A file beside the page as a link's target: a relative path and nothing else; `None` for whatever leads elsewhere.
pub fn beside(file: &str) -> Option<String> {
    if file.is_empty() || file.starts_with('/') || file.split('/').any(|part| part == "..") {
        return None;
    }
    let mut target = String::from("./");
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => target.push(char::from(byte)),
            _ => write!(target, "%{byte:02X}").expect(TAKES),
        }
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_beside_the_page_only() {
        assert_eq!(beside("traces/merge_sort.json").as_deref(), Some("./traces/merge_sort.json"));
        assert_eq!(beside("javascript:alert(1)").as_deref(), Some("./javascript%3Aalert%281%29"));
        assert_eq!(beside("a \"b\".json").as_deref(), Some("./a%20%22b%22.json"));
        assert_eq!([beside("/etc/passwd"), beside("../x"), beside("")], [None, None, None]);
    }
}
