//! The source beside a step.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// No source that anybody wrote is larger, in bytes.
const LARGEST: u64 = 1 << 20;

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

    /// The lines of a file; `None` where there is no such plain file of a source's size below the root.
    pub fn lines(&mut self, file: &str) -> Option<&[String]> {
        let read = || Some(read(&self.root, file)?.lines().map(|line| line.replace('\t', "    ")).collect());
        self.files.entry(file.to_owned()).or_insert_with(read).as_deref()
    }
}

/// A record that was made by hand could name any file: a pipe that never ends, or what is none of the course's.
fn read(root: &Path, file: &str) -> Option<String> {
    let path = root.join(file).canonicalize().ok()?;
    if !path.starts_with(root.canonicalize().ok()?) {
        return None;
    }
    let about = fs::metadata(&path).ok()?;
    if about.is_file() && about.len() <= LARGEST { fs::read_to_string(&path).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_files_below_the_root_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("src/lib.rs"), "a\n\tb\n").unwrap();
        fs::write(root.join("large.rs"), vec![b' '; (1 << 20) + 1]).unwrap();
        fs::write(folder.path().join("outside.rs"), "secret\n").unwrap();
        std::os::unix::fs::symlink("../outside.rs", root.join("link.rs")).unwrap();
        let outside = folder.path().join("outside.rs").display().to_string();
        let inside = root.join("src/lib.rs").display().to_string();
        let mut sources = Sources::new(root);
        for file in ["src/lib.rs", "src/../src/lib.rs", &inside] {
            assert_eq!(sources.lines(file).unwrap(), ["a", "    b"], "{file}");
        }
        for file in ["src", "large.rs", "../outside.rs", &outside, "link.rs", "/dev/zero", "gone.rs"] {
            assert_eq!(sources.lines(file), None, "{file}");
        }
    }
}
