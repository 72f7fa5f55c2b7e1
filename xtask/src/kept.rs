//! Results of checks, kept by the files that were checked, and which of them was the last.

use std::{fs, io::ErrorKind, path::PathBuf};

use anyhow::{Context, Result};

use crate::{
    catalog::{Catalog, Exercise, fingerprint},
    results::{Results, write_whole},
};

/// What was kept of one exercise.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    name: String,
}

impl Kept {
    /// Of that exercise.
    pub fn of(catalog: &Catalog, exercise: &Exercise) -> Self {
        Self { folder: catalog.scratch().join("checks"), name: exercise.name.clone() }
    }

    /// Keeps the results of files with that fingerprint; they are the latest from now on.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub fn keep(&self, files: &str, results: &Results) -> Result<()> {
        results.write(&self.path(files))?;
        write_whole(&self.path("latest"), serde_json::to_string(files)?.as_bytes())
    }

    /// The results of the last check of files with that fingerprint, if there was one and they can still be read.
    pub fn results(&self, files: &str) -> Option<Results> {
        Results::read_made_by(&self.path(files), &self.make()).ok()
    }

    /// The results of the last check of all, with the fingerprint of the files then; `None` where there was no check.
    ///
    /// # Errors
    /// If what was kept is damaged or of a newer format; the message names the file and the command that makes a new one.
    pub fn latest(&self) -> Result<Option<(String, Results)>> {
        let path = self.path("latest");
        let make = self.make();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}; make it with: {make}", path.display())),
        };
        let files: String = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged; make a new one with: {make}", path.display()))?;
        let results = Results::read_made_by(&self.path(&files), &make)?;
        Ok(Some((files, results)))
    }

    fn make(&self) -> String {
        format!("cargo xtask check {}", self.name)
    }

    fn path(&self, which: &str) -> PathBuf {
        self.folder.join(format!("{}-{which}.json", self.name))
    }
}

/// What the learner's files are known by now.
///
/// # Errors
/// If one of them cannot be read.
pub fn files_of(catalog: &Catalog, exercise: &Exercise) -> Result<String> {
    fingerprint(&catalog.exercise_folder(exercise), &exercise.about.files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{FORMAT_VERSION, Machine};

    fn results(command: &str) -> Results {
        let machine = Machine {
            platform: "linux x86_64".into(),
            processor: None,
            cores: 2,
            memory: None,
            governor: None,
            rustc: "rustc 1.95.0".into(),
            schedstat: true,
        };
        Results {
            format_version: FORMAT_VERSION,
            command: command.into(),
            started: "2025-11-22T12:35:42Z".into(),
            seconds: 1.0,
            commit: None,
            machine,
            seed: 1,
            exercises: Vec::new(),
            ceilings: None,
            submission: None,
        }
    }

    #[test]
    fn the_latest_is_the_one_that_was_kept_last_whatever_the_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept { folder: folder.path().to_owned(), name: "spin_lock".into() };
        let other = Kept { folder: folder.path().to_owned(), name: "spin".into() };
        let latest = |kept: &Kept| kept.latest().expect("not damaged");
        assert_eq!(latest(&kept), None);
        for (files, command) in [("a", "first"), ("b", "second"), ("a", "third")] {
            kept.keep(files, &results(command)).expect("kept");
            assert_eq!(latest(&kept), Some((files.to_owned(), results(command))));
        }
        assert_eq!(kept.results("b"), Some(results("second")));
        assert_eq!((kept.results("c"), latest(&other)), (None, None));
    }

    #[test]
    fn what_cannot_be_read_again_is_said_and_how_to_make_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept { folder: folder.path().to_owned(), name: "spin_lock".into() };
        let newer = Results { format_version: FORMAT_VERSION + 1, ..results("check") };
        kept.keep("a", &newer).expect("kept");
        let said = |part: &str| {
            let error = format!("{:#}", kept.latest().expect_err("it cannot be read"));
            assert!(error.contains(part) && error.contains("cargo xtask check spin_lock"), "{error}");
        };
        said("format");
        fs::write(kept.path("a"), "{").expect("written");
        said("spin_lock-a.json is damaged");
        fs::write(kept.path("latest"), "{").expect("written");
        said("spin_lock-latest.json is damaged");
    }
}
