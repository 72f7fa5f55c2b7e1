//! Results of checks, kept by the files that were checked, and which of them was the last.

use std::{fs, path::PathBuf};

use anyhow::Result;

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
        Results::read(&self.path(files)).ok()
    }

    /// The results of the last check of all, with the fingerprint of the files then.
    pub fn latest(&self) -> Option<(String, Results)> {
        let files: String = serde_json::from_slice(&fs::read(self.path("latest")).ok()?).ok()?;
        let results = self.results(&files)?;
        Some((files, results))
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
        }
    }

    #[test]
    fn the_latest_is_the_one_that_was_kept_last_whatever_the_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let kept = Kept { folder: folder.path().to_owned(), name: "spin_lock".into() };
        let other = Kept { folder: folder.path().to_owned(), name: "spin".into() };
        assert_eq!(kept.latest(), None);
        for (files, command) in [("a", "first"), ("b", "second"), ("a", "third")] {
            kept.keep(files, &results(command)).expect("kept");
            assert_eq!(kept.latest(), Some((files.to_owned(), results(command))));
        }
        assert_eq!(kept.results("b"), Some(results("second")));
        assert_eq!((kept.results("c"), other.latest()), (None, None));
    }
}
