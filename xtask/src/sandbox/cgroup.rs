//! Control groups: limits on the memory and the processes of a whole tree, and a list of who is in it.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, getpid, kill_process};

use super::Policy;

/// The stages of the sandbox and bubblewrap are in the group, too.
const WRAPPERS: u64 = 8;

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
        let name = old.file_name();
        let of = name.to_str().and_then(|name| name.strip_prefix("racecourse-")?.split('-').next()?.parse::<u32>().ok());
        if of.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _still_in_use = fs::remove_dir(old.path());
        }
    }
    let tried = folder.join(new_name());
    if fs::create_dir(&tried).is_err() {
        return false;
    }
    let good = files.iter().all(|file| fs::OpenOptions::new().write(true).open(tried.join(file)).is_ok());
    let _left = fs::remove_dir(&tried);
    good
}

fn new_name() -> String {
    format!("racecourse-{}-{}", getpid().as_raw_nonzero(), NEXT.fetch_add(1, Ordering::Relaxed))
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

/// A group of its own in each hierarchy; removed when this is dropped.
#[derive(Debug)]
pub struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroup {
    /// Makes it, with the policy's limits.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn make(controllers: &Controllers, policy: &Policy) -> Result<Self> {
        let name = new_name();
        let mut made = Self { folders: Vec::new() };
        if let Some(parent) = &controllers.memory {
            let folder = made.folder(parent.join(&name))?;
            set(&folder, controllers.files.memory, policy.memory)?;
            let (file, same) = controllers.files.swap;
            // Where nothing is swapped the file is not there.
            let _no_swap = set(&folder, file, if same { policy.memory } else { 0 });
        }
        if let Some(parent) = &controllers.processes {
            let folder = made.folder(parent.join(&name))?;
            set(&folder, controllers.files.processes, policy.processes.saturating_add(WRAPPERS))?;
        }
        Ok(made)
    }

    fn folder(&mut self, folder: PathBuf) -> Result<PathBuf> {
        match fs::create_dir(&folder) {
            Ok(()) => self.folders.push(folder.clone()),
            // Version 2: it is the same one.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && self.folders.contains(&folder) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot make {}", folder.display())),
        }
        Ok(folder)
    }

    /// What a process writes 0 to in order to join.
    pub fn files(&self) -> Vec<PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs")).collect()
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

impl Drop for Cgroup {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        for folder in &self.folders {
            // Whoever has just ended is taken out of it a moment later.
            while fs::remove_dir(folder).is_err_and(|error| error.kind() != ErrorKind::NotFound) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn set(folder: &Path, file: &str, value: u64) -> Result<()> {
    let file = folder.join(file);
    fs::write(&file, value.to_string()).with_context(|| format!("cannot write {value} to {}", file.display()))
}
