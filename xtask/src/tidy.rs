//! Keeps in step what the same fact is told in: manifests, the table of exercises, handouts, hints, solutions and patches.
//!
//! What a compiler or `cargo xtask verify` would find is left to them; this reads files and runs nothing.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Serialize;

pub use readme::{empty_table, table};

use crate::{
    catalog::{Catalog, Exercise, fingerprint},
    results::write_whole,
    stage::files_below,
};

mod handout;
mod manifest;
mod patches;
mod readme;
mod rust;
mod solution;

/// The command that writes what can be derived.
const FIX: &str = "cargo xtask tidy --fix";

/// Something that is out of step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The file, from the root of the course on.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
    /// The command or the edit that mends it.
    pub mend: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.file, self.what, self.mend)
    }
}

/// Gathers the faults of one folder.
#[derive(Debug)]
struct Finder {
    /// From the root of the course on.
    folder: String,
    faults: Vec<Fault>,
}

impl Finder {
    fn of(folder: String) -> Self {
        Self { folder, faults: Vec::new() }
    }

    fn add(&mut self, file: &str, what: impl fmt::Display, mend: impl fmt::Display) {
        let file = if self.folder.is_empty() { file.to_owned() } else { format!("{}/{file}", self.folder) };
        self.faults.push(Fault { file, what: what.to_string(), mend: mend.to_string() });
    }
}

/// Everything that is out of step in the course at `root`, in the order of the course.
///
/// # Errors
/// If a file that is there cannot be read.
pub fn look(root: &Path) -> Result<Vec<Fault>> {
    let catalog = match Catalog::read(root) {
        Ok(catalog) => catalog,
        Err(error) => return Ok(vec![unreadable(root, &error)]),
    };
    let mut faults = readme::look(&catalog)?;
    for exercise in &catalog.exercises {
        faults.extend(look_at(&catalog, exercise)?);
    }
    faults.extend(rust::look(root)?);
    Ok(faults)
}

/// A manifest that cannot be read hides everything else.
fn unreadable(root: &Path, error: &anyhow::Error) -> Fault {
    let root = format!("{}/", root.display());
    let what = format!("{error:#}").replace(&root, "").split_whitespace().collect::<Vec<_>>().join(" ");
    Fault { file: "exercises".into(), what, mend: "edit that manifest; nothing else was looked at".into() }
}

fn look_at(catalog: &Catalog, exercise: &Exercise) -> Result<Vec<Fault>> {
    let (given, solved) = (catalog.exercise_folder(exercise), catalog.solution_folder(exercise));
    let mut own = Finder::of(format!("exercises/{}", exercise.path()));
    manifest::look(&mut own, catalog, exercise)?;
    must_exist(&mut own, &given, &["README.md", "hints.md", "workload.rs"], "write it; threads/spin_lock has one to look at");
    must_exist(&mut own, &given, &exercise.about.files, "write it, or take it out of `files` in Cargo.toml");
    starter(&mut own, &given, exercise)?;
    handout::look(&mut own, &given, exercise)?;
    unwritten(&mut own, &given, &["Cargo.toml", "README.md", "hints.md"])?;

    let mut other = Finder::of(format!("solutions/{}", exercise.path()));
    must_exist(&mut other, &solved, &["NOTES.md"], "write why the reference is right, and the common mistakes");
    must_exist(&mut other, &solved, &exercise.about.files, "write the reference");
    solution::look(&mut other, catalog, exercise)?;
    handout::links(&mut other, &solved, "NOTES.md")?;
    unwritten(&mut other, &solved, &["NOTES.md"])?;
    patches::look(&mut other, catalog, exercise)?;
    Ok([own.faults, other.faults].concat())
}

fn must_exist(finder: &mut Finder, folder: &Path, files: &[impl AsRef<str>], mend: &str) {
    for file in files.iter().map(AsRef::as_ref).filter(|file| !folder.join(file).is_file()) {
        finder.add(file, "it is missing", mend);
    }
}

/// What a template has left to its author.
fn unwritten(finder: &mut Finder, folder: &Path, files: &[&str]) -> Result<()> {
    for file in files.iter().filter(|file| folder.join(file).is_file()) {
        let text = read(&folder.join(file))?;
        let open: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| line.contains("TODO")).collect();
        for (number, line) in open {
            finder.add(file, format!("line {number} says `{}`", line.trim()), "write what belongs there");
        }
    }
    Ok(())
}

fn starter(finder: &mut Finder, folder: &Path, exercise: &Exercise) -> Result<()> {
    let files = &exercise.about.files;
    for path in files_below(&folder.join("src"))? {
        let name = path.strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default();
        if !files.iter().any(|file| file == name) {
            // A submission is built of the files that are named, and of no others.
            finder.add(
                "Cargo.toml",
                format!("`files` does not name {name}"),
                "name it there: all that is below src/ is the learner's",
            );
        }
    }
    // Those that are missing are told already.
    if files.iter().any(|file| !folder.join(file).is_file()) {
        return Ok(());
    }
    if fingerprint(folder, files)? != exercise.about.starter.fingerprint {
        finder.add("Cargo.toml", "its fingerprint is not that of the starter", FIX);
    }
    let mut todo = false;
    for file in files {
        todo |= read(&folder.join(file))?.contains("todo!(");
    }
    if exercise.about.kind == "implement" && !todo {
        finder.add(&files[0], "a starter of kind implement has no todo!", "put todo!(\"step 1: ..\") at each spot to be written");
    }
    Ok(())
}

/// Writes what can be derived: the table of exercises, the fingerprints, and the manifests of the solutions. Returns the files
/// that have changed, from the root of the course on.
///
/// # Errors
/// If the course cannot be read, or a file cannot be written.
pub fn fix(root: &Path) -> Result<Vec<String>> {
    let catalog = Catalog::read(root)?;
    let mut wanted: Vec<(PathBuf, String)> = Vec::new();
    wanted.extend(readme::fixed(&catalog)?.map(|text| (root.join("README.md"), text)));
    for exercise in &catalog.exercises {
        wanted.extend(manifest::fixed(&catalog, exercise)?);
        wanted.extend(solution::fixed(&catalog, exercise)?);
    }
    for (path, text) in &wanted {
        write_whole(path, text.as_bytes())?;
    }
    Ok(wanted.iter().map(|(path, _)| from_root(root, path)).collect())
}

fn from_root(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
