//! What an exercise's manifest says of it, beyond what [`Catalog::read`] refuses.

use std::path::PathBuf;

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use toml_edit::DocumentMut;

use super::{Finder, read};
use crate::catalog::{Catalog, Exercise, Need, fingerprint};

/// How an exercise can be meant.
const KINDS: [&str; 5] = ["implement", "fix", "optimise", "write-tests", "investigate"];

/// The checks that consist of tests, and the file that holds them.
pub(super) const TEST_FILES: [(&str, &str); 3] =
    [("tests", "tests/behaviour.rs"), ("model", "tests/model.rs"), ("trace", "tests/trace.rs")];

const FILE: &str = "Cargo.toml";

pub(super) fn look(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    place(finder, catalog, exercise);
    words(finder, exercise);
    points(finder, catalog, exercise);
    thresholds(finder, exercise);
    starter(finder, catalog, exercise)?;
    needs(finder, catalog, exercise)?;
    targets(finder, catalog, exercise)
}

/// A submission is compiled without `unsafe` unless the manifest says that it takes some: wrongly said, every honest one fails, or
/// every attack may use it.
fn needs(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    let mut used = false;
    for folder in [catalog.exercise_folder(exercise), catalog.solution_folder(exercise)] {
        for file in exercise.about.files.iter().map(|file| folder.join(file)).filter(|file| file.is_file()) {
            // What is no Rust is told by the compiler.
            used |= read(&file)?.parse().is_ok_and(says_unsafe);
        }
    }
    let granted = exercise.about.needs.contains(&Need::Unsafe);
    let mend = if exercise.about.needs.is_empty() { "write needs = [\"unsafe\"]" } else { "add \"unsafe\" to `needs`" };
    match (granted, used) {
        (false, true) => {
            finder.add(FILE, "the starter or the reference is written with unsafe, and `needs` does not name it", mend)
        }
        (true, false) => finder.add(
            FILE,
            "`needs` names unsafe, and neither the starter nor the reference has any",
            "take it out: submissions are compiled without unsafe code then",
        ),
        _ => {}
    }
    Ok(())
}

/// The keyword itself, and not a comment or the name of a lint.
fn says_unsafe(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "unsafe",
        TokenTree::Group(group) => says_unsafe(group.stream()),
        _ => false,
    })
}

/// Only the later of two says so, by their names: one line a fault.
fn place(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) {
    let order = exercise.about.order;
    let earlier = |other: &&Exercise| other.about.order == order && other.path() < exercise.path();
    if let Some(other) = catalog.exercises.iter().find(earlier) {
        let taken = |order: &u32| catalog.exercises.iter().any(|exercise| exercise.about.order == *order);
        let free = (order..).find(|order| !taken(order)).unwrap_or_default();
        finder.add(
            FILE,
            format!("order = {order} is also that of {}", other.path()),
            format!("write order = {free}, or another"),
        );
    }
}

fn words(finder: &mut Finder, exercise: &Exercise) {
    let about = &exercise.about;
    if !KINDS.contains(&about.kind.as_str()) {
        finder.add(FILE, format!("no kind is called {:?}", about.kind), format!("write one of {}", KINDS.join(", ")));
    }
    let fields = [("title", &about.title), ("summary", &about.summary), ("topic", &about.topic), ("python", &about.python)];
    for (name, text) in fields {
        if text.trim().is_empty() {
            finder.add(FILE, format!("{name} is empty"), format!("write {name} = \"..\" in a few words"));
        }
        // Each is a cell of a table.
        if text.contains(['|', '\n']) {
            finder.add(FILE, format!("{name} holds a `|` or a line break, which breaks the tables"), "write it without");
        }
    }
}

fn points(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) {
    let folder = catalog.exercise_folder(exercise);
    for (check, file) in TEST_FILES {
        match (exercise.about.points.contains_key(check), folder.join(file).is_file()) {
            (true, false) => {
                finder.add(file, format!("it is missing, and there are points for {check}"), "write it, or give none")
            }
            (false, true) => {
                let mend = format!("add `{check} = 1` to [package.metadata.exercise.points], or delete {file}");
                finder.add(FILE, format!("there are no points for {check}, so {file} is never run"), mend);
            }
            _ => {}
        }
    }
    for (check, limit) in &exercise.about.limits {
        // Every exercise has a workload that is run, whether points are given for it or not.
        if check != "speed" && !exercise.about.points.contains_key(check) {
            finder.add(FILE, format!("it limits {check}, which is not made"), format!("delete `{check}` from the limits"));
        } else if !(1.0..=600.0).contains(limit) {
            finder.add(FILE, format!("a limit of {limit} s for {check}"), "write one of 1 to 600 seconds");
        }
    }
}

fn thresholds(finder: &mut Finder, exercise: &Exercise) {
    if let Some(pace) = &exercise.about.speed
        && !(0.0 < pace.full_at && pace.full_at < pace.zero_at)
    {
        finder.add(FILE, "speed: full points must come at a smaller ratio than none, and do not", "write full_at < zero_at");
    }
    if let Some(span) = &exercise.about.span
        && !(0.0 <= span.zero_at && span.zero_at < span.full_at)
    {
        finder.add(FILE, "span: full points must come at a larger parallelism than none, and do not", "write full_at > zero_at");
    }
}

fn starter(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    let starter = &exercise.about.starter;
    if starter.fails.is_empty() {
        finder.add(FILE, "its starter fails nothing", "name the checks in `fails` that a learner has to mend");
    }
    for check in starter.fails.iter().filter(|check| !exercise.about.points.contains_key(*check)) {
        finder.add(FILE, format!("its starter must fail {check}, which is not made"), format!("delete {check:?} from `fails`"));
    }
    for test in &starter.passes {
        let mut found = false;
        for (_, file) in TEST_FILES {
            found |= holds_test(catalog, exercise, file, test)?;
        }
        if !found {
            finder.add(
                FILE,
                format!("its starter passes {test:?}, and no test is called so"),
                "correct or delete it in `passes`",
            );
        }
    }
    Ok(())
}

/// Whether a test file of the exercise holds a test of this name: a macro may have made a test of the word.
pub(super) fn holds_test(catalog: &Catalog, exercise: &Exercise, file: &str, test: &str) -> Result<bool> {
    let path = catalog.exercise_folder(exercise).join(file);
    let name = test.rsplit("::").next().unwrap_or(test);
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    Ok(path.is_file() && read(&path)?.split(|c| !is_part(c)).any(|word| word == name))
}

fn targets(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    let manifest = document(catalog, exercise)?.1;
    let program = format!("{}-workload", exercise.name);
    let programs = manifest.get("bin").and_then(toml_edit::Item::as_array_of_tables).into_iter().flatten();
    if !programs.into_iter().any(|bin| bin.get("name").and_then(toml_edit::Item::as_str) == Some(&program)) {
        let mend = format!("add [[bin]] with name = \"{program}\" and path = \"workload.rs\"");
        finder.add(FILE, "the workload is no program of it", mend);
    }
    let features = manifest.get("features").and_then(toml_edit::Item::as_table_like);
    let has = |feature: &str| features.is_some_and(|features| features.contains_key(feature));
    let model = exercise.about.points.contains_key("model");
    for (feature, wanted, line) in [("workload", true, "workload = []"), ("model", model, "model = [\"lab/model\"]")] {
        if wanted && !has(feature) {
            finder.add(FILE, format!("it has no feature {feature}"), format!("add `{line}` to [features]"));
        }
    }
    let lints = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml_edit::Item::as_bool);
    if lints != Some(true) {
        finder.add(FILE, "it is not held to the course's lints", "add [lints] with `workspace = true`");
    }
    Ok(())
}

/// The path and the content of the exercise's manifest.
pub(super) fn document(catalog: &Catalog, exercise: &Exercise) -> Result<(PathBuf, DocumentMut)> {
    let path = catalog.exercise_folder(exercise).join(FILE);
    let document = read(&path)?.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    Ok((path, document))
}

/// The manifest with the fingerprint of the starter, if it has another.
pub(super) fn fixed(catalog: &Catalog, exercise: &Exercise) -> Result<Option<(PathBuf, String)>> {
    let right = fingerprint(&catalog.exercise_folder(exercise), &exercise.about.files)?;
    if right == exercise.about.starter.fingerprint {
        return Ok(None);
    }
    let (path, mut document) = document(catalog, exercise)?;
    document["package"]["metadata"]["exercise"]["starter"]["fingerprint"] = toml_edit::value(right);
    Ok(Some((path, document.to_string())))
}
