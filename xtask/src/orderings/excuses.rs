//! The written reasons why an ordering stays that no model misses.
//!
//! An excuse is a comment on the line of the ordering or of its call, or right above one of them:
//!
//! ```text
//! // weaker is right: nobody reads the counter before all have been joined.
//! // weaker is right, failure Acquire -> Relaxed: what a failed exchange has read is not used.
//! // no model shows it: none knows a load that reads from a later store.
//! ```
//!
//! The first is for every weakening there, the second for the one that it names, as the table of the proof does. The third, which
//! can name one too, is for what is needed in a way that no model sees.

use super::sites::{Unclear, Weakening};

/// How an excuse begins.
const MARKERS: [&str; 2] = ["// weaker is right", "// no model shows it"];

/// A written reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excuse {
    /// Its own line, from 1.
    pub line: usize,
    /// The line of code that it is for, from 1.
    target: usize,
    /// The one change that it is for; any where none is named.
    pub change: Option<String>,
    /// Why.
    pub reason: String,
}

impl Excuse {
    /// Whether it is for this weakening.
    pub fn covers(&self, weakening: &Weakening) -> bool {
        let here = [weakening.line, weakening.call_line].contains(&self.target);
        here && self.change.as_ref().is_none_or(|change| *change == weakening.change.to_string())
    }
}

/// The excuses of a source; what is none though it begins like one, and what excuses none of `weakenings`, is unclear.
pub fn read(text: &str, weakenings: &[Weakening]) -> (Vec<Excuse>, Vec<Unclear>) {
    let lines: Vec<&str> = text.lines().collect();
    let mut excuses = Vec::new();
    let mut unclear = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some((marker, (code, comment))) = MARKERS.iter().find_map(|marker| Some((marker, line.split_once(marker)?))) else {
            continue;
        };
        let excuse = excuse_at(&lines, index, code, comment);
        match excuse {
            None => unclear.push(Unclear {
                line: index + 1,
                why: format!("an excuse without a reason; write `{marker}: <reason>`, or name the one change: `{marker}, AcqRel -> Acquire: <reason>`"),
            }),
            Some(excuse) if !weakenings.iter().any(|weakening| excuse.covers(weakening)) => {
                let why = "an excuse for nothing: no ordering that could be weakened so stands on the line below it; delete it, or move it there";
                unclear.push(Unclear { line: index + 1, why: why.to_owned() });
            }
            Some(excuse) => excuses.push(excuse),
        }
    }
    (excuses, unclear)
}

fn excuse_at(lines: &[&str], index: usize, code: &str, comment: &str) -> Option<Excuse> {
    let (change, reason) = comment.split_once(':')?;
    let change = match change.strip_prefix(',') {
        Some(change) => Some(change.trim().to_owned()),
        None if change.trim().is_empty() => None,
        None => return None,
    };
    // A comment behind code is one line long; one above code goes on to the code.
    let below = if code.trim().is_empty() { &lines[index + 1..] } else { &[] };
    let comments = below.iter().map_while(|line| line.trim().strip_prefix("//")).collect::<Vec<_>>();
    let target = if code.trim().is_empty() { index + 2 + comments.len() } else { index + 1 };
    let rest = comments
        .iter()
        .take_while(|line| !MARKERS.iter().any(|marker| format!("//{line}").starts_with(marker)))
        .map(|line| line.trim());
    let reason = std::iter::once(reason.trim()).chain(rest).collect::<Vec<_>>().join(" ");
    (!reason.trim().is_empty()).then_some(Excuse { line: index + 1, target, change, reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orderings::sites::find;

    /// The changes that are excused with their reasons, and the lines of what is unclear.
    fn excused(body: &str) -> (Vec<(String, String)>, Vec<usize>) {
        let text = format!("fn f() {{\n{body}\n}}");
        let weakenings = find(&text).unwrap().weakenings;
        let (excuses, unclear) = read(&text, &weakenings);
        let of = |weakening: &Weakening| excuses.iter().find(|excuse| excuse.covers(weakening));
        let told = weakenings.iter().filter_map(|weakening| Some((weakening.change.to_string(), of(weakening)?.reason.clone())));
        (told.collect(), unclear.iter().map(|unclear| unclear.line).collect())
    }

    fn pair(change: &str, reason: &str) -> (String, String) {
        (change.to_owned(), reason.to_owned())
    }

    #[test]
    fn an_excuse_stands_above_its_line_or_behind_it() {
        let acquire = pair("Acquire -> Relaxed", "it is joined.");
        assert_eq!(excused("// weaker is right: it is joined.\na.load(Acquire);"), (vec![acquire.clone()], vec![]));
        assert_eq!(excused("a.load(Acquire); // weaker is right: it is joined."), (vec![acquire.clone()], vec![]));
        assert_eq!(excused("// Before.\n// weaker is right: it\n// is joined.\na.load(Acquire);"), (vec![acquire], vec![]));
    }

    #[test]
    fn what_is_needed_and_not_seen_is_excused_in_words_of_its_own() {
        let body = "// no model shows it, AcqRel -> Acquire: one.\n// weaker is right: two.\na.swap(1, AcqRel);";
        let both = vec![pair("AcqRel -> Acquire", "one."), pair("AcqRel -> Release", "two.")];
        assert_eq!(excused(body), (both, vec![]));
        assert_eq!(excused("// no model shows it\na.load(Acquire);"), (vec![], vec![2]));
    }

    #[test]
    fn an_excuse_above_a_call_of_several_lines_is_for_all_of_it() {
        let body = "// weaker is right: so.\na\n    .load(\n        Acquire,\n    );";
        assert_eq!(excused(body), (vec![pair("Acquire -> Relaxed", "so.")], vec![]));
    }

    #[test]
    fn an_excuse_may_name_its_change() {
        let body = "// weaker is right, AcqRel -> Acquire: one.\n// weaker is right, AcqRel -> Release: two.\na.swap(1, AcqRel);";
        let both = vec![pair("AcqRel -> Acquire", "one."), pair("AcqRel -> Release", "two.")];
        assert_eq!(excused(body), (both, vec![]));
        let body = "// weaker is right, AcqRel -> Acquire: one.\na.swap(1, AcqRel);";
        assert_eq!(excused(body), (vec![pair("AcqRel -> Acquire", "one.")], vec![]));
    }

    #[test]
    fn an_excuse_for_nothing_or_without_a_reason_is_unclear() {
        assert_eq!(excused("// weaker is right: why?\n\na.load(Acquire);"), (vec![], vec![2]));
        assert_eq!(excused("// weaker is right: why?\na.load(Relaxed);"), (vec![], vec![2]));
        assert_eq!(excused("// weaker is right:\na.load(Acquire);"), (vec![], vec![2]));
        assert_eq!(excused("// weaker is right here: so.\na.load(Acquire);"), (vec![], vec![2]));
    }
}
