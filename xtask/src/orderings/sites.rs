//! Where a source says a memory ordering, and which weaker ones could stand there.
//!
//! The source is parsed, not searched: an ordering counts where it is an argument of an atomic operation or of a fence. One
//! that stands anywhere else, or in a macro that cannot be read, is not left out in silence: it is [`Found::unclear`].

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
    sync::atomic::Ordering::{self, AcqRel, Acquire, Relaxed, Release, SeqCst},
};

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::{
    Attribute, Expr, ExprCall, ExprMethodCall, ExprPath, ImplItemFn, ItemFn, ItemImpl, ItemMod, Macro, Member, Meta, Path, Token,
    UseTree,
    punctuated::Punctuated,
    spanned::Spanned,
    visit::{self, Visit},
};

/// What a source says of orderings.
#[derive(Debug, Default)]
pub struct Found {
    /// Every weakening, in the order of the text.
    pub weakenings: Vec<Weakening>,
    /// What cannot be weakened because it cannot be understood.
    pub unclear: Vec<Unclear>,
}

/// One ordering of one call, one step weaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weakening {
    /// The line of the ordering, from 1.
    pub line: usize,
    /// The line that its call begins on, from 1.
    pub call_line: usize,
    /// `locked.swap`, `fence`.
    pub call: String,
    /// From what to what.
    pub change: Change,
    /// The bytes that it replaces: the ordering, or the whole fence.
    pub range: Range<usize>,
}

/// From what to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which of a call's two orderings it is: `success` or `failure`, `set` or `fetch`; empty where there is one.
    pub which: &'static str,
    /// What the source says.
    pub from: Ordering,
    /// One step weaker; `None` takes the fence away.
    pub to: Option<Ordering>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = if self.which.is_empty() { "" } else { " " };
        write!(f, "{}{gap}{:?} -> ", self.which, self.from)?;
        match self.to {
            Some(to) => write!(f, "{to:?}"),
            None => f.write_str("removed"),
        }
    }
}

/// Something that stands in the way of a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unclear {
    /// Its line, from 1.
    pub line: usize,
    /// What it is, and what to do.
    pub why: String,
}

/// What an ordering is an ordering of: that decides which weaker ones are legal.
#[derive(Debug, Clone, Copy)]
enum Access {
    Load,
    Store,
    ReadModifyWrite,
    Fence,
}

impl Access {
    /// One step weaker, in each direction that there is.
    fn weaker(self, from: Ordering) -> &'static [Option<Ordering>] {
        match (self, from) {
            (Self::Load, SeqCst) => &[Some(Acquire)],
            (Self::Store, SeqCst) => &[Some(Release)],
            (Self::ReadModifyWrite | Self::Fence, SeqCst) => &[Some(AcqRel)],
            (Self::ReadModifyWrite | Self::Fence, AcqRel) => &[Some(Acquire), Some(Release)],
            // A Relaxed fence is none, and panics.
            (Self::Fence, Acquire | Release) => &[None],
            (Self::Load | Self::ReadModifyWrite, Acquire) => &[Some(Relaxed)],
            (Self::Store | Self::ReadModifyWrite, Release) => &[Some(Relaxed)],
            // Relaxed is the weakest, and rustc refuses a load that releases and a store that acquires.
            _ => &[],
        }
    }
}

/// The orderings of a call by the place of their argument: what each is of, and what it is called where there are two.
fn orderings_of(call: &str, arguments: usize) -> Vec<(usize, Access, &'static str)> {
    // Counted from the end, so that `AtomicBool::load(&flag, Acquire)` is read as `flag.load(Acquire)` is.
    let from_end = |place: usize| arguments.wrapping_sub(place);
    match call {
        "load" => vec![(from_end(1), Access::Load, "")],
        "store" => vec![(from_end(1), Access::Store, "")],
        "compare_exchange" | "compare_exchange_weak" => {
            vec![(from_end(2), Access::ReadModifyWrite, "success"), (from_end(1), Access::Load, "failure")]
        }
        "fetch_update" | "try_update" | "update" => {
            vec![(from_end(3), Access::ReadModifyWrite, "set"), (from_end(2), Access::Load, "fetch")]
        }
        "swap" => vec![(from_end(1), Access::ReadModifyWrite, "")],
        fetch if fetch.starts_with("fetch_") => vec![(from_end(1), Access::ReadModifyWrite, "")],
        "fence" | "compiler_fence" => vec![(0, Access::Fence, "")],
        _ => Vec::new(),
    }
}

/// Reads a source.
///
/// # Errors
/// If it is not Rust.
pub fn find(text: &str) -> syn::Result<Found> {
    let file = syn::parse_file(text)?;
    let mut names = Names::default();
    names.visit_file(&file);
    let mut finder = Finder { names, understood: BTreeSet::new(), found: Found::default() };
    finder.visit_file(&file);
    let mut found = finder.found;
    found.weakenings.sort_by_key(|weakening| weakening.range.start);
    Ok(found)
}

fn named(name: &str) -> Option<Ordering> {
    [Relaxed, Acquire, Release, AcqRel, SeqCst].into_iter().find(|ordering| format!("{ordering:?}") == name)
}

/// What the imports of a file call the orderings. Scopes are not told apart: nobody gives one name two meanings in one file.
#[derive(Debug, Default)]
struct Names {
    /// `Acquire`, or what it is imported as.
    orderings: BTreeMap<String, Ordering>,
    /// What the type is imported as, where not as `Ordering`.
    types: BTreeSet<String>,
    /// Names that look like orderings and are imported from elsewhere.
    others: BTreeSet<String>,
}

impl Names {
    fn import(&mut self, tree: &UseTree, parent: &str) {
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &path.ident.to_string()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, parent)),
            UseTree::Name(name) => self.bind(parent, &name.ident.to_string(), &name.ident.to_string()),
            UseTree::Rename(rename) => self.bind(parent, &rename.ident.to_string(), &rename.rename.to_string()),
            UseTree::Glob(_) => {}
        }
    }

    fn bind(&mut self, parent: &str, name: &str, local: &str) {
        // `Ordering::{self as Order}` names the type.
        let (parent, name) = if name == "self" { ("", parent) } else { (parent, name) };
        match named(name) {
            Some(ordering) if parent == "Ordering" || self.types.contains(parent) => {
                self.orderings.insert(local.to_owned(), ordering);
            }
            _ if name == "Ordering" => {
                self.types.insert(local.to_owned());
            }
            // A variant of another enum that is called so, or something else under an ordering's name.
            _ if named(local).is_some() => {
                self.others.insert(local.to_owned());
            }
            _ => {}
        }
    }

    /// The ordering that a path names.
    fn of(&self, path: &Path) -> Option<Ordering> {
        let mut segments = path.segments.iter().rev().map(|segment| segment.ident.to_string());
        let last = segments.next()?;
        match segments.next() {
            Some(parent) if parent == "Ordering" || self.types.contains(&parent) => named(&last),
            Some(_) => None,
            None => self.by_name(&last),
        }
    }

    fn by_name(&self, name: &str) -> Option<Ordering> {
        let imported = self.orderings.get(name).copied();
        imported.or_else(|| named(name).filter(|_| !self.others.contains(name)))
    }

    /// The line of the first ordering in tokens that nobody could parse.
    fn line_in(&self, tokens: &TokenStream) -> Option<usize> {
        tokens.clone().into_iter().find_map(|token| match token {
            TokenTree::Group(group) => self.line_in(&group.stream()),
            TokenTree::Ident(name) => {
                let strong = self.by_name(&name.to_string()).is_some_and(|ordering| ordering != Relaxed);
                strong.then(|| name.span().start().line)
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => None,
        })
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.import(&item.tree, "");
    }
}

/// Walks the calls.
struct Finder {
    names: Names,
    /// Where the orderings begin that were met as arguments of a known call.
    understood: BTreeSet<usize>,
    found: Found,
}

impl Finder {
    fn call(&mut self, method: &str, shown: &str, whole: Span, arguments: &Punctuated<Expr, Token![,]>) {
        for (place, access, which) in orderings_of(method, arguments.len()) {
            let Some(Expr::Path(argument)) = arguments.get(place) else { continue };
            let Some(from) = self.names.of(&argument.path) else { continue };
            let span = argument.span();
            self.understood.insert(span.byte_range().start);
            for &to in access.weaker(from) {
                self.found.weakenings.push(Weakening {
                    line: span.start().line,
                    call_line: whole.start().line,
                    call: shown.to_owned(),
                    change: Change { which, from, to },
                    range: if to.is_some() { span } else { whole }.byte_range(),
                });
            }
        }
    }

    fn unclear(&mut self, line: usize, why: String) {
        self.found.unclear.push(Unclear { line, why });
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let method = call.method.to_string();
        let shown = format!("{}.{method}", in_short(&call.receiver));
        self.call(&method, &shown, call.span(), &call.args);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(function) = &*call.func {
            let names: Vec<String> = function.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            let method = names.last().map_or("", String::as_str);
            let shown =
                if method.ends_with("fence") { method.to_owned() } else { names[names.len().saturating_sub(2)..].join("::") };
            self.call(method, &shown, call.span(), &call.args);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let span = path.span();
        match self.names.of(&path.path) {
            Some(ordering) if ordering != Relaxed && !self.understood.contains(&span.byte_range().start) => {
                let why = format!(
                    "{ordering:?} stands outside of an atomic operation or a fence: the runner cannot tell what may stand in its place; write it at the operation itself"
                );
                self.unclear(span.start().line, why);
            }
            _ => visit::visit_expr_path(self, path),
        }
    }

    /// Arguments that are expressions are read as such, others only searched.
    fn visit_macro(&mut self, call: &'ast Macro) {
        for tokens in at_commas(call.tokens.clone()) {
            match syn::parse2::<Expr>(tokens.clone()) {
                Ok(expression) => Finder::visit_expr(self, &expression),
                Err(_) => {
                    if let Some(line) = self.names.line_in(&tokens) {
                        let name = call.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
                        self.unclear(line, format!("an ordering inside {name}!, which the runner cannot read; write it outside"));
                    }
                }
            }
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !only_in_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        if !only_in_tests(&item.attrs) {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !only_in_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !only_in_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }
}

/// Whether `#[cfg(..)]` keeps an item out of every build but a test's.
fn only_in_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| needs_test(&attribute.meta))
}

fn needs_test(predicate: &Meta) -> bool {
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") || list.path.is_ident("all") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parts.is_ok_and(|parts| parts.iter().any(needs_test))
        }
        Meta::List(_) | Meta::NameValue(_) => false,
    }
}

/// The tokens between commas.
fn at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(TokenStream::new()),
            (_, Some(last)) => last.extend([token]),
            (_, None) => {}
        }
    }
    parts
}

/// What an operation is called on, by the last name of it: `locked` of `self.lock.locked`.
fn in_short(receiver: &Expr) -> String {
    match receiver {
        Expr::Field(field) => match &field.member {
            Member::Named(name) => name.to_string(),
            Member::Unnamed(index) => format!("{}.{}", in_short(&field.base), index.index),
        },
        Expr::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default(),
        Expr::MethodCall(call) => format!("{}()", call.method),
        Expr::Call(call) => format!("{}()", in_short(&call.func)),
        Expr::Index(index) => format!("{}[..]", in_short(&index.expr)),
        Expr::Paren(inner) => in_short(&inner.expr),
        Expr::Reference(inner) => in_short(&inner.expr),
        Expr::Unary(inner) => in_short(&inner.expr),
        _ => "..".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every weakening of a function's body, a line each: `call: from -> to`.
    fn in_body(body: &str) -> Vec<String> {
        let text = format!("use lab::sync::atomic::{{Ordering::{{self, *}}, fence}};\nfn f() {{\n{body}\n}}\n");
        let found = find(&text).unwrap();
        assert_eq!(found.unclear, []);
        found.weakenings.iter().map(|weakening| format!("{}: {}", weakening.call, weakening.change)).collect()
    }

    #[test]
    fn loads_and_stores_go_down_step_by_step() {
        assert_eq!(in_body("a.load(SeqCst);"), ["a.load: SeqCst -> Acquire"]);
        assert_eq!(in_body("a.load(Acquire);"), ["a.load: Acquire -> Relaxed"]);
        assert_eq!(in_body("a.store(1, SeqCst);"), ["a.store: SeqCst -> Release"]);
        assert_eq!(in_body("a.store(1, Release);"), ["a.store: Release -> Relaxed"]);
    }

    #[test]
    fn a_read_modify_write_loses_one_half_at_a_time() {
        assert_eq!(in_body("a.swap(1, SeqCst);"), ["a.swap: SeqCst -> AcqRel"]);
        assert_eq!(in_body("a.fetch_add(1, AcqRel);"), ["a.fetch_add: AcqRel -> Acquire", "a.fetch_add: AcqRel -> Release"]);
        assert_eq!(in_body("a.fetch_or(1, Acquire);"), ["a.fetch_or: Acquire -> Relaxed"]);
        assert_eq!(in_body("a.fetch_not(Release);"), ["a.fetch_not: Release -> Relaxed"]);
    }

    #[test]
    fn the_two_orderings_of_a_call_are_told_apart() {
        assert_eq!(
            in_body("a.compare_exchange_weak(0, 1, AcqRel, Acquire);"),
            [
                "a.compare_exchange_weak: success AcqRel -> Acquire",
                "a.compare_exchange_weak: success AcqRel -> Release",
                "a.compare_exchange_weak: failure Acquire -> Relaxed",
            ]
        );
        assert_eq!(
            in_body("a.fetch_update(Release, Acquire, |old| old.checked_add(1));"),
            ["a.fetch_update: set Release -> Relaxed", "a.fetch_update: fetch Acquire -> Relaxed"]
        );
    }

    #[test]
    fn a_fence_is_taken_away_where_nothing_weaker_is_a_fence() {
        assert_eq!(in_body("fence(SeqCst);"), ["fence: SeqCst -> AcqRel"]);
        assert_eq!(in_body("fence(AcqRel);"), ["fence: AcqRel -> Acquire", "fence: AcqRel -> Release"]);
        assert_eq!(in_body("atomic::fence(Release);"), ["fence: Release -> removed"]);
    }

    #[test]
    fn relaxed_is_left_alone() {
        assert_eq!(in_body("a.load(Relaxed); a.compare_exchange(0, 1, Relaxed, Ordering::Relaxed);"), [""; 0]);
    }

    #[test]
    fn an_ordering_is_known_by_its_path() {
        assert_eq!(in_body("a.load(Ordering::Acquire);"), ["a.load: Acquire -> Relaxed"]);
        assert_eq!(in_body("a.load(std::sync::atomic::Ordering::Acquire);"), ["a.load: Acquire -> Relaxed"]);
        assert_eq!(in_body("AtomicBool::load(&a, Acquire);"), ["AtomicBool::load: Acquire -> Relaxed"]);
        // What only looks like one.
        assert_eq!(in_body("log(Event::Acquire); a.cmp(&b) == Ordering::Less;"), [""; 0]);
    }

    #[test]
    fn an_ordering_is_known_by_another_name() {
        let text = "use std::sync::atomic::{Ordering as O, Ordering::{Acquire as Take, self as Order}};
                    use crate::Event::Release;
                    fn f() { a.load(Take); a.load(O::Acquire); a.load(Order::SeqCst); log(Release); }";
        let found = find(text).unwrap();
        assert_eq!(found.unclear, []);
        let told: Vec<String> = found.weakenings.iter().map(|weakening| weakening.change.to_string()).collect();
        assert_eq!(told, ["Acquire -> Relaxed", "Acquire -> Relaxed", "SeqCst -> Acquire"]);
    }

    #[test]
    fn calls_are_found_inside_of_calls_closures_and_macros() {
        assert_eq!(
            in_body("self.slots[i].store(self.0.next.load(Acquire), Release);"),
            ["next.load: Acquire -> Relaxed", "slots[..].store: Release -> Relaxed"]
        );
        assert_eq!(in_body("run(|| while a().load(Acquire) {});"), ["a().load: Acquire -> Relaxed"]);
        assert_eq!(
            in_body("assert_eq!(a.load(Acquire), 1, \"é {}\", b.load(SeqCst));"),
            ["a.load: Acquire -> Relaxed", "b.load: SeqCst -> Acquire"]
        );
    }

    #[test]
    fn tests_are_left_out() {
        let text = "#[cfg(test)] mod tests { fn f() { a.load(Acquire); } }
                    #[cfg(all(test, unix))] fn f() { a.load(Acquire); }
                    impl A { #[cfg(test)] fn f() { a.load(Acquire); } }
                    #[cfg(not(test))] fn f() { a.load(SeqCst); }";
        let found = find(text).unwrap();
        assert_eq!(found.unclear, []);
        assert_eq!(found.weakenings.len(), 1);
        assert_eq!(found.weakenings[0].line, 4);
    }

    #[test]
    fn what_cannot_be_understood_is_said() {
        for line in [
            "const ORDER: Ordering = Ordering::Acquire;",
            "fn f() { self.take(Acquire); }",
            "macro_rules! load { ($a:expr) => { $a.load(Acquire) } }",
        ] {
            let found = find(&format!("\n{line}")).unwrap();
            assert_eq!(found.weakenings, []);
            assert_eq!(found.unclear.iter().map(|unclear| unclear.line).collect::<Vec<_>>(), [2], "{line}");
        }
    }

    #[test]
    fn a_weakening_knows_its_bytes_and_its_lines() {
        let text = "// é\nfn f() {\n    self.a\n        .store(1, Ordering::Release);\n    fence(Acquire);\n}\n";
        let found = find(text).unwrap().weakenings;
        let told: Vec<_> = found.iter().map(|found| (&text[found.range.clone()], found.line, found.call_line)).collect();
        assert_eq!(told, [("Ordering::Release", 4, 3), ("fence(Acquire)", 5, 5)]);
    }
}
