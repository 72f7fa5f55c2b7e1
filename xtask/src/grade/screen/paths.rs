//! What the names of a submission lead to: `use` trees, their renames, and paths, as far as tokens tell.
//!
//! No scopes are kept: a name that is bound to something of `std` anywhere in a submission is taken for it everywhere that it could
//! be. That errs on the side of looking twice.

use std::collections::{BTreeMap, BTreeSet};

use super::tokens::{Kind, Token};

/// Crates whose insides are of interest. What is in `core` and `alloc` is in `std`, too.
const ROOTS: [(&str, &str); 4] = [("std", "std"), ("core", "std"), ("alloc", "std"), ("lab", "lab")];

/// Longer paths, and more things of one name, nobody writes. Whoever hides something behind them is told so, and a grader that
/// followed them would have no end.
const LONGEST: usize = 12;
const MOST: usize = 8;

/// A path as it is written, or what a `use` binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub segments: Vec<String>,
    pub line: usize,
    /// The name that a `use` gives it; `*` for all that is in it. `None` where it is used.
    pub bound: Option<String>,
}

impl Written {
    /// Whether it is too long to be followed.
    pub fn is_endless(&self) -> bool {
        self.segments.len() > LONGEST
    }
}

/// One more name at the end of a path; of one that is too long already, nothing more is kept.
fn extend(segments: &mut Vec<String>, name: String) {
    if segments.len() <= LONGEST {
        segments.push(name);
    }
}

/// All paths of `tokens`, and all that its `use` items and `extern crate` bind.
pub fn paths_of(tokens: &[Token]) -> Vec<Written> {
    let mut all = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = match tokens[at].ident() {
            Some("use") if !tokens.get(at + 1).is_some_and(|next| next.is('<')) => use_tree(tokens, at + 1, &[], &mut all),
            Some("extern") if tokens.get(at + 1).and_then(Token::ident) == Some("crate") => {
                use_tree(tokens, at + 2, &[], &mut all)
            }
            Some(_) if !is_member(tokens, at) => path(tokens, at, &mut all),
            _ => at + 1,
        };
    }
    all
}

/// Whether it is what stands behind a point: a field or a method.
fn is_member(tokens: &[Token], at: usize) -> bool {
    let is_point = |back: usize| at.checked_sub(back).is_some_and(|at| tokens[at].is('.'));
    // `0..std::..` is a range.
    is_point(1) && !is_point(2)
}

fn is_colons(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.is(':')) && tokens.get(at + 1).is_some_and(|token| token.is(':'))
}

fn path(tokens: &[Token], start: usize, all: &mut Vec<Written>) -> usize {
    let first = tokens[start].ident().unwrap_or_default();
    let by_macro = start.checked_sub(1).is_some_and(|before| tokens[before].is('$'));
    let mut segments = vec![if by_macro && first != "crate" { format!("${first}") } else { first.to_owned() }];
    let mut at = start + 1;
    while is_colons(tokens, at) {
        // `std::sync::$name` of a macro may be anything of `std::sync`.
        let left_open = tokens.get(at + 2).is_some_and(|token| token.is('$'));
        let Some(name) = tokens.get(at + 2 + usize::from(left_open)).and_then(Token::ident) else { break };
        extend(&mut segments, if left_open { format!("${name}") } else { name.to_owned() });
        at += 3 + usize::from(left_open);
    }
    all.push(Written { segments, line: tokens[start].line, bound: None });
    at
}

/// Reads one tree of a `use` that begins at `at`; returns where it is over.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &[String], all: &mut Vec<Written>) -> usize {
    let mut segments = prefix.to_vec();
    loop {
        if is_colons(tokens, at) {
            at += 2;
        }
        let Some(token) = tokens.get(at) else { return at };
        let line = token.line;
        match &token.kind {
            Kind::Ident(name) => {
                if name != "self" || segments.is_empty() {
                    extend(&mut segments, name.clone());
                }
                at += 1;
                if is_colons(tokens, at) {
                    continue;
                }
                let mut bound = segments.last().cloned().unwrap_or_default();
                if tokens.get(at).and_then(Token::ident) == Some("as") {
                    bound = tokens.get(at + 1).and_then(Token::ident).unwrap_or("_").to_owned();
                    at += 2;
                }
                all.push(Written { segments, line, bound: Some(bound) });
                return at;
            }
            Kind::Punct('*') => {
                all.push(Written { segments, line, bound: Some("*".to_owned()) });
                return at + 1;
            }
            // `$name::..` in the body of a macro.
            Kind::Punct('$') => {
                let name = tokens.get(at + 1).and_then(Token::ident).unwrap_or_default();
                extend(&mut segments, if name == "crate" { name.to_owned() } else { format!("${name}") });
                at += 2;
            }
            Kind::Open('{') => return use_list(tokens, at + 1, &segments, all),
            _ => return at,
        }
    }
}

fn use_list(tokens: &[Token], mut at: usize, prefix: &[String], all: &mut Vec<Written>) -> usize {
    while let Some(token) = tokens.get(at) {
        if token.is('}') {
            return at + 1;
        }
        let next = use_tree(tokens, at, prefix, all);
        // A comma, or what only a macro understands.
        at = if next == at { at + 1 } else { next };
        if tokens.get(at).is_some_and(|token| token.is(',')) {
            at += 1;
        }
    }
    at
}

/// What names lead to, over all files of a submission.
#[derive(Debug, Default)]
pub struct Names {
    /// What a name is bound to, from a root of [`ROOTS`] on; it may be several things in several places.
    bound: BTreeMap<String, BTreeSet<Vec<String>>>,
    /// Modules of the submission's own.
    modules: BTreeSet<String>,
    /// A name that stands for more things than are followed.
    pub endless: Option<String>,
}

impl Names {
    /// Those of a submission whose files hold `tokens` and `written`.
    pub fn of<'a>(tokens: impl IntoIterator<Item = &'a Token>, written: &[&Written]) -> Self {
        let tokens: Vec<&Token> = tokens.into_iter().collect();
        let modules = tokens.windows(2).filter(|pair| pair[0].ident() == Some("mod")).filter_map(|pair| pair[1].ident());
        let mut names = Self { modules: modules.map(str::to_owned).collect(), ..Self::default() };
        // A rename of a rename needs one more round.
        while names.learn(written) {}
        names
    }

    fn learn(&mut self, written: &[&Written]) -> bool {
        let mut news = false;
        for one in written {
            let Some(bound) = &one.bound else { continue };
            for target in self.targets(&one.segments) {
                // What comes by a glob comes under its own name; the modules of a root are what matters.
                let new: Vec<(String, Vec<String>)> = if bound == "*" {
                    let inside = ["sync", "thread", "cell", "ptr", "model", "evidence", "proof", "par", "atomic", "mpsc"];
                    inside.iter().map(|name| ((*name).to_owned(), [target.clone(), vec![(*name).to_owned()]].concat())).collect()
                } else {
                    vec![(bound.clone(), target)]
                };
                for (name, target) in new {
                    // A path that leads back to itself would grow for ever.
                    if target.len() >= 8 || ROOTS.iter().any(|(root, _)| *root == name) {
                        continue;
                    }
                    let targets = self.bound.entry(name.clone()).or_default();
                    if targets.len() < MOST {
                        news |= targets.insert(target);
                    } else if !targets.contains(&target) {
                        self.endless = Some(name);
                    }
                }
            }
        }
        news
    }

    /// What a path can lead to, each from `std` or `lab` on.
    pub fn targets(&self, segments: &[String]) -> Vec<Vec<String>> {
        let Some((first, rest)) = segments.split_first() else { return Vec::new() };
        if let Some((_, root)) = ROOTS.iter().find(|(name, _)| name == first) {
            return vec![[vec![(*root).to_owned()], rest.to_vec()].concat()];
        }
        if first.starts_with('$') {
            return ["std", "lab"].iter().map(|root| [vec![(*root).to_owned()], rest.to_vec()].concat()).collect();
        }
        let own = ["crate", "self", "super"].contains(&first.as_str()) || self.modules.contains(first);
        let places = if own { 0..segments.len() } else { 0..1 };
        let found = places.filter_map(|place| Some((place, self.bound.get(&segments[place])?)));
        found
            .flat_map(|(place, targets)| {
                targets.iter().map(move |target| [target.clone(), segments[place + 1..].to_vec()].concat())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tokens::tokens_of, *};

    /// What the paths of `text` lead to, as `std::sync::Mutex`.
    fn led_to(text: &str) -> Vec<String> {
        let tokens = tokens_of(text).unwrap();
        let written = paths_of(&tokens);
        let names = Names::of(&tokens, &written.iter().collect::<Vec<_>>());
        let mut all: Vec<String> =
            written.iter().flat_map(|one| names.targets(&one.segments)).map(|target| target.join("::")).collect();
        all.sort();
        all.dedup();
        all
    }

    #[test]
    fn a_tree_is_all_its_paths() {
        let found = led_to("use std::{fmt, sync::{self, atomic::{AtomicBool as B, Ordering::*}}};");
        assert_eq!(found, ["std::fmt", "std::sync", "std::sync::atomic::AtomicBool", "std::sync::atomic::Ordering"]);
    }

    #[test]
    fn renames_are_followed_through_files_and_modules() {
        let found = led_to("extern crate core as c; mod m { pub use c::sync as s; } fn f() { crate::m::s::atomic::fence(x) }");
        assert!(found.contains(&"std::sync::atomic::fence".to_owned()), "{found:?}");
        assert!(led_to("use std::*; fn f() { thread::spawn(g) }").contains(&"std::thread::spawn".to_owned()));
        assert!(led_to("macro_rules! m { ($r:ident) => { $r::sync::Mutex } }").contains(&"std::sync::Mutex".to_owned()));
    }

    #[test]
    fn what_is_labs_is_not_stds() {
        assert!(
            led_to("use lab::sync; fn f() { sync::Mutex::new(lab::thread::spawn(g)) }")
                .iter()
                .all(|path| path.starts_with("lab"))
        );
        assert!(led_to("fn f(a: A) { a.std; 0..b; use_(sync) }").is_empty());
    }

    #[test]
    fn what_has_no_end_is_not_followed_to_it() {
        let many: String = (0..200).map(|number| format!("use a::x{number} as a;\n")).collect();
        let long = format!("use std as a;\n{many}fn f() {{ crate{} }}", "::a".repeat(10_000));
        let tokens = tokens_of(&long).unwrap();
        let written = paths_of(&tokens);
        assert_eq!(written.iter().filter(|one| one.is_endless()).count(), 1);
        let names = Names::of(&tokens, &written.iter().collect::<Vec<_>>());
        assert_eq!(names.endless.as_deref(), Some("a"));
    }

    #[test]
    fn what_macros_leave_open_ends() {
        for text in ["use", "use {", "use a::", "use $", "use a::{,,", "use ::", "use a as"] {
            paths_of(&tokens_of(&text.replace('{', "{ }")).unwrap());
        }
    }
}
