//! Folders that go with the run that made them: where it is killed, the next run removes what it has left.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::stage::alone;

/// A folder of this process alone. It is removed when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: PathBuf,
    #[expect(dead_code, reason = "locked while the folder is in use: the kernel unlocks it however the process ends")]
    lock: File,
}

impl Scratch {
    /// Makes one in `all`, and removes those beside it whose owners were killed. Nothing else may stand in `all`.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new(all: &Path) -> Result<Self> {
        // Otherwise one that is not locked yet would look like one that is not locked any more.
        let _making = alone(all)?;
        for entry in fs::read_dir(all).with_context(|| format!("cannot read {}", all.display()))?.flatten() {
            // What cannot be looked at for another reason may be in use.
            let abandoned = match File::open(entry.path().join("lock")) {
                Ok(lock) => lock.try_lock().is_ok(),
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            };
            if abandoned {
                // Another user's, or on its way out: it does no harm.
                let _removed = fs::remove_dir_all(entry.path());
            }
        }
        let made = tempfile::Builder::new().prefix("run-").tempdir_in(all);
        let folder = made.with_context(|| format!("cannot write in {}", all.display()))?.keep();
        let attempt = || -> std::io::Result<File> {
            // Another user's program has to get through to its own folder.
            fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
            let lock = File::create(folder.join("lock"))?;
            lock.try_lock()?;
            Ok(lock)
        };
        let lock = attempt().with_context(|| format!("cannot make a lock in {}", folder.display()))?;
        Ok(Self { folder, lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next run.
        let _removed = fs::remove_dir_all(&self.folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_has_left_is_removed_and_what_is_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let all = folder.path().join("all");
        let (living, killed) = (Scratch::new(&all).unwrap(), Scratch::new(&all).unwrap());
        let left = killed.path().to_owned();
        fs::create_dir(left.join("deep")).unwrap();
        // As if the process had been killed: the lock goes, and the folder stays.
        fs::remove_file(left.join("lock")).unwrap();
        File::create(left.join("lock")).unwrap();
        std::mem::forget(killed);
        let third = Scratch::new(&all).unwrap();
        assert!(living.path().join("lock").exists() && !left.exists());
        let own = third.path().to_owned();
        drop(third);
        assert!(!own.exists() && living.path().exists());
    }
}
