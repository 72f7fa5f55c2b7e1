//! Runs one program as a process group of its own: with a time limit, a limit on what it may print, and nothing left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    io::{self, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process_group};

/// How much of the beginning and of the end of an output is kept, in bytes each.
const KEPT: usize = 32 * 1024;

/// More output than this is a flood, in bytes.
const FLOOD: u64 = 16 * 1024 * 1024;

/// What a child may see of the environment: what it takes to find the toolchain and its documentation, and no more.
const PASSED_ON: [&str; 8] = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "TMPDIR", "LANG", "SYSTEMROOT"];

/// Groups that run now. Whoever holds the lock keeps new ones from starting.
static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<i32>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is to be done when the process is interrupted.
type AtTheEnd = Box<dyn FnOnce() + Send>;

static AT_THE_END: Mutex<Vec<AtTheEnd>> = Mutex::new(Vec::new());

/// When the user or the system ends this process, `what` is done after its children have ended: it gives back what others wait
/// for, and says how to go on. It must not wait for anything.
pub fn when_interrupted(what: impl FnOnce() + Send + 'static) {
    AT_THE_END.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(what));
}

/// Ends every child, then this process with code 130, when the user or the system asks for it.
///
/// # Errors
/// If the handler cannot be installed.
pub fn end_children_on_signals() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle signals")?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        if signals.forever().next().is_some() {
            // Never unlocked again: no child may start after this.
            let groups = live();
            for &group in groups.iter() {
                kill_group(group);
            }
            crate::screen::full::give_back();
            // `eprintln!` would panic where the terminal is gone, and this process would live on.
            crate::screen::warn("\ninterrupted; every child process was ended");
            AT_THE_END.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|what| what());
            std::process::exit(130);
        }
    })?;
    Ok(())
}

fn kill_group(group: i32) {
    if let Some(pid) = Pid::from_raw(group) {
        // It fails only where the group is gone already, which is what is wanted.
        let _gone = kill_process_group(pid, Signal::KILL);
    }
}

/// A child process that leads a group; the whole group is killed when this is dropped.
#[derive(Debug)]
pub struct Group {
    child: Child,
    reaped: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` in a group of its own.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let mut groups = live();
        let child =
            command.process_group(0).spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        groups.insert(child.id().cast_signed());
        Ok(Self { child, reaped: None })
    }

    /// The process, for its pipes.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The id of the leading process, which is the group's.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether somebody has seen that the leading process has ended.
    pub fn has_ended(&self) -> bool {
        self.reaped.is_some()
    }

    /// How it ended, if it has.
    pub fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.reaped.is_none() {
            self.reaped = self.child.try_wait()?;
        }
        Ok(self.reaped)
    }

    /// Waits for the leading process until `deadline`.
    pub fn wait_until(&mut self, deadline: Instant) -> io::Result<Option<ExitStatus>> {
        let mut pause = Duration::from_micros(200);
        loop {
            if let Some(status) = self.poll()? {
                return Ok(Some(status));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(Duration::from_millis(5));
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let group = self.child.id().cast_signed();
        let mut groups = live();
        kill_group(group);
        groups.remove(&group);
        drop(groups);
        if self.reaped.is_none() {
            let _status = self.child.wait();
        }
    }
}

/// What is run, and within what limits.
#[derive(Debug)]
pub struct Run<'a> {
    /// The executable.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Where it runs.
    pub folder: &'a Path,
    /// Variables beside the few that are passed on.
    pub environment: Vec<(&'static str, OsString)>,
    /// Wall-clock limit.
    pub limit: Duration,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal.
    Signalled(i32),
    /// It was killed at the time limit.
    TimedOut,
    /// It was killed because it printed too much.
    Flooded,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub end: End,
    /// Wall-clock time.
    pub seconds: f64,
    /// Beginning and end of its standard output.
    pub stdout: String,
    /// Beginning and end of its standard error.
    pub stderr: String,
    /// What its threads were doing when it was killed, a line each.
    pub doing: Vec<String>,
}

/// A command with no more of this process's environment than a child needs.
pub fn bare_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("RUST_BACKTRACE", "0");
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

impl Run<'_> {
    /// Runs it to its end or to its limit.
    ///
    /// # Errors
    /// If it cannot be started or waited for: the runner's own fault, not the program's.
    pub fn finish(self) -> Result<Finished> {
        let mut command = bare_command(self.program);
        command.args(&self.arguments).current_dir(self.folder).envs(self.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let deadline = started + self.limit;
        let mut group = Group::spawn(&mut command)?;
        let (flooded, flood) = mpsc::channel();
        let stdout = group.child().stdout.take().map(|pipe| keep(pipe, flooded.clone()));
        let stderr = group.child().stderr.take().map(|pipe| keep(pipe, flooded));

        let mut doing = Vec::new();
        let mut pause = Duration::from_micros(500);
        let end = loop {
            if let Some(status) = group.poll().context("cannot wait for a child process")? {
                break match (status.code(), status.signal()) {
                    (Some(code), _) => End::Exited(code),
                    (None, signal) => End::Signalled(signal.unwrap_or_default()),
                };
            }
            match flood.recv_timeout(pause) {
                Ok(()) => break End::Flooded,
                // Both pipes are closed and the process is still there: sleep until it ends.
                Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(pause),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            pause = (pause * 2).min(Duration::from_millis(4));
            if Instant::now() >= deadline {
                doing = what_it_does(group.id());
                break End::TimedOut;
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        // Kills whatever of the group is left, so that the pipes close and the readers end.
        drop(group);
        Ok(Finished { end, seconds, stdout: gather(stdout), stderr: gather(stderr), doing })
    }
}

type Reader = (thread::JoinHandle<()>, std::sync::Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
}

/// Reads a pipe to its end in a thread, keeping its beginning and its end.
fn keep(mut pipe: impl Read + Send + 'static, flooded: mpsc::Sender<()>) -> Reader {
    let kept = std::sync::Arc::new(Mutex::new(Kept::default()));
    let shared = kept.clone();
    let reader = thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            let mut kept = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let room = KEPT.saturating_sub(kept.head.len()).min(read);
            kept.head.extend_from_slice(&buffer[..room]);
            kept.tail.extend_from_slice(&buffer[room..read]);
            if kept.tail.len() > 2 * KEPT {
                let cut = kept.tail.len() - KEPT;
                kept.tail.drain(..cut);
            }
            kept.total += read as u64;
            if kept.total > FLOOD {
                // The receiver may be gone: then somebody else has stopped the process already.
                let _stopped = flooded.send(());
                return;
            }
        }
    });
    (reader, kept)
}

fn gather(reader: Option<Reader>) -> String {
    let Some((thread, kept)) = reader else { return String::new() };
    // A descendant that left the group can hold the pipe open for ever: it gets a moment, no more.
    let deadline = Instant::now() + Duration::from_millis(500);
    while !thread.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_micros(200));
    }
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = String::from_utf8_lossy(&kept.head).into_owned();
    let shown = (kept.head.len() + kept.tail.len()) as u64;
    if kept.total > shown {
        text.push_str(&format!("\n[.. {} bytes left out ..]\n", kept.total - shown));
    }
    text.push_str(&String::from_utf8_lossy(&kept.tail));
    text
}

/// What the threads of a process group are doing, in words, where the system tells it (Linux).
pub fn what_it_does(group: u32) -> Vec<String> {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    for process in processes.flatten() {
        let folder = process.path();
        let Some((_, fields)) = stat(&folder) else { continue };
        if fields.get(2).and_then(|field| field.parse().ok()) != Some(group) {
            continue;
        }
        let Ok(threads) = fs::read_dir(folder.join("task")) else { continue };
        for task in threads.flatten() {
            let Some((name, fields)) = stat(&task.path()) else { continue };
            let waits_in = fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
            let state = fields.first().map(String::as_str).unwrap_or_default();
            *lines.entry(format!("`{name}` {}", in_words(state, &waits_in))).or_insert(0) += 1;
        }
    }
    let told = |(line, threads)| if threads == 1 { format!("thread {line}") } else { format!("{threads} threads {line}") };
    lines.into_iter().map(told).collect()
}

/// The name, and the fields behind it, of a `stat` file.
fn stat(folder: &Path) -> Option<(String, Vec<String>)> {
    let text = fs::read_to_string(folder.join("stat")).ok()?;
    let (_, rest) = text.split_once(" (")?;
    // The name may itself hold spaces and parentheses: it ends at the last one.
    let (name, fields) = rest.rsplit_once(')')?;
    Some((name.to_owned(), fields.split_whitespace().map(String::from).collect()))
}

fn in_words(state: &str, waits_in: &str) -> String {
    match (state, waits_in) {
        ("R", _) => "was running: it computes or spins".into(),
        ("Z", _) => "had ended, and nobody had waited for it (a zombie)".into(),
        ("T" | "t", _) => "was stopped by a signal or a debugger".into(),
        (_, place) if place.contains("futex") => "waited for a lock, a condition variable, a channel or a join".into(),
        (_, place) if place.contains("pipe") => "waited for a pipe".into(),
        (_, place) if place.contains("wait") && !place.contains("poll") => "waited for a child process".into(),
        (_, place) if place.contains("poll") => "waited for I/O or a timer (poll)".into(),
        (_, place) if place.contains("nanosleep") => "slept".into(),
        (_, "" | "0") => "was asleep".into(),
        (_, place) => format!("was asleep in the kernel (`{place}`)"),
    }
}
