//! The source beside a step.

use std::{collections::BTreeMap, fs, path::PathBuf};

/// Files as they are now, each read once.
#[derive(Debug, Default)]
pub struct Sources {
    root: PathBuf,
    files: BTreeMap<String, Option<Vec<String>>>,
}

impl Sources {
    /// Of the workspace in that folder, which the compiler names files relative to.
    pub fn new(root: PathBuf) -> Self {
        Self { root, files: BTreeMap::new() }
    }

    /// The lines of a file; `None` where it is not there.
    pub fn lines(&mut self, file: &str) -> Option<&[String]> {
        let path = self.root.join(file);
        let read = || Some(fs::read_to_string(path).ok()?.lines().map(|line| line.replace('\t', "    ")).collect());
        self.files.entry(file.to_owned()).or_insert_with(read).as_deref()
    }
}
