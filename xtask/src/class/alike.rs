//! Finds the same source handed in twice: the same to the byte, or the same but for names, comments and layout.
//!
//! Only equality is found here. What is merely similar is JPlag's to find: see [`jplag`](super::jplag).

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hasher,
    path::Path,
    str::FromStr,
};

use lab::workload::Digest;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use serde::{Deserialize, Serialize};

use super::marks::Class;
use crate::{
    catalog::Catalog,
    grade::intake,
    results::Results,
    stage::{Sources, sources_in},
};

/// Of fewer tokens than this, two people write the same by themselves.
const FEWEST: usize = 40;

/// By what the sources of one exercise are compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alike {
    /// A hash of the files as they are.
    pub bytes: String,
    /// A hash of their tokens, each name by the place where it first came up; comments and layout are no tokens.
    pub tokens: String,
    /// How many tokens there are.
    pub count: usize,
}

/// What was taken of a submission for the exercises that it has results of: by exercise, its files by their paths below it.
/// It is found as the grader found it.
pub fn sources(catalog: &Catalog, folder: &Path, results: &Results) -> BTreeMap<String, Sources> {
    let graded: Vec<_> = results.exercises.iter().filter_map(|graded| catalog.find(&graded.path).ok()).collect();
    if graded.is_empty() {
        return BTreeMap::new();
    }
    let Ok(Ok(taken)) = intake::take(catalog, folder, &graded) else { return BTreeMap::new() };
    taken.all.into_iter().filter_map(|handed| Some((handed.exercise.path(), handed.sources.ok()?))).collect()
}

/// By exercise, what the submission's files are compared by. What is still the starter's is left out.
pub fn of(catalog: &Catalog, folder: &Path, results: &Results) -> BTreeMap<String, Alike> {
    let mut all = BTreeMap::new();
    for (path, sources) in sources(catalog, folder, results) {
        let Some(alike) = alike(&texts(&sources)) else { continue };
        let exercise = catalog.find(&path).ok();
        let given = exercise.and_then(|exercise| sources_in(&catalog.exercise_folder(exercise), exercise).ok());
        let given = given.and_then(|given| self::alike(&texts(&given)));
        if given.is_none_or(|given| given.tokens != alike.tokens) {
            all.insert(path, alike);
        }
    }
    all
}

fn texts(sources: &Sources) -> Vec<&str> {
    sources.values().filter_map(|content| std::str::from_utf8(content).ok()).collect()
}

/// Of files that are Rust; `None` of others.
fn alike(texts: &[&str]) -> Option<Alike> {
    let (mut bytes, mut tokens, mut count) = (Digest::default(), Digest::default(), 0);
    let mut names = HashMap::new();
    for text in texts {
        bytes.write_usize(text.len());
        bytes.write(text.as_bytes());
        // A place in the file is not asked for, and every parsed file would be remembered for it.
        proc_macro2::extra::invalidate_current_thread_spans();
        let stream = TokenStream::from_str(text).ok()?;
        count += add(&mut tokens, stream, &mut names);
    }
    Some(Alike { bytes: format!("{:016x}", bytes.finish()), tokens: format!("{:016x}", tokens.finish()), count })
}

/// Adds the tokens, and says how many. Not by recursion: brackets may be nested as deep as a file is long.
fn add(digest: &mut Digest, stream: TokenStream, names: &mut HashMap<String, usize>) -> usize {
    let mut open = vec![without_docs(stream).into_iter()];
    let mut count = 0;
    while let Some(tokens) = open.last_mut() {
        let Some(token) = tokens.next() else {
            digest.write_u8(b'e');
            open.pop();
            continue;
        };
        count += 1;
        match token {
            TokenTree::Group(group) => {
                digest.write(&[b'g', group.delimiter() as u8]);
                open.push(without_docs(group.stream()).into_iter());
            }
            TokenTree::Ident(name) => {
                let next = names.len();
                digest.write_u8(b'i');
                digest.write_usize(*names.entry(name.to_string()).or_insert(next));
            }
            TokenTree::Punct(sign) => digest.write(&[b'p', sign.as_char() as u8]),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                digest.write_u8(b'l');
                digest.write_usize(text.len());
                digest.write(text.as_bytes());
            }
        }
    }
    count
}

/// The tokens without documentation comments, which the lexer makes `#[doc = ".."]` and `#![doc = ".."]`.
fn without_docs(stream: TokenStream) -> Vec<TokenTree> {
    let is = |token: &TokenTree, sign: char| matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign);
    let mut kept: Vec<TokenTree> = Vec::new();
    for token in stream {
        if is_doc(&token) && kept.last().is_some_and(|last| is(last, '#') || is(last, '!')) {
            kept.pop_if(|last| is(last, '!'));
            kept.pop_if(|last| is(last, '#'));
        } else {
            kept.push(token);
        }
    }
    kept
}

/// Whether it is `[doc ..]`.
fn is_doc(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    let first = || group.stream().into_iter().next();
    group.delimiter() == Delimiter::Bracket && matches!(first(), Some(TokenTree::Ident(name)) if name == "doc")
}

/// Submissions of one exercise that are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Same {
    /// The exercise.
    pub exercise: String,
    /// Whose.
    pub students: Vec<String>,
    /// Whether they are so to the byte.
    pub to_the_byte: bool,
    /// How many tokens each has.
    pub tokens: usize,
}

/// What was handed in twice, the longest first.
pub fn same(class: &Class) -> Vec<Same> {
    let mut groups: BTreeMap<(&str, &str), Vec<(&str, &Alike)>> = BTreeMap::new();
    for student in &class.students {
        for (exercise, alike) in student.stored.alike.iter().filter(|(_, alike)| alike.count >= FEWEST) {
            groups.entry((exercise, &alike.tokens)).or_default().push((&student.stored.id, alike));
        }
    }
    let mut all: Vec<Same> = groups
        .into_iter()
        .filter(|(_, members)| members.len() > 1)
        .map(|((exercise, _), members)| Same {
            exercise: exercise.to_owned(),
            students: members.iter().map(|(id, _)| (*id).to_owned()).collect(),
            to_the_byte: members.iter().all(|(_, alike)| alike.bytes == members[0].1.bytes),
            tokens: members[0].1.count,
        })
        .collect();
    all.sort_by(|a, b| b.tokens.cmp(&a.tokens).then_with(|| a.students.cmp(&b.students)));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        alike(&[text]).unwrap().tokens
    }

    #[test]
    fn names_comments_and_layout_do_not_matter_and_code_does() {
        let one = "//! Top.\n/// Says.\nfn f(a: u8) -> u8 { // here\n a + 1 }";
        assert_eq!(tokens(one), tokens("//! Other.\n///Different.\nfn g(b:u8)->u8{b+1}"));
        assert_eq!(tokens("fn f() {}"), tokens("/// Doc.\nfn f() {}"));
        assert_eq!(tokens("fn f() {}"), tokens("fn f() { /* nothing */ }"));
        for other in
            ["fn g(b: u8) -> u8 { b + 2 }", "fn g(b: u8) -> u8 { b - 1 }", "fn g(b: u8) -> u8 { g + 1 }", "fn g(b: u8) { }"]
        {
            assert_ne!(tokens(one), tokens(other), "{other}");
        }
    }

    #[test]
    fn what_is_nested_deep_or_is_no_rust_breaks_nothing() {
        let deep = "(".repeat(100_000) + &")".repeat(100_000);
        assert!(alike(&[&deep]).is_some());
        assert!(alike(&["fn f( {"]).is_none());
    }
}
