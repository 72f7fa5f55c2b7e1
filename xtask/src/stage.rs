//! A clean tree to build other people's sources in: the course's own manifests, tests and library, with only the learner's
//! files replaced.
//!
//! It shares cargo's target folder with the course, so that no dependency is built twice for it: the versions, features
//! and profiles are the same to the letter. There is one stage and never a second: to cargo, packages at the same place of two
//! workspaces are one, and it would take what was built in the other stage for up to date.

use std::{
    collections::{BTreeMap, BTreeSet},
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
        stage.write_manifest(None)?;
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
        stage.forget()?;
        Ok(stage)
    }

    /// Removes what an earlier state of the course or an earlier submission has left: cargo would take it for a package, or
    /// for a target of one.
    fn forget(&self) -> Result<()> {
        let all = self.root.join("exercises");
        let folders: Vec<PathBuf> = self.catalog.exercises.iter().map(|exercise| self.folder(exercise)).collect();
        let tracks: BTreeSet<&Path> = folders.iter().filter_map(|folder| folder.parent()).collect();
        keep_only(&all, |path| tracks.contains(path))?;
        for track in tracks {
            keep_only(track, |path| folders.iter().any(|folder| folder == path))?;
        }
        keep_only(&self.root.join("planted"), |path| {
            self.catalog.exercises.iter().any(|exercise| self.planted_folder(exercise) == path)
        })?;
        for exercise in &self.catalog.exercises {
            let (from, folder) = (self.catalog.exercise_folder(exercise), self.folder(exercise));
            for file in files_below(&folder)? {
                let name = file.strip_prefix(&folder).context("a file is below its folder")?;
                if !from.join(name).is_file() {
                    remove(&file)?;
                }
            }
        }
        Ok(())
    }

    fn folder(&self, exercise: &Exercise) -> PathBuf {
        self.root.join("exercises").join(&exercise.track).join(&exercise.name)
    }

    fn planted_folder(&self, exercise: &Exercise) -> PathBuf {
        self.root.join("planted").join(&exercise.name)
    }

    /// The course's own manifest, for the exercises and for what is planted for one of them: what belongs to the others stays
    /// where it is, for the next time, but costs cargo no look at it.
    fn write_manifest(&self, planted: Option<&Exercise>) -> Result<()> {
        let planted = planted.map(|exercise| format!("planted/{}/*", exercise.name));
        let manifest = guest_manifest(&self.catalog.root, std::iter::once("exercises/*/*".to_owned()).chain(planted))?;
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
                remove(&file)?;
            }
        }
        for (name, content) in sources {
            update(&folder.join(name), content)?;
        }
        Ok(Package::new(self.root.clone(), folder, exercise.name.clone(), self.catalog.target.clone()))
    }

    /// Lays out copies of `exercise` beside each other, each with other sources and a name of its own, so that they can be built
    /// at once; what was planted for it before and is not named is removed. What has not changed since then is not built again.
    ///
    /// # Errors
    /// If a folder cannot be written, or a name cannot be a package's.
    pub fn plant<'n>(&self, exercise: &Exercise, all: impl IntoIterator<Item = (&'n str, &'n Sources)>) -> Result<Vec<Package>> {
        let folder = self.planted_folder(exercise);
        let mut packages = Vec::new();
        for (name, sources) in all {
            let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
            anyhow::ensure!(is_name, "{name:?} cannot be planted: its name must consist of letters, digits, `_` and `-`");
            packages.push(self.plant_one(exercise, folder.join(name), format!("-{name}"), sources)?);
        }
        keep_only(&folder, |path| packages.iter().any(|package| package.folder == path))?;
        self.write_manifest(Some(exercise))?;
        Ok(packages)
    }

    fn plant_one(&self, exercise: &Exercise, folder: PathBuf, suffix: String, sources: &Sources) -> Result<Package> {
        let from = self.catalog.exercise_folder(exercise);
        let mut files = sources.clone();
        for path in files_below(&from)? {
            let file = path.strip_prefix(&from).context("a file is below its folder")?;
            let name = file.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned();
            if !file.starts_with("src") {
                files.insert(name, read(&path)?);
            }
        }
        let programs =
            rename(exercise, &mut files, &suffix).with_context(|| format!("cannot plant a copy of {}", from.display()))?;
        for (file, content) in &mut files {
            if file.ends_with(".rs") && !file.starts_with("src/") {
                point_to_renamed(content, &programs, &suffix);
            }
        }
        for path in files_below(&folder)? {
            let file = path.strip_prefix(&folder).ok().and_then(Path::to_str).unwrap_or_default();
            if !files.contains_key(file) {
                remove(&path)?;
            }
        }
        for (file, content) in &files {
            update(&folder.join(file), content)?;
        }
        let name = format!("{}{suffix}", exercise.name);
        Ok(Package { suffix, ..Package::new(self.root.clone(), folder, name, self.catalog.target.clone()) })
    }
}

/// The manifest of the course at `root` for a workspace elsewhere, with other members: the same versions, features and profiles,
/// and the course's own library.
///
/// # Errors
/// If the course's manifest cannot be read.
pub fn guest_manifest(root: &Path, members: impl IntoIterator<Item = String>) -> Result<toml_edit::DocumentMut> {
    let path = root.join("Cargo.toml");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut manifest: toml_edit::DocumentMut = text.parse().with_context(|| format!("{} is not TOML", path.display()))?;
    // Here the library is none of the workspace's own packages, but it is to run as fast in a model as it does there.
    for setting in ["opt-level", "debug"] {
        let own = manifest.get("profile").and_then(|profiles| profiles.get("dev")).and_then(|dev| dev.get(setting)).cloned();
        if let Some(own) = own {
            manifest["profile"]["dev"]["package"]["lab"][setting] = own;
        }
    }
    let workspace = &mut manifest["workspace"];
    workspace["members"] = toml_edit::value(toml_edit::Array::from_iter(members));
    if let Some(table) = workspace.as_table_mut() {
        table.remove("default-members");
    }
    // From where the course's manifest stands, or absolute.
    let lab = workspace["dependencies"]["lab"].get("path").and_then(toml_edit::Item::as_str).unwrap_or("lab");
    let lab = root.join(lab);
    workspace["dependencies"]["lab"]["path"] = toml_edit::value(lab.to_str().context("the course's path is not UTF-8")?);
    Ok(manifest)
}

/// Gives the package and its programs names of their own in the manifest, and leaves its library the one by which the tests know
/// it. Returns what the programs were called.
fn rename(exercise: &Exercise, files: &mut Sources, suffix: &str) -> Result<Vec<String>> {
    let content = files.get_mut("Cargo.toml").context("it has no Cargo.toml")?;
    let mut manifest: toml_edit::DocumentMut = std::str::from_utf8(content)?.parse()?;
    manifest["package"]["name"] = toml_edit::value(format!("{}{suffix}", exercise.name));
    manifest["lib"]["name"] = toml_edit::value(exercise.name.as_str());
    let mut programs = Vec::new();
    let tables = manifest.get_mut("bin").and_then(toml_edit::Item::as_array_of_tables_mut);
    for program in tables.into_iter().flat_map(toml_edit::ArrayOfTables::iter_mut) {
        let name = program.get("name").and_then(toml_edit::Item::as_str).context("a [[bin]] has no name")?.to_owned();
        program["name"] = toml_edit::value(format!("{name}{suffix}"));
        programs.push(name);
    }
    *content = manifest.to_string().into_bytes();
    Ok(programs)
}

/// Cargo tells a test where a program of its package is, by the program's name.
fn point_to_renamed(content: &mut Vec<u8>, programs: &[String], suffix: &str) {
    let Ok(text) = std::str::from_utf8(content) else { return };
    let renamed = programs.iter().fold(text.to_owned(), |text, program| {
        text.replace(&format!("\"CARGO_BIN_EXE_{program}\""), &format!("\"CARGO_BIN_EXE_{program}{suffix}\""))
    });
    *content = renamed.into_bytes();
}

/// The learner's files as they stand in `folder`.
///
/// # Errors
/// If one is missing or cannot be read.
pub fn sources_in(folder: &Path, exercise: &Exercise) -> Result<Sources> {
    exercise.about.files.iter().map(|file| Ok((file.clone(), read(&folder.join(file))?))).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Waits until nobody else has the stage, and keeps it until the file is closed.
pub(crate) fn alone(root: &Path) -> Result<File> {
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
pub(crate) fn update(path: &Path, content: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == content) {
        return Ok(());
    }
    crate::results::write_whole(path, content)
}

/// Removes what is directly in `folder` and not `wanted`.
pub(crate) fn keep_only(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        if !wanted(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// A link is removed itself, and not what it leads to.
fn remove(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// Copies a folder, build folders left out, and writes only what differs.
///
/// # Errors
/// If a file cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let name = file.strip_prefix(from).context("a file is below its folder")?;
        update(&to.join(name), &read(&file)?)?;
    }
    Ok(())
}

/// Every file below a folder, build folders left out; none where there is no such folder.
///
/// # Errors
/// If a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::find_root;

    #[test]
    fn the_stage_forgets_what_is_not_in_the_course() {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("stage");
        let stage = Stage { catalog: &catalog, alone: alone(&root).unwrap(), root };
        let exercise = &catalog.exercises[0];
        copy_tree(&catalog.exercise_folder(exercise), &stage.folder(exercise)).unwrap();
        for other in &catalog.exercises {
            fs::create_dir_all(stage.folder(other)).unwrap();
        }
        let kept = stage.folder(exercise).join("Cargo.toml");
        let left = ["old/gone/Cargo.toml".to_owned(), format!("{}/gone/Cargo.toml", exercise.track), {
            format!("{}/tests/planted.rs", exercise.path())
        }];
        let left = left.map(|file| stage.root.join("exercises").join(file));
        for file in &left {
            update(file, b"").unwrap();
        }
        stage.forget().unwrap();
        assert!(kept.is_file());
        assert_eq!(left.iter().filter(|file| file.exists()).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
        assert!(!stage.root.join("exercises/old").exists());
    }
}
