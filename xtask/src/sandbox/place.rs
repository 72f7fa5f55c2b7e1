//! What one run needs beside its command: a private folder and a cgroup, which are removed after it.

use std::{
    env, fs,
    io::Read,
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
    folder: Option<Private>,
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
        let folder = private.then(|| Private::new_in(&env::temp_dir())).transpose();
        let folder = folder.context("cannot make a private folder for a program")?;
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
        self.folder.as_ref().map(Private::path)
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
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
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
