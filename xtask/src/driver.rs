//! The parent's side of the workload protocol: it holds the clock, and judges what comes back.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::{Read, Write},
    path::Path,
    process::{ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};
use lab::{
    proof::Key,
    workload::{Answer, Burden, PROTOCOL, Priced, Request, Setup, Spec, Sweep},
};

use crate::{
    check::printable,
    process::{Group, bare_command, complaint},
    proof::fresh_key,
    sandbox::{Policy, Prepared, Sandbox},
};

use answers::{Answers, Heard};

mod answers;

/// How often the threads' times are read while a run goes on. A thread that ends takes its figures with it, so what it ran
/// and waited since the last look is lost; ten milliseconds cost about half a percent of a core.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a workload process did wrong. Whatever of it the process itself has said is without commands to a terminal.
#[derive(Debug, Clone)]
pub struct Fault {
    /// In words: it died, it hung, it printed rubbish.
    pub what: String,
    /// The end of its standard error: a panic message, mostly.
    pub stderr: String,
}

impl Fault {
    /// It ended well, and what it made is wrong.
    pub fn wrong_output(digest: &str, expected: &str) -> Self {
        Self { what: format!("its output is wrong: digest {digest} where the baseline's is {expected}"), stderr: String::new() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.stderr.trim().is_empty() {
            write!(f, "\n{}", self.stderr.trim_end())?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// One timed run.
#[derive(Debug, Clone)]
pub struct Timed {
    /// When `go` was said.
    pub started: SystemTime,
    /// Wall-clock time from `go` to `done`, by this process's clock.
    pub seconds: f64,
    /// The digest of the output.
    pub digest: String,
    /// Time that the process's threads, and its children's, were ready to run and had no core; absent where the system
    /// does not tell.
    pub waited: Option<f64>,
    /// The same thread by thread, by their numbers in the operating system; empty where the system does not tell.
    pub threads: BTreeMap<u32, Scheduled>,
    /// Seconds from `done` to the digest: the digest is the suite's own work, and not timed.
    pub digesting: f64,
}

/// What the system's scheduler told of one thread during a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scheduled {
    /// Seconds on a core.
    pub ran: f64,
    /// Seconds ready to run without a core.
    pub waited: f64,
    /// When it was looked at for the last time, in seconds after `go`: what it did later is in neither figure.
    pub until: f64,
}

/// The main memory that a process has, in bytes (`VmRSS` and `VmHWM` of Linux).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// At this moment.
    pub now: u64,
    /// The most since it was started.
    pub peak: u64,
}

/// A workload process.
#[derive(Debug)]
pub struct Workload {
    group: Group,
    requests: ChildStdin,
    answers: Answers,
    /// What each of its answers has to begin with; peers that are not of this workspace have none.
    key: Option<Key>,
    errors: Arc<Mutex<Vec<u8>>>,
    /// Reads what becomes `errors`.
    reader: thread::JoinHandle<()>,
    limit: Duration,
    /// What it is.
    pub spec: Spec,
    /// Whom it can run.
    pub contenders: Vec<String>,
    /// The parameter that it can be run at several values of.
    pub sweep: Option<Sweep>,
}

impl Workload {
    /// Starts the program and asks it who it is. No single answer may take longer than `limit`.
    ///
    /// # Errors
    /// A [`Fault`] of the program, or whatever keeps it from starting.
    pub fn start(program: &Path, trace: Option<&Path>, environment: &[(&str, OsString)], limit: Duration) -> Result<Self> {
        let mut command = bare_command(program);
        if let Some(trace) = trace {
            command.arg("--trace").arg(trace);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::spawn(command, limit)?.greeted()
    }

    /// As [`start`](Self::start), behind walls, in `folder`.
    ///
    /// # Errors
    /// As [`start`](Self::start), and if the walls cannot be put up.
    pub fn start_within(
        (sandbox, policy): (&Sandbox, &Policy),
        program: &Path,
        folder: &Path,
        environment: &[(&str, OsString)],
        limit: Duration,
    ) -> Result<Self> {
        let Prepared { mut command, place } = sandbox.prepare(policy, program)?;
        command.current_dir(folder).envs(environment.iter().map(|(name, value)| (name, value)));
        pipes(&mut command);
        let token = place.token().to_owned();
        let started = Self::speak(Group::spawn_within(Prepared { command, place })?, limit)?.greeted();
        started.map_err(|error| {
            // A program that was never started has done nothing wrong.
            let said = error.downcast_ref::<Fault>().map(|fault| fault.stderr.as_str()).unwrap_or_default();
            let why = complaint(&token, said).map(anyhow::Error::msg);
            let why = why.or_else(|| said.starts_with("bwrap: ").then(|| sandbox.stands(policy).err())?);
            why.map_or(error, |why| why.context(format!("{} could not be run in the sandbox", program.display())))
        })
    }

    /// Asks it who it is.
    fn greeted(mut self) -> Result<Self> {
        let workload = &mut self;
        match workload.greet()? {
            Answer::Hello { protocol: PROTOCOL, spec, contenders, sweep } => {
                (workload.spec, workload.contenders, workload.sweep) = (spec, contenders, sweep);
            }
            Answer::Hello { protocol, .. } => return Err(workload.speaks(protocol)),
            other => return Err(workload.unexpected("hello", &other)),
        }
        let why = absurd(&workload.spec, &workload.contenders);
        match why.or_else(|| absurd_sweep(workload.sweep.as_ref()?, &workload.contenders)) {
            Some(why) => Err(workload.fault(format!("its hello makes no sense: {why}"))),
            None => Ok(self),
        }
    }

    /// Asks it who it is, and gives it the key without which nothing that its process says is an answer.
    fn greet(&mut self) -> Result<Answer> {
        let key = fresh_key()?;
        let line = format!("{{\"op\":\"hello\",\"key\":\"{}\"}}", key.digits());
        self.key = Some(key);
        self.say("hello", line)?;
        Ok(self.receive("hello")?.1)
    }

    /// Starts a program that speaks the protocol, and asks it nothing yet.
    pub(crate) fn spawn(mut command: Command, limit: Duration) -> Result<Self> {
        pipes(&mut command);
        Self::speak(Group::spawn(&mut command)?, limit)
    }

    fn speak(mut group: Group, limit: Duration) -> Result<Self> {
        let requests = group.child().stdin.take().context("a child has a standard input")?;
        let output = group.child().stdout.take().context("a child has a standard output")?;
        let error = group.child().stderr.take().context("a child has a standard error")?;
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = errors.clone();
        let reader = thread::spawn(move || {
            let mut error = error;
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = error.read(&mut buffer) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&buffer[..read]);
                // The end is what matters: a panic's message stands there.
                if kept.len() > 64 * 1024 {
                    let cut = kept.len() - 16 * 1024;
                    kept.drain(..cut);
                }
            }
        });
        let spec = Spec {
            name: String::new(),
            size_unit: String::new(),
            cost_unit: None,
            axis: lab::workload::Axis::Threads,
            quick: 0,
            full: 0,
        };
        let answers = Answers::of(output);
        Ok(Self { group, requests, answers, key: None, errors, reader, limit, spec, contenders: Vec::new(), sweep: None })
    }

    /// What it has to say to another protocol than this runner's.
    pub(crate) fn speaks(&self, protocol: u32) -> anyhow::Error {
        self.fault(format!("it speaks protocol {protocol}, and this runner protocol {PROTOCOL}"))
    }

    /// Its process id as this process sees it, which is also the number of its main thread.
    pub fn id(&self) -> u32 {
        self.group.leader()
    }

    /// Seconds that its threads, and its children's, have been on a core so far; 0 where the system does not tell. Whoever it
    /// has started and left behind is a child of what stands between it and this process.
    pub fn on_cores(&self) -> f64 {
        look(self.group.id()).values().map(|look| Duration::from_nanos(look.ran).as_secs_f64()).sum()
    }

    /// What the process has of the main memory; `None` where the system does not tell. Its children are not counted.
    pub fn memory(&self) -> Option<Resident> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.group.leader())).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim_end_matches("kB").trim().parse::<u64>().ok().map(|kibibytes| kibibytes << 10)
        };
        Some(Resident { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    /// Makes ready for one run.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn prepare(&mut self, contender: &str, setup: Setup) -> Result<()> {
        self.prepare_with(contender, setup, None)
    }

    /// As [`prepare`](Self::prepare), of a peer that is not of this workspace: with the files of its input and its output.
    pub(crate) fn prepare_with(&mut self, contender: &str, setup: Setup, files: Option<(&Path, &Path)>) -> Result<()> {
        let (input, output) = files.map(|(input, output)| (input.to_owned(), output.to_owned())).unzip();
        match self.ask(&Request::Prepare { contender: contender.to_owned(), setup, input, output })?.1 {
            Answer::Prepared { .. } => Ok(()),
            other => Err(self.unexpected("prepare", &other)),
        }
    }

    /// Runs what was prepared.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn go(&mut self) -> Result<Timed> {
        let (timed, answer) = self.time()?;
        let Answer::Output { digest } = answer else { return Err(self.unexpected("go", &answer)) };
        if !is_digest(&digest) {
            return Err(self.fault(format!("its digest is not of 16 hexadecimal digits: {}", shown(digest.as_bytes()))));
        }
        Ok(Timed { digest, ..timed })
    }

    /// A run without its digest, and what was answered after it.
    pub(crate) fn time(&mut self) -> Result<(Timed, Answer)> {
        let watch = Watch::start(self.group.leader());
        let began = SystemTime::now();
        let started = self.send(&Request::Go)?;
        let (ended, answer) = self.receive("go")?;
        let threads = watch.stop(started);
        if !matches!(answer, Answer::Done {}) {
            return Err(self.unexpected("go", &answer));
        }
        let (told, answer) = self.receive("go")?;
        let seconds = |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64();
        let waited = (!threads.is_empty()).then(|| threads.values().map(|thread| thread.waited).sum());
        let (seconds, digesting) = (seconds(started, ended), seconds(ended, told));
        Ok((Timed { started: began, seconds, digest: String::new(), waited, threads, digesting }, answer))
    }

    /// Prepares and runs.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn run(&mut self, contender: &str, setup: Setup) -> Result<Timed> {
        self.prepare(contender, setup)?;
        self.go()
    }

    /// Work and span of the submission on the setup prepared last, and its schedules, every fork charged with a burden.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn cost(&mut self, burden: Burden) -> Result<Option<Priced>> {
        match self.ask(&Request::Cost { burden })?.1 {
            Answer::Cost(cost) => Ok(cost),
            other => Err(self.unexpected("cost", &other)),
        }
    }

    /// Lets it end by itself, which completes its trace file.
    ///
    /// # Errors
    /// A [`Fault`] where it does not end, or not with code 0.
    pub fn quit(mut self) -> Result<()> {
        self.send(&Request::Quit)?;
        let status = self.group.wait_until(Instant::now() + self.limit).context("cannot wait for a workload")?;
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.fault(format!("it ended with {status} after quit"))),
            None => Err(self.fault("it did not end after quit".into())),
        }
    }

    pub(crate) fn ask(&mut self, request: &Request) -> Result<(Instant, Answer)> {
        self.send(request)?;
        self.receive(name_of(request))
    }

    /// Sends a request, and says when: before the process can have seen any of it.
    ///
    /// Whatever it has printed until then is a fault. Otherwise a program that says `done` as soon as it is prepared, and
    /// works before the clock starts or never, would be the fastest of all.
    fn send(&mut self, request: &Request) -> Result<Instant> {
        self.say(name_of(request), serde_json::to_string(request)?)
    }

    fn say(&mut self, request: &str, mut line: String) -> Result<Instant> {
        line.push('\n');
        if let Some(early) = self.answers.unasked()? {
            let early = shown(early);
            return Err(self.fault(format!("it answered before it was asked to {request}: {early}")));
        }
        let when = Instant::now();
        // A write to a dead process fails; why it died is told by the wait for its answer.
        let _told_later = self.requests.write_all(line.as_bytes());
        Ok(when)
    }

    fn receive(&mut self, request: &str) -> Result<(Instant, Answer)> {
        match self.answers.next(self.limit)? {
            Heard::Line(line, when) => match serde_json::from_slice(self.said_by_the_workload(request, &line)?) {
                Ok(Answer::Error(why)) => Err(self.fault(format!("it could not serve {request}: {}", shown(why.as_bytes())))),
                Ok(answer) => Ok((when, answer)),
                Err(error) => {
                    // Of what is meant as an answer it says which field is too much, mostly.
                    let said = self.said_by_the_workload(request, &line)?;
                    let why = if said.starts_with(b"{") { format!(" ({error})") } else { String::new() };
                    let why = printable(&why);
                    Err(self.fault(format!("it answered {request} with what is not an answer: {}{why}", shown(said))))
                }
            },
            Heard::Endless => Err(self.fault(format!("it answered {request} with a line that has no end"))),
            Heard::Silence => {
                let doing = self.group.doing();
                let seconds = self.limit.as_secs_f64();
                Err(self.fault(format!("it did not answer {request} within {seconds} s\n{}", doing.join("\n"))))
            }
            Heard::Closed => {
                let status =
                    self.group.wait_until(Instant::now() + Duration::from_secs(2)).context("cannot wait for a workload")?;
                let how = status.map_or_else(|| "closed its output".to_owned(), |status| format!("ended with {status}"));
                Err(self.fault(format!("it {how} during {request}")))
            }
        }
    }

    /// The answer on a line, which begins with the key where one was given: code under test can print in the same process.
    fn said_by_the_workload<'a>(&self, request: &str, line: &'a [u8]) -> Result<&'a [u8]> {
        let Some(key) = &self.key else { return Ok(line) };
        key.strip(line).ok_or_else(|| {
            let said = shown(line);
            self.fault(format!("something in it answered {request} in place of the workload, without the key: {said}"))
        })
    }

    pub(crate) fn unexpected(&self, request: &str, answer: &Answer) -> anyhow::Error {
        let answer = serde_json::to_vec(answer).unwrap_or_default();
        self.fault(format!("it answered {request} with {}", shown(&answer)))
    }

    pub(crate) fn fault(&self, what: String) -> anyhow::Error {
        // Its last words may still be on their way through the pipe, which closes after them. A process that lives on, or a
        // child that holds the pipe open, gets a moment and no more.
        let deadline = Instant::now() + Duration::from_millis(if self.group.has_ended() { 500 } else { 20 });
        while !self.reader.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        // An early answer begins with the key, which nobody reads with profit.
        let what = self.key.iter().fold(what, |what, key| what.replace(&format!("{} ", key.digits()), ""));
        anyhow::Error::new(Fault { what, stderr: printable(&String::from_utf8_lossy(&errors)) })
    }
}

fn pipes(command: &mut Command) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

fn name_of(request: &Request) -> &'static str {
    match request {
        Request::Hello => "hello",
        Request::Prepare { .. } => "prepare",
        Request::Go => "go",
        Request::Cost { .. } => "cost",
        Request::Export { .. } => "export",
        Request::Judge { .. } => "judge",
        Request::Quit => "quit",
    }
}

/// The beginning of what a process has said, on one line.
fn shown(said: &[u8]) -> String {
    const MOST: usize = 200;
    let said = printable(&String::from_utf8_lossy(&said[..said.len().min(8 * MOST)])).replace(['\n', '\t'], " ");
    let mut shown: String = said.trim().chars().take(MOST).collect();
    if said.trim().chars().nth(MOST).is_some() {
        shown.push_str(" [..]");
    }
    shown
}

fn is_digest(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Whether a name can be printed and drawn.
fn is_name(text: &str) -> bool {
    (1..=80).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Why a hello cannot be meant: what it says is printed and drawn, and its sizes are run.
fn absurd(spec: &Spec, contenders: &[String]) -> Option<String> {
    let names = [&spec.name, &spec.size_unit].into_iter().chain(&spec.cost_unit).chain(contenders);
    if let Some(odd) = { names }.find(|name| !is_name(name)) {
        return Some(format!("a name of {} characters, {}", odd.chars().count(), shown(format!("{odd:?}").as_bytes())));
    }
    if spec.quick == 0 || spec.full < spec.quick {
        return Some(format!("a first look of size {}, and a full report of size {}", spec.quick, spec.full));
    }
    let twice = contenders.iter().enumerate().find(|(i, name)| contenders[..*i].contains(name));
    match (contenders, twice) {
        ([], _) => Some("it has nobody to run".into()),
        (_, Some((_, name))) => Some(format!("two contenders are called {name}")),
        _ => None,
    }
}

/// Why a sweep cannot be meant.
fn absurd_sweep(sweep: &Sweep, contenders: &[String]) -> Option<String> {
    if let Some(odd) = [&sweep.parameter, &sweep.unit].into_iter().find(|name| !is_name(name)) {
        return Some(format!("a name of {} characters, {}", odd.chars().count(), shown(format!("{odd:?}").as_bytes())));
    }
    let values = &sweep.values;
    if !(1..=64).contains(&values.len()) || values.windows(2).any(|pair| pair[0].at >= pair[1].at) {
        return Some("the values of its sweep do not rise, or are none or too many".into());
    }
    if let Some(value) = values.iter().find(|value| value.quick == 0 || value.full < value.quick) {
        return Some(format!("at {}, a first look of size {}, and a full report of size {}", value.at, value.quick, value.full));
    }
    match sweep.contenders.iter().find(|name| !contenders.contains(name)) {
        _ if sweep.contenders.is_empty() => Some("nobody heeds its sweep".into()),
        Some(unknown) => Some(format!("its sweep names {}, and it has no such contender", shown(unknown.as_bytes()))),
        None => None,
    }
}

/// Reads what the scheduler tells of the threads of a process and of its children, until stopped.
struct Watch {
    process: u32,
    before: BTreeMap<u32, Look>,
    seen: Arc<Mutex<BTreeMap<u32, Look>>>,
    stop: Arc<AtomicBool>,
    looker: thread::JoinHandle<()>,
}

/// One look at one thread: nanoseconds on a core and waiting for one since the thread began, and when that was read.
#[derive(Clone, Copy)]
struct Look {
    ran: u64,
    waited: u64,
    when: Instant,
}

impl Watch {
    fn start(process: u32) -> Self {
        let before = look(process);
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (seen.clone(), stop.clone());
        let looker = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                thread::park_timeout(LOOK_EVERY);
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(look(process));
            }
        });
        Self { process, before, seen, stop, looker }
    }

    /// What was told of every thread seen since the watch began; `started` is when the run did.
    fn stop(self, started: Instant) -> BTreeMap<u32, Scheduled> {
        let last = look(self.process);
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        seen.extend(last);
        let since = |(thread, look): (u32, Look)| {
            let before = self.before.get(&thread);
            let seconds = |now: u64, before: Option<u64>| Duration::from_nanos(now.saturating_sub(before.unwrap_or(0)));
            let told = Scheduled {
                ran: seconds(look.ran, before.map(|look| look.ran)).as_secs_f64(),
                waited: seconds(look.waited, before.map(|look| look.waited)).as_secs_f64(),
                until: look.when.saturating_duration_since(started).as_secs_f64(),
            };
            (thread, told)
        };
        seen.into_iter().map(since).collect()
    }
}

impl Drop for Watch {
    /// Also where the run has failed: a thread that looks on for ever would cost every later run something.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.looker.thread().unpark();
    }
}

/// The first two fields of `schedstat` of every thread of the process and of its descendants.
fn look(process: u32) -> BTreeMap<u32, Look> {
    let mut found = BTreeMap::new();
    let mut open = vec![process];
    while let Some(process) = open.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let Some(id) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            let fields = read("schedstat");
            let mut fields = fields.split_whitespace().map_while(|field| field.parse().ok());
            if let (Some(ran), Some(waited)) = (fields.next(), fields.next()) {
                found.insert(id, Look { ran, waited, when: Instant::now() });
            }
            open.extend(read("children").split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}
