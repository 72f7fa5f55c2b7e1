//! What an object is called in the source: the field or the variable that its line makes it for.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::model::step::ObjectInfo;

/// A name for each object: `locked` where the line that made it tells, `bool#1` where not. Several of one name are numbered.
pub(super) fn of(objects: &[ObjectInfo]) -> Vec<String> {
    let mut files: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let found: Vec<Option<String>> = objects
        .iter()
        .map(|object| {
            let text = files.entry(object.created.file()).or_insert_with(|| source(object.created.file())).as_ref()?;
            let line = text.lines().nth(object.created.line() as usize - 1)?;
            let before: String = line.chars().take(object.created.column() as usize - 1).collect();
            made_for(&before)
        })
        .collect();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    objects
        .iter()
        .zip(&found)
        .map(|(object, name)| match name {
            Some(name) => {
                let alike = found.iter().flatten().filter(|other| *other == name).count();
                let number = seen.entry(name).or_default();
                *number += 1;
                if alike > 1 { format!("{name}#{number}") } else { name.clone() }
            }
            // `AtomicBool#1` is `bool#1`.
            None => format!(
                "{}#{}",
                object.kind.trim_start_matches("Atomic").trim_start_matches("Unsafe").to_lowercase(),
                object.number
            ),
        })
        .collect()
}

/// The text of a file as the compiler names it: relative to the workspace, where a test runs in its package.
fn source(file: &str) -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let places = here.ancestors().map(|folder| folder.join(file)).chain([PathBuf::from(file)]);
    places.into_iter().find(|path| Path::is_file(path)).and_then(|path| fs::read_to_string(path).ok())
}

/// `locked` of `Self { locked: `, and `data` of `let data = Arc::new(`.
fn made_for(before: &str) -> Option<String> {
    let mut rest = before.trim_end();
    // What is made is wrapped: `Arc::new(`, `Box::pin(`, `[`.
    loop {
        let inner = rest.trim_end_matches(['(', '[', '&']).trim_end();
        if inner.len() == rest.len() {
            break;
        }
        rest = inner.trim_end_matches(|letter: char| letter.is_alphanumeric() || "_:<>!".contains(letter)).trim_end();
    }
    let declared = match rest.strip_suffix('=') {
        // The type of a variable is no part of its name.
        Some(variable) => {
            variable.rsplit_once("let ").map_or(variable, |(_, pattern)| pattern.split(':').next().unwrap_or(pattern))
        }
        None => rest.strip_suffix(':')?,
    }
    .trim_end();
    let start = declared.rfind(|letter: char| !(letter.is_alphanumeric() || letter == '_')).map_or(0, |at| at + 1);
    let name = &declared[start..];
    name.starts_with(|letter: char| letter.is_alphabetic() || letter == '_').then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::made_for;

    #[test]
    fn fields_and_variables_give_their_names() {
        for (before, name) in [
            ("        Self { locked: ", Some("locked")),
            ("        Self { locked: AtomicBool::new(false), value: ", Some("value")),
            ("    let data = ", Some("data")),
            ("    let data = Arc::new(", Some("data")),
            ("    let mut data: Arc<AtomicBool> = Arc::new(", Some("data")),
            ("    let letter = Arc::new(Letter { sealed: ", Some("sealed")),
            ("    head: CachePadded::new(", Some("head")),
            ("    let slots = [", Some("slots")),
            ("        Self(", None),
            ("    run(", None),
            ("", None),
        ] {
            assert_eq!(made_for(before).as_deref(), name, "{before:?}");
        }
    }
}
