//! Runs one program as a process group of its own: with a time limit, a limit on what it may print, and nothing left behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal};

use crate::sandbox::{Excess, Place, Policy, Prepared, Sandbox, Watched, orphans, within};

/// How much of the beginning and of the end of an output is kept, in bytes each.
const KEPT: usize = 32 * 1024;

/// More output than this is a flood, in bytes.
pub const FLOOD: u64 = 16 * 1024 * 1024;

/// How often somebody looks at how much a program has taken.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long the file of a program may be held open by somebody who could write it.
const TO_BE_CLOSED: Duration = Duration::from_secs(2);

/// How long the processes of a program may take to die of being killed.
const DYING: Duration = Duration::from_secs(10);

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
            // Whatever goes wrong below: otherwise no signal would end this process any more.
            let _at_last = Exit;
            for &group in groups.iter() {
                kill_group(group);
                // Behind walls it has no group of its own in its first moment.
                let _gone = Pid::from_raw(group).map(|leader| kill_process(leader, Signal::KILL));
            }
            // What had left its group comes to this process when its parent has died, a moment from now.
            let leaders = groups.clone();
            orphans::end_all(|| leaders.clone(), Instant::now() + Duration::from_secs(1));
            crate::screen::full::give_back();
            // `eprintln!` would panic where the terminal is gone, and this process would live on.
            crate::screen::warn("\ninterrupted; every child process was ended");
            AT_THE_END.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|what| what());
        }
    })?;
    Ok(())
}

/// Ends this process, interrupted, when it is dropped.
struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        std::process::exit(130);
    }
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
    /// Whether it is a command of a [`Sandbox`].
    walled: bool,
    /// What such a command needs beside, where it is this group's.
    place: Option<Place>,
    watch: Option<Watch>,
    leader: OnceLock<u32>,
}

/// Starts it, and waits where its file is being written. A copy that this process has made was closed before; but a child that
/// another thread began meanwhile holds it open until it is a program of its own, a moment later.
fn spawn(command: &mut Command) -> io::Result<Child> {
    let deadline = Instant::now() + TO_BE_CLOSED;
    loop {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && Instant::now() < deadline => {
                thread::sleep(Duration::from_millis(1));
            }
            done => return done,
        }
    }
}

impl Group {
    /// Starts `command` in a group of its own.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let walled = command.get_args().next().is_some_and(|first| first == within::WORD);
        // Behind walls it makes a session of its own, which the leader of a group cannot.
        if !walled {
            command.process_group(0);
        }
        Self::start(command, None, walled)
    }

    /// Starts a command of a [`Sandbox`] in a session of its own. When this is dropped, everything is dead that it has started,
    /// and what it needed beside is removed.
    ///
    /// It is ended, too, when the thread ends that calls this.
    ///
    /// # Errors
    /// If the program cannot be started.
    pub fn spawn_within(prepared: Prepared) -> Result<Self> {
        let Prepared { mut command, place } = prepared;
        let watched = place.watched();
        let mut group = Self::start(&mut command, Some(place), true)?;
        group.watch = Some(Watch::start(group.id(), watched));
        Ok(group)
    }

    fn start(command: &mut Command, place: Option<Place>, walled: bool) -> Result<Self> {
        let mut groups = live();
        let child = spawn(command).with_context(|| format!("cannot start {}", command.get_program().display()))?;
        groups.insert(child.id().cast_signed());
        Ok(Self { child, reaped: None, walled, place, watch: None, leader: OnceLock::new() })
    }

    /// The id of the program itself, as this process sees it: behind walls that is not the leading process.
    pub fn leader(&self) -> u32 {
        if let Some(&leader) = self.leader.get() {
            return leader;
        }
        let wrappers = self.wrappers();
        let last = wrappers.last().copied().unwrap_or_else(|| self.id().cast_signed());
        let Some(place) = &self.place else { return self.id() };
        match orphans::children(last).first() {
            Some(&program) if wrappers.len() == place.depth() => *self.leader.get_or_init(|| program.cast_unsigned()),
            _ => self.id(),
        }
    }

    /// The processes between this one and the program.
    fn wrappers(&self) -> Vec<i32> {
        let Some(place) = &self.place else { return Vec::new() };
        let first = Some(self.id().cast_signed());
        std::iter::successors(first, |&process| orphans::children(process).first().copied()).take(place.depth()).collect()
    }

    /// What its threads are doing, in words, where the system tells it (Linux).
    pub fn doing(&self) -> Vec<String> {
        what_it_does(self.id(), &self.wrappers())
    }

    /// What it has taken too much of, and was ended for.
    pub fn excess(&self) -> Option<Excess> {
        *self.watch.as_ref()?.excess.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its code, or its signal: bubblewrap tells that as a code above 128.
    fn how_it_ended(&self, status: ExitStatus) -> End {
        let in_namespaces = self.place.as_ref().is_some_and(|place| place.depth() == 2);
        match (status.code(), status.signal()) {
            (Some(code @ 129..=192), _) if in_namespaces => End::Signalled(code - 128),
            (Some(code), _) => End::Exited(code),
            (None, signal) => End::Signalled(signal.unwrap_or_default()),
        }
    }

    /// Ends all of it, and returns the word by which a stage of the sandbox is known.
    fn end(self) -> Option<String> {
        self.place.as_ref().map(|place| place.token().to_owned())
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
        self.watch = None;
        let mut groups = live();
        kill_group(group);
        if self.reaped.is_none() {
            // Behind walls it has no group of its own in its first moment.
            let _gone = self.child.kill();
        }
        groups.remove(&group);
        drop(groups);
        if self.reaped.is_none() {
            let _status = self.child.wait();
        }
        if self.walled {
            end_the_rest(self.place.take());
        }
    }
}

/// Ends what has left its group. What cannot be ended is told: nothing may be built on its being dead.
fn end_the_rest(place: Option<Place>) {
    let deadline = Instant::now() + DYING;
    let dead = place.is_none_or(|place| place.end_all(deadline)) & orphans::end_all(|| live().clone(), deadline);
    if !dead {
        crate::screen::warn("a process of a program under test could not be ended within 10 s; look for it with `ps -ef`");
    }
}

/// A thread that looks at how much a program has taken, and ends it where that is too much.
#[derive(Debug)]
struct Watch {
    stop: Arc<AtomicBool>,
    excess: Arc<Mutex<Option<Excess>>>,
    looker: thread::JoinHandle<()>,
}

impl Watch {
    fn start(process: u32, watched: Watched) -> Self {
        let (stop, excess) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let (stopped, found) = (stop.clone(), excess.clone());
        // By a handle, and not by its number: that may be another's by then.
        let handle = Pid::from_raw(process.cast_signed()).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
        let looker = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                thread::park_timeout(LOOK_EVERY);
                let Some(excess) = watched.excess(process) else { continue };
                *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(excess);
                let _gone = handle.as_ref().map(|handle| pidfd_send_signal(handle, Signal::KILL));
                return;
            }
        });
        Self { stop, excess, looker }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.looker.thread().unpark();
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
    /// What is written to its standard input, which is closed after that.
    pub stdin: Vec<u8>,
    /// The walls that it runs behind, and what it may do there. Then nothing of this process's environment is passed on.
    pub within: Option<(&'a Sandbox, &'a Policy)>,
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
    /// It was killed because it took too much of this.
    TookTooMuch(Excess),
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
        let (mut command, place) = match self.within {
            None => (bare_command(self.program), None),
            Some((sandbox, policy)) => {
                let Prepared { command, place } = sandbox.prepare(policy, self.program)?;
                (command, Some(place))
            }
        };
        command.args(&self.arguments).current_dir(self.folder).envs(self.environment);
        command.stdin(if self.stdin.is_empty() { Stdio::null() } else { Stdio::piped() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let deadline = started + self.limit;
        let mut group = match place {
            None => Group::spawn(&mut command)?,
            Some(place) => Group::spawn_within(Prepared { command, place })?,
        };
        if let Some(mut pipe) = group.child().stdin.take() {
            // In a thread: a program that reads nothing must not hold up whoever waits for it. It ends with the program.
            thread::spawn(move || pipe.write_all(&self.stdin));
        }
        let (flooded, flood) = mpsc::channel();
        let stdout = group.child().stdout.take().map(|pipe| keep(pipe, flooded.clone()));
        let stderr = group.child().stderr.take().map(|pipe| keep(pipe, flooded));

        let mut doing = Vec::new();
        let mut pause = Duration::from_micros(500);
        let mut end = loop {
            if let Some(status) = group.poll().context("cannot wait for a child process")? {
                break group.how_it_ended(status);
            }
            match flood.recv_timeout(pause) {
                Ok(()) => break End::Flooded,
                // Both pipes are closed and the process is still there: sleep until it ends.
                Err(mpsc::RecvTimeoutError::Disconnected) => thread::sleep(pause),
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
            pause = (pause * 2).min(Duration::from_millis(4));
            if Instant::now() >= deadline {
                doing = group.doing();
                break End::TimedOut;
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        if let Some(excess) = group.excess() {
            end = End::TookTooMuch(excess);
        }
        // Kills whatever of the group is left, so that the pipes close and the readers end.
        let token = group.end();
        let (stdout, stderr) = (gather(stdout), gather(stderr));
        let failed = end == End::Exited(within::FAILED.into());
        if let Some(why) = token.filter(|_| failed).and_then(|token| complaint(&token, &stderr)) {
            bail!("{} could not be run in the sandbox: {why}", self.program.display());
        }
        if let (Some((sandbox, policy)), End::Exited(1), true) = (self.within, end, stderr.starts_with("bwrap: ")) {
            // Its own words, or a program's that would like to be nobody's fault: a program that can do no wrong tells.
            sandbox.stands(policy).with_context(|| format!("{} could not be run in the sandbox", self.program.display()))?;
        }
        Ok(Finished { end, seconds, stdout, stderr, doing })
    }
}

/// What a stage of the sandbox has to say, by the word that only the stages know: the runner's fault, and no program's.
pub fn complaint(token: &str, stderr: &str) -> Option<String> {
    stderr.lines().find_map(|line| Some(line.strip_prefix(token)?.trim_start_matches(": ").to_owned()))
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

/// What the threads of a process group are doing, in words, where the system tells it (Linux); but for those `beside` it.
fn what_it_does(group: u32, beside: &[i32]) -> Vec<String> {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    for process in processes.flatten() {
        let folder = process.path();
        if process.file_name().to_str().and_then(|pid| pid.parse().ok()).is_some_and(|pid| beside.contains(&pid)) {
            continue;
        }
        let Some((_, fields)) = stat(&folder) else { continue };
        if fields.get(2).and_then(|field| field.parse().ok()) != Some(group) {
            continue;
        }
        let Ok(threads) = fs::read_dir(folder.join("task")) else { continue };
        for task in threads.flatten() {
            let Some((name, fields)) = stat(&task.path()) else { continue };
            let waits_in = fs::read_to_string(task.path().join("wchan")).unwrap_or_default();
            let state = fields.first().map(String::as_str).unwrap_or_default();
            *lines.entry(format!("`{}` {}", without_hash(&name), in_words(state, &waits_in))).or_insert(0) += 1;
        }
    }
    let told = |(line, threads)| if threads == 1 { format!("thread {line}") } else { format!("{threads} threads {line}") };
    lines.into_iter().map(told).collect()
}

/// A thread's name without the hash behind a program's, as much of it as the kernel keeps: it is another one on every machine.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once('-') {
        Some((program, hash)) if name.len() == 15 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => program,
        _ => name,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_called_the_same_on_every_machine() {
        assert_eq!(without_hash("behaviour-4bc5d"), "behaviour");
        assert_eq!(without_hash("model-4bc5d0123"), "model");
        for own in ["worker-7", "reader-of-files", "behaviour-4bc5z"] {
            assert_eq!(without_hash(own), own);
        }
    }
}
