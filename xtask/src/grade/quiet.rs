//! Who may keep the cores busy and who measures, over all graders of this machine: a comparison of run times wants the machine
//! for itself, and two of them side by side would call each other noise.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The lock of one course's target folder, which its graders share.
#[derive(Debug)]
pub struct Quiet {
    /// Held shared by who builds or tests, alone by who measures.
    cores: PathBuf,
    /// Whoever measures waits in here first, and who builds passes through: otherwise one build after the other would keep the
    /// cores, and nobody ever measure.
    gate: PathBuf,
}

impl Quiet {
    /// Keeps its two files in `scratch`.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn of(scratch: &Path) -> Result<Self> {
        fs::create_dir_all(scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        Ok(Self { cores: scratch.join("cores.lock"), gate: scratch.join("gate.lock") })
    }

    /// Waits until nobody measures; until the guard is dropped nobody will.
    ///
    /// # Errors
    /// If the files cannot be locked.
    pub fn busy(&self) -> Result<File> {
        let _passed = locked(&self.gate, File::lock)?;
        locked(&self.cores, File::lock_shared)
    }

    /// Waits until nobody builds or tests; until the guard is dropped nobody will.
    ///
    /// # Errors
    /// If the files cannot be locked.
    pub fn alone(&self) -> Result<File> {
        let _passed = locked(&self.gate, File::lock)?;
        locked(&self.cores, File::lock)
    }
}

fn locked(path: &Path, lock: fn(&File) -> std::io::Result<()>) -> Result<File> {
    // Opened anew each time: a lock belongs to what was opened, and threads of one process exclude each other, too.
    let attempt = || -> std::io::Result<File> {
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        lock(&file)?;
        Ok(file)
    };
    attempt().with_context(|| format!("cannot lock {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::SeqCst},
        thread,
        time::Duration,
    };

    use super::*;

    #[test]
    fn who_measures_is_alone_and_gets_a_turn() {
        let folder = tempfile::tempdir().unwrap();
        let quiet = Quiet::of(folder.path()).unwrap();
        let (building, measured, together) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // Somebody always builds, so that a lock without a gate would never be free.
                    while measured.load(SeqCst) < 4 {
                        let _guard = quiet.busy().unwrap();
                        let others = building.fetch_add(1, SeqCst);
                        together.fetch_max(others + 1, SeqCst);
                        thread::sleep(Duration::from_millis(3));
                        building.fetch_sub(1, SeqCst);
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2 {
                        let _guard = quiet.alone().unwrap();
                        assert_eq!(building.load(SeqCst), 0, "somebody builds while somebody measures");
                        thread::sleep(Duration::from_millis(1));
                        measured.fetch_add(1, SeqCst);
                    }
                });
            }
        });
        assert_eq!(measured.load(SeqCst), 4);
        assert!(together.load(SeqCst) > 1, "who builds does not exclude others who do");
    }
}
