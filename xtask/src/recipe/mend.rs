//! Leaves out of a test file what does not compile against a submission, so that one missing function costs its own points and
//! no others.
//!
//! What is left out becomes empty lines: everything else stays where a learner finds it.

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context, Result};
use proc_macro2::LineColumn;
use syn::{Item, UseTree, spanned::Spanned};

use super::rustc::{Diagnostic, Span, words};
use crate::{harness, stage::Sources};

/// A test that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its name.
    pub test: String,
    /// What rustc said of it, or of what it uses.
    pub message: String,
}

/// The files of a test target, without what was left out so far.
#[derive(Debug)]
pub struct Mended {
    /// By their path below the exercise.
    pub files: BTreeMap<String, String>,
    /// The tests that are in.
    pub tests: Vec<String>,
    /// The tests that are not.
    pub broken: Vec<Broken>,
    main: String,
    /// What else was left out: what it was called, and why.
    causes: Vec<(Vec<String>, String)>,
}

/// Something that can be left out.
#[derive(Debug, Clone)]
struct Place {
    bytes: Range<usize>,
    from: (usize, usize),
    to: (usize, usize),
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    /// A test, by its name.
    Test(String),
    /// What others may use by these names.
    Names(Vec<String>),
}

impl Mended {
    /// The files as they were written; tests are those of `main`.
    ///
    /// # Errors
    /// If a file is no Rust.
    pub fn new(files: &Sources, main: &str) -> Result<Self> {
        let text = |(file, content): (&String, &Vec<u8>)| {
            let text = String::from_utf8(content.clone()).with_context(|| format!("{file} is not UTF-8 text"))?;
            Ok((file.clone(), text))
        };
        let files = files.iter().map(text).collect::<Result<BTreeMap<_, _>>>()?;
        let text = files.get(main).with_context(|| format!("{main} is missing"))?;
        let tests = names_of_tests(harness::tests_of(text).with_context(|| main.to_owned())?);
        Ok(Self { files, tests, broken: Vec::new(), main: main.to_owned(), causes: Vec::new() })
    }

    /// Leaves out what `errors` are about; false where they are about nothing that can be left out, and where a function is not of
    /// the type that all tests take for granted.
    ///
    /// # Errors
    /// If a file is no Rust.
    pub fn leave_out<'d>(&mut self, errors: impl Iterator<Item = &'d Diagnostic>) -> Result<bool> {
        let errors: Vec<&Diagnostic> = errors.collect();
        if errors.iter().any(|error| breaks_a_promise(error)) {
            return Ok(false);
        }
        let places: BTreeMap<String, Vec<Place>> =
            self.files.iter().map(|(file, text)| Ok((file.clone(), places(file, text)?))).collect::<Result<_>>()?;
        // By file and place: all errors of a place are told together.
        let mut blamed: BTreeMap<(&str, usize), Vec<&Diagnostic>> = BTreeMap::new();
        for error in errors {
            if let Some(place) = find(&places, error) {
                blamed.entry(place).or_default().push(error);
            }
        }
        let mut lost = Vec::new();
        let mut gone: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
        for ((file, index), errors) in &blamed {
            let place = &places[*file][*index];
            let message = self.cause(errors).unwrap_or_else(|| words(errors.iter().copied()));
            match &place.what {
                What::Test(test) => lost.push(Broken { test: test.clone(), message }),
                What::Names(names) => self.causes.push((names.clone(), message)),
            }
            gone.entry(*file).or_default().push(place.bytes.clone());
        }
        for (file, ranges) in gone {
            if let Some(text) = self.files.get_mut(file) {
                blank(text, ranges);
            }
        }
        // A function that has gone may have been several tests.
        let left = names_of_tests(harness::tests_left(&self.files[&self.main]).with_context(|| self.main.clone())?);
        for test in self.tests.iter().filter(|test| !left.contains(test)) {
            let told = lost.iter().find(|broken| broken.test == *test).map(|broken| broken.message.clone());
            // A function that is several tests went by its own name.
            let function = test.rsplit("::").next().unwrap_or(test);
            let of_function = || self.causes.iter().rev().find(|(names, _)| names.iter().any(|name| name == function));
            let cause = || of_function().or(self.causes.last()).map(|(_, why)| why.clone());
            let message = told.or_else(cause).unwrap_or_default();
            self.broken.push(Broken { test: test.clone(), message });
        }
        self.tests = left;
        Ok(!blamed.is_empty())
    }

    /// Why something that the errors name is not there: the learner reads the files as they were, and would look for it in vain.
    fn cause(&self, errors: &[&Diagnostic]) -> Option<String> {
        let mut quoted = errors.iter().flat_map(|error| error.message.split('`').skip(1).step_by(2));
        quoted.find_map(|name| {
            let gone = self.causes.iter().find(|(names, _)| names.iter().any(|gone| gone == name));
            gone.map(|(_, why)| why.clone())
        })
    }
}

/// What says of a name that it is not there: that costs whoever uses it.
const MISSING: [&str; 8] = ["E0405", "E0412", "E0425", "E0432", "E0433", "E0599", "E0603", "E0609"];

/// Whether a name of `tests/signatures` is there, and is not what it must be. No test would be left out for it: under a type of the
/// submission's own every comparison compiles, and means nothing.
fn breaks_a_promise(error: &Diagnostic) -> bool {
    let is_missing = error.code.as_ref().is_some_and(|code| MISSING.contains(&code.code.as_str()));
    !is_missing && error.spans.iter().any(|span| span.file_name.starts_with("tests/signatures"))
}

/// The innermost place that an error is about: by its own spans, then by those of its notes.
fn find<'p>(places: &'p BTreeMap<String, Vec<Place>>, error: &Diagnostic) -> Option<(&'p str, usize)> {
    let own = error.spans.iter().filter(|span| span.is_primary);
    let notes = error.children.iter().flat_map(|child| &child.spans);
    own.chain(&error.spans).chain(notes).find_map(|span| place_of(places, span))
}

fn place_of<'p>(places: &'p BTreeMap<String, Vec<Place>>, span: &Span) -> Option<(&'p str, usize)> {
    let mut at = Some(span);
    while let Some(span) = at {
        let here = (span.line_start, span.column_start);
        let found = places.get_key_value(&span.file_name).and_then(|(file, places)| {
            let around = places.iter().enumerate().filter(|(_, place)| place.from <= here && here < place.to);
            around.min_by_key(|(_, place)| place.bytes.len()).map(|(index, _)| (file.as_str(), index))
        });
        if found.is_some() {
            return found;
        }
        at = span.expansion.as_ref().map(|expansion| &expansion.span);
    }
    None
}

fn parse(file: &str, text: &str) -> Result<syn::File> {
    syn::parse_file(text).with_context(|| format!("{file} is no Rust"))
}

fn names_of_tests(tests: Vec<harness::TestFn>) -> Vec<String> {
    tests.into_iter().map(|test| test.name).collect()
}

/// Everything of a file that can be left out, in order; what holds something else comes before it.
fn places(file: &str, text: &str) -> Result<Vec<Place>> {
    let mut found = Vec::new();
    for item in &parse(file, text)?.items {
        add_item(item, &mut found);
    }
    Ok(found)
}

fn add_item(item: &Item, found: &mut Vec<Place>) {
    let what = match item {
        Item::Fn(function) if function.attrs.iter().any(harness::is_test) => What::Test(function.sig.ident.to_string()),
        other => What::Names(names_of(other)),
    };
    found.push(place(item, what));
    match item {
        Item::Mod(module) => {
            if let Some((_, items)) = &module.content {
                items.iter().for_each(|item| add_item(item, found));
            }
        }
        Item::Use(item) => add_imports(&item.tree, found),
        _ => {}
    }
}

fn names_of(item: &Item) -> Vec<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Use(item) => return imported(&item.tree),
        Item::Macro(item) => return item.ident.iter().map(ToString::to_string).collect(),
        _ => return Vec::new(),
    };
    vec![name.to_string()]
}

fn imported(tree: &UseTree) -> Vec<String> {
    match tree {
        UseTree::Path(path) => imported(&path.tree),
        UseTree::Name(name) => vec![name.ident.to_string()],
        UseTree::Rename(renamed) => vec![renamed.rename.to_string()],
        UseTree::Group(group) => group.items.iter().flat_map(imported).collect(),
        _ => Vec::new(),
    }
}

/// The elements of every group, each with the comma behind it.
fn add_imports(tree: &UseTree, found: &mut Vec<Place>) {
    match tree {
        UseTree::Path(path) => add_imports(&path.tree, found),
        UseTree::Group(group) => {
            for pair in group.items.pairs() {
                let mut one = place(pair.value(), What::Names(imported(pair.value())));
                if let Some(comma) = pair.punct() {
                    one.bytes.end = comma.span().byte_range().end;
                }
                found.push(one);
                add_imports(pair.value(), found);
            }
        }
        _ => {}
    }
}

fn place(syntax: &impl Spanned, what: What) -> Place {
    // rustc counts columns from one.
    let at = |position: LineColumn| (position.line, position.column + 1);
    let span = syntax.span();
    Place { bytes: span.byte_range(), from: at(span.start()), to: at(span.end()), what }
}

/// Takes away what stands there; lines stay lines.
pub fn blank(text: &mut String, mut ranges: Vec<Range<usize>>) {
    // From the end, so that what is still to go stays where it is; what holds another one goes with it.
    ranges.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    ranges.dedup_by(|inner, outer| inner.end <= outer.end);
    for range in ranges.into_iter().rev() {
        if let Some(gone) = text.get(range.clone()) {
            let empty: String = gone.chars().filter(|character| matches!(character, '\n' | '\r')).collect();
            text.replace_range(range, &empty);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::rustc::Code, *};

    fn file(text: &str) -> Mended {
        Mended::new(&Sources::from([("tests/t.rs".to_owned(), text.as_bytes().to_owned())]), "tests/t.rs").unwrap()
    }

    /// An error at the first place of `what` in the text.
    fn error(mended: &Mended, what: &str, message: &str) -> Diagnostic {
        let before = mended.files["tests/t.rs"].split_once(what).unwrap().0;
        let (line_start, column_start) = (
            before.lines().count().max(1) + usize::from(before.ends_with('\n')),
            before.chars().rev().take_while(|c| *c != '\n').count() + 1,
        );
        let span = Span { file_name: "tests/t.rs".into(), line_start, column_start, is_primary: true, expansion: None };
        Diagnostic {
            message: message.into(),
            code: None,
            level: "error".into(),
            rendered: None,
            spans: vec![span],
            children: Vec::new(),
        }
    }

    const TEXT: &str = "use a::{\n    B, c::{D, E},\n};\n\n/// Text.\n#[test]\nfn one() {\n    B\n}\nfn help() {}\n\n\
        lab::tests_of_each! { a: A, b: B; [two, three] }\n\nfn two<S>() {}\n\nfn three<S>() {}\n";

    #[test]
    fn tests_are_found_also_where_a_macro_makes_them() {
        assert_eq!(file(TEXT).tests, ["one", "a::two", "a::three", "b::two", "b::three"]);
    }

    #[test]
    fn a_name_leaves_its_import_and_every_line_stays() {
        let mut mended = file(TEXT);
        let errors = [error(&mended, "D,", "no `D`"), error(&mended, "B,", "no `B`")];
        assert!(mended.leave_out(errors.iter()).unwrap());
        assert_eq!(mended.files["tests/t.rs"], TEXT.replacen("B, c::{D, E}", " c::{ E}", 1));
        // Who uses it is told what has become of it, and not that it is not there.
        let error = error(&mended, "B\n", "cannot find value `B` in this scope");
        assert!(mended.leave_out([error].iter()).unwrap());
        assert_eq!(mended.broken, [Broken { test: "one".into(), message: "no `B`".into() }]);
        assert_eq!(mended.files["tests/t.rs"].lines().count(), TEXT.lines().count());
    }

    #[test]
    fn a_function_that_is_several_tests_takes_all_of_them_along() {
        let mut mended = file(TEXT);
        let errors = [error(&mended, "fn help", "no help"), error(&mended, "fn two", "wrong")];
        assert!(mended.leave_out(errors.iter()).unwrap());
        assert_eq!(mended.tests, ["one", "a::three", "b::three"]);
        let broken = ["a::two", "b::two"].map(|test| Broken { test: test.into(), message: "wrong".into() });
        assert_eq!(mended.broken, broken);
        assert_eq!(mended.files["tests/t.rs"].lines().count(), TEXT.lines().count());
        // What is left can be made a program.
        harness::transform(&mended.files["tests/t.rs"], &mended.tests).unwrap();
    }

    #[test]
    fn a_promise_that_is_broken_is_not_left_out() {
        let mut mended = file(TEXT);
        let mut error = error(&mended, "B,", "mismatched types");
        error.spans[0].file_name = "tests/signatures/mod.rs".into();
        error.code = Some(Code { code: "E0308".into() });
        // Beside it is something that can be left out.
        let other = self::error(&mended, "B\n", "no `B`");
        assert!(!mended.leave_out([error.clone(), other.clone()].iter()).unwrap());
        assert_eq!(mended.files["tests/t.rs"], TEXT);
        // What is not there costs those who use it.
        error.code = Some(Code { code: "E0599".into() });
        assert!(mended.leave_out([error, other].iter()).unwrap());
    }

    #[test]
    fn what_is_about_nothing_here_leaves_out_nothing() {
        let mut mended = file(TEXT);
        let mut error = error(&mended, "B,", "elsewhere");
        error.spans[0].file_name = "src/lib.rs".into();
        assert!(!mended.leave_out([error].iter()).unwrap());
        assert_eq!(mended.files["tests/t.rs"], TEXT);
    }
}
