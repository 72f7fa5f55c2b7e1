//! One program with every weakening in it, each asleep until the environment names it.
//!
//! A build takes longer than most searches, so a source is built once and not once for each weakening. Orderings are ordinary
//! arguments: which one is passed can be decided when the program runs, and nothing else of it changes. No line moves.

use std::sync::atomic::Ordering;

use super::sites::Weakening;

/// The environment variable that names the weakening to wake, by its number.
pub const VARIABLE: &str = "RACECOURSE_WEAKENED";

/// The source with its weakenings in it, numbered from `first` on in their order.
pub fn armed(text: &str, weakenings: &[Weakening], first: usize) -> String {
    let mut armed = String::with_capacity(text.len());
    let mut copied = 0;
    let numbered: Vec<(usize, &Weakening)> = (first..).zip(weakenings).collect();
    // The weakenings of one ordering stand together: they replace the same bytes.
    for group in numbered.chunk_by(|(_, one), (_, other)| one.range == other.range) {
        let range = group[0].1.range.clone();
        armed.push_str(&text[copied..range.start]);
        armed.push_str(&choice(&text[range.clone()], group));
        copied = range.end;
    }
    armed.push_str(&text[copied..]);
    armed
}

/// An expression for what stands there: the original, or the weakening that is named.
fn choice(original: &str, group: &[(usize, &Weakening)]) -> String {
    let weaker: Vec<(usize, Ordering)> =
        group.iter().filter_map(|(number, weakening)| Some((*number, weakening.change.to?))).collect();
    if weaker.is_empty() {
        let numbers: Vec<String> = group.iter().map(|(number, _)| format!("Ok(\"{number}\")")).collect();
        let stays = decided("bool", &format!("{} => false, _ => true", numbers.join(" | ")));
        // Without the fence it is `()`, as with it.
        return format!("if {stays} {{ {original} }}");
    }
    // Written in full: the source need not import it.
    let arms: String =
        weaker.iter().map(|(number, to)| format!("Ok(\"{number}\") => ::std::sync::atomic::Ordering::{to:?}, ")).collect();
    decided("::std::sync::atomic::Ordering", &format!("{arms}_ => {original}"))
}

/// An expression for what the environment decides, once: a model asks for it a million times.
fn decided(kind: &str, arms: &str) -> String {
    format!(
        "*{{ static CHOSEN: ::std::sync::OnceLock<{kind}> = ::std::sync::OnceLock::new(); \
         CHOSEN.get_or_init(|| match ::std::env::var(\"{VARIABLE}\").as_deref() {{ {arms} }}) }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::orderings::sites::find;

    fn arm(text: &str) -> String {
        armed(text, &find(text).unwrap().weakenings, 7)
    }

    #[test]
    fn each_weakening_waits_for_its_number() {
        let armed = arm("fn f() { a.swap(true, AcqRel); }");
        assert!(armed.starts_with("fn f() { a.swap(true, *{"), "{armed}");
        let arms = "{ Ok(\"7\") => ::std::sync::atomic::Ordering::Acquire, \
                    Ok(\"8\") => ::std::sync::atomic::Ordering::Release, _ => AcqRel }";
        assert!(armed.contains(arms), "{armed}");
    }

    #[test]
    fn a_fence_can_be_gone() {
        let armed = arm("fn f() { fence(Release); }");
        assert!(armed.contains("{ Ok(\"7\") => false, _ => true }"), "{armed}");
        assert!(armed.ends_with("{ fence(Release) }; }"), "{armed}");
    }

    #[test]
    fn no_line_moves_and_the_result_is_rust() {
        let text =
            "fn f() {\n    a.store(\n        b.load(Ordering::Acquire),\n        Release,\n    );\n    fence(SeqCst);\n}\n";
        let lines: Vec<usize> = find(text).unwrap().weakenings.iter().map(|weakening| weakening.line).collect();
        assert_eq!(lines, [3, 4, 6]);
        let armed = arm(text);
        assert!(syn::parse_file(&armed).is_ok(), "{armed}");
        assert_eq!(armed.lines().count(), text.lines().count());
        assert!(armed.lines().nth(3).is_some_and(|line| line.contains("_ => Release }")), "{armed}");
    }
}
