//! The course's workload without what nobody asks of a submission's: others' ways to do the same, the chart over a parameter, and
//! the files of peers in other languages. All of these run from the course's own program, and a class would compile them again
//! with every submission: most of what compiling a workload takes.

use anyhow::{Context, Result};
use syn::{ImplItem, Item, spanned::Spanned};

use super::mend::blank;

/// What [`lab::workload::Workload`] has a default for, and only the course's own program is asked for.
const OTHERS: [&str; 4] = ["peers", "sweep", "export", "import"];

/// The workload for `baseline` and `submission` alone, with the same lines. What only its peers have used is in it still, and
/// rustc makes no code of it.
///
/// # Errors
/// If it is no Rust.
pub fn alone(text: &str) -> Result<String> {
    let file = syn::parse_file(text).context("workload.rs is no Rust")?;
    let methods = file.items.iter().filter_map(of_a_workload).flatten().filter_map(|item| match item {
        ImplItem::Fn(method) if OTHERS.iter().any(|name| method.sig.ident == name) => Some(method.span().byte_range()),
        _ => None,
    });
    let mut left = text.to_owned();
    blank(&mut left, methods.collect());
    Ok(left)
}

/// What is in `impl Workload for ..`.
fn of_a_workload(item: &Item) -> Option<&Vec<ImplItem>> {
    let Item::Impl(block) = item else { return None };
    let (of, _) = block.trait_.as_ref()?;
    of.segments.last().is_some_and(|segment| segment.ident == "Workload").then_some(&block.items)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "trait Ring { fn peers(); }
impl Ring for A { fn peers() { other() } }
impl lab::workload::Workload for A {
    fn spec() -> Spec { spec() }
    /// Others.
    fn peers() -> Vec<Peer<Self>> {
        vec![(\"std\", std)]
    }
    fn sweep() -> Option<Sweep> { None }
    fn submission(&self) { mine() }
    fn import(&self) {}
}
";

    #[test]
    fn what_is_asked_of_the_courses_program_alone_is_gone_and_no_line_is() {
        let left = alone(TEXT).unwrap();
        assert_eq!(left.lines().count(), TEXT.lines().count());
        assert!(!left.contains("std") && !left.contains("sweep") && !left.contains("import"), "{left}");
        for kept in
            ["impl Ring for A { fn peers() { other() } }", "fn spec() -> Spec { spec() }", "fn submission(&self) { mine() }"]
        {
            assert!(left.contains(kept), "{left}");
        }
    }

    #[test]
    fn no_rust_is_an_error() {
        assert!(alone("fn (").is_err());
    }
}
