//! Looks at what was handed in before it is built: for what reaches past the tests, and no honest solution has.
//!
//! Tokens are looked at, and not text: what stands in a comment or a string is nothing. A macro can make anything of anything, so
//! what a macro is given, and what its body is, counts as code. This is one wall of several: what it misses meets the compiler
//! (`-F unsafe_code` where nothing unsafe is asked for), the sandbox, and a proof that a test has ended.

mod paths;
mod remarks;
mod tokens;

use std::collections::BTreeSet;

pub use self::remarks::remarks;
use self::{
    paths::{Names, Written, paths_of},
    tokens::{Kind, Token, tokens_of},
};
use crate::{catalog::Exercise, stage::Sources};

/// Something that is not taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Below the exercise: `src/lib.rs`.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// As it stands there: `#[no_mangle]`.
    pub what: String,
    /// What it would do, in one sentence.
    pub why: &'static str,
    /// What it costs.
    pub costs: Costs,
}

/// What a [`Finding`] costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Costs {
    /// All points: no result of such a program means anything.
    All,
    /// Those of one check, which would mean nothing. The others are made.
    Check(&'static str),
    /// All points, too, but the compiler should have its word first: it says better what is wrong. It must not accept it.
    Unread,
}

/// One file, in tokens.
struct File<'a> {
    name: &'a str,
    tokens: Vec<Token>,
    written: Vec<Written>,
}

/// All that is not to be taken of `sources`, by file and line.
pub fn screen(exercise: &Exercise, sources: &Sources) -> Vec<Finding> {
    let mut findings = BTreeSet::new();
    let files = read(sources, &mut findings);
    let names = names_of(&files);
    let makes_macros_of_arguments = files.iter().any(|file| calls_what_it_is_given(&file.tokens));
    for file in &files {
        let mut found = Found { file: file.name, exercise, findings: &mut findings };
        for at in 0..file.tokens.len() {
            found.names(&file.tokens, at);
            found.attribute(&file.tokens, at);
            found.macros(&file.tokens, at, makes_macros_of_arguments);
        }
        for written in &file.written {
            if written.is_endless() {
                found.add(written.line, "a path without an end", HIDES, Costs::All);
            }
            found.path(written, &names);
        }
        if let Some(name) = &names.endless {
            found.add(1, format!("`{name}`, a name of too many things"), HIDES, Costs::All);
        }
    }
    findings.into_iter().collect()
}

fn read<'a>(sources: &'a Sources, findings: &mut BTreeSet<Finding>) -> Vec<File<'a>> {
    let mut files = Vec::new();
    for (name, content) in sources {
        let mut unread = |line, what: String| {
            let why = "it is no Rust, so nobody can tell what it would do";
            findings.insert(Finding { file: name.clone(), line, what, why, costs: Costs::Unread });
        };
        match std::str::from_utf8(content).map(tokens_of) {
            Ok(Ok(tokens)) => files.push(File { name, written: paths_of(&tokens), tokens }),
            Ok(Err((line, error))) => unread(line, error),
            Err(error) => {
                let line = content[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
                unread(line, "it is not UTF-8".into());
            }
        }
    }
    files
}

/// What `text` imports whole, `use name::..::*`: the first name, and its line. Nothing where it is no Rust.
pub fn imported_whole(text: &str) -> Vec<(String, usize)> {
    let Ok(tokens) = tokens_of(text) else { return Vec::new() };
    let globs = paths_of(&tokens).into_iter().filter(|written| written.bound.as_deref() == Some("*"));
    globs.filter_map(|written| Some((written.segments.into_iter().next()?, written.line))).collect()
}

fn names_of(files: &[File<'_>]) -> Names {
    let written: Vec<&Written> = files.iter().flat_map(|file| &file.written).collect();
    Names::of(files.iter().flat_map(|file| &file.tokens), &written)
}

const HIDES: &str = "nobody can tell what it leads to, and nobody writes that who does not mean to hide something";
const SYMBOL: &str = "it gives or takes a symbol of the linker, by which code runs that nobody calls, or in another's place";
const ASSEMBLER: &str = "assembly does what no check can see";
const RUNTIME: &str = "it takes the place of a part of the language's own run time";
const OUTSIDE: &str = "it reads files or variables of the machine that compiles it, and nothing there is the submission's";
const CRATE: &str = "it changes what the whole crate is compiled as";

/// Names that mean one thing wherever they stand.
const NAMES: [(&str, &str); 8] = [
    ("no_mangle", SYMBOL),
    ("link_section", SYMBOL),
    ("global_asm", ASSEMBLER),
    ("naked_asm", ASSEMBLER),
    ("global_allocator", RUNTIME),
    ("panic_handler", RUNTIME),
    ("proc_macro", RUNTIME),
    ("rustc_std_internal_symbol", RUNTIME),
];

/// Attributes by names that code may use as well.
const ATTRIBUTES: [(&str, &str); 15] = [
    ("export_name", SYMBOL),
    ("link_name", SYMBOL),
    ("link_ordinal", SYMBOL),
    ("linkage", SYMBOL),
    ("link", SYMBOL),
    ("used", SYMBOL),
    ("naked", ASSEMBLER),
    ("alloc_error_handler", RUNTIME),
    ("lang", RUNTIME),
    ("feature", CRATE),
    ("path", OUTSIDE),
    ("no_std", CRATE),
    ("no_core", CRATE),
    ("no_main", CRATE),
    ("crate_type", CRATE),
];

/// Macros, by names that code may use as well.
const MACROS: [(&str, &str); 6] = [
    ("include_str", OUTSIDE),
    ("include_bytes", OUTSIDE),
    ("option_env", OUTSIDE),
    ("include", OUTSIDE),
    ("env", OUTSIDE),
    ("asm", ASSEMBLER),
];

/// Of [`MACROS`], those that are also the name of something that is often imported.
const AMBIGUOUS: [&str; 2] = ["env", "include"];

fn meaning(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    table.iter().find(|(other, _)| *other == name).map(|(_, why)| *why)
}

/// Whether a macro of this file calls another one by a name that it is given (`$name!`), or makes an attribute of it (`#[$name]`,
/// `# $name`).
fn calls_what_it_is_given(tokens: &[Token]) -> bool {
    let is = |at: usize, character| tokens.get(at).is_some_and(|token| token.is(character));
    (0..tokens.len()).any(|at| {
        let calls = is(at, '$') && is(at + 2, '!') && !is(at + 3, '=');
        calls || (is(at, '#') && (is(at + 1, '$') || (is(at + 1, '[') && is(at + 2, '$'))))
    })
}

/// Gathers the findings of one file.
struct Found<'a> {
    file: &'a str,
    exercise: &'a Exercise,
    findings: &'a mut BTreeSet<Finding>,
}

impl Found<'_> {
    /// What would cost a check that the exercise does not have costs nothing, and is nothing.
    fn add(&mut self, line: usize, what: impl Into<String>, why: &'static str, costs: Costs) {
        if matches!(costs, Costs::Check(check) if !self.has(check)) {
            return;
        }
        self.findings.insert(Finding { file: self.file.to_owned(), line, what: what.into(), why, costs });
    }

    fn has(&self, check: &str) -> bool {
        self.exercise.about.points.contains_key(check)
    }

    /// What means one thing wherever it stands.
    fn names(&mut self, tokens: &[Token], at: usize) {
        let Some(name) = tokens[at].ident() else { return };
        let line = tokens[at].line;
        let next = tokens.get(at + 1);
        if let Some(why) = meaning(&NAMES, name) {
            self.add(line, format!("`{name}`"), why, Costs::All);
        }
        match name {
            // A macro that is given `extern crate std;` may take its first word alone.
            "extern" if tokens[at].in_macro || next.and_then(Token::ident) != Some("crate") => {
                self.add(line, "`extern`", "code and symbols of another language are no part of any exercise", Costs::All);
            }
            "static" if next.and_then(Token::ident) == Some("mut") => {
                self.add(line, "`static mut`", UNSEEN, Costs::Check("model"));
            }
            "read_volatile" | "write_volatile" => {
                self.add(line, format!("`{name}`"), UNSEEN, Costs::Check("model"));
            }
            "feature" if next.is_some_and(|next| next.is('=')) && is_workload(tokens.get(at + 2)) => {
                let why = "what is timed must be what is tested: code cannot be other code in the workload";
                self.add(line, "`feature = \"workload\"`", why, Costs::Check("speed"));
            }
            _ => {}
        }
    }

    /// `#[..]` and `#![..]`, with what is in their `unsafe(..)` and `cfg_attr(..)`; and what a macro may make into one.
    fn attribute(&mut self, tokens: &[Token], at: usize) {
        let is = |at: usize, character| tokens.get(at).is_some_and(|token| token.is(character));
        let open = if is(at, '#') && is(at + 1, '!') { at + 2 } else { at + 1 };
        if is(at, '#') && is(open, '[') {
            // Of each bracket that is open, whether attributes stand in it.
            let mut metas: Vec<bool> = Vec::new();
            for inside in open..tokens.len() {
                match tokens[inside].kind {
                    Kind::Open(_) => metas.push(inside == open || (metas.last() == Some(&true) && is_wrapper(tokens, inside))),
                    Kind::Close(_) => drop(metas.pop()),
                    Kind::Ident(_) if metas.last() == Some(&true) && !is(inside - 1, '=') && !is(inside - 1, ':') => {
                        self.meta(tokens, inside);
                    }
                    _ => {}
                }
                if metas.is_empty() {
                    break;
                }
            }
        } else if tokens[at].in_macro && is(at + 1, '=') && matches!(tokens.get(at + 2).map(|t| &t.kind), Some(Kind::Literal(_)))
        {
            // `m!(export_name = "..")`, for a macro that writes `#[$attribute]`.
            let begins = at > 0 && ['(', '[', '{', ','].iter().any(|open| tokens[at - 1].is(*open));
            if begins && ["export_name", "link_name"].contains(&tokens[at].ident().unwrap_or_default()) {
                self.meta(tokens, at);
            }
        }
    }

    fn meta(&mut self, tokens: &[Token], at: usize) {
        let Some(name) = tokens[at].ident() else { return };
        // As in `cfg_attr(feature = "..", ..)`.
        let asks = name == "feature" && tokens.get(at + 1).is_some_and(|next| next.is('='));
        if let Some(why) = meaning(&ATTRIBUTES, name).filter(|_| !asks) {
            self.add(tokens[at].line, format!("`#[{name}]`"), why, Costs::All);
        }
    }

    fn macros(&mut self, tokens: &[Token], at: usize, by_name: bool) {
        let Some(name) = tokens[at].ident() else { return };
        let Some(why) = meaning(&MACROS, name) else { return };
        let is = |at: usize, character| tokens.get(at).is_some_and(|token| token.is(character));
        let called = is(at + 1, '!') && !is(at + 2, '=');
        // By its name alone a macro can call it, if it calls what it is given. Not `env::args` nor `self.env`.
        // These name nothing else.
        let alone = tokens[at].in_macro && ["include_str", "include_bytes", "option_env"].contains(&name);
        let handed_over = by_name && tokens[at].in_macro && !is(at + 1, ':') && !(at > 0 && (is(at - 1, '.') || is(at - 1, ':')));
        if called || alone || handed_over {
            self.add(tokens[at].line, format!("`{name}!`"), why, Costs::All);
        }
    }

    fn path(&mut self, written: &Written, names: &Names) {
        let shown = written.segments.join("::");
        if let Some(last) = written.segments.last()
            && written.bound.is_some()
            && let Some(why) = meaning(&MACROS, last)
        {
            let renamed = written.bound.as_ref() != Some(last);
            // `use std::env` is mostly the module; under another name it could be called as the macro, too, unseen.
            if !AMBIGUOUS.contains(&last.as_str()) || (renamed && names.targets(&written.segments).iter().any(|t| t.len() == 2)) {
                self.add(written.line, format!("`use {shown}`"), why, Costs::All);
            }
        }
        let first = written.segments.first().map_or("", String::as_str);
        if self.exercise.peers.iter().any(|peer| peer == first) && (written.segments.len() > 1 || written.bound.is_some()) {
            let why = "it is what the exercise is measured against, and is there only in the workload";
            self.add(written.line, format!("`{shown}`"), why, Costs::Check("speed"));
        }
        for target in names.targets(&written.segments) {
            if let Some((why, costs)) = banned(&target, written.bound.as_deref() == Some("*"), self.has("model")) {
                self.add(written.line, format!("`{}`", target.join("::")), why, costs);
                break;
            }
        }
    }
}

/// Whether the parenthesis at `open` is that of `unsafe(..)` or `cfg_attr(..)`, in which attributes stand.
fn is_wrapper(tokens: &[Token], open: usize) -> bool {
    let before = open.checked_sub(1).and_then(|at| tokens[at].ident());
    matches!(before, Some("unsafe" | "cfg_attr"))
}

fn is_workload(token: Option<&Token>) -> bool {
    matches!(token.map(|token| &token.kind), Some(Kind::Literal(text)) if text.contains("workload"))
}

const UNSEEN: &str = "the model cannot see it, so that a model of this code proves nothing; use lab's type of that name";

/// What no path may lead to, and what it costs.
fn banned(target: &[String], glob: bool, has_model: bool) -> Option<(&'static str, Costs)> {
    let segments: Vec<&str> = target.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["lab", "model" | "evidence" | "proof", ..] => Some(("it speaks to the runner in the place of the tests", Costs::All)),
        ["lab", "par", "measure" | "record" | "record_moments" | "tick", ..] => {
            Some(("what an instrument counts is not for the code that it counts", Costs::Check("span")))
        }
        // `asm!` is one of them, and would not be seen to be imported.
        ["std", "arch"] if glob => Some((ASSEMBLER, Costs::All)),
        ["std", rest @ ..] if has_model && is_unseen(rest, glob) => Some((UNSEEN, Costs::Check("model"))),
        _ => None,
    }
}

/// Whether a path of `std` leads to what a model cannot see: the types and functions of `clippy.toml`, and whatever is like them.
/// A name that is not known to be harmless is not.
fn is_unseen(path: &[&str], glob: bool) -> bool {
    match path {
        ["sync"] | ["sync", "atomic" | "mpsc"] | ["thread"] | ["cell"] => glob,
        ["sync", "atomic", name, ..] => !matches!(*name, "Ordering" | "compiler_fence"),
        ["sync", "mpsc", name, ..] => !name.ends_with("Error"),
        ["sync", name, ..] => {
            let harmless = ["Arc", "Weak", "PoisonError", "LockResult", "TryLockError", "TryLockResult"];
            !harmless.contains(name)
        }
        ["thread", name, ..] => {
            let harmless = ["Result", "available_parallelism", "LocalKey", "AccessError", "panicking"];
            !harmless.contains(name)
        }
        ["cell", name, ..] => ["UnsafeCell", "SyncUnsafeCell"].contains(name),
        ["intrinsics", ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
