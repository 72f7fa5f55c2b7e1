//! The handout and the hints.

use std::{ops::RangeInclusive, path::Path};

use anyhow::Result;

use super::{Finder, read};
use crate::catalog::Exercise;

/// Words of prose in a handout; what stands in code blocks and tables is looked at and not read.
const WORDS: RangeInclusive<usize> = 400..=900;

/// What every handout has, under these headings.
const SECTIONS: [&str; 5] = ["In Python", "The task", "What is checked", "How to see it", "Further reading"];

pub(super) fn look(finder: &mut Finder, folder: &Path, exercise: &Exercise) -> Result<()> {
    if folder.join("README.md").is_file() {
        let text = read(&folder.join("README.md"))?;
        let prose = without_code(&text);
        handout(finder, &prose, exercise);
        links(finder, folder, "README.md")?;
    }
    if folder.join("hints.md").is_file() {
        hints(finder, &without_code(&read(&folder.join("hints.md"))?));
        links(finder, folder, "hints.md")?;
    }
    Ok(())
}

fn handout(finder: &mut Finder, prose: &str, exercise: &Exercise) {
    const FILE: &str = "README.md";
    let title = format!("# {}", exercise.about.title);
    if prose.lines().next() != Some(&title) {
        finder.add(FILE, "it does not begin with the title of the manifest", format!("begin it with `{title}`"));
    }
    for section in SECTIONS {
        let heading = format!("## {section}");
        if !prose.lines().any(|line| line.trim_end() == heading) {
            finder.add(FILE, format!("it has no section {section:?}"), format!("write it under `{heading}`"));
        }
    }
    let words = words(prose);
    // Nobody counts the words of what is still to be written.
    if !WORDS.contains(&words) && !prose.contains("TODO") {
        let mend = format!("write {} to {}", WORDS.start(), WORDS.end());
        finder.add(FILE, format!("it has {words} words of prose, code and tables left out"), mend);
    }
}

fn hints(finder: &mut Finder, prose: &str) {
    const FILE: &str = "hints.md";
    let headings: Vec<&str> = prose.lines().filter(|line| line.starts_with("## ")).map(str::trim_end).collect();
    if headings != ["## Hint 1", "## Hint 2", "## Hint 3"] {
        let mend = "write `## Hint 1` (a nudge), `## Hint 2` (a stronger one) and `## Hint 3` (nearly the answer), and no more";
        finder.add(FILE, format!("its headings are {headings:?}"), mend);
        return;
    }
    for (number, hint) in
        (1..).zip(prose.split("\n## ").map(|hint| hint.trim_start_matches("## ")).filter(|hint| hint.starts_with("Hint")))
    {
        let text = hint.split_once('\n').map_or("", |(_, text)| text).trim();
        if text.is_empty() {
            finder.add(FILE, format!("hint {number} is empty"), "write it");
        }
    }
}

/// The text with its code blocks empty, so that lines keep their numbers.
fn without_code(text: &str) -> String {
    let mut code = false;
    let mut prose = String::with_capacity(text.len());
    for line in text.lines() {
        let fence = line.trim_start().starts_with("```");
        if !code && !fence {
            prose.push_str(line);
        }
        code ^= fence;
        prose.push('\n');
    }
    prose
}

fn words(prose: &str) -> usize {
    let told = prose.lines().filter(|line| !line.trim_start().starts_with(['|', '#']));
    // An address is no word that is read.
    let is_word = |word: &&str| word.contains(char::is_alphanumeric) && !word.starts_with("http");
    told.flat_map(without_addresses).collect::<String>().split_whitespace().filter(is_word).count()
}

/// `[text](address)` as `text`, with a space at the line's end.
fn without_addresses(line: &str) -> Vec<char> {
    let mut kept = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        kept.extend(before.chars());
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    kept.extend(rest.chars());
    kept.push(' ');
    kept
}

/// Every link of `file` that leads to a file must find it.
pub(super) fn links(finder: &mut Finder, folder: &Path, file: &str) -> Result<()> {
    let path = folder.join(file);
    if !path.is_file() {
        return Ok(());
    }
    let prose = without_code(&read(&path)?);
    for address in prose.split("](").skip(1).filter_map(|after| after.split_once(')')).map(|(address, _)| address) {
        let place = address.split('#').next().unwrap_or_default();
        let is_file = !place.is_empty() && !place.contains(':');
        if is_file && !folder.join(place).exists() {
            finder.add(file, format!("its link to {place} leads nowhere"), "correct the link, or write the file");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_tables_headings_and_addresses_are_no_prose() {
        let text = "# Title\n\none two\n\n```rust\nlet three = 4;\n```\n\n| five | six |\n\n[seven eight](https://nine.org/ten), - 11.\n";
        assert_eq!(words(&without_code(text)), 5);
    }
}
