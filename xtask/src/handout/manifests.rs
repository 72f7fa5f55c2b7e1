//! The manifests of a handout: the course's own, without what is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context, Result};
use toml_edit::{Array, DocumentMut, Item, value};

use crate::catalog::{Catalog, Exercise};

/// The tables of a manifest that name packages.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// By path, from the handout's folder on.
pub(super) fn of(catalog: &Catalog, exercises: &[&Exercise]) -> Result<BTreeMap<String, DocumentMut>> {
    let read = |path: &str| -> Result<DocumentMut> {
        let file = catalog.root.join(path);
        let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        text.parse().with_context(|| format!("{} is not TOML", file.display()))
    };
    let mut manifests = BTreeMap::new();
    let mut add = |path: String, edit: fn(&mut DocumentMut)| -> Result<()> {
        let mut manifest = read(&path)?;
        edit(&mut manifest);
        manifests.insert(path, manifest);
        Ok(())
    };
    add("lab/Cargo.toml".into(), without_tests)?;
    add("xtask/Cargo.toml".into(), learners_runner)?;
    add("benches/Cargo.toml".into(), without_peers)?;
    for exercise in exercises {
        add(format!("exercises/{}/Cargo.toml", exercise.path()), |_as_it_is| ())?;
    }
    let mut workspace = read("Cargo.toml")?;
    prune_workspace(&mut workspace, manifests.values());
    manifests.insert("Cargo.toml".into(), workspace);
    Ok(manifests)
}

/// The tests and examples of the library and the runner prove the course; a learner's copy has the sources alone.
fn without_tests(manifest: &mut DocumentMut) {
    for table in ["test", "example", "dev-dependencies"] {
        manifest.remove(table);
    }
}

fn learners_runner(manifest: &mut DocumentMut) {
    without_tests(manifest);
    if let Some(features) = manifest.get_mut("features").and_then(Item::as_table_mut) {
        features.insert("default", value(Array::new()));
    }
}

/// The peers that have packages of their own are for the course's report; those in the workloads are the learner's too.
fn without_peers(manifest: &mut DocumentMut) {
    for table in ["features", "dependencies", "bin", "test"] {
        manifest.remove(table);
    }
}

/// The packages that a manifest names.
fn named(manifest: &DocumentMut) -> BTreeSet<String> {
    let tables = DEPENDENCIES.iter().filter_map(|table| manifest.get(table)?.as_table_like());
    tables.flat_map(|table| table.iter().map(|(name, _)| name.to_owned())).collect()
}

fn prune_workspace<'a>(manifest: &mut DocumentMut, members: impl Iterator<Item = &'a DocumentMut>) {
    let wanted: BTreeSet<String> = members.flat_map(named).collect();
    let workspace = &mut manifest["workspace"];
    workspace["members"] = value(Array::from_iter(["lab", "xtask", "benches", "exercises/*/*"]));
    workspace["default-members"] = value(Array::from_iter(["exercises/*/*"]));
    if let Some(table) = workspace.as_table_mut() {
        // What stood above it was about the starters in the course.
        if let Some(mut key) = table.key_mut("default-members") {
            key.leaf_decor_mut().set_prefix("# `cargo test` is about your work; `cargo xtask check` asks for more.\n");
        }
    }
    if let Some(table) = workspace["dependencies"].as_table_like_mut() {
        let known: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
        for name in known.iter().filter(|name| !wanted.contains(*name) && !["lab", "xtask"].contains(&name.as_str())) {
            table.remove(name);
        }
    }
}
