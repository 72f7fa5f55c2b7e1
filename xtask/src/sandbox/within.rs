//! The trampoline: what `xtask within <stage> [--] program args..` does before it turns into the program.
//!
//! It runs before anything else of the runner does, on one thread, and knows nothing of the course.

use std::{
    ffi::OsString,
    fs,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::PathBuf,
    process::{Command, ExitCode, ExitStatus},
    thread,
};

use anyhow::{Context, Result, bail};
use rustix::{
    io::Errno,
    process::{
        Resource, Rlimit, Signal, WaitOptions, getpid, kill_process, set_parent_process_death_signal, setrlimit, setsid, wait,
    },
    thread::set_no_new_privs,
};
use serde::{Deserialize, Serialize};

use super::{Policy, orphans, rules};

/// The first argument that makes the runner the trampoline.
pub const WORD: &str = "within";

/// Holds a word that only the runner knows, by which it knows a stage's own complaint from a program's that looks like one.
/// It is in the environment, and not among the arguments: those can be read by everybody. It does not reach the program.
pub const TOKEN: &str = "RACECOURSE_WITHIN";

/// The code with which a stage ends that could not do its work.
pub const FAILED: u8 = 125;

/// Open files of a process.
const FILES: u64 = 1024;

/// Outside of the namespaces, or inside.
#[derive(Debug, Serialize, Deserialize)]
pub enum Stage {
    /// Leaves the runner's session and joins the cgroups.
    Outer(Outer),
    /// Puts limits and rules on itself.
    Inner(Inner),
}

/// What the outer stage does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outer {
    /// The `cgroup.procs` of each cgroup to join.
    pub cgroups: Vec<PathBuf>,
    /// Whether it stays, to end what the program leaves behind: where no namespace does.
    pub stays: bool,
}

/// What the inner stage does.
#[derive(Debug, Serialize, Deserialize)]
pub struct Inner {
    /// With the private folder among what may be written.
    pub policy: Policy,
    /// Whom to become.
    pub user: Option<u32>,
    /// Whether to use Landlock.
    pub landlock: bool,
    /// What `RLIMIT_NPROC` is set to.
    pub processes: u64,
}

impl Stage {
    /// What the trampoline is called with, up to the program's name.
    ///
    /// # Errors
    /// If a path is not UTF-8.
    pub fn arguments(&self) -> Result<Vec<OsString>> {
        let stage = serde_json::to_string(self).context("a path of the policy is not UTF-8")?;
        Ok(vec![WORD.into(), stage.into()])
    }
}

/// Does a stage, if that is what this process was started for.
pub fn main() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != WORD {
        return None;
    }
    let error = run(arguments).err()?;
    let token = std::env::var(TOKEN).unwrap_or_default();
    // Not by way of the screen: the runner reads it, and nobody else.
    crate::screen::warn(format!("{token}: {error:#}"));
    Some(ExitCode::from(FAILED))
}

/// Does not return where all goes well.
fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<std::convert::Infallible> {
    let stage = arguments.next().context("no stage is named; this is for the runner's own use")?;
    let stage = serde_json::from_slice(stage.as_encoded_bytes()).context("this is not a stage of this version of xtask")?;
    let program = arguments.next().context("no program is named")?;
    let mut command = Command::new(&program);
    command.args(arguments);
    match stage {
        Stage::Outer(outer) => outer.run(command),
        Stage::Inner(inner) => inner.run(command),
    }
}

impl Outer {
    fn run(self, mut command: Command) -> Result<std::convert::Infallible> {
        // It fails where the runner has made this the leader of a group: then it can be ended as such.
        let _own_session = setsid();
        for file in &self.cgroups {
            fs::write(file, "0").with_context(|| format!("cannot join {}", file.display()))?;
        }
        if !self.stays {
            return Err(command.exec()).context("cannot start bwrap");
        }
        orphans::adopt();
        // The runner may be killed before it can end anybody. Then this is told, and does that.
        set_parent_process_death_signal(Some(Signal::TERM))?;
        let mut told = signal_hook::iterator::Signals::new([Signal::TERM.as_raw()])?;
        thread::spawn(move || {
            if told.forever().next().is_some() {
                orphans::end_descendants();
                std::process::exit(128 + Signal::TERM.as_raw());
            }
        });
        let child = command.spawn().context("cannot start the inner stage")?;
        let status = wait_for(child.id())?;
        orphans::end_descendants();
        leave_as(status)
    }
}

/// Waits until the program has ended, and buries whoever ends before it and has nobody else.
fn wait_for(program: u32) -> Result<ExitStatus> {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((who, how))) if who.as_raw_nonzero().get().cast_unsigned() == program => {
                return Ok(ExitStatus::from_raw(how.as_raw()));
            }
            Ok(_) | Err(Errno::INTR) => {}
            // The other thread has been told to end them all, and ends this process next. Whoever told it may have been the
            // program, so that a complaint would be its way to be nobody's fault.
            Err(Errno::CHILD) => thread::park(),
            Err(error) => bail!("cannot wait for the program: {error}"),
        }
    }
}

/// Ends as the program has: the runner sees its code, or its signal.
fn leave_as(status: ExitStatus) -> ! {
    if let Some(signal) = status.signal().and_then(Signal::from_named_raw) {
        // The first may be taken by std's own handler of memory faults, which then steps aside.
        for _ in 0..3 {
            let _sent = kill_process(getpid(), signal);
        }
    }
    std::process::exit(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
}

impl Inner {
    fn run(self, mut command: Command) -> Result<std::convert::Infallible> {
        let policy = &self.policy;
        set_no_new_privs(true)?;
        let limits = [
            // Of what it may write to, and not of its address space: a thread's arena reserves 64 MiB of that and uses none,
            // so that an honest program with 64 threads would need gigabytes.
            (Resource::Data, policy.memory),
            (Resource::Nproc, self.processes),
            (Resource::Fsize, policy.file_size),
            (Resource::Nofile, FILES),
            (Resource::Core, 0),
        ];
        for (resource, limit) in limits {
            lower(resource, limit).with_context(|| format!("cannot limit {resource:?}"))?;
        }
        if self.landlock {
            rules::apply(policy)?;
        }
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command.env_remove(TOKEN);
        let program = command.get_program().to_owned();
        Err(command.exec()).with_context(|| format!("cannot start {}", program.display()))
    }
}

/// Sets a limit, or the one that there is already where that is lower.
fn lower(resource: Resource, limit: u64) -> Result<()> {
    let highest = rustix::process::getrlimit(resource).maximum.map_or(limit, |highest| highest.min(limit));
    Ok(setrlimit(resource, Rlimit { current: Some(highest), maximum: Some(highest) })?)
}
