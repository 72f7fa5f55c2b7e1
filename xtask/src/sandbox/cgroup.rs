//! Control groups: limits on the memory and the processes of a whole tree, and a list of who is in it.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, getpid, kill_process};

use super::{Policy, place::lock};

/// The stages of the sandbox and bubblewrap are in the group, too.
const WRAPPERS: u64 = 8;

/// How the names of groups begin, and of nothing else.
const PREFIX: &str = "racecourse-";

/// Tells one group of this process from another. It orders nothing.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Where groups can be made.
#[derive(Debug, Clone)]
pub struct Controllers {
    /// Version 1 has a hierarchy for each; of version 2 both are the same folder.
    memory: Option<PathBuf>,
    processes: Option<PathBuf>,
    /// The names of the files, by version.
    files: &'static Files,
}

#[derive(Debug)]
struct Files {
    version: u32,
    memory: &'static str,
    /// What is set to the same, or to nothing, so that memory cannot go there instead; absent without swapping.
    swap: (&'static str, bool),
    processes: &'static str,
}

static ONE: Files =
    Files { version: 1, memory: "memory.limit_in_bytes", swap: ("memory.memsw.limit_in_bytes", true), processes: "pids.max" };
static TWO: Files = Files { version: 2, memory: "memory.max", swap: ("memory.swap.max", false), processes: "pids.max" };

/// A mounted hierarchy: which controllers it is for, and this process's own folder and the uppermost one in it.
struct Hierarchy {
    version: u32,
    controllers: Vec<String>,
    own: PathBuf,
    top: PathBuf,
}

impl Controllers {
    /// Looks for hierarchies in which this process can make groups, by making one in each.
    ///
    /// # Errors
    /// Why there are none, and what mends it.
    pub fn find() -> Result<Self, String> {
        const MEND: &str = "run as root, or within `systemd-run --user --scope -p Delegate=yes`";
        let hierarchies = hierarchies();
        if hierarchies.is_empty() {
            return Err("no cgroups are mounted here".into());
        }
        let in_one = |name: &str, file: &str| {
            let fits = |hierarchy: &&Hierarchy| hierarchy.version == 1 && hierarchy.controllers.iter().any(|known| known == name);
            // Its own folder alone: the limits that it stands under itself go on to hold.
            hierarchies.iter().filter(fits).map(|hierarchy| &hierarchy.own).find(|folder| works(folder, &[file])).cloned()
        };
        let (memory, processes) = (in_one("memory", ONE.memory), in_one("pids", ONE.processes));
        if memory.is_some() || processes.is_some() {
            return Ok(Self { memory, processes, files: &ONE });
        }
        let twos = hierarchies.iter().filter(|hierarchy| hierarchy.version == 2);
        // A group with processes of its own cannot have limited groups in it, unless it is the uppermost one.
        let mut folders =
            twos.flat_map(|hierarchy| [Some(hierarchy.own.as_path()), hierarchy.own.parent(), Some(&hierarchy.top)]);
        match folders.find(|folder| folder.is_some_and(|folder| works(folder, &[TWO.memory, TWO.processes]))).flatten() {
            Some(folder) => Ok(Self { memory: Some(folder.into()), processes: Some(folder.into()), files: &TWO }),
            None => Err(format!("no limited cgroup can be made here; {MEND}")),
        }
    }

    /// Whether the number of processes of a tree is limited.
    pub fn counts_processes(&self) -> bool {
        self.processes.is_some()
    }

    /// Whether the memory of a tree is limited.
    pub fn limits_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// What it does.
    pub fn in_words(&self) -> String {
        let limits = match (&self.memory, &self.processes) {
            (Some(_), Some(_)) => "memory and processes",
            (Some(_), None) => "memory",
            _ => "processes",
        };
        format!("version {}: {limits} of a program with all its children", self.files.version)
    }
}

/// Whether a group with these files can be made in `folder`. What runners left behind that were killed goes, too.
fn works(folder: &Path, files: &[&str]) -> bool {
    for old in fs::read_dir(folder).into_iter().flatten().flatten() {
        let named = old.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // Not by the number in its name: that may be of a runner in another process-id namespace.
        if named && let Ok(Some(_lock)) = lock(&old.path()) {
            let _still_in_use = fs::remove_dir(old.path());
        }
    }
    let Ok(tried) = Folder::new_in(folder) else { return false };
    files.iter().all(|file| fs::OpenOptions::new().write(true).open(tried.path.join(file)).is_ok())
}

fn new_name() -> String {
    format!("{PREFIX}{}-{}", getpid().as_raw_nonzero(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn hierarchies() -> Vec<Hierarchy> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mount = |line: &str| {
        // `36 35 98:0 /root /mount/point options - type source super,options`
        let (before, after) = line.split_once(" - ")?;
        let fields: Vec<&str> = before.split(' ').collect();
        let [kind, _, options] = after.split(' ').collect::<Vec<_>>()[..] else { return None };
        let (root, top) = (Path::new(*fields.get(3)?), PathBuf::from(fields.get(4)?));
        let version = match kind {
            "cgroup" => 1,
            "cgroup2" => 2,
            _ => return None,
        };
        let controllers: Vec<String> = options.split(',').map(String::from).collect();
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (names, path) = (parts.next()?, parts.next()?);
            let same =
                if version == 2 { names.is_empty() } else { names.split(',').any(|name| controllers.iter().any(|c| c == name)) };
            same.then_some(path)
        })?;
        let own = top.join(Path::new(path).strip_prefix(root).unwrap_or_else(|_| Path::new("")));
        Some(Hierarchy { version, controllers, own, top })
    };
    mounts.lines().filter_map(mount).collect()
}

/// A group, which is locked while it is in use and removed when this is dropped: the kernel takes the lock off even where the
/// runner is killed.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    #[expect(dead_code, reason = "closing it is what unlocks it")]
    lock: File,
}

impl Folder {
    fn new_in(parent: &Path) -> Result<Self> {
        loop {
            let path = parent.join(new_name());
            match fs::create_dir(&path) {
                // A runner in another process-id namespace may have this one's number.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made.with_context(|| format!("cannot make {}", path.display()))?,
            }
            match lock(&path) {
                Ok(Some(lock)) => return Ok(Self { path, lock }),
                Ok(None) => {}
                Err(error) => {
                    let _left = fs::remove_dir(&path);
                    return Err(error).with_context(|| format!("cannot lock {}", path.display()));
                }
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        // Whoever has just ended is taken out of it a moment later.
        while fs::remove_dir(&self.path).is_err_and(|error| error.kind() != ErrorKind::NotFound) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A group of its own in each hierarchy.
#[derive(Debug)]
pub struct Cgroup {
    folders: Vec<Folder>,
}

impl Cgroup {
    /// Makes it, with the policy's limits.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn make(controllers: &Controllers, policy: &Policy) -> Result<Self> {
        // Of version 2 both are the same folder.
        let parents: BTreeSet<&PathBuf> = controllers.memory.iter().chain(&controllers.processes).collect();
        let mut folders = Vec::new();
        for parent in parents {
            let folder = Folder::new_in(parent)?;
            if controllers.memory.as_ref() == Some(parent) {
                set(&folder.path, controllers.files.memory, policy.memory)?;
                let (file, same) = controllers.files.swap;
                // Where nothing is swapped the file is not there.
                let _no_swap = set(&folder.path, file, if same { policy.memory } else { 0 });
            }
            if controllers.processes.as_ref() == Some(parent) {
                set(&folder.path, controllers.files.processes, policy.processes.saturating_add(WRAPPERS))?;
            }
            folders.push(folder);
        }
        Ok(Self { folders })
    }

    /// What a process writes 0 to in order to join.
    pub fn files(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.path.join("cgroup.procs")).collect()
    }

    /// Ends everybody in it, until nobody is left or `deadline`. Returns whether nobody is left.
    pub fn end_all(&self, deadline: Instant) -> bool {
        loop {
            let lists = self.files().into_iter().filter_map(|file| fs::read_to_string(file).ok());
            let left: Vec<i32> =
                lists.flat_map(|list| list.lines().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect();
            if left.is_empty() {
                return true;
            }
            for pid in left.into_iter().filter_map(Pid::from_raw) {
                let _gone = kill_process(pid, Signal::KILL);
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_micros(200));
        }
    }
}

fn set(folder: &Path, file: &str, value: u64) -> Result<()> {
    let file = folder.join(file);
    fs::write(&file, value.to_string()).with_context(|| format!("cannot write {value} to {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_of_the_dead_are_removed_and_of_the_living_are_not() {
        let parent = tempfile::tempdir().unwrap();
        let living = Folder::new_in(parent.path()).unwrap();
        // Process 1 is there in every namespace, and the other number is nobody's.
        let [left, out_of_range, another] =
            ["racecourse-1-0", "racecourse-4294967295-0", "another"].map(|name| parent.path().join(name));
        [&left, &out_of_range, &another].into_iter().for_each(|folder| fs::create_dir(folder).unwrap());
        assert!(works(parent.path(), &[]));
        assert!(!left.exists() && !out_of_range.exists() && another.exists() && living.path.exists());
        assert!(!works(parent.path(), &["memory.max"]), "what is no group limits nothing");
        drop(living);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }
}
