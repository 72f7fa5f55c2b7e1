//! The submissions as JPlag takes them: a folder for each student, and the starter as base code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{alike::sources, folders::entries, store::Store};
use crate::{catalog::Catalog, results::write_whole};

const README: &str = "\
# Similar submissions

What each student handed in, as far as it was graded, and in `base` the starters, which everybody has and which count as no
similarity. [JPlag](https://github.com/jplag/JPlag) compares them on this machine, with Java:

    java -jar jplag.jar -l rust -bc base -r report submissions

`-t 8` finds shorter passages than usual; exercises of few lines are alike by themselves. What it finds is a question to two
people, and no answer.
";

/// Writes `submissions/<id>/..`, `base/..` and a README to `into`, of the results in `out`; returns how many submissions.
///
/// # Errors
/// If something cannot be read or written, nothing was graded, or `into` holds something else than an earlier export.
pub fn export(out: &Path, submissions: &Path, catalog: &Catalog, into: &Path) -> Result<usize> {
    let store = Store::new(out);
    let folders = entries(submissions)?;
    ours_or_empty(into)?;
    write_whole(&into.join("README.md"), README.as_bytes())?;
    let mut written = 0;
    // What was exported before, of somebody who is not here any more, is compared no more.
    for old in [into.join("submissions"), into.join("base")] {
        if old.exists() {
            fs::remove_dir_all(&old).with_context(|| format!("cannot take {} away", old.display()))?;
        }
    }
    for stored in store.all()? {
        let folder = folders.iter().find(|entry| entry.id == stored.id).and_then(|entry| entry.folder.as_ref().ok());
        let Some(folder) = folder else { continue };
        let all = sources(catalog, folder, &stored.results);
        for (exercise, files) in &all {
            for (name, content) in files {
                let file = Path::new("exercises").join(exercise).join(name);
                write_whole(&into.join("submissions").join(&stored.id).join(&file), content)?;
                base(&catalog.root, &file, into)?;
            }
        }
        written += usize::from(!all.is_empty());
    }
    anyhow::ensure!(written > 0, "{} holds no graded submission; grade the class first", out.display());
    Ok(written)
}

/// What was exported before is taken away; nobody else's files are.
fn ours_or_empty(into: &Path) -> Result<()> {
    let is_empty = fs::read_dir(into).map_or(true, |mut entries| entries.next().is_none());
    let is_ours = || fs::read_to_string(into.join("README.md")).is_ok_and(|text| text == README);
    anyhow::ensure!(is_empty || is_ours(), "{} holds other files; name a folder that is empty, or not there", into.display());
    Ok(())
}

/// The starter's file, where there is one.
fn base(course: &Path, file: &Path, into: &Path) -> Result<()> {
    let (given, copy): (PathBuf, PathBuf) = (course.join(file), into.join("base").join(file));
    if copy.exists() || !given.is_file() {
        return Ok(());
    }
    let text = fs::read(&given).with_context(|| format!("cannot read {}", given.display()))?;
    write_whole(&copy, &text)
}
