//! A folder that is a program's own while it runs, and is removed after it, whatever the program has made of it.

use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// How the names of such folders begin, and of nothing else.
pub(super) const PREFIX: &str = ".racecourse-private-";

/// The folder; it goes when this is dropped. Nobody may write to it any more by then.
#[derive(Debug)]
pub struct Private(TempDir);

impl Private {
    /// Makes one below `parent`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new_in(parent: &Path) -> io::Result<Self> {
        tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent).map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        // What is left, if anything, is told by whoever sees the disk fill.
        let _left = empty(self.0.path());
    }
}

/// Removes such a folder that nobody has any more.
pub(super) fn remove(folder: &Path) -> io::Result<()> {
    empty(folder)?;
    fs::remove_dir(folder)
}

/// Takes everything out of `root`. `remove_dir_all` follows folders in folders on its stack, each of them open: twenty thousand,
/// which a program makes in a second, ended the whole runner. So each is first moved up, where its path is short.
fn empty(root: &Path) -> io::Result<()> {
    let mut moved = 0_u64;
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        let entries: Vec<fs::DirEntry> = fs::read_dir(&folder)?.collect::<io::Result<_>>()?;
        for entry in entries {
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
                continue;
            }
            // Otherwise its owner, which may be this process, could neither read nor move it.
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o700))?;
            open.push(if folder == root { entry.path() } else { up(&entry.path(), root, &mut moved)? });
        }
        if folder != root {
            fs::remove_dir(&folder)?;
        }
    }
    Ok(())
}

/// Moves a folder into `root`, under a name that nothing there has.
fn up(folder: &Path, root: &Path, moved: &mut u64) -> io::Result<PathBuf> {
    loop {
        let to = root.join(format!(".racecourse-{moved}"));
        *moved += 1;
        if fs::symlink_metadata(&to).is_err() {
            fs::rename(folder, &to)?;
            return Ok(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_deep_folders_are_nested_they_go() {
        let parent = tempfile::tempdir().unwrap();
        let private = Private::new_in(parent.path()).unwrap();
        // Moved into one another from the inside out: no path is ever long.
        let [inner, outer] = ["inner", "outer"].map(|name| private.path().join(name));
        fs::create_dir(&inner).unwrap();
        for _ in 0..4_000 {
            fs::create_dir(&outer).unwrap();
            fs::rename(&inner, outer.join("a")).unwrap();
            fs::rename(&outer, &inner).unwrap();
        }
        fs::write(private.path().join(".racecourse-0"), "in the way").unwrap();
        std::os::unix::fs::symlink(parent.path(), private.path().join("link")).unwrap();
        // Of a thread's usual stack it took five times as many.
        let small = std::thread::Builder::new().stack_size(256 << 10);
        small.spawn(move || drop(private)).unwrap().join().unwrap();
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
