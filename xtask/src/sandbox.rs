//! The walls between a submission's code and the rest of the machine: what this machine offers of them, and a command that
//! runs a program behind them.
//!
//! ```text
//! runner ── xtask within (outer) ── bwrap ── xtask within (inner) ── program        where bubblewrap works
//! runner ── xtask within (outer) ─────────── xtask within (inner) ── program        elsewhere
//! ```
//!
//! The outer stage leaves the runner's session, so that nothing behind the walls can join one of the runner's own process
//! groups, and joins the cgroups. Before bubblewrap it then turns into that; elsewhere it stays, adopts whatever the program
//! leaves behind, and ends that when the program has ended. The inner stage sets the limits, applies Landlock, becomes
//! another user where it is root, and turns into the program. See [`within`](mod@within) for both, and
//! [`orphans`] for what happens to those whom the outer stage could not end.
//!
//! What is not here: a filter of system calls. Without bubblewrap UDP is open, and so are Unix sockets that have a path.

use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail};
use rustix::process::{getpid, getuid};
use serde::{Deserialize, Serialize};

use crate::{process::Group, results::Layer};

use cgroup::Controllers;
pub use place::{Excess, Place, Prepared, Watched};
pub use private::Private;
use within::{Inner, Outer, Stage};

mod bubblewrap;
mod cgroup;
pub mod orphans;
mod place;
mod private;
mod rules;
pub mod within;

/// Layers named here are not used, and said to be off: for tests of the weaker combinations. `without:bwrap,landlock`.
pub const VARIABLE: &str = "RACECOURSE_SANDBOX";

/// What every program needs to be loaded: shared libraries, and the tools that a linker is made of.
const SYSTEM: [&str; 12] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
];

/// Bytes of memory of a program under test.
const PROGRAM_MEMORY: u64 = 2 << 30;
/// Processes and threads at a time: four times what the exercise with the most of them starts on 32 cores.
const PROCESSES: u64 = 512;
/// Bytes of one file.
const FILE_SIZE: u64 = 256 << 20;
/// How many files of the largest size may be written in all.
const FULL_FILES: u64 = 4;

/// The first of the user ids that nobody has: systemd keeps this range for services that get a user for the time they run.
const FIRST_USER: u32 = 61_184;
const USERS: u32 = 4_336;

/// Whom a program may speak to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// Nobody.
    None,
    /// Itself and its children, by the loopback interface.
    Loopback,
}

/// What a program may touch and use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Files, and folders with everything in them, that it may read and execute. What is not there is passed over.
    pub read: Vec<PathBuf>,
    /// Files, and folders with everything in them, that it may also write. They become the property of the program's user
    /// where that is another one, so name folders that are for it alone.
    pub write: Vec<PathBuf>,
    /// Whom it may speak to.
    pub network: Network,
    /// Bytes of memory: of each process, and of all together where there are cgroups or somebody looks on.
    pub memory: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// Bytes of one file that it may write; [four times](Policy::disk) that is the limit of all.
    pub file_size: u64,
    /// Whether it may look into `/proc`: with bubblewrap, of its own process-id namespace.
    pub proc: bool,
}

impl Policy {
    /// For a program under test: the system's libraries beside `read`, no network.
    pub fn program(read: impl IntoIterator<Item = PathBuf>, write: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            read: SYSTEM.iter().map(PathBuf::from).chain(read).collect(),
            write: write.into_iter().collect(),
            network: Network::None,
            memory: PROGRAM_MEMORY,
            processes: PROCESSES,
            file_size: FILE_SIZE,
            proc: false,
        }
    }

    /// The same, with the loopback interface.
    pub fn with_loopback(mut self) -> Self {
        self.network = Network::Loopback;
        self.read.extend(["/etc/hosts", "/etc/nsswitch.conf"].map(PathBuf::from));
        self
    }

    /// Bytes that it may write in all.
    pub fn disk(&self) -> u64 {
        self.file_size.saturating_mul(FULL_FILES)
    }
}

/// One wall, as it was found.
#[derive(Debug, Clone)]
enum Found<T> {
    Works(T),
    /// And why not, with what mends it.
    Not(String),
}

impl<T> Found<T> {
    fn works(&self) -> Option<&T> {
        match self {
            Self::Works(works) => Some(works),
            Self::Not(_) => None,
        }
    }

    fn layer(&self, name: &str, works: impl FnOnce(&T) -> String) -> Layer {
        match self {
            Self::Works(found) => layer(name, true, works(found)),
            Self::Not(why) => layer(name, false, why.clone()),
        }
    }
}

fn layer(name: &str, active: bool, detail: impl Into<String>) -> Layer {
    Layer { name: name.into(), active, detail: detail.into() }
}

/// What this machine offers.
#[derive(Debug)]
pub struct Sandbox {
    trampoline: PathBuf,
    /// Where `bwrap` is.
    namespaces: Found<PathBuf>,
    /// The version of the kernel's interface.
    landlock: Found<u32>,
    cgroup: Found<Controllers>,
    /// Whether programs can run as users that nobody is, and not as root; of interest to root alone.
    user: Found<u32>,
    /// What could not be run as that user, for it cannot reach it.
    kept_root: Mutex<Option<String>>,
    /// Of commands that were handed out without their place.
    places: Mutex<Vec<Place>>,
}

impl Sandbox {
    /// Finds out what this machine offers by trying it. `trampoline` is the `xtask` program.
    ///
    /// From here on this process adopts what its descendants leave behind, so that it can end that.
    pub fn detect(trampoline: &Path) -> Self {
        let asked = env::var(VARIABLE).unwrap_or_default();
        let without: Vec<&str> = asked.strip_prefix("without:").unwrap_or_default().split(',').map(str::trim).collect();
        Self::detect_without(trampoline, &without)
    }

    /// As [`detect`](Self::detect), and as if the layers in `without` (`bwrap`, `landlock`, `cgroup`, `user`) were not there.
    pub fn detect_without(trampoline: &Path, without: &[&str]) -> Self {
        orphans::adopt();
        let own = getuid().as_raw();
        place::sweep(&env::temp_dir(), |user| user == own || (FIRST_USER..FIRST_USER + USERS).contains(&user));
        let off = |name: &str| without.contains(&name).then(|| format!("switched off by {VARIABLE}"));
        let found = |name: &str, look: &dyn Fn() -> Result<u32, String>| match off(name).map_or_else(look, Err) {
            Ok(works) => Found::Works(works),
            Err(why) => Found::Not(why),
        };
        let mut sandbox = Self {
            trampoline: trampoline.to_owned(),
            namespaces: Found::Not(String::new()),
            landlock: found("landlock", &rules::kernel_has),
            cgroup: match off("cgroup").map_or_else(Controllers::find, Err) {
                Ok(controllers) => Found::Works(controllers),
                Err(why) => Found::Not(why),
            },
            user: found("user", &some_user),
            kept_root: Mutex::default(),
            places: Mutex::default(),
        };
        sandbox.namespaces = match off("bwrap") {
            Some(why) => Found::Not(why),
            None => sandbox.try_bubblewrap(),
        };
        sandbox
    }

    /// Runs a program behind the whole wall: that `bwrap` is installed says nothing, a kernel may forbid what it does.
    fn try_bubblewrap(&mut self) -> Found<PathBuf> {
        const MEND: &str = "install bubblewrap, and let users make user namespaces \
                            (on Ubuntu: sysctl kernel.apparmor_restrict_unprivileged_userns=0)";
        let Some(bwrap) = on_path("bwrap") else { return Found::Not(format!("bwrap is not installed; {MEND}")) };
        self.namespaces = Found::Works(bwrap.clone());
        match self.stands(&Policy::program([], [])) {
            Ok(()) => Found::Works(bwrap),
            Err(why) => Found::Not(format!("bwrap does not work here: {why:#}; {MEND}")),
        }
    }

    /// Whether the walls of a policy can be put up at all: a program that does nothing ends well behind them.
    ///
    /// # Errors
    /// Why not.
    pub fn stands(&self, policy: &Policy) -> Result<()> {
        let truth = on_path("true").context("there is no program `true`")?;
        let mut prepared = self.prepare(policy, &truth)?;
        prepared.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).current_dir("/");
        let mut group = Group::spawn_within(prepared)?;
        let errors = group.child().stderr.take();
        let status = group.wait_until(Instant::now() + Duration::from_secs(10))?;
        drop(group);
        if status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        let said = errors.and_then(|pipe| std::io::read_to_string(pipe).ok()).unwrap_or_default();
        bail!("{}", said.lines().next().unwrap_or("it did not end within 10 s"))
    }

    /// What of it stands, for the results.
    pub fn layers(&self) -> Vec<Layer> {
        let mut layers = vec![
            layer(
                "process group",
                true,
                "a session of its own; what leaves it is adopted and ended before the result is written",
            ),
            layer("rlimits", true, self.limits_in_words()),
            layer("environment", true, "nothing of the grader's; HOME and TMPDIR are a private folder that is removed"),
        ];
        if getuid().is_root() {
            layers.push(self.user_layer());
        }
        layers.push(self.namespaces.layer("namespaces", |_| {
            "bubblewrap: processes, mounts, network, IPC; only listed files are there, and no network but its own loopback".into()
        }));
        layers.push(self.landlock.layer("landlock", |&abi| rules::in_words(abi, self.namespaces.works().is_some())));
        layers.push(self.cgroup.layer("cgroup", Controllers::in_words));
        layers
    }

    fn limits_in_words(&self) -> String {
        let counted = match (self.cgroup.works(), self.counts_alone()) {
            (Some(controllers), _) if controllers.counts_processes() => "processes are counted by the cgroup",
            (_, true) => "processes are counted for this grader's programs alone",
            _ if getuid().is_root() => "processes are NOT limited: root is exempt, and programs stay root; grade as another user",
            _ => "processes are counted together with all others of the user who grades",
        };
        format!("memory of a process (data), file size, open files, no core dumps; {counted}")
    }

    /// Whether the kernel's count of a user's processes counts these programs apart from the user's others.
    fn counts_alone(&self) -> bool {
        let own_user = getuid().is_root() && self.user.works().is_some();
        let own_namespace = !getuid().is_root() && self.namespaces.works().is_some() && counts_by_namespace();
        own_user || own_namespace
    }

    fn user_layer(&self) -> Layer {
        let kept = self.kept_root.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.user, kept.as_ref()) {
            (Found::Works(_), None) => layer("user", true, "each program runs as a user of its own, not as root"),
            (Found::Works(_), Some(what)) => {
                layer("user", false, format!("programs run as users of their own, but not all: root stayed {what}"))
            }
            (Found::Not(why), _) => layer("user", false, format!("programs stay root: {why}")),
        }
    }

    /// A command that runs `program` behind the walls. Arguments, variables, streams and the folder are the caller's to add.
    /// What it needs beside is removed with this sandbox; [`prepare`](Self::prepare) gives that to the caller.
    ///
    /// # Errors
    /// If a file of the policy is not there, or a private folder or a cgroup cannot be made.
    pub fn command(&self, policy: &Policy, program: &Path) -> Result<Command> {
        let Prepared { command, place } = self.prepare(policy, program)?;
        self.places.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        Ok(command)
    }

    /// A command, and what is removed after it: for [`Group::spawn_within`].
    ///
    /// # Errors
    /// As [`command`](Self::command).
    pub fn prepare(&self, policy: &Policy, program: &Path) -> Result<Prepared> {
        let policy = whole(policy, program)?;
        let bwrap = self.namespaces.works();
        let user = self.user_for(&policy, program, bwrap.is_some());
        if let Some(user) = user {
            policy.write.iter().try_for_each(|path| place::give(path, user))?;
        }
        let controllers = self.cgroup.works();
        let place = Place::new(controllers, &policy, bwrap.is_none(), user)?;
        let home = place.folder().map_or_else(|| PathBuf::from(bubblewrap::HOME), Path::to_owned);
        let processes = self.process_limit(&policy, user);
        let mut inner_policy = policy.clone();
        inner_policy.write.push(home.clone());
        let inner = Inner { policy: inner_policy, user, landlock: self.landlock.works().is_some(), processes };
        let outer = Outer { cgroups: place.cgroup_files(), stays: bwrap.is_none() };

        let mut command = Command::new(&self.trampoline);
        command.args(Stage::Outer(outer).arguments()?);
        match bwrap {
            Some(bwrap) => {
                command.arg(bwrap).args(bubblewrap::arguments(&policy, &self.trampoline, user.is_none()));
                command.arg(bubblewrap::TRAMPOLINE);
            }
            None => {
                command.arg(&self.trampoline);
            }
        }
        command.args(Stage::Inner(inner).arguments()?).arg(program);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("RUST_BACKTRACE", "0");
        command.env("HOME", &home).env("TMPDIR", &home).env(within::TOKEN, place.token());
        Ok(Prepared { command, place })
    }

    /// Makes everything in `folder`, which programs have written, the runner's own again: its owner may change a file's mode
    /// whatever the walls say of its content, and a file that is closed to other users is run as root.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn take_back(&self, folder: &Path) -> Result<()> {
        if getuid().is_root() { place::give(folder, 0) } else { Ok(()) }
    }

    fn user_for(&self, policy: &Policy, program: &Path, mounts_are_own: bool) -> Option<u32> {
        self.user.works()?;
        let closed = policy.read.iter().find(|path| !place::open_to_others(path, mounts_are_own));
        let closed = closed.or_else(|| policy.write.iter().find(|path| !mounts_are_own && !place::parents_are_open(path)));
        let Some(closed) = closed else { return Some(next_user()) };
        let mut kept = self.kept_root.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert_with(|| {
            let (program, closed) = (program.display(), closed.display());
            format!("{program}, for {closed} is closed to other users (chmod o+rx it and what is above it)")
        });
        None
    }

    /// What `RLIMIT_NPROC` is set to. Where it counts more than this program's own, there is room for the others.
    fn process_limit(&self, policy: &Policy, user: Option<u32>) -> u64 {
        match user {
            Some(_) => policy.processes,
            None if self.counts_alone() => policy.processes,
            None => policy.processes.saturating_add(threads_of(getuid().as_raw())),
        }
    }
}

impl Drop for Sandbox {
    /// Places that were handed out are of programs that may still be there.
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        for place in self.places.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _dead = place.end_all(deadline);
        }
    }
}

/// The policy with the program in it, and every path as the kernel sees it.
fn whole(policy: &Policy, program: &Path) -> Result<Policy> {
    let mut policy = policy.clone();
    let program = program.canonicalize().with_context(|| format!("cannot find {}", program.display()))?;
    policy.read.retain(|path| path.exists());
    if !policy.read.iter().any(|path| program.starts_with(path)) {
        policy.read.push(program);
    }
    for path in policy.read.iter().chain(&policy.write) {
        if !path.is_absolute() || !path.exists() {
            bail!("{} is not there, or not from the root on; a sandbox cannot be made of it", path.display());
        }
    }
    Ok(policy)
}

fn some_user() -> Result<u32, String> {
    if !getuid().is_root() {
        return Err("only root can become another user".into());
    }
    let user = next_user();
    place::can_become(user).map(|()| user).map_err(|why| format!("cannot become user {user}: {why}"))
}

/// A user that nobody is, and another one each time. Two programs of one user would count each other's processes: of a bomb in
/// one the other could not even be started, which is told as a fault of the grader. And they could end each other.
fn next_user() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static FIRST: OnceLock<u32> = OnceLock::new();
    // Another beginning for each runner.
    let first = FIRST.get_or_init(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        (now ^ getpid().as_raw_nonzero().get().cast_unsigned()) % USERS
    });
    FIRST_USER + (first + NEXT.fetch_add(1, Ordering::Relaxed) % USERS) % USERS
}

/// Where a program is, by `PATH`.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Since Linux 5.14 `RLIMIT_NPROC` counts in each user namespace for itself.
fn counts_by_namespace() -> bool {
    let name = rustix::system::uname();
    let mut numbers = name.release().to_str().unwrap_or_default().split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 14)
}

/// How many threads a user has.
fn threads_of(user: u32) -> u64 {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let own = processes.filter(|process| process.metadata().is_ok_and(|about| about.uid() == user));
    own.map(|process| fs::read_dir(process.path().join("task")).map_or(0, |threads| threads.count() as u64)).sum()
}
