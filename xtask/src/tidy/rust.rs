//! What every Rust file of the course is held to, and no compiler looks at.

use std::path::Path;

use anyhow::Result;

use super::{Fault, Finder, from_root, read};
use crate::{grade::screen::imported_whole, harness, stage::files_below};

/// Where Rust files are.
const FOLDERS: [&str; 5] = ["benches", "exercises", "lab", "solutions", "xtask"];

pub(super) fn look(root: &Path) -> Result<Vec<Fault>> {
    let mut finder = Finder::of(String::new());
    for folder in FOLDERS {
        let mut paths = files_below(&root.join(folder))?;
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "rs")) {
            one(&mut finder, &from_root(root, path), &read(path)?);
        }
    }
    Ok(finder.faults)
}

/// The exercise that a file is not the learner's own of: its tests and its workload.
fn judged_by(file: &str) -> Option<&str> {
    let mut parts = file.strip_prefix("exercises/")?.split('/');
    let (_track, exercise, part) = (parts.next()?, parts.next()?, parts.next()?);
    ["tests", "workload.rs"].contains(&part).then_some(exercise)
}

/// Whether it is the main file of tests that the grader makes: `exercises/<track>/<name>/tests/model.rs`.
fn is_of_tests(file: &str) -> bool {
    let parts: Vec<&str> = file.split('/').collect();
    matches!(parts.as_slice(), ["exercises" | "solutions", _, _, "tests", _])
}

fn one(finder: &mut Finder, file: &str, text: &str) {
    let first = text.lines().find(|line| !line.trim().is_empty());
    if !first.is_some_and(|line| line.starts_with("//!")) {
        finder.add(file, "it does not begin with `//!`", "say in one sentence what it is: `//! ..` in its first line");
    }
    for (number, line) in (1..).zip(text.lines()) {
        // Lints that are switched off for good are forgotten: an expectation says when it is no longer needed.
        if line.trim_start().starts_with("#[allow(") || line.trim_start().starts_with("#![allow(") {
            finder.add(
                file,
                format!("`allow` in line {number}"),
                "write #[expect(.., reason = \"..\")], or mend what the lint says",
            );
        }
    }
    if is_of_tests(file)
        && let Err(why) = harness::tests_of(text)
    {
        finder.add(file, format!("{why:#}"), "the grader finds tests by reading: see exercises/README.md");
    }
    let Some(exercise) = judged_by(file) else { return };
    for (_, line) in imported_whole(text).into_iter().filter(|(name, _)| name == exercise) {
        finder.add(
            file,
            format!("line {line} imports all that is in {exercise}"),
            "name what it uses: a learner's crate may bring an `assert_eq!` or a `u64` of its own",
        );
    }
}
