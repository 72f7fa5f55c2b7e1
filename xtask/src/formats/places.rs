//! Where in a learner's file something is, out of what a panic or rustc said.

use super::text;

/// A place in one of the learner's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// By the course's own paths: `exercises/threads/spin_lock/src/lib.rs`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1; absent where it was not said.
    pub column: Option<u32>,
}

/// One thing that clippy or rustc said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The lint's or the error's name: `clippy::needless_return`, `E0308`; `rustc` where it has none.
    pub rule: String,
    /// Whether it was an error.
    pub error: bool,
    /// Its first line.
    pub what: String,
    /// All of it.
    pub text: String,
    /// Where.
    pub place: Option<Place>,
}

/// The first place in a file of `exercise` (`threads/spin_lock`) that `said` names, such as in `at src/lib.rs:3:9`.
///
/// Paths of others (`library/core/src/panicking.rs:80:14`, `lab/src/sync.rs:9:1`) are none of the learner's.
pub fn first(said: &str, exercise: &str) -> Option<Place> {
    let whole = format!("exercises/{exercise}/src/");
    said.split(|c: char| c.is_whitespace() || "()[]'\"`".contains(c)).find_map(|word| {
        let rest = word.strip_prefix("src/").or_else(|| word.split_once(&whole).map(|(_, rest)| rest))?;
        let (path, numbers) = rest.split_once(".rs:")?;
        let honest = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !path.split('/').all(honest) {
            return None;
        }
        let mut numbers = numbers.split(':').map(|number| number.parse::<u32>().ok().filter(|number| *number > 0));
        let line = numbers.next()??;
        Some(Place { file: format!("{whole}{path}.rs"), line, column: numbers.next().flatten() })
    })
}

/// What rustc and clippy said of `exercise`, one by one; without the lines that only count them.
pub fn findings(said: &str, exercise: &str) -> Vec<Finding> {
    let said = text::plain(said);
    let mut blocks: Vec<String> = Vec::new();
    for line in said.lines() {
        let begins = ["warning: ", "warning[", "error: ", "error["].iter().any(|start| line.starts_with(start));
        match blocks.last_mut() {
            Some(block) if !begins => block.push_str(&format!("\n{line}")),
            _ if begins => blocks.push(line.to_owned()),
            _ => {}
        }
    }
    let counts = |text: &str| {
        let first = text.lines().next().unwrap_or_default();
        first.contains(" generated ")
            || first.starts_with("error: aborting due to")
            || first.starts_with("error: could not compile")
    };
    blocks.iter().filter(|text| !counts(text)).map(|text| finding(text.trim_end(), exercise)).collect()
}

fn finding(text: &str, exercise: &str) -> Finding {
    let first_line = text.lines().next().unwrap_or_default();
    let (head, what) = first_line.split_once(": ").unwrap_or((first_line, ""));
    let named = |start: &str, end: char| {
        let (_, rest) = text.split_once(start)?;
        let name = rest.split(end).next()?.trim();
        let honest = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:".contains(&byte));
        honest.then(|| name.to_owned())
    };
    let code = head.split_once('[').and_then(|(_, code)| code.strip_suffix(']')).map(str::to_owned);
    let honest_code = |code: &String| !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let rule = code
        .filter(honest_code)
        .or_else(|| named("index.html#", '\n').map(|lint| format!("clippy::{lint}")))
        .or_else(|| ["#[warn(", "#[deny(", "#[forbid("].iter().find_map(|start| named(start, ')')))
        .unwrap_or_else(|| "rustc".into());
    // What follows a lint's `--> ` is rustc's own; a place in its first line would be the learner's words.
    let place = text.split_once("--> ").and_then(|(_, rest)| first(rest.lines().next()?, exercise));
    Finding { rule, error: head.starts_with("error"), what: text::line(what, 300), text: text.to_owned(), place }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_in_the_learners_files_are_found() {
        let place = |said| first(said, "threads/spin_lock").map(|place| (place.file, place.line, place.column));
        let file = || "exercises/threads/spin_lock/src/lib.rs".to_owned();
        assert_eq!(place("at src/lib.rs:3:9:\nno lock"), Some((file(), 3, Some(9))));
        assert_eq!(place(" --> exercises/threads/spin_lock/src/lib.rs:12:5"), Some((file(), 12, Some(5))));
        assert_eq!(place("at library/core/src/panicking.rs:80:14"), None);
        assert_eq!(place("at tests/behaviour.rs:7:1 of src/lib.rs:4"), Some((file(), 4, None)));
        assert_eq!(place("src/../../../etc.rs:1:1 src/a,b.rs:1 src/lib.rs:0:1 src/lib.rs:x"), None);
    }

    #[test]
    fn findings_are_told_apart_and_named() {
        let said = "warning: unneeded `return` statement\n --> src/lib.rs:3:5\n  |\n  = help: for further information visit \
                    https://rust-lang.github.io/rust-clippy/rust-1.95.0/index.html#needless_return\n  = note: on by default\n\n\
                    warning: unused variable: `x`\n  --> src/lib.rs:9:9\n  = note: `#[warn(unused_variables)]` on by default\n\n\
                    error[E0308]: mismatched types\n --> tests/t.rs:1:1\n\nwarning: `spin_lock` (lib) generated 2 warnings\n";
        let found = findings(said, "threads/spin_lock");
        let short: Vec<_> = found.iter().map(|f| (f.rule.as_str(), f.error, f.place.as_ref().map(|place| place.line))).collect();
        assert_eq!(
            short,
            [("clippy::needless_return", false, Some(3)), ("unused_variables", false, Some(9)), ("E0308", true, None)]
        );
        assert_eq!(found[0].what, "unneeded `return` statement");
    }
}
