//! A solution's manifest is the exercise's own, told of other places.

use std::path::PathBuf;

use anyhow::{Context, Result};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use super::{FIX, Finder, manifest, read};
use crate::catalog::{Catalog, Exercise};

const FILE: &str = "Cargo.toml";

/// Tables that both have, word by word.
const SHARED: [&str; 4] = ["features", "dependencies", "dev-dependencies", "build-dependencies"];

pub(super) fn look(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    if fixed(catalog, exercise)?.is_some() {
        let missing = !catalog.solution_folder(exercise).join(FILE).is_file();
        let what = if missing { "it is missing" } else { "its targets, features or dependencies are not the exercise's" };
        finder.add(FILE, what, FIX);
    }
    Ok(())
}

/// The manifest that the exercise's own asks for, if the solution has one that says anything else. Comments and the order of
/// tables are the author's.
pub(super) fn fixed(catalog: &Catalog, exercise: &Exercise) -> Result<Option<(PathBuf, String)>> {
    let path = catalog.solution_folder(exercise).join(FILE);
    let right = derived(catalog, exercise)?;
    let same = path.is_file() && meaning(&read(&path)?).ok() == Some(meaning(&right)?);
    Ok((!same).then_some((path, right)))
}

fn derived(catalog: &Catalog, exercise: &Exercise) -> Result<String> {
    let given = manifest::document(catalog, exercise)?.1;
    let mut package = given.get("package").and_then(Item::as_table).context("it has no [package]")?.clone();
    package.remove("metadata");
    package["name"] = toml_edit::value(format!("{}-solution", exercise.name));
    let mut text = format!("[package]\n{package}\n[lib]\nname = \"{}\"\n", exercise.name);
    let table = |name: &str| given.get(name).and_then(Item::as_table);
    for name in SHARED {
        if let Some(table) = table(name) {
            text.push_str(&format!("\n[{name}]\n{table}"));
        }
    }
    for test in tests(catalog, exercise, &given)? {
        text.push_str(&format!("\n[[test]]\n{test}"));
    }
    for program in given.get("bin").and_then(Item::as_array_of_tables).into_iter().flat_map(ArrayOfTables::iter) {
        text.push_str(&format!("\n[[bin]]\n{}", pointing_into(exercise, program.clone())));
    }
    if let Some(lints) = table("lints") {
        text.push_str(&format!("\n[lints]\n{lints}"));
    }
    // What it says of its own hidden tests is the author's.
    if let Some(metadata) = own_metadata(catalog, exercise) {
        let mut manifest: DocumentMut = text.parse()?;
        manifest["package"]["metadata"] = metadata;
        text = manifest.to_string();
    }
    Ok(text)
}

fn own_metadata(catalog: &Catalog, exercise: &Exercise) -> Option<Item> {
    let own: DocumentMut = read(&catalog.solution_folder(exercise).join(FILE)).ok()?.parse().ok()?;
    own.get("package")?.get("metadata").cloned()
}

/// Cargo finds the tests of an exercise by itself, and those of a solution only where they are named.
fn tests(catalog: &Catalog, exercise: &Exercise, given: &DocumentMut) -> Result<Vec<Table>> {
    let named: Vec<&Table> =
        given.get("test").and_then(Item::as_array_of_tables).into_iter().flat_map(ArrayOfTables::iter).collect();
    let called = |table: &Table, name: &str| table.get("name").and_then(Item::as_str) == Some(name);
    let mut tests = Vec::new();
    for (_, file) in manifest::TEST_FILES {
        if !catalog.exercise_folder(exercise).join(file).is_file() {
            continue;
        }
        let name = file.trim_start_matches("tests/").trim_end_matches(".rs");
        let mut test = Table::new();
        test.insert("name", toml_edit::value(name));
        test.insert("path", toml_edit::value(file));
        if let Some(named) = named.iter().find(|table| called(table, name)) {
            test.extend(named.iter().filter(|(key, _)| !["name", "path"].contains(key)).map(|(key, item)| (key, item.clone())));
        }
        tests.push(pointing_into(exercise, test));
    }
    Ok(tests)
}

/// The target with its path from the solution's folder on; what a learner writes, the solution has itself.
fn pointing_into(exercise: &Exercise, mut target: Table) -> Table {
    if let Some(path) = target.get("path").and_then(Item::as_str).filter(|path| !path.starts_with("src/")) {
        target["path"] = toml_edit::value(format!("../../../exercises/{}/{path}", exercise.path()));
    }
    target
}

/// What a manifest says, whatever the order in which it says it.
fn meaning(text: &str) -> Result<serde_json::Value> {
    let mut value: serde_json::Value = toml_edit::de::from_str(text)?;
    for kind in ["test", "bin"] {
        if let Some(targets) = value.get_mut(kind).and_then(serde_json::Value::as_array_mut) {
            targets.sort_by_key(|target| target["name"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(value)
}
