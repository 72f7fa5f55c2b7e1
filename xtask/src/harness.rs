//! Makes of a file of ordinary `#[test]`s one whose `main` proves what it ran (`lab::proof`), and says which tests it holds.
//!
//! Learners read and run plain tests. For grading, the attributes that are libtest's are blanked out and a `main` is put behind
//! the last line, so that a panic names the same line and the same column in both. Which tests there are is told by the source,
//! and never by a program that code under test is linked into.
//!
//! Only what can be known by reading counts as a test: functions at the top level of the file, and what `lab::tests_of_each!`
//! makes of them. Anywhere else (in a module, in another macro) `#[test]` is an error here, and not a test that nobody runs.

use std::{fmt::Write, ops::Range};

use anyhow::{Context, Result, bail};
use proc_macro2::TokenTree;
use syn::{
    Attribute, Expr, ExprLit, Ident, Item, ItemFn, Lit, Meta, Token, bracketed,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    spanned::Spanned,
    visit::{self, Visit},
};

/// A test, as its source tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFn {
    /// Its name, with the module that it is in.
    pub name: String,
    /// Whether it is meant to panic, and what is in the message then; mostly empty.
    pub should_panic: Option<String>,
}

/// The tests of a file, in its order; those that this machine does not compile, or is to ignore, are left out.
///
/// # Errors
/// If the file is not Rust, or has tests where none can be found by reading.
pub fn tests_of(source: &str) -> Result<Vec<TestFn>> {
    Ok(read(source, Functions::All)?.into_iter().filter(|found| found.present).map(|found| found.test).collect())
}

/// As [`tests_of`], of a file that some functions were taken out of: their tests are gone, too.
///
/// # Errors
/// As there.
pub fn tests_left(source: &str) -> Result<Vec<TestFn>> {
    Ok(read(source, Functions::Some)?.into_iter().filter(|found| found.present).map(|found| found.test).collect())
}

/// Which of the functions that `lab::tests_of_each!` names have to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Functions {
    All,
    Some,
}

/// The file as a program with a `main` that proves its tests. `tests` are the names of those that it is to hold: the others
/// are left where they are, and nothing runs them.
///
/// # Errors
/// Those of [`tests_of`]; if the file has no test of such a name; if it has a `main` already.
pub fn transform(source: &str, tests: &[String]) -> Result<String> {
    let found = read(source, Functions::Some)?;
    if let Some(missing) = tests.iter().find(|name| !found.iter().any(|found| found.test.name == **name)) {
        bail!("no test of the file is called {missing}");
    }
    let mut text = source.to_owned();
    let mut blanked: Vec<&Range<usize>> = found.iter().flat_map(|found| &found.blanked).collect();
    // From the last on: a blank is as wide as what it covers in characters, by which columns are counted, and not in bytes.
    blanked.sort_by_key(|range| std::cmp::Reverse(range.start));
    for range in blanked {
        let blank: String = source[range.clone()].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        text.replace_range(range.clone(), &blank);
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("\nfn main() -> ::std::process::ExitCode {\n    ::lab::proof::main(&[\n");
    for Found { test, conditions, call, .. } in found.iter().filter(|found| tests.contains(&found.test.name)) {
        let attributes: String = conditions.iter().map(|condition| format!("#[cfg({condition})] ")).collect();
        let TestFn { name, should_panic, .. } = test;
        writeln!(
            text,
            "        {attributes}::lab::proof::Test {{ name: {name:?}, body: || ::lab::proof::Outcome::told({call}()), panics: \
             {should_panic:?} }},"
        )?;
    }
    text.push_str("    ])\n}\n");
    Ok(text)
}

/// A test, and what has to be done about it.
struct Found {
    test: TestFn,
    /// Whether this machine compiles it, and runs it.
    present: bool,
    /// The conditions under which it is compiled and not ignored.
    conditions: Vec<String>,
    /// What its body is called by.
    call: String,
    /// The bytes of the file that only libtest understands.
    blanked: Vec<Range<usize>>,
}

fn read(source: &str, functions: Functions) -> Result<Vec<Found>> {
    let file = syn::parse_file(source).context("it is not Rust")?;
    let mut elsewhere = Elsewhere { lines: Vec::new() };
    let mut found = Vec::new();
    for item in &file.items {
        match item {
            Item::Fn(function) if function.attrs.iter().any(is_test) => {
                found.push(of_function(function)?);
                elsewhere.visit_block(&function.block);
            }
            Item::Fn(function) if function.sig.ident == "main" => {
                bail!("line {}: a file of tests has no main of its own", function.span().start().line);
            }
            Item::Macro(item) if item.mac.path.segments.last().is_some_and(|last| last.ident == "tests_of_each") => {
                let each: Each = item.mac.parse_body().context("it is not what lab::tests_of_each! takes")?;
                let blanked = item.span().byte_range();
                found.extend(of_each(&each, &file.items, &blanked, functions)?);
            }
            other => elsewhere.visit_item(other),
        }
    }
    if let [first, ..] = elsewhere.lines[..] {
        bail!("line {first}: a test is a function at the top level of its file, or made of one by lab::tests_of_each!");
    }
    Ok(found)
}

/// `#[test]`, and whatever else makes a test: `#[tokio::test]`.
pub(crate) fn is_test(attribute: &Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}

fn of_function(function: &ItemFn) -> Result<Found> {
    let name = function.sig.ident.to_string();
    let line = function.sig.ident.span().start().line;
    let mut test = TestFn { name: name.clone(), should_panic: None };
    let (mut present, mut conditions, mut blanked) = (true, Vec::new(), Vec::new());
    if !function.sig.inputs.is_empty() || function.sig.asyncness.is_some() {
        bail!("line {line}: the test {name} is no plain function without arguments");
    }
    for attribute in &function.attrs {
        let range = attribute.span().byte_range();
        let path = attribute.path();
        if path.is_ident("test") {
            blanked.push(range);
        } else if is_test(attribute) {
            bail!("line {line}: the test {name} is not one of libtest's, and the grader does not know how to run it");
        } else if path.is_ident("should_panic") {
            test.should_panic = Some(expected(&attribute.meta)?);
            blanked.push(range);
        } else if path.is_ident("ignore") {
            present = false;
            blanked.push(range);
        } else if path.is_ident("cfg") {
            let condition: Meta = attribute.parse_args()?;
            present &= holds(&condition).with_context(|| format!("line {line}"))?;
            conditions.push(text_of(&condition));
        } else if path.is_ident("cfg_attr") {
            let parts = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
            let mut parts = parts.iter();
            let condition = parts.next().context("a cfg_attr has a condition")?;
            for part in parts {
                if !part.path().is_ident("ignore") {
                    bail!("line {line}: of a test, only `ignore` may depend on a cfg_attr");
                }
                present &= !holds(condition).with_context(|| format!("line {line}"))?;
            }
            blanked.push(range);
        }
    }
    Ok(Found { call: name, test, present, conditions, blanked })
}

/// The message of a `should_panic`; empty where it takes any.
fn expected(meta: &Meta) -> Result<String> {
    match meta {
        Meta::Path(_) => Ok(String::new()),
        Meta::NameValue(pair) => string(&pair.value).context("a message that is expected is a string"),
        Meta::List(list) => {
            let pair: syn::MetaNameValue = list.parse_args()?;
            string(&pair.value).context("a message that is expected is a string")
        }
    }
}

fn string(value: &Expr) -> Option<String> {
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = value { Some(text.value()) } else { None }
}

fn text_of(meta: &Meta) -> String {
    let path = meta.path().segments.iter().map(|segment| segment.ident.to_string()).collect::<Vec<_>>().join("::");
    match meta {
        Meta::Path(_) => path,
        Meta::NameValue(pair) => format!("{path} = {:?}", string(&pair.value).unwrap_or_default()),
        Meta::List(list) => format!("{path}({})", list.tokens),
    }
}

/// Whether a condition holds on the machine that the runner was built for, which is the one that the tests are built on.
fn holds(condition: &Meta) -> Result<bool> {
    let all = |list: &syn::MetaList| -> Result<Vec<bool>> {
        let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
        parts.iter().map(holds).collect()
    };
    Ok(match condition {
        Meta::Path(path) if path.is_ident("unix") => cfg!(unix),
        Meta::Path(path) if path.is_ident("windows") => cfg!(windows),
        Meta::NameValue(pair) if pair.path.is_ident("target_os") => is(&pair.value, std::env::consts::OS),
        Meta::NameValue(pair) if pair.path.is_ident("target_arch") => is(&pair.value, std::env::consts::ARCH),
        Meta::NameValue(pair) if pair.path.is_ident("target_family") => is(&pair.value, std::env::consts::FAMILY),
        Meta::List(list) if list.path.is_ident("all") => all(list)?.into_iter().all(|part| part),
        Meta::List(list) if list.path.is_ident("any") => all(list)?.into_iter().any(|part| part),
        Meta::List(list) if list.path.is_ident("not") => !all(list)?.into_iter().all(|part| part),
        other => bail!("whether cfg({}) holds cannot be told by reading the tests", text_of(other)),
    })
}

fn is(value: &Expr, own: &str) -> bool {
    string(value).as_deref() == Some(own)
}

/// What stands in a `lab::tests_of_each!`: modules with their types, and the functions.
struct Each {
    stages: Punctuated<Stage, Token![,]>,
    functions: Punctuated<Ident, Token![,]>,
}

/// `s1_right: Right`
struct Stage {
    module: Ident,
    stage: Ident,
}

impl Parse for Stage {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let module = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self { module, stage: input.parse()? })
    }
}

impl Parse for Each {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let stages = Punctuated::parse_separated_nonempty(input)?;
        input.parse::<Token![;]>()?;
        let functions;
        bracketed!(functions in input);
        Ok(Self { stages, functions: functions.parse_terminated(Ident::parse, Token![,])? })
    }
}

fn of_each(each: &Each, items: &[Item], blanked: &Range<usize>, functions: Functions) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for Stage { module, stage } in &each.stages {
        for function in &each.functions {
            let own = items.iter().find_map(|item| match item {
                Item::Fn(item) if item.sig.ident == *function => Some(item),
                _ => None,
            });
            if own.is_none() {
                let line = function.span().start().line;
                anyhow::ensure!(functions == Functions::Some, "line {line}: no function is called {function}");
                continue;
            }
            let test = TestFn { name: format!("{module}::{function}"), should_panic: None };
            let call = format!("{function}::<{stage}>");
            // All of them are made by one call of the macro, which the first takes away.
            let blanked = if found.is_empty() { vec![blanked.clone()] } else { Vec::new() };
            found.push(Found { test, present: true, conditions: Vec::new(), call, blanked });
        }
    }
    Ok(found)
}

/// Tests where they cannot be found by reading, by their lines.
struct Elsewhere {
    lines: Vec<usize>,
}

impl<'ast> Visit<'ast> for Elsewhere {
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if is_test(attribute) {
            self.lines.push(attribute.span().start().line);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.search(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}

impl Elsewhere {
    /// `#[test]` among the words of a macro.
    fn search(&mut self, tokens: proc_macro2::TokenStream) {
        let mut after_hash = false;
        for token in tokens {
            if let TokenTree::Group(group) = &token {
                let last = group.stream().into_iter().last().map(|token| token.to_string());
                if after_hash && last.as_deref() == Some("test") {
                    self.lines.push(group.span_open().start().line);
                }
                self.search(group.stream());
            }
            after_hash = matches!(&token, TokenTree::Punct(sign) if sign.as_char() == '#');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r##"//! Ümläute.
use std::fmt;

/// Documented.
#[test]
#[should_panic(expected = "power of \"two\"")]
fn panics() {
    panic!("no power of \"two\"");
}

lab::tests_of_each! {
    one: Right, two: Fast;
    [
        generic, // ä
    ]
}

fn generic<S>() {
    assert!(true);
}

#[cfg(target_os = "nowhere")]
#[test]
fn not_here() {}

#[cfg_attr(not(target_os = "nowhere"), ignore = "there is no clock")]
#[test] fn ignored() -> Result<(), fmt::Error> { Ok(()) }
"##;

    #[test]
    fn tests_are_told_by_their_source() {
        let tests = tests_of(SOURCE).unwrap();
        let told: Vec<_> = tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(told, ["panics", "one::generic", "two::generic"]);
        assert_eq!(tests[0].should_panic.as_deref(), Some("power of \"two\""));
        let none_is_missing = SOURCE.replace("fn generic<S>", "fn gone<S>");
        assert!(tests_of(&none_is_missing).is_err());
        assert_eq!(tests_left(&none_is_missing).unwrap().len(), 1);
    }

    #[test]
    fn nothing_moves_and_libtests_attributes_are_gone() {
        let names: Vec<String> = ["panics", "two::generic", "ignored"].map(String::from).into();
        let text = transform(SOURCE, &names).unwrap();
        for (number, (before, after)) in SOURCE.lines().zip(text.lines()).enumerate() {
            assert!(before == after || after.trim().is_empty() || after.contains("fn ignored"), "line {number}: {after}");
        }
        let column = |text: &str| text.lines().nth(26).and_then(|line| line.find("fn ignored"));
        assert_eq!(column(SOURCE), column(&text), "what a panic can name stays in its column");
        for gone in ["#[test]", "should_panic", "cfg_attr", "tests_of_each"] {
            assert!(!text.contains(gone), "{gone} is left in {text}");
        }
        assert!(
            text.contains(r#"{ name: "two::generic", body: || ::lab::proof::Outcome::told(generic::<Fast>()), panics: None }"#)
        );
        assert!(text.contains(r#"panics: Some("power of \"two\"")"#) && !text.contains(r#""one::generic""#));
        syn::parse_file(&text).unwrap();
    }

    #[test]
    fn a_test_that_cannot_be_found_by_reading_is_an_error() {
        for (source, line) in [
            ("mod inner {\n    #[test]\n    fn f() {}\n}\n", "line 2: a test is a function at the top level"),
            ("macro_rules! m {\n () => { #[test] fn f() {} };\n}\n", "line 2: a test is a function at the top level"),
            ("m! { mod a {\n\n #[test] fn f() {} } }\n", "line 3: a test is a function at the top level"),
            ("#[test]\nfn f() {\n    #[test]\n    fn inside() {}\n}\n", "line 3: a test is a function at the top level"),
            ("#[tokio::test]\nasync fn f() {}\n", "line 2: the test f is no plain function"),
            ("#[other::test]\nfn f() {}\n", "line 2: the test f is not one of libtest's"),
            ("#[test]\nfn f() {}\nfn main() {}\n", "line 3: a file of tests has no main of its own"),
            ("lab::tests_of_each! { a: A; [nobody] }\n", "line 1: no function is called nobody"),
        ] {
            let error = tests_of(source).unwrap_err().to_string();
            assert!(error.starts_with(line), "{source}: {error}");
        }
        let error = format!("{:#}", tests_of("#[test]\n#[cfg(feature = \"odd\")]\nfn f() {}\n").unwrap_err());
        assert_eq!(error, "line 3: whether cfg(feature = \"odd\") holds cannot be told by reading the tests");
        let error = transform(SOURCE, &["nobody".into()]).unwrap_err().to_string();
        assert_eq!(error, "no test of the file is called nobody");
    }
}
