//! The table of exercises in the course's own README.

use anyhow::Result;

use super::{FIX, Fault, Finder, handout::links, read};
use crate::catalog::{Catalog, Exercise};

const FILE: &str = "README.md";

/// The lines between which the table stands.
const MARKS: [&str; 2] = [
    "<!-- The table of exercises: written by `cargo xtask tidy --fix` from their manifests. -->",
    "<!-- The end of the table. -->",
];

pub(super) fn look(catalog: &Catalog) -> Result<Vec<Fault>> {
    let mut finder = Finder::of(String::new());
    let text = read(&catalog.root.join(FILE))?;
    match with_table(&text, &table(&catalog.exercises)) {
        None => {
            let mend = format!("put it between the lines `{}` and `{}`", MARKS[0], MARKS[1]);
            finder.add(FILE, "its table of exercises is not marked", mend);
        }
        Some(right) if right != text => finder.add(FILE, "its table of exercises is not what the manifests say", FIX),
        Some(_) => {}
    }
    links(&mut finder, &catalog.root, FILE)?;
    Ok(finder.faults)
}

/// The file with the right table, if it has another.
pub(super) fn fixed(catalog: &Catalog) -> Result<Option<String>> {
    let text = read(&catalog.root.join(FILE))?;
    Ok(with_table(&text, &table(&catalog.exercises)).filter(|right| *right != text))
}

/// A README that holds nothing but the place of the table.
pub fn empty_table() -> String {
    format!("{}\n{}\n", MARKS[0], MARKS[1])
}

fn with_table(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}\n\n{table}\n{}{after}", MARKS[0], MARKS[1]))
}

/// A row for each exercise, with the header: what the course's README shows, and a handout's.
pub fn table<'a>(exercises: impl IntoIterator<Item = &'a Exercise>) -> String {
    let row = |exercise: &Exercise| {
        let (path, about) = (exercise.path(), &exercise.about);
        let checks = exercise.checks().join(", ");
        format!("| [`{path}`](exercises/{path}/README.md) | {} | {} | {checks} |\n", about.summary, about.python)
    };
    let header = "| exercise | the one idea | Python counterpart | checks |\n| --- | --- | --- | --- |\n";
    std::iter::once(header.to_owned()).chain(exercises.into_iter().map(row)).collect()
}
