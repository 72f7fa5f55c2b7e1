//! The parent's side of the workload protocol: it holds the clock, and judges what comes back.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{ChildStdin, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lab::workload::{Answer, Burden, PROTOCOL, Priced, Request, Setup, Spec};

use crate::process::{Group, bare_command, what_it_does};

/// How often the threads' waiting times are read while a run goes on. A thread that ends takes its figures with it, so
/// what it waited since the last look is lost; ten milliseconds cost about half a percent of a core.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What a workload process did wrong.
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
    /// Wall-clock time from `go` to `done`, by this process's clock.
    pub seconds: f64,
    /// The digest of the output.
    pub digest: String,
    /// Time that the process's threads, and its children's, were ready to run and had no core; absent where the system
    /// does not tell.
    pub waited: Option<f64>,
}

/// A workload process.
#[derive(Debug)]
pub struct Workload {
    group: Group,
    requests: ChildStdin,
    answers: mpsc::Receiver<(Instant, String)>,
    errors: Arc<Mutex<Vec<u8>>>,
    limit: Duration,
    /// What it is.
    pub spec: Spec,
    /// Whom it can run.
    pub contenders: Vec<String>,
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
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::spawn(&mut command)?;
        let requests = group.child().stdin.take().context("a child has a standard input")?;
        let output = group.child().stdout.take().context("a child has a standard output")?;
        let error = group.child().stderr.take().context("a child has a standard error")?;
        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(output);
            loop {
                let mut line = Vec::new();
                // A line without an end must not fill the memory.
                match (&mut lines).take(1 << 20).read_until(b'\n', &mut line) {
                    Ok(1..) if sender.send((Instant::now(), String::from_utf8_lossy(&line).into_owned())).is_ok() => {}
                    _ => return,
                }
            }
        });
        let errors = Arc::new(Mutex::new(Vec::new()));
        let kept = errors.clone();
        thread::spawn(move || {
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
        let mut workload = Self { group, requests, answers, errors, limit, spec, contenders: Vec::new() };
        match workload.ask(&Request::Hello)?.1 {
            Answer::Hello { protocol: PROTOCOL, spec, contenders } => (workload.spec, workload.contenders) = (spec, contenders),
            Answer::Hello { protocol, .. } => {
                return Err(workload.fault(format!("it speaks protocol {protocol}, and this runner protocol {PROTOCOL}")));
            }
            other => return Err(workload.unexpected("hello", &other)),
        }
        Ok(workload)
    }

    /// Makes ready for one run.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn prepare(&mut self, contender: &str, setup: Setup) -> Result<()> {
        match self.ask(&Request::Prepare { contender: contender.to_owned(), setup })?.1 {
            Answer::Prepared { .. } => Ok(()),
            other => Err(self.unexpected("prepare", &other)),
        }
    }

    /// Runs what was prepared.
    ///
    /// # Errors
    /// A [`Fault`] of the program.
    pub fn go(&mut self) -> Result<Timed> {
        let watch = WaitWatch::start(self.group.id());
        let started = Instant::now();
        let (ended, answer) = self.ask(&Request::Go)?;
        let waited = watch.stop();
        if !matches!(answer, Answer::Done {}) {
            return Err(self.unexpected("go", &answer));
        }
        let seconds = ended.saturating_duration_since(started).as_secs_f64();
        match self.receive("go")?.1 {
            Answer::Output { digest } => Ok(Timed { seconds, digest, waited }),
            other => Err(self.unexpected("go", &other)),
        }
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

    fn ask(&mut self, request: &Request) -> Result<(Instant, Answer)> {
        self.send(request)?;
        let name = match request {
            Request::Hello => "hello",
            Request::Prepare { .. } => "prepare",
            Request::Go => "go",
            Request::Cost { .. } => "cost",
            Request::Quit => "quit",
        };
        self.receive(name)
    }

    fn send(&mut self, request: &Request) -> Result<()> {
        let mut line = serde_json::to_string(request)?;
        line.push('\n');
        // A write to a dead process fails; why it died is told by the wait for its answer.
        let _told_later = self.requests.write_all(line.as_bytes());
        Ok(())
    }

    fn receive(&mut self, request: &str) -> Result<(Instant, Answer)> {
        match self.answers.recv_timeout(self.limit) {
            Ok((when, line)) => match serde_json::from_str(&line) {
                Ok(Answer::Error(why)) => Err(self.fault(format!("it could not serve {request}: {why}"))),
                Ok(answer) => Ok((when, answer)),
                Err(_) => {
                    let shown: String = line.trim_end().chars().take(200).collect();
                    Err(self.fault(format!("it answered {request} with what is not an answer: {shown}")))
                }
            },
            Err(RecvTimeoutError::Timeout) => {
                let doing = what_it_does(self.group.id());
                let seconds = self.limit.as_secs_f64();
                Err(self.fault(format!("it did not answer {request} within {seconds} s\n{}", doing.join("\n"))))
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status =
                    self.group.wait_until(Instant::now() + Duration::from_secs(2)).context("cannot wait for a workload")?;
                let how = status.map_or_else(|| "closed its output".to_owned(), |status| format!("ended with {status}"));
                Err(self.fault(format!("it {how} during {request}")))
            }
        }
    }

    fn unexpected(&self, request: &str, answer: &Answer) -> anyhow::Error {
        let shown = serde_json::to_string(answer).unwrap_or_default();
        self.fault(format!("it answered {request} with {shown}"))
    }

    fn fault(&self, what: String) -> anyhow::Error {
        // Its last words may still be on their way through the pipe.
        thread::sleep(Duration::from_millis(20));
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        anyhow::Error::new(Fault { what, stderr: String::from_utf8_lossy(&errors).into_owned() })
    }
}

/// Reads how long the threads of a process and of its children wait for a core, until stopped.
struct WaitWatch {
    process: u32,
    before: BTreeMap<u32, u64>,
    seen: Arc<Mutex<BTreeMap<u32, u64>>>,
    stop: Arc<AtomicBool>,
    looker: thread::JoinHandle<()>,
}

impl WaitWatch {
    fn start(process: u32) -> Self {
        let before = waits(process);
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (seen.clone(), stop.clone());
        let looker = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                thread::park_timeout(LOOK_EVERY);
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(waits(process));
            }
        });
        Self { process, before, seen, stop, looker }
    }

    /// Seconds waited since the start, over all threads seen.
    fn stop(self) -> Option<f64> {
        let last = waits(self.process);
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
        seen.extend(last);
        if seen.is_empty() {
            return None;
        }
        let total: u64 =
            seen.iter().map(|(thread, wait)| wait.saturating_sub(self.before.get(thread).copied().unwrap_or(0))).sum();
        Some(std::time::Duration::from_nanos(total).as_secs_f64())
    }
}

impl Drop for WaitWatch {
    /// Also where the run has failed: a thread that looks on for ever would cost every later run something.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.looker.thread().unpark();
    }
}

/// Nanoseconds waited for a core so far, by thread: the second field of `schedstat`, of the process and its descendants.
fn waits(process: u32) -> BTreeMap<u32, u64> {
    let mut found = BTreeMap::new();
    let mut open = vec![process];
    while let Some(process) = open.pop() {
        let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for thread in threads.flatten() {
            let Some(id) = thread.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
            if let Some(wait) = read("schedstat").split_whitespace().nth(1).and_then(|field| field.parse().ok()) {
                found.insert(id, wait);
            }
            open.extend(read("children").split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}
