//! Puts a handout in its place: whole or not at all, and later again without a loss of what a learner wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tempfile::TempDir;

use super::{
    Course, FILE, Secrets,
    contents::{Files, files},
};
use crate::{
    catalog::{Catalog, Exercise},
    results::write_whole,
};

/// How many leaks an error names.
const SHOWN: usize = 20;

/// Writes the handout to `folder`, which must be empty or not there; with `git`, as a repository of one commit. Returns its
/// files, from there on.
///
/// # Errors
/// If the folder is in use or inside the course, something would leak, or a file cannot be written: then nothing is there.
pub fn write(catalog: &Catalog, exercises: &[&Exercise], folder: &Path, date: &str, git: bool) -> Result<Files> {
    let folder = free(catalog, folder)?;
    let above = folder.parent().context("a handout needs a folder to stand in")?;
    fs::create_dir_all(above).with_context(|| format!("cannot make {}", above.display()))?;
    // Beside its place, since a folder cannot be moved to another disk.
    let (made, files) = laid_out(catalog, exercises, date, above)?;
    if git {
        commit(made.path())?;
    }
    // tempfile makes folders that only their owner may read; a handout is for everyone.
    #[cfg(unix)]
    fs::set_permissions(made.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .with_context(|| format!("cannot open {} to others", made.path().display()))?;
    fs::rename(made.path(), &folder).with_context(|| format!("cannot move the handout to {}", folder.display()))?;
    let _moved = made.keep();
    Ok(files)
}

/// The handout in a folder of its own in `above`, if no file of it holds what it must not.
fn laid_out(catalog: &Catalog, exercises: &[&Exercise], date: &str, above: &Path) -> Result<(TempDir, Files)> {
    let mut files = safe(catalog, exercises, date)?;
    let made = tempfile::Builder::new().prefix(".handout-").tempdir_in(above);
    let made = made.with_context(|| format!("cannot make a folder in {}", above.display()))?;
    for (file, content) in &files {
        write_whole(&made.path().join(file), content)?;
    }
    if lock(made.path()) {
        let lock = made.path().join("Cargo.lock");
        files.insert("Cargo.lock".into(), fs::read(&lock).with_context(|| format!("cannot read {}", lock.display()))?);
    }
    Ok((made, files))
}

/// Takes out of the lock file what the handout does not need, and leaves every version as it is; `false` where cargo cannot,
/// as on a machine that never saw the registry. Then more is in it than is needed, which the first build mends.
fn lock(folder: &Path) -> bool {
    let update = |more: &[&str]| {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["update", "--quiet", "--workspace"]).args(more).current_dir(folder);
        command.output().is_ok_and(|output| output.status.success())
    };
    update(&["--offline"]) || update(&[])
}

/// The files, if none of them holds what it must not.
fn safe(catalog: &Catalog, exercises: &[&Exercise], date: &str) -> Result<Files> {
    let files = files(catalog, exercises, date)?;
    let leaks = Secrets::of(catalog)?.in_files(&files);
    if leaks.is_empty() {
        return Ok(files);
    }
    let told: Vec<String> = leaks.iter().take(SHOWN).map(|leak| format!("\n  {leak}")).collect();
    bail!(
        "{} lines of what must not be handed out would be, so nothing was written; take them out, or where a line gives \
         nothing away, excuse it in xtask/src/handout/leaks.rs:{}",
        leaks.len(),
        told.concat()
    );
}

/// The folder as an absolute path, if a handout may be put there.
///
/// # Errors
/// If it is in use, or inside the course.
pub fn free(catalog: &Catalog, folder: &Path) -> Result<PathBuf> {
    let folder = std::path::absolute(folder).with_context(|| format!("{} is no path", folder.display()))?;
    if fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file() {
        bail!("{} is not empty; name a folder that is not there, or bring a handout up to date with --update", folder.display());
    }
    // Of what is not there yet, the nearest folder above that is: a link in it could lead into the course.
    let there = folder.ancestors().find_map(|above| above.canonicalize().ok()).unwrap_or_else(|| folder.clone());
    let course = catalog.root.canonicalize().unwrap_or_else(|_| catalog.root.clone());
    if there.starts_with(&course) {
        bail!("{} is inside the course; name a folder outside of {}", folder.display(), course.display());
    }
    Ok(folder)
}

/// A repository of its own with everything in one commit.
fn commit(folder: &Path) -> Result<()> {
    let git = |arguments: &[&str]| -> Result<()> {
        let mut command = Command::new("git");
        // In a hook of the course these lead to its own repository.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(variable);
        }
        // The instructor's own hooks and signatures are about other repositories.
        let own = ["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main"];
        let output = command.arg("-C").arg(folder).args(own).args(arguments).output();
        let output = output.context("cannot run git; install it, or leave out --git")?;
        if !output.status.success() {
            bail!("git {} failed in the handout: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    };
    git(&["init", "--quiet", "--template="])?;
    // Its own ignore file must not keep anything out, nor must the instructor's.
    git(&["add", "--all", "--force"])?;
    // Whoever has told git no name still gets a commit.
    let known = git(&["config", "user.email"]).is_ok();
    let stand_in: &[&str] = if known { &[] } else { &["-c", "user.name=Racecourse", "-c", "user.email=racecourse@localhost"] };
    git(&[stand_in, &["commit", "--quiet", "--message", "Racecourse, as handed out"]].concat())
}

/// What an update did, by file from the handout's folder on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// Those that are new or other than before.
    pub written: Vec<String>,
    /// A learner's work, for which there is another starter now: left as it is.
    pub kept: Vec<String>,
    /// Exercises that the handout had and that are handed out no more: left as they are.
    pub left: Vec<String>,
}

/// The state of the course that a handout is of.
///
/// # Errors
/// If `folder` is no handout.
pub fn course_in(folder: &Path) -> Result<Course> {
    let course = Course::read(folder)?;
    course.with_context(|| format!("{} holds no {FILE}: it is no handout to be updated", folder.display()))
}

/// Brings a handout to the state of the course. A file that a learner edits is only written while it is still the starter, or
/// where it is new; everything else is the course's, and is written where it differs.
///
/// Without names, the exercises are those that the handout has.
///
/// # Errors
/// If `folder` is no handout, something would leak, or a file cannot be written.
pub fn update(catalog: &Catalog, names: &[String], folder: &Path, date: &str) -> Result<Updated> {
    let old = course_in(folder)?;
    let had = |exercise: &&Exercise| old.editions.iter().any(|edition| edition.path == exercise.path());
    let exercises: Vec<&Exercise> =
        if names.is_empty() { catalog.exercises.iter().filter(had).collect() } else { catalog.select(names)? };
    let untouched = untouched(folder);
    let mut updated = Updated::default();
    let (_made, files) = laid_out(catalog, &exercises, date, &std::env::temp_dir())?;
    for (file, content) in files {
        let path = folder.join(&file);
        match fs::read(&path) {
            Ok(now) if now == content => continue,
            Ok(_) if is_learners(&exercises, &file) && !untouched.iter().any(|path| file.starts_with(path)) => {
                updated.kept.push(file)
            }
            _ => {
                write_whole(&path, &content)?;
                updated.written.push(file);
            }
        }
    }
    let still = |path: &String| exercises.iter().any(|exercise| exercise.path() == *path);
    updated.left = old.editions.iter().map(|edition| edition.path.clone()).filter(|path| !still(path)).collect();
    Ok(updated)
}

fn is_learners(exercises: &[&Exercise], file: &str) -> bool {
    exercises.iter().any(|exercise| exercise.about.files.iter().any(|own| file == format!("exercises/{}/{own}", exercise.path())))
}

/// The exercises in which nobody has worked, by what the handout's own manifests say of the starters; of a handout whose
/// manifests cannot be read, none is taken for that.
fn untouched(folder: &Path) -> Vec<String> {
    let Ok(handout) = Catalog::read(folder) else { return Vec::new() };
    let untouched = handout.exercises.iter().filter(|exercise| handout.is_starter(exercise).unwrap_or(false));
    untouched.map(|exercise| format!("exercises/{}/", exercise.path())).collect()
}
