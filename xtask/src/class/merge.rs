//! Puts the results of several batches together: of shards that did not share a folder.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use super::{
    claim::{Claim, Tried},
    marks::Class,
    overrides,
    store::{Store, Stored},
    written,
};
use crate::results::State;

/// Copies every result of `outs` into `into`, which may be one of them, and writes what is written over the class. Returns
/// these files.
///
/// Where the same submission is in two, of the same files, the newer result is kept, but never an error in the place of a
/// grade. Nothing is kept of two that were made of different files: which one counts is not for a program to guess.
///
/// # Errors
/// If that happens, if two results were graded by different versions of the course, or with other options (points of two
/// courses make no class), an override is about nothing, or something cannot be read or written. Then nothing was copied.
pub fn merge(outs: &[PathBuf], into: &Path, overrides: Option<&Path>) -> Result<Vec<PathBuf>> {
    let target = Store::new(into);
    let mut all: BTreeMap<String, (PathBuf, Stored)> = BTreeMap::new();
    for out in outs {
        let store = Store::new(out);
        let found = store.all()?;
        if found.is_empty() {
            bail!("{} holds no results; name the folder that --out named", out.display());
        }
        add(&mut all, out, found)?;
    }
    if !outs.iter().any(|out| is_same(out, into)) {
        add(&mut all, into, target.all()?)?;
    }
    same_course(&all)?;
    if let Some(path) = overrides {
        // Before anything is written.
        overrides::apply(&mut Class::new(all.values().map(|(_, stored)| stored.clone()).collect()), path)?;
    }
    for (out, stored) in all.values() {
        if !is_same(out, into) {
            match Claim::take(&target.folder(&stored.id))? {
                Tried::Ours(_claim) => target.copy(&Store::new(out), &stored.id)?,
                Tried::Held(who) => bail!("{} in {} is being graded by {who}; wait for it", stored.id, into.display()),
            }
        }
    }
    written::write(&target, overrides)
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.canonicalize().ok().zip(b.canonicalize().ok()).is_some_and(|(a, b)| a == b)
}

fn add(all: &mut BTreeMap<String, (PathBuf, Stored)>, out: &Path, found: Vec<Stored>) -> Result<()> {
    for stored in found {
        let new = (out.to_owned(), stored);
        let id = new.1.id.clone();
        let kept = match all.remove(&id) {
            Some(old) => better(old, new)?,
            None => new,
        };
        all.insert(id, kept);
    }
    Ok(())
}

/// Of two results of the same submission, the one that counts.
fn better(old: (PathBuf, Stored), new: (PathBuf, Stored)) -> Result<(PathBuf, Stored)> {
    let is_error = |stored: &Stored| matches!(stored.state(), State::Error(_));
    if files_of(&old.1) != files_of(&new.1) {
        bail!(
            "{} was graded from different files in {} and in {}; take the older one of {} away in one of them, or grade it again",
            old.1.id,
            old.0.display(),
            new.0.display(),
            PathBuf::from("submissions").join(&old.1.id).display()
        );
    }
    let order = |stored: &Stored| (!is_error(stored), stored.results.started.parse::<jiff::Timestamp>().ok());
    Ok(if order(&new.1) > order(&old.1) { new } else { old })
}

/// What tells whether two results are of the same files.
fn files_of(stored: &Stored) -> String {
    let told = || stored.results.submission.as_ref().map(|submission| submission.fingerprint.clone()).unwrap_or_default();
    stored.key.as_ref().map_or_else(told, |key| key.files.clone())
}

fn same_course(all: &BTreeMap<String, (PathBuf, Stored)>) -> Result<()> {
    let mut courses = all.values().filter_map(|(out, stored)| Some((out, &stored.id, &stored.key.as_ref()?.course)));
    let Some((out, id, course)) = courses.next() else { return Ok(()) };
    match courses.find(|(.., other)| *other != course) {
        None => Ok(()),
        Some((other_out, other_id, other)) => bail!(
            "{id} in {} and {other_id} in {} were graded by different courses, toolchains or options ({course}; {other}); \
             grade one of them again",
            out.display(),
            other_out.display()
        ),
    }
}
