//! A source as the compiler's own words: tokens in a row, macro bodies and attributes included, comments and what is only
//! compiled for unit tests left out.

use proc_macro2::{Delimiter, Group, LexError, TokenStream, TokenTree};

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// From 1.
    pub line: usize,
    /// Whether it stands in what a macro is given, or in a macro's own body: there anything may become anything.
    pub in_macro: bool,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Without `r#`, which changes nothing of what it names.
    Ident(String),
    Punct(char),
    /// As it is written, quotes included.
    Literal(String),
    /// `(`, `[` or `{`.
    Open(char),
    /// Their counterparts.
    Close(char),
}

impl Token {
    /// The name, if it is one.
    pub fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    pub fn is(&self, character: char) -> bool {
        matches!(self.kind, Kind::Punct(other) | Kind::Open(other) | Kind::Close(other) if other == character)
    }
}

/// The tokens of `text`, in order.
///
/// # Errors
/// If it is no Rust: a bracket is not closed, a character belongs to nothing. Says the line and what it is.
pub fn tokens_of(text: &str) -> Result<Vec<Token>, (usize, String)> {
    // What rustc leaves out of a file's beginning, too.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // rustc skips such a line, and here it could begin a comment: `#!/*`.
    if text.strip_prefix("#!").is_some_and(|rest| !rest.trim_start().starts_with('[')) {
        return Err((1, "it begins with the name of an interpreter".into()));
    }
    let stream: TokenStream = text.parse().map_err(|error: LexError| (error.span().start().line, error.to_string()))?;
    let mut tokens = Vec::new();
    flatten(stream, 0, false, &mut tokens)?;
    Ok(tokens)
}

/// Brackets within brackets: more than anybody writes, and fewer than a stack holds.
const DEEPEST: usize = 200;

fn flatten(stream: TokenStream, depth: usize, in_macro: bool, tokens: &mut Vec<Token>) -> Result<(), (usize, String)> {
    let trees: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < trees.len() {
        if !in_macro && let Some(end) = end_of_test_item(&trees, at) {
            at = end;
            continue;
        }
        let mut add = |kind, span: proc_macro2::Span| tokens.push(Token { kind, line: span.start().line, in_macro });
        match &trees[at] {
            TokenTree::Ident(name) => {
                let shown = name.to_string();
                add(Kind::Ident(shown.strip_prefix("r#").unwrap_or(&shown).to_owned()), name.span());
            }
            TokenTree::Punct(punct) => add(Kind::Punct(punct.as_char()), punct.span()),
            TokenTree::Literal(literal) => add(Kind::Literal(literal.to_string()), literal.span()),
            TokenTree::Group(group) => {
                let (open, close) = brackets(group);
                add(Kind::Open(open), group.span_open());
                if depth == DEEPEST {
                    return Err((group.span_open().start().line, format!("more than {DEEPEST} brackets are open at once")));
                }
                flatten(group.stream(), depth + 1, in_macro || is_of_macro(&trees, at), tokens)?;
                tokens.push(Token { kind: Kind::Close(close), line: group.span_close().start().line, in_macro });
            }
        }
        at += 1;
    }
    Ok(())
}

fn brackets(group: &Group) -> (char, char) {
    match group.delimiter() {
        Delimiter::Parenthesis => ('(', ')'),
        Delimiter::Bracket => ('[', ']'),
        Delimiter::Brace | Delimiter::None => ('{', '}'),
    }
}

/// `name! (..)`, or `macro_rules! name {..}`.
fn is_of_macro(trees: &[TokenTree], at: usize) -> bool {
    let is_bang = |back: usize| at.checked_sub(back).is_some_and(|at| is_punct(&trees[at], '!'));
    is_bang(1) || (is_bang(2) && word(trees.get(at - 1)).is_some())
}

fn is_punct(tree: &TokenTree, character: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn word(tree: Option<&TokenTree>) -> Option<String> {
    match tree {
        Some(TokenTree::Ident(name)) => Some(name.to_string()),
        _ => None,
    }
}

fn group_of(tree: Option<&TokenTree>, delimiter: Delimiter) -> Option<&Group> {
    match tree {
        Some(TokenTree::Group(group)) if group.delimiter() == delimiter => Some(group),
        _ => None,
    }
}

/// Where an item that begins here with `#[cfg(test)]` is over. `None` where none begins, and where it is not certain what belongs
/// to it: then it is looked at as everything else is.
fn end_of_test_item(trees: &[TokenTree], start: usize) -> Option<usize> {
    if !is_cfg_test(trees, start) {
        return None;
    }
    let mut at = start + 2;
    while trees.get(at).is_some_and(|tree| is_punct(tree, '#')) && group_of(trees.get(at + 1), Delimiter::Bracket).is_some() {
        at += 2;
    }
    let is_qualifier = |at: usize| match word(trees.get(at)).as_deref() {
        Some("pub" | "unsafe" | "async") => true,
        Some("const") => word(trees.get(at + 1)).is_some_and(|next| ["fn", "unsafe", "async"].contains(&next.as_str())),
        // Of `pub(crate)`.
        _ => word(trees.get(at - 1)).as_deref() == Some("pub") && group_of(trees.get(at), Delimiter::Parenthesis).is_some(),
    };
    while is_qualifier(at) {
        at += 1;
    }
    let ends_with_brace = match word(trees.get(at)).as_deref()? {
        "mod" | "fn" | "impl" | "struct" | "enum" | "trait" => true,
        "use" | "const" | "static" | "type" => false,
        _ => return None,
    };
    let is_end = |tree: &TokenTree| is_punct(tree, ';') || (ends_with_brace && group_of(Some(tree), Delimiter::Brace).is_some());
    Some(at + trees[at..].iter().position(is_end)? + 1)
}

fn is_cfg_test(trees: &[TokenTree], at: usize) -> bool {
    let attribute = is_punct(&trees[at], '#').then(|| group_of(trees.get(at + 1), Delimiter::Bracket)).flatten();
    let Some(content) = attribute.map(|group| group.stream().into_iter().collect::<Vec<_>>()) else { return false };
    let [TokenTree::Ident(cfg), arguments] = content.as_slice() else { return false };
    let Some(arguments) = group_of(Some(arguments), Delimiter::Parenthesis) else { return false };
    cfg == "cfg" && arguments.stream().to_string() == "test"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens_of(text).unwrap().iter().filter_map(|token| token.ident().map(str::to_owned)).collect()
    }

    #[test]
    fn comments_strings_and_unit_tests_are_no_code() {
        let text = "//! no_mangle\n/* asm!() */ const A: &str = \"asm!\";\n#[cfg(test)]\n#[expect(x)]\npub(crate) mod tests { evil!() }\nfn b() {}";
        assert_eq!(words(text), ["doc", "const", "A", "str", "fn", "b"]);
    }

    #[test]
    fn what_is_not_certainly_a_unit_test_is_looked_at() {
        // Whoever is given this may drop the attribute.
        assert!(words("keep! { #[cfg(test)] mod tests { evil!() } }").contains(&"evil".to_owned()));
        assert!(words("struct S { #[cfg(test)] a: u8, b: [u8; evil!()] }").contains(&"evil".to_owned()));
        assert!(words("#[cfg(not(test))] mod tests { evil!() }").contains(&"evil".to_owned()));
        assert!(words("#[cfg(test)] const A: u8 = { 1 }; fn a() { evil!() }").contains(&"evil".to_owned()));
    }

    #[test]
    fn no_line_is_skipped_that_rustc_reads() {
        assert!(tokens_of("#!/*\nfn evil() {}\n// */\n").is_err());
        assert!(tokens_of("#!/*x*/[feature(x)]\n").is_err());
        assert_eq!(words("#![warn(x)]\nfn a() {}"), ["warn", "x", "fn", "a"]);
    }

    #[test]
    fn no_depth_is_too_much_for_the_grader() {
        let (line, what) = tokens_of(&format!("fn a() {{\n{}{}}}", "(".repeat(100_000), ")".repeat(100_000))).unwrap_err();
        assert!(line == 2 && what.contains("brackets"), "{line}: {what}");
        assert!(tokens_of(&format!("{}{}", "(".repeat(150), ")".repeat(150))).is_ok());
    }

    #[test]
    fn a_raw_name_is_the_name() {
        assert_eq!(words("#[r#no_mangle] fn a() {}"), ["no_mangle", "fn", "a"]);
    }

    #[test]
    fn a_byte_order_mark_and_windows_line_ends_are_nothing() {
        let tokens = tokens_of("\u{feff}fn a() {}\r\nfn b() {}\r\n").unwrap();
        assert_eq!(tokens.last().unwrap().line, 2);
    }
}
