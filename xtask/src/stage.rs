//! A clean tree to build other people's sources in: the course's own manifests, tests and library, with only the learner's
//! files replaced.
//!
//! It shares cargo's target folder with the course, so that no dependency is built twice for it: the versions, features
//! and profiles are the same to the letter. There is one stage and never a second: to cargo, packages at the same place of two
//! workspaces are one, and it would take what was built in the other stage for up to date.

use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    build::Package,
    catalog::{Catalog, Exercise},
    screen::{status, status_over},
};

/// A learner's files by their path below the exercise, such as `src/lib.rs`.
pub type Sources = BTreeMap<String, Vec<u8>>;

/// The tree.
#[derive(Debug)]
pub struct Stage<'a> {
    catalog: &'a Catalog,
    root: PathBuf,
    /// Locked while the stage is open, so that nobody else puts sources there between a build and its run.
    #[expect(dead_code, reason = "closing it is what unlocks it")]
    alone: File,
}

impl<'a> Stage<'a> {
    /// Lays out the workspace, with every exercise as it is handed out. Waits for whoever is on the stage already.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn open(catalog: &'a Catalog) -> Result<Self> {
        let root = catalog.scratch().join("stage");
        let stage = Self { catalog, alone: alone(&root)?, root };
        stage.write_manifest()?;
        for file in ["Cargo.lock", "clippy.toml"] {
            let source = catalog.root.join(file);
            if source.is_file() {
                update(&stage.root.join(file), &read(&source)?)?;
            }
        }
        for exercise in &catalog.exercises {
            let from = catalog.exercise_folder(exercise);
            copy_tree(&from, &stage.folder(exercise))?;
        }
        Ok(stage)
    }

    fn folder(&self, exercise: &Exercise) -> PathBuf {
        self.root.join("exercises").join(&exercise.track).join(&exercise.name)
    }

    fn write_manifest(&self) -> Result<()> {
        let path = self.catalog.root.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut manifest: toml_edit::DocumentMut = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
        let workspace = &mut manifest["workspace"];
        workspace["members"] = toml_edit::value(toml_edit::Array::from_iter(["exercises/*/*"]));
        if let Some(table) = workspace.as_table_mut() {
            table.remove("default-members");
        }
        let lab = self.catalog.root.join("lab");
        workspace["dependencies"]["lab"]["path"] = toml_edit::value(lab.to_str().context("the course's path is not UTF-8")?);
        update(&self.root.join("Cargo.toml"), manifest.to_string().as_bytes())
    }

    /// Puts `sources` in the place of the learner's files of `exercise`; what they do not name is removed.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn put(&self, exercise: &Exercise, sources: &Sources) -> Result<Package> {
        let folder = self.folder(exercise);
        for file in files_below(&folder.join("src"))? {
            let name = file.strip_prefix(&folder).ok().and_then(Path::to_str).unwrap_or_default();
            if !sources.contains_key(name) {
                fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
            }
        }
        for (name, content) in sources {
            update(&folder.join(name), content)?;
        }
        Ok(Package { workspace: self.root.clone(), folder, name: exercise.name.clone(), target: self.catalog.target() })
    }
}

/// The learner's files as they stand in `folder`.
///
/// # Errors
/// If one is missing or cannot be read.
pub fn sources_in(folder: &Path, exercise: &Exercise) -> Result<Sources> {
    exercise.about.files.iter().map(|file| Ok((file.clone(), read(&folder.join(file))?))).collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Waits until nobody else has the stage, and keeps it until the file is closed.
fn alone(root: &Path) -> Result<File> {
    let path = root.with_extension("lock");
    let attempt = || -> std::io::Result<File> {
        fs::create_dir_all(root)?;
        let file = File::create(&path)?;
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => status("waiting for another command of the course to end"),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        file.lock()?;
        status_over();
        Ok(file)
    };
    attempt().with_context(|| format!("cannot lock {}", path.display()))
}

/// Writes only what differs: cargo builds again whatever looks newer.
fn update(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    crate::results::write_whole(path, content)
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let name = file.strip_prefix(from).context("a file is below its folder")?;
        update(&to.join(name), &read(&file)?)?;
    }
    Ok(())
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", folder.display())),
        };
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot read {}", folder.display()))?;
            // A build folder of a learner who ran cargo inside an exercise is no part of it.
            if entry.file_type()?.is_dir() && entry.file_name() != "target" {
                open.push(entry.path());
            } else if entry.file_type()?.is_file() {
                files.push(entry.path());
            }
        }
    }
    Ok(files)
}
