//! What one run needs beside its command: a private folder and a cgroup, which are removed after it.

use std::{
    env,
    fs::{self, File, TryLockError},
    io::{self, Read},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, lchown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};

use super::{
    Policy, Private,
    cgroup::{Cgroup, Controllers},
    private,
};

/// More files than these are too many, however small: a disk has a number of them, too, and it takes long to remove them.
const MOST_FILES: usize = 100_000;

/// A command that runs behind the walls, and what it needs beside.
#[derive(Debug)]
pub struct Prepared {
    /// Arguments, variables, streams and the folder are the caller's to add.
    pub command: Command,
    /// Keep it until the program has ended.
    pub place: Place,
}

/// A private folder and a cgroup; both go when this is dropped.
#[derive(Debug)]
pub struct Place {
    cgroup: Option<Cgroup>,
    /// Where it is not in memory.
    folder: Option<Home>,
    token: String,
    /// Bytes of memory that all processes may have, where no cgroup sees to that.
    memory: Option<u64>,
    /// Bytes that may be written in all.
    disk: u64,
    written: Vec<PathBuf>,
}

impl Place {
    /// Makes both. `private` is whether there is to be a folder at all.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn new(controllers: Option<&Controllers>, policy: &Policy, private: bool, user: Option<u32>) -> Result<Self> {
        let folder = private.then(|| Home::new(&env::temp_dir())).transpose()?;
        if let (Some(folder), Some(user)) = (&folder, user) {
            give(folder.path(), user)?;
        }
        let cgroup = controllers.map(|controllers| Cgroup::make(controllers, policy)).transpose()?;
        let limits_memory = cgroup.as_ref().is_some_and(|_| controllers.is_some_and(Controllers::limits_memory));
        let mut written = policy.write.clone();
        written.extend(folder.as_ref().map(|folder| folder.path().to_owned()));
        Ok(Self {
            cgroup,
            folder,
            token: new_token()?,
            memory: (!limits_memory).then_some(policy.memory),
            disk: policy.disk(),
            written,
        })
    }

    /// The private folder, where it is not in memory.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_ref().map(Home::path)
    }

    pub(super) fn cgroup_files(&self) -> Vec<PathBuf> {
        self.cgroup.as_ref().map(Cgroup::files).unwrap_or_default()
    }

    /// A word that only the runner and the stages know.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// How many processes stand between the runner's child and the program: bubblewrap, and its first process; or the outer
    /// stage.
    pub fn depth(&self) -> usize {
        if self.folder.is_some() { 1 } else { 2 }
    }

    /// Ends everybody in the cgroup; returns whether nobody is left of those that it knows.
    pub fn end_all(&self, deadline: Instant) -> bool {
        self.cgroup.as_ref().is_none_or(|cgroup| cgroup.end_all(deadline))
    }

    /// What is to be looked at while the program runs.
    pub fn watched(&self) -> Watched {
        Watched { memory: self.memory, disk: self.disk, before: sizes(&self.written), written: self.written.clone() }
    }
}

/// A folder beside those of all other programs, which is locked while it is in use: the kernel takes the lock off even where
/// the runner is killed.
#[derive(Debug)]
struct Home {
    folder: Private,
    #[expect(dead_code, reason = "closing it is what unlocks it")]
    lock: File,
}

impl Home {
    fn new(all: &Path) -> Result<Self> {
        const WHAT: &str = "cannot make a private folder for a program";
        loop {
            let folder = Private::new_in(all).context(WHAT)?;
            if let Some(lock) = lock(folder.path()).context(WHAT)? {
                return Ok(Self { folder, lock });
            }
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The lock of a folder that runs share a place with, which says that it is in use; `None` where it is somebody else's, or gone:
/// until it is locked, one that was just made looks like one that was left.
///
/// # Errors
/// If the system refuses, or has no locks there.
pub(super) fn lock(folder: &Path) -> io::Result<Option<File>> {
    let lock = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match lock.try_lock() {
        Ok(()) => Ok(folder.exists().then_some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Removes the private folders in `all` of runners that were killed.
pub(super) fn sweep(all: &Path, is_ours: impl Fn(u32) -> bool) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let named = name.to_str().is_some_and(|name| name.starts_with(private::PREFIX));
        if !named || !fs::symlink_metadata(entry.path()).is_ok_and(|about| about.is_dir() && is_ours(about.uid())) {
            continue;
        }
        // Held until it is removed: who has just made it would find that it is gone.
        if let Ok(Some(_lock)) = lock(&entry.path()) {
            let _gone = private::remove(&entry.path());
        }
    }
}

/// Limits that nobody but the runner holds.
#[derive(Debug)]
pub struct Watched {
    memory: Option<u64>,
    disk: u64,
    before: u64,
    written: Vec<PathBuf>,
}

/// What was too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// Main memory of all processes.
    Memory,
    /// Files.
    Disk,
}

impl Watched {
    /// Whether the processes that come of `root` have taken more than they may.
    pub fn excess(&self, root: u32) -> Option<Excess> {
        if sizes(&self.written).saturating_sub(self.before) > self.disk {
            return Some(Excess::Disk);
        }
        let most = self.memory?;
        let all: u64 = super::orphans::tree(root.cast_signed()).into_iter().map(resident).sum();
        (all > most).then_some(Excess::Memory)
    }
}

/// Bytes of main memory that a process has filled itself: files that it maps are the system's to take back.
fn resident(process: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let field = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_end_matches("kB").trim().parse::<u64>().ok()
    };
    ["RssAnon:", "RssShmem:"].into_iter().filter_map(field).sum::<u64>() << 10
}

/// A word of 32 hexadecimal digits that cannot be guessed.
fn new_token() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    Ok(format!("{:032x}", u128::from_le_bytes(bytes)))
}

/// Bytes that files take of the disk; links are not followed. Of too many files it is more than any limit.
fn sizes(paths: &[PathBuf]) -> u64 {
    let mut open = paths.to_vec();
    let (mut total, mut seen) = (0, 0);
    while let Some(path) = open.pop() {
        seen += 1;
        if seen > MOST_FILES {
            return u64::MAX;
        }
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        total += about.blocks() * 512;
        if about.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().take(MOST_FILES).map(|entry| entry.path()));
        }
    }
    total
}

/// Makes everything in `path` the property of `user`; links themselves, not where they lead.
///
/// # Errors
/// If the system refuses.
pub(super) fn give(path: &Path, user: u32) -> Result<()> {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(about) = fs::symlink_metadata(&path) else { continue };
        // A file with a second name may be somebody else's under that.
        let another_name = !about.is_dir() && about.nlink() > 1;
        if about.uid() != user && !another_name {
            lchown(&path, Some(user), Some(user)).with_context(|| format!("cannot give {} to user {user}", path.display()))?;
        }
        if about.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    Ok(())
}

/// Whether any user can read `path`. Where the mounts are its own, the folders above are, too.
pub(super) fn open_to_others(path: &Path, mounts_are_own: bool) -> bool {
    let needed = |about: &fs::Metadata| if about.is_dir() { 0o005 } else { 0o004 };
    let itself = fs::metadata(path).is_ok_and(|about| about.permissions().mode() & needed(&about) == needed(&about));
    itself && (mounts_are_own || parents_are_open(path))
}

/// Whether any user can pass through all folders above.
pub(super) fn parents_are_open(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors().skip(1).all(|folder| fs::metadata(folder).is_ok_and(|about| about.permissions().mode() & 0o001 != 0))
}

/// Whether this process may start others as `user`.
///
/// # Errors
/// Why not.
pub(super) fn can_become(user: u32) -> Result<(), String> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exit 0"]).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.uid(user).gid(user).current_dir("/").status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(status.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_folders_of_the_dead_are_removed_and_of_the_living_are_not() {
        let all = tempfile::tempdir().unwrap();
        let me = fs::metadata(all.path()).unwrap().uid();
        let living = Home::new(all.path()).unwrap();
        // As if its owner had been killed: it stays, and is not locked any more.
        let Home { folder, .. } = Home::new(all.path()).unwrap();
        let left = folder.path().to_owned();
        std::mem::forget(folder);
        fs::write(left.join("file"), "x").unwrap();
        let another = all.path().join("racecourse");
        fs::create_dir(&another).unwrap();
        let link = all.path().join(format!("{}link", private::PREFIX));
        std::os::unix::fs::symlink(&another, &link).unwrap();
        sweep(all.path(), |user| user != me);
        assert!(left.exists(), "another user's is not touched");
        sweep(all.path(), |user| user == me);
        assert!(!left.exists() && living.path().exists() && another.exists() && fs::symlink_metadata(&link).is_ok());
    }
}
