//! Primes counted in ranges by a pool of processes; also every worker that the tests start.
//!
//! `process_pool-workload` without arguments, or with `--trace FILE`, is the workload. `worker` is a worker with the suite's
//! own tasks. `twice` and `half DIR` are workers that misbehave, and do not use `serve`.

use std::{
    env, fs,
    hash::Hasher,
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    trace,
    workload::{self, Axis, Digest, Setup, Spec, Workload},
};
use process_pool::{
    Options, Pool,
    frame::{Answer, Request},
    serve,
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = match arguments[..] {
        ["worker"] => worker(),
        ["twice"] => answer_twice(),
        ["half", folder] => answer_half(Path::new(folder)),
        _ => return workload::main::<Primes>(),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker {}: {error}", std::process::id());
            ExitCode::FAILURE
        }
    }
}

fn worker() -> io::Result<()> {
    // Written as it happens: a worker that is killed leaves a whole record. Completed when `serve` returns.
    let _trace = trace::chrome_from_environment("worker")?;
    serve(|task| {
        let _span = lab::span!("handler");
        handle(task)
    })
}

/// The suite's tasks: a word, then what it needs.
fn handle(task: &[u8]) -> Result<Vec<u8>, String> {
    let (word, rest) = task.split_at(task.iter().position(|byte| *byte == b' ').unwrap_or(task.len()));
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let words: Vec<&str> = std::str::from_utf8(rest).unwrap_or_default().split(' ').collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse::<u64>().ok()).ok_or("a number is missing");
    match word {
        b"square" => Ok((number(0)?.pow(2)).to_string().into()),
        b"primes" => Ok(count_primes(number(0)?, number(1)?).to_string().into()),
        b"pid" => Ok(std::process::id().to_string().into()),
        b"reverse" => Ok(rest.iter().rev().copied().collect()),
        b"say" => {
            println!("{}", words[0]);
            Ok(words[0].into())
        }
        b"refuse" => {
            note_attempt(words[0]);
            Err(format!("refused by {}", words[1]))
        }
        b"panic" => panic!("the handler panics over {}", words[0]),
        // Dies of its first attempts, as many as told; then it is a task like any other.
        b"kill" => {
            let attempt = note_attempt(words[0]);
            let primes = count_primes(0, 50_000);
            if attempt <= number(1)? {
                kill_myself();
            }
            Ok(primes.to_string().into())
        }
        // The first attempt never ends by itself.
        b"hang" => {
            if note_attempt(words[0]) == 1 {
                wait_for(Duration::from_secs(10), || false);
            }
            Ok(b"survived".into())
        }
        // Ends only if the task that notes `words[1]` is at work at the same time.
        b"meet" => {
            note_attempt(words[0]);
            // Well below the 10 s after which a test gives up, so that it can tell what it has waited for.
            let met = wait_for(Duration::from_secs(4), || Path::new(words[1]).exists());
            if met { Ok(b"met".into()) } else { Err("nobody came within 4 s: no other worker was at work".into()) }
        }
        _ => Err(format!("no task is called {:?}", String::from_utf8_lossy(word))),
    }
}

/// Adds this process's id as a line to `file`; returns how many lines it has then. Attempts of one task never overlap.
fn note_attempt(file: &str) -> u64 {
    let before = fs::read_to_string(file).unwrap_or_default();
    let after = format!("{before}{}\n", std::process::id());
    // Renamed, so that a test that looks meanwhile sees whole lines.
    let beside = format!("{file}.{}", std::process::id());
    fs::write(&beside, &after).and_then(|()| fs::rename(&beside, file)).expect("the test's folder can be written");
    after.lines().count() as u64
}

fn wait_for(limit: Duration, mut come: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if come() {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

fn kill_myself() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
}

/// A worker whose answers come late as well: it sends each twice.
fn answer_twice() -> io::Result<()> {
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout());
    while let Some(request) = Request::read(&mut requests)? {
        let answer = Answer { task: request.task, result: handle(&request.payload) };
        answer.write(&mut answers)?;
        answer.write(&mut answers)?;
    }
    Ok(())
}

/// A worker that dies inside of its first answer, with exit code 3.
fn answer_half(folder: &Path) -> io::Result<()> {
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout());
    let first = note_attempt(&folder.join("half").to_string_lossy()) == 1;
    while let Some(request) = Request::read(&mut requests)? {
        let mut whole = Vec::new();
        Answer { task: request.task, result: handle(&request.payload) }.write(&mut whole)?;
        if first {
            answers.write_all(&whole[..whole.len() / 2])?;
            answers.flush()?;
            std::process::exit(3);
        }
        answers.write_all(&whole)?;
        answers.flush()?;
    }
    Ok(())
}

/// By trial division: nothing but computing.
fn count_primes(from: u64, to: u64) -> u64 {
    (from.max(2)..to).filter(|n| (2..).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count() as u64
}

/// How many tasks a run is cut into: 2 to 4 ms each, so that a pool's own steps between two tasks do not count.
const TASKS: u64 = 32;

/// The prime numbers below `size`, counted range by range, the most work first: the upper ranges hold more numbers, and
/// larger ones. The first half of the tasks is more than four fifths of the work.
struct Primes {
    tasks: Vec<Vec<u8>>,
    workers: usize,
}

impl Workload for Primes {
    type Input = ();
    type Output = Vec<String>;

    fn spec() -> Spec {
        Spec {
            name: "process_pool".into(),
            size_unit: "numbers".into(),
            cost_unit: None,
            axis: Axis::Processes,
            quick: 1_000_000,
            full: 2_000_000,
        }
    }

    fn prepare(setup: &Setup) -> Self {
        let border = |task: u64| setup.size * task * task / (TASKS * TASKS);
        // The seed shifts the borders a little, so that no answer is known beforehand.
        let shift = |task: u64| if task == 0 { 0 } else { setup.seed % 97 };
        let range = |task: u64| format!("primes {} {}", border(task) + shift(task), border(task + 1) + shift(task + 1));
        Self { tasks: (0..TASKS).rev().map(|task| range(task).into()).collect(), workers: setup.threads.max(1) }
    }

    fn input(&self) {}

    fn baseline(&self, (): ()) -> Vec<String> {
        self.tasks.iter().map(|task| text(handle(task))).collect()
    }

    /// Starting and ending the processes belongs to the run.
    fn submission(&self, (): ()) -> Vec<String> {
        let program = env::current_exe().expect("this program has a path");
        let worker = move || {
            let mut command = Command::new(&program);
            // RACECOURSE_TRACE_DIR is inherited: in a traced run every worker writes a file of its own.
            command.arg("worker").stderr(Stdio::inherit());
            command
        };
        let mut pool = Pool::new(worker, Options { workers: self.workers, retries: 2 });
        pool.map(&self.tasks).into_iter().map(|outcome| text(outcome.map_err(|error| error.to_string()))).collect()
    }

    fn digest(&self, output: &Vec<String>) -> u64 {
        let mut digest = Digest::default();
        for count in output {
            digest.write(count.as_bytes());
            digest.write(b"\n");
        }
        digest.finish()
    }

    /// A line for each task: the first number of its range, a space, the first number behind it. The tasks are meant to be
    /// handed out in this order, and by trial division, as [`count_primes`] does.
    fn export(&self, file: &Path) -> io::Result<()> {
        let tasks = self.tasks.iter().map(|task| String::from_utf8_lossy(task));
        fs::write(file, tasks.map(|task| format!("{}\n", task.trim_start_matches("primes "))).collect::<String>())
    }

    /// A line for each task, in the order of the tasks: how many primes are in its range.
    fn import(&self, file: &Path, _threads: usize) -> io::Result<Vec<String>> {
        Ok(fs::read_to_string(file)?.lines().map(String::from).collect())
    }
}

fn text(result: Result<Vec<u8>, String>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |count| String::from_utf8_lossy(&count).into_owned())
}
