//! Who grades a submission now: a file beside its result, so that two batches on one folder never grade it at the same time.
//!
//! Claims are numbered files, `claim-1`, `claim-2`, ..: the highest number holds. Each is made by a hard link, which also NFS
//! does in one step, and none is ever written over or taken from its owner: whoever finds the highest one dead makes the next
//! number, and of two who do, one succeeds. After that it looks again, and goes back where the claim that it found dead is no
//! longer the one below its own. A holder touches its claim again and again. On the same machine a claim is dead when its
//! process is; seen from another machine when it was not touched for [`STALE`], by the clock of the file server.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    mem,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// How often a holder touches its claims.
pub const TOUCH: Duration = Duration::from_secs(15);

/// A claim of another machine that was not touched for so long is dead. NFS may show a time that is a minute old.
pub const STALE: Duration = Duration::from_secs(180);

/// The claims of this process. Whoever holds the lock keeps new ones from being made.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn held() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process, told from every other one anywhere and at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The machine's name, for people.
    pub host: String,
    /// This start of that machine, and which of its namespaces the process's number is from: in two containers, both may be 1.
    pub machine: String,
    /// The process's number.
    pub process: u32,
    /// When it began, in the kernel's clock ticks since the machine began: numbers are used again.
    pub began: u64,
    /// A number of its own for every claim of a process.
    pub claim: u64,
}

impl Owner {
    fn here() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default().display().to_string();
        static CLAIMS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Self {
            host: text("/proc/sys/kernel/hostname"),
            machine: machine(&text("/proc/sys/kernel/random/boot_id"), &namespace),
            process: std::process::id(),
            began: began(std::process::id()).unwrap_or(0),
            claim: CLAIMS.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        }
    }

    /// Whether the process can be seen from here, and is there.
    fn lives(&self) -> Option<bool> {
        // Without these a process cannot be told from another one, and only time tells.
        let known = !self.machine.is_empty() && self.began != 0;
        (known && self.machine == Self::here().machine).then(|| began(self.process) == Some(self.began))
    }
}

/// Empty where one of them is not told: then it could be any machine.
fn machine(boot: &str, namespace: &str) -> String {
    if boot.is_empty() || namespace.is_empty() { String::new() } else { format!("{boot} {namespace}") }
}

/// When a process of this machine began, if it is there and no zombie.
fn began(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name is in parentheses and may hold anything; the state is the first field behind it, the start the twentieth.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    fields.nth(18)?.parse().ok().filter(|_| state != "Z")
}

/// The right to grade one submission, given back when it is dropped.
#[derive(Debug)]
pub struct Claim {
    folder: PathBuf,
    path: PathBuf,
    /// Whether whoever stood below it is dead.
    took_over: bool,
}

/// What came of trying.
#[derive(Debug)]
pub enum Tried {
    /// It is ours.
    Ours(Claim),
    /// Somebody else has it, who may be told by name.
    Held(String),
}

impl Claim {
    /// Tries to get the right to grade what has its results in `folder`.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub fn take(folder: &Path) -> Result<Tried> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let number = highest(folder);
        let below = path(folder, number);
        // There is no claim 0.
        let found = fs::read(&below).ok();
        if number > 0 && !is_dead(&below, found.as_deref()) {
            return Ok(Tried::Held(told(found.as_deref())));
        }
        let path = path(folder, number + 1);
        if !make(&path)? {
            return Ok(Tried::Held(told(None)));
        }
        let mut claim = Self { folder: folder.to_owned(), path, took_over: false };
        // Between the look and the claim, the one that was found may have been given back, and another be made in its place.
        claim.took_over = fs::read(&below).ok() == found && highest(folder) == number + 1;
        Ok(if claim.took_over { Tried::Ours(claim) } else { Tried::Held(told(None)) })
    }

    /// Whether nobody has taken it over: a process that was stopped for long may have been thought dead.
    pub fn holds(&self) -> bool {
        self.path.exists() && path(&self.folder, highest(&self.folder)) == self.path
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut held = held();
        held.remove(&self.path);
        if self.took_over {
            give_back(&self.path);
        } else {
            // What is below may be somebody's who lives.
            let _gone = fs::remove_file(&self.path);
        }
    }
}

/// Takes a claim away, and the dead ones below it: from the lowest on, so that nobody ever sees a dead one as the highest.
fn give_back(claim: &Path) {
    let Some((folder, number)) = claim.parent().zip(number_of(claim)) else { return };
    for number in 1..number {
        let _gone = fs::remove_file(path(folder, number));
    }
    let _gone = fs::remove_file(claim);
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("claim-{number}"))
}

fn number_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix("claim-")?.parse().ok()
}

/// Whether there are claims on what has its results in `folder`, dead or not.
pub fn is_any(folder: &Path) -> bool {
    highest(folder) > 0
}

/// The highest number of a claim; 0 where there is none.
fn highest(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries.filter_map(|entry| number_of(&entry.path())).max().unwrap_or(0)
}

fn owner(claim: Option<&[u8]>) -> Option<Owner> {
    serde_json::from_slice(claim?).ok()
}

fn told(claim: Option<&[u8]>) -> String {
    owner(claim).map_or_else(|| "another batch".into(), |owner| format!("process {} on {}", owner.process, owner.host))
}

/// Makes the file, with all that is in it, where it is not there yet.
fn make(path: &Path) -> Result<bool> {
    let content = serde_json::to_vec(&Owner::here())?;
    let mut held = held();
    match make_whole(path, &content) {
        Ok(()) => {
            held.insert(path.to_owned());
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
    }
}

/// A hard link is made in one step, and of a file that is whole already. Some file systems have none.
fn make_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut whole = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    whole.write_all(content)?;
    match fs::hard_link(whole.path(), path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create_new(true).open(path)?.write_all(content)
        }
        made => made,
    }
}

/// Whether nobody stands behind a claim any more.
fn is_dead(path: &Path, claim: Option<&[u8]>) -> bool {
    match owner(claim).and_then(|owner| owner.lives()) {
        Some(lives) => !lives,
        // Of another machine, or half written: by whoever makes it now, or was killed while making it.
        None => untouched(path).is_some_and(|age| age > STALE),
    }
}

/// How long ago a file was touched, by the clock of whoever keeps the file.
fn untouched(path: &Path) -> Option<Duration> {
    let touched = fs::metadata(path).ok()?.modified().ok()?;
    now(path.parent()?)?.duration_since(touched).ok()
}

/// The time by the clock of whoever keeps `folder`.
pub fn now(folder: &Path) -> Option<SystemTime> {
    tempfile::NamedTempFile::new_in(folder).ok()?.as_file().metadata().ok()?.modified().ok()
}

/// Touches every claim of this process, so that other machines see that it lives.
pub fn touch() {
    for path in held().iter() {
        // One that is gone was taken over, which its holder finds out by itself.
        if let (Some(mut owner), Ok(mut file)) =
            (fs::read(path).ok().filter(|text| !text.is_empty()), OpenOptions::new().write(true).open(path))
        {
            owner.truncate(1);
            let _next_time = file.write_all(&owner);
        }
    }
}

/// Gives every claim of this process back, and makes none any more: the process is about to end.
pub fn end() {
    let held = held();
    held.iter().for_each(|path| give_back(path));
    mem::forget(held);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(folder: &Path) -> Claim {
        match Claim::take(folder).unwrap() {
            Tried::Ours(claim) => claim,
            Tried::Held(who) => panic!("held by {who}"),
        }
    }

    fn is_held(folder: &Path) -> bool {
        matches!(Claim::take(folder).unwrap(), Tried::Held(_))
    }

    #[test]
    fn one_at_a_time_and_nothing_is_left_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let claim = ours(folder.path());
        assert!(claim.holds() && is_held(folder.path()) && claim.holds());
        drop(claim);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        drop(ours(folder.path()));
    }

    #[test]
    fn the_claim_of_a_dead_process_is_taken_over_and_that_of_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Owner { began: Owner::here().began + 1, ..Owner::here() };
        fs::write(folder.path().join("claim-1"), serde_json::to_vec(&dead).unwrap()).unwrap();
        let claim = ours(folder.path());
        assert!(claim.path.ends_with("claim-2") && is_held(folder.path()));
        drop(claim);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the dead one is gone, too");
        fs::write(folder.path().join("claim-1"), serde_json::to_vec(&Owner::here()).unwrap()).unwrap();
        assert!(is_held(folder.path()));
    }

    #[test]
    fn a_claim_of_another_machine_is_dead_when_it_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claim-1");
        let elsewhere = Owner { machine: "another".into(), ..Owner::here() };
        for content in [serde_json::to_vec(&elsewhere).unwrap(), Vec::new()] {
            fs::write(&path, content).unwrap();
            assert!(is_held(folder.path()), "just touched");
            let file = OpenOptions::new().write(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - STALE - Duration::from_secs(5)).unwrap();
            drop(ours(folder.path()));
        }
    }

    #[test]
    fn touching_renews_a_claim_and_leaves_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let claim = ours(folder.path());
        let old = SystemTime::now() - STALE * 2;
        OpenOptions::new().write(true).open(&claim.path).unwrap().set_modified(old).unwrap();
        touch();
        assert!(untouched(&claim.path).unwrap() < STALE);
        assert_eq!(owner(fs::read(&claim.path).ok().as_deref()).unwrap().process, std::process::id());
    }

    #[test]
    fn who_was_thought_dead_finds_out() {
        let folder = tempfile::tempdir().unwrap();
        let claim = ours(folder.path());
        fs::write(folder.path().join("claim-2"), serde_json::to_vec(&Owner::here()).unwrap()).unwrap();
        assert!(!claim.holds());
    }

    #[test]
    fn of_many_at_once_one_has_it_at_a_time() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        let folder = tempfile::tempdir().unwrap();
        let dead = Owner { began: Owner::here().began + 1, ..Owner::here() };
        fs::write(folder.path().join("claim-1"), serde_json::to_vec(&dead).unwrap()).unwrap();
        let (inside, had) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Tried::Ours(_claim) = Claim::take(folder.path()).unwrap() {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two have it");
                            std::thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                            had.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert!(had.into_inner() > 0);
    }
}
