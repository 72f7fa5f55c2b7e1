//! An exercise as a measurable program: one definition that every instrument uses.
//!
//! A workload runs as a process of its own and answers JSON lines, so that the clock, the seed and the judge live outside
//! the code under test. One request a line on standard input, one answer a line on standard output:
//!
//! | request | answer |
//! | --- | --- |
//! | `{"op":"hello","key":"<32 digits>"}` | `{"hello":{"protocol":1,"spec":{..},"contenders":["baseline","submission",..]}}` |
//! | `{"op":"prepare","contender":"submission","size":4194304,"seed":1,"threads":2}` | `{"prepared":{"pid":4711}}` |
//! | `{"op":"go"}` | `{"done":{}}`, sent as soon as the work is over: what the parent's clock stops at; then `{"output":{"digest":"00ff.."}}` |
//! | `{"op":"cost","burden":{"units":20000}}` | `{"cost":{"work":..,"span":..,"burdened_span":..,"forks":..,"burden":..,"schedule":[{"processors":1,"units":..},..]}}`, or `{"cost":null}` where the workload counts no cost |
//! | `{"op":"quit"}` | the end of the process, with exit code 0 |
//!
//! A request that cannot be served is answered with `{"error":"why"}`. An answer has no other fields than these, and none
//! comes before its request: what a program says of its own accord is its failure, and so is a time that it claims. Whatever
//! the code under test prints to standard output is sent to standard error instead, so that a `println!` never breaks the
//! protocol. Each `go` needs a `prepare` of its own; preparing the same setup again reuses what stands and only makes the
//! next input.
//!
//! # The key
//!
//! Code under test runs in this process, and can write wherever the process can. So the first request brings a key, and every
//! answer begins with it and a space: `00112233445566778899aabbccddeeff {"done":{}}`. What comes without it was not said by
//! the workload. The line with the key is read before anything of the submission runs, the key stays on the stack of [`main`],
//! requests come by a descriptor that no child inherits and not by standard input, and the process is not dumpable; who can
//! reach the key all the same is told in [`proof`](crate::proof). A parent that sends no key is answered without one: whoever
//! speaks to a workload by hand, and the peers below, which run nobody's code but the course's.
//!
//! # What came later
//!
//! A workload with a [`Sweep`] tells it in its hello, as `"sweep":{..}`, and is given one of its values in `prepare`, as
//! `"at":64`. A workload without one says nothing of it and is never given a value.
//!
//! The burden of a fork is the runner's to give, for a workload knows neither what a steal costs on this machine nor how long
//! its units take; see [`Burden`]. It came to `cost` later than the rest and the version is still 1: a request without it
//! asks for no burden, an answer without `burden` and `schedule` says that none was charged and nothing scheduled, and
//! programs that count no cost, which is all that are not of this workspace, never see the difference. The key came later, too.
//!
//! # Peers that are not of this workspace
//!
//! A program in another language has neither the generator of the input nor the digest, so it is given files. It speaks the
//! same lines, with these differences:
//!
//! | request | answer of a peer |
//! | --- | --- |
//! | `{"op":"hello"}` | `{"peer":{"protocol":1,"version":"CPython 3.11.7, numpy 2.4.6"}}` |
//! | `{"op":"prepare",..,"input":"/input","output":"/output"}` | `{"prepared":{"pid":4711}}`: pools are built, the input is in memory |
//! | `{"op":"go"}` | `{"done":{}}`, and then `{"written":{}}` as soon as the output is in the file that `prepare` named |
//!
//! The course's own workload makes the one file and judges the other, so a peer is never asked whether it was right. What is
//! in them stands at [`Workload::export`] and [`Workload::import`] of each exercise.
//!
//! | request | answer of a workload |
//! | --- | --- |
//! | `{"op":"export","file":"/input"}` | `{"exported":{}}`: the input prepared last is in that file |
//! | `{"op":"judge","file":"/output","threads":2}` | `{"output":{"digest":"00ff.."}}`, or `{"unreadable":"why"}` where the file holds no output |

use std::{
    fs::File,
    hash::{Hash, Hasher},
    io::{self, BufRead, BufReader, IsTerminal, Write},
    iter,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    par,
    proof::{Key, close_standard_input, close_this_process, line_into, wipe},
    trace,
};

/// The version of the protocol that [`main`] speaks.
pub const PROTOCOL: u32 = 1;

/// What a workload is called and how large it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The exercise it belongs to.
    pub name: String,
    /// What one unit of size is, in the plural: `keys`, `pages`.
    pub size_unit: String,
    /// What one unit of cost is, in the plural, for workloads that count work and span: `comparisons and copies`.
    pub cost_unit: Option<String>,
    /// What the horizontal axis of its chart means.
    pub axis: Axis,
    /// The size of a first look: a run of the submission takes about 50 ms on one core.
    pub quick: u64,
    /// The size of a full report: a run of the submission takes 100 to 500 ms on one core.
    pub full: u64,
}

/// What `threads` of a [`Setup`] means for this workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// Threads that compute: more than there are cores are oversubscribed.
    Threads,
    /// Child processes that compute: more than there are cores are oversubscribed.
    Processes,
    /// Requests in flight at the most: they wait for a network and not for a core.
    InFlight,
}

/// What a run is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// How much, in units of [`Spec::size_unit`].
    pub size: u64,
    /// The seed of the input: the same seed is the same input on every machine.
    pub seed: u64,
    /// How many threads, processes or requests in flight; see [`Axis`].
    pub threads: usize,
    /// The value of the [`Sweep`]'s parameter; without one the workload takes what it is usually run with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
}

/// A parameter, beside the size and the threads, whose effect is worth a chart: how far two counters lie apart, how large a
/// message is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What it is: `distance between two shards`.
    pub parameter: String,
    /// In what unit: `bytes`.
    pub unit: String,
    /// What it is set to, rising.
    pub values: Vec<Swept>,
    /// Who heeds it: `submission`, and peers by name. The first but for `submission` is whom the submission is held against.
    pub contenders: Vec<String>,
}

/// One value of a [`Sweep`], with sizes of its own: a run with large messages sends fewer of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swept {
    /// The value.
    pub at: u64,
    /// As [`Spec::quick`].
    pub quick: u64,
    /// As [`Spec::full`].
    pub full: u64,
}

/// A program of which a workload can also run: another crate's way to do the same.
pub type Peer<W> = (&'static str, Entry<W>);

/// A way to do what a workload asks for.
pub type Entry<W> = fn(&W, <W as Workload>::Input) -> <W as Workload>::Output;

/// What a submission costs, as its workload counts it.
#[derive(Debug, Clone)]
pub struct Counted {
    /// Without a burden.
    pub cost: par::Cost,
    /// Absent where it has too many forks to be kept.
    pub graph: Option<par::Graph>,
    /// The work that is credited at the most: no right program needs more. Without it, idle work in parallel would be worth
    /// points.
    pub most: u64,
}

impl Counted {
    /// Counts what `f` costs, in a pool of one thread: there raw rayon counts as serial, as it is documented to, and not by who
    /// stole what.
    ///
    /// `within` is what every right program does at the least, and what it is credited with at the most.
    pub fn on_one_thread(within: RangeInclusive<u64>, f: impl FnOnce() + Send) -> Self {
        Self::of(within, || par::Pool::new(1).install(|| par::record(f)))
    }

    /// Takes the count of a [`par::record`] that `count` makes, and charges as serial what is missing in it: what was declared
    /// on strands that nobody counts, and whatever else there is to the least. So hiding work never helps.
    pub fn of(within: RangeInclusive<u64>, count: impl FnOnce() -> ((), par::Cost, Option<par::Graph>)) -> Self {
        let (((), cost, graph), strays) = par::strays(count);
        let mut counted = Self { cost, graph, most: *within.end() };
        counted.add_serial(strays);
        counted.add_serial(within.start().saturating_sub(counted.cost.work));
        counted
    }

    /// Adds units that nobody else did at the same time.
    pub fn add_serial(&mut self, units: u64) {
        self.cost.work += units;
        self.cost.span += units;
        self.cost.burdened_span += units;
        if let Some(graph) = &mut self.graph {
            graph.push_strand(units);
        }
    }

    /// With a burden on every fork, and scheduled. The work is as much as is credited.
    #[must_use]
    pub fn priced(&self, burden: Burden) -> Priced {
        let credited = |cost: par::Cost| par::Cost { work: cost.work.min(self.most), ..cost };
        let Some(graph) = &self.graph else {
            let cost = credited(self.cost);
            return Priced { cost, burden: None, schedule: Vec::new(), unburdened: None, chain: Vec::new() };
        };
        let units = burden.in_units(self.cost.work);
        let schedule = graph.schedule(&par::PROCESSORS, units);
        let unburdened = graph.schedule(&par::PROCESSORS[par::PROCESSORS.len() - 1..], 0).first().map(|most| most.units);
        Priced { cost: credited(graph.cost(units)), burden: Some(units), schedule, unburdened, chain: graph.longest_chain() }
    }
}

/// What a fork is charged where it may be stolen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Burden {
    /// So many cost units.
    Units(u64),
    /// As many as a processor does in the time of a steal.
    Nanoseconds {
        /// What a steal takes.
        steal: u64,
        /// What all the work takes one thread.
        run: u64,
    },
}

impl Default for Burden {
    fn default() -> Self {
        Self::Units(0)
    }
}

impl Burden {
    /// For a computation of so much work.
    #[must_use]
    pub fn in_units(self, work: u64) -> u64 {
        match self {
            Self::Units(units) => units,
            Self::Nanoseconds { steal, run } => {
                let units = u128::from(steal) * u128::from(work) / u128::from(run.max(1));
                u64::try_from(units).unwrap_or(u64::MAX)
            }
        }
    }
}

/// What a submission costs with a burden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Priced {
    /// Work, span and forks are the same on every machine; the burdened span is as good as the burden.
    #[serde(flatten)]
    pub cost: par::Cost,
    /// The burden in cost units; absent where none was charged.
    #[serde(default)]
    pub burden: Option<u64>,
    /// How long it takes on so many processors, each steal charged with the burden; empty where nothing was scheduled.
    #[serde(default)]
    pub schedule: Vec<par::Scheduled>,
    /// How long it takes on the most of these processors where a steal costs nothing.
    #[serde(default)]
    pub unburdened: Option<u64>,
    /// What the longest chain consists of, the most first; without a burden.
    #[serde(default)]
    pub chain: Vec<par::Link>,
}

/// An exercise as a measurable program.
pub trait Workload: Sized {
    /// What one run consumes. Made by [`input`](Self::input), before the clock starts.
    type Input;
    /// What one run produces.
    type Output;

    /// Name, units and sizes.
    fn spec() -> Spec;

    /// Whatever must stand before any clock starts: the data, a pool, a server.
    fn prepare(setup: &Setup) -> Self;

    /// The input of one run.
    fn input(&self) -> Self::Input;

    /// The best sequential program of the suite: the `T_seq` of every speedup. Ignores [`Setup::threads`].
    fn baseline(&self, input: Self::Input) -> Self::Output;

    /// The learner's entry point.
    fn submission(&self, input: Self::Input) -> Self::Output;

    /// Other crates' ways to do the same, by name.
    fn peers() -> Vec<Peer<Self>> {
        Vec::new()
    }

    /// The parameter whose effect is worth a chart; most workloads have none.
    fn sweep() -> Option<Sweep> {
        None
    }

    /// A fingerprint of the output; equal for every right program on the same [`Setup`] of whatever `threads`.
    fn digest(&self, output: &Self::Output) -> u64;

    /// The submission's graph, its strands counted in [`Spec::cost_unit`]; `None` where the workload counts none.
    fn cost(&self) -> Option<Counted> {
        None
    }

    /// Writes to `file` what a peer that is not of this workspace needs beside the [`Setup`]. By default that is nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    fn export(&self, file: &Path) -> io::Result<()> {
        std::fs::write(file, "")
    }

    /// Reads the output that such a peer has left in `file`, made with so many `threads`. By default the workload has no such
    /// peers.
    ///
    /// # Errors
    /// If the file cannot be read, holds no output, or the run was not what was agreed.
    fn import(&self, file: &Path, threads: usize) -> io::Result<Self::Output> {
        let _unused = (file, threads);
        Err(io::Error::other("this workload has no peers in other languages"))
    }
}

/// The lines of `file`, each of them a JSON value.
///
/// # Errors
/// If the file cannot be read, or a line is not such a value.
pub fn json_lines<T: DeserializeOwned>(file: &Path) -> io::Result<Vec<T>> {
    let parse = |(number, line): (usize, io::Result<String>)| {
        serde_json::from_str(&line?).map_err(|error| io::Error::other(format!("line {}: {error}", number + 1)))
    };
    BufReader::new(File::open(file)?).lines().enumerate().map(parse).collect()
}

/// The FNV-1a hash of what is fed to it: a digest that is the same on every machine and in every release of Rust.
#[derive(Debug, Clone)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Digest {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    // By default numbers are fed in the machine's own byte order, and lengths in its own width.
    fn write_u16(&mut self, number: u16) {
        self.write(&number.to_le_bytes());
    }

    fn write_u32(&mut self, number: u32) {
        self.write(&number.to_le_bytes());
    }

    fn write_u64(&mut self, number: u64) {
        self.write(&number.to_le_bytes());
    }

    fn write_u128(&mut self, number: u128) {
        self.write(&number.to_le_bytes());
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

/// The [`Digest`] of one value.
pub fn digest_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut digest = Digest::default();
    value.hash(&mut digest);
    digest.finish()
}

/// What a parent asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Who are you?
    Hello,
    /// Make ready for one run.
    Prepare {
        /// `baseline`, `submission`, or the name of a peer.
        contender: String,
        /// What to run it on.
        #[serde(flatten)]
        setup: Setup,
        /// Only to a peer that is not of this workspace: the file with the input.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input: Option<PathBuf>,
        /// Only to such a peer: the file to write the output to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<PathBuf>,
    },
    /// Run it.
    Go,
    /// Count the submission's work and span on the setup prepared last.
    Cost {
        /// What a fork is charged.
        #[serde(default)]
        burden: Burden,
    },
    /// End.
    Quit,
    /// Write the input prepared last to a file.
    Export {
        /// Where to.
        file: PathBuf,
    },
    /// Read the output of a peer that is not of this workspace, made of the input prepared last.
    Judge {
        /// Where from.
        file: PathBuf,
        /// What the peer was told in its [`Setup`].
        threads: usize,
    },
}

/// What a workload answers. A field that is not named here makes it no answer: a time that is claimed must not seem to count.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To [`Request::Hello`].
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// What it is.
        spec: Spec,
        /// Whom it can run.
        contenders: Vec<String>,
        /// [`Workload::sweep`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sweep: Option<Sweep>,
    },
    /// To [`Request::Prepare`].
    Prepared {
        /// The process whose threads do the work.
        pid: u32,
    },
    /// To [`Request::Go`]: the run is over.
    Done {},
    /// Follows [`Answer::Done`].
    Output {
        /// 16 hexadecimal digits.
        digest: String,
    },
    /// To [`Request::Cost`].
    Cost(Option<Priced>),
    /// The request could not be served.
    Error(String),
    /// To [`Request::Export`].
    Exported {},
    /// To [`Request::Judge`]: the file holds no output, and why. One that can be read is answered with [`Answer::Output`].
    Unreadable(String),
    /// To [`Request::Hello`], of a peer that is not of this workspace.
    Peer {
        /// [`PROTOCOL`].
        protocol: u32,
        /// What it is made of, with versions.
        version: String,
    },
    /// Follows [`Answer::Done`] of such a peer: its output is in the file.
    Written {},
}

/// The `main` of a workload process: serves the protocol until `quit` or the end of the input.
///
/// `--trace FILE` writes a Chrome trace of everything it runs.
pub fn main<W: Workload>() -> ExitCode {
    let mut stage = Standing::<W> { stage: None, next: None };
    match serve(&mut stage) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("workload {}: {message}", W::spec().name);
            ExitCode::from(2)
        }
    }
}

/// A [`Workload`] as the protocol sees it: without its types. So the protocol is compiled once, with this library, and not
/// again with each workload, of which a class compiles hundreds.
trait Stage {
    fn spec(&self) -> Spec;
    fn peers(&self) -> Vec<&'static str>;
    fn sweep(&self) -> Option<Sweep>;
    /// Makes ready for a run of a contender; false where none is called so.
    fn prepare(&mut self, contender: String, setup: Setup) -> bool;
    /// Whether there is a run that was made ready and is not over.
    fn is_ready(&self) -> bool;
    /// Runs it, around which goes `around`, and calls `said` as soon as it is over; the output's digest.
    fn go(&mut self, around: Around<'_>, said: &mut dyn FnMut() -> Result<(), String>) -> Result<u64, String>;
    /// As the others that follow, `None` where nothing is prepared.
    fn cost(&self) -> Option<Option<Counted>>;
    fn export(&self, file: &Path) -> Option<io::Result<()>>;
    fn judge(&self, file: &Path, threads: usize) -> Option<io::Result<u64>>;
}

/// What goes around a run: calls what it is given, once.
type Around<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// What was prepared last.
struct Standing<W: Workload> {
    stage: Option<(Setup, W)>,
    next: Option<(Entry<W>, W::Input)>,
}

impl<W: Workload> Stage for Standing<W> {
    fn spec(&self) -> Spec {
        W::spec()
    }

    fn peers(&self) -> Vec<&'static str> {
        W::peers().into_iter().map(|(name, _)| name).collect()
    }

    fn sweep(&self) -> Option<Sweep> {
        W::sweep()
    }

    fn prepare(&mut self, contender: String, setup: Setup) -> bool {
        let Some(entry) = entry::<W>(&contender) else { return false };
        if self.stage.as_ref().is_none_or(|(standing, _)| *standing != setup) {
            // The old one first: two servers or two inputs at a time would cost memory and ports.
            drop(self.stage.take());
            self.stage = Some((setup, W::prepare(&setup)));
        }
        self.next = self.stage.as_ref().map(|(_, workload)| (entry, workload.input()));
        true
    }

    fn is_ready(&self) -> bool {
        self.stage.is_some() && self.next.is_some()
    }

    fn go(&mut self, around: Around<'_>, said: &mut dyn FnMut() -> Result<(), String>) -> Result<u64, String> {
        let (Some((_, workload)), Some((run, input))) = (&self.stage, self.next.take()) else {
            return Err("go without a prepare of its own".into());
        };
        let mut input = Some(input);
        let mut outcome = None;
        around(&mut || {
            if let Some(input) = input.take() {
                let output = run(workload, input);
                outcome = Some(said().map(|()| output));
            }
        });
        let output = outcome.unwrap_or_else(|| Err("the run was not run".into()))?;
        Ok(workload.digest(&output))
    }

    fn cost(&self) -> Option<Option<Counted>> {
        self.stage.as_ref().map(|(_, workload)| workload.cost())
    }

    fn export(&self, file: &Path) -> Option<io::Result<()>> {
        self.stage.as_ref().map(|(_, workload)| workload.export(file))
    }

    fn judge(&self, file: &Path, threads: usize) -> Option<io::Result<u64>> {
        self.stage.as_ref().map(|(_, workload)| workload.import(file, threads).map(|output| workload.digest(&output)))
    }
}

fn serve(stage: &mut dyn Stage) -> Result<(), String> {
    let name = stage.spec().name;
    let mut arguments = std::env::args_os().skip(1);
    let mut trace_file = None;
    while let Some(argument) = arguments.next() {
        match (argument.to_str(), arguments.next()) {
            (Some("--trace"), Some(file)) => trace_file = Some(PathBuf::from(file)),
            _ => return Err(format!("unknown argument {argument:?}; run it with: cargo xtask run {name}")),
        }
    }
    if io::stdin().is_terminal() {
        return Err(format!("it speaks a protocol to a parent process; run it with: cargo xtask run {name}"));
    }
    // A run may last for ever, and then notices nothing: where its parent is killed, it goes too.
    close_this_process().map_err(|error| format!("cannot shut this process and tie it to its parent: {error}"))?;
    let (key, first) = first_request()?;
    let requests = take_standard_input().map_err(|error| format!("cannot set standard input aside: {error}"))?;
    let pipe = take_standard_output().map_err(|error| format!("cannot set standard output aside: {error}"))?;
    let mut answers = Answers { pipe, key };
    // Dropped when `serve` returns: the trace file is complete only then.
    let mut trace =
        trace_file.map(|file| trace::chrome(&file)).transpose().map_err(|error| format!("cannot write the trace: {error}"))?;

    for line in iter::once(Ok(first)).chain(BufReader::new(requests).lines()) {
        let line = line.map_err(|error| format!("cannot read a request: {error}"))?;
        let request = match serde_json::from_str::<Request>(&line) {
            Ok(request) => request,
            Err(error) => {
                answers.send(&Answer::Error(format!("not a request: {error}")))?;
                continue;
            }
        };
        match request {
            Request::Hello => {
                let contenders = ["baseline", "submission"].into_iter().chain(stage.peers());
                let contenders = contenders.map(String::from).collect();
                answers.send(&Answer::Hello { protocol: PROTOCOL, spec: stage.spec(), contenders, sweep: stage.sweep() })?;
            }
            Request::Prepare { contender, setup, .. } => {
                let unknown = format!("no contender is called {contender:?}");
                let is_known = stage.prepare(contender, setup);
                answers.send(&if is_known { Answer::Prepared { pid: std::process::id() } } else { Answer::Error(unknown) })?;
            }
            Request::Go if !stage.is_ready() => answers.send(&Answer::Error("go without a prepare of its own".into()))?,
            Request::Go => {
                // Said inside the recording: to put in order what that has kept is no part of the run.
                let mut said = || answers.send(&Answer::Done {});
                let digest = match &mut trace {
                    None => stage.go(&mut |run| run(), &mut said)?,
                    Some(trace) => {
                        let mut around = |run: &mut dyn FnMut()| {
                            let ((), strands) = par::record_moments(run);
                            strands.into_iter().for_each(|run| trace.add_run(run));
                        };
                        stage.go(&mut around, &mut said)?
                    }
                };
                answers.send(&Answer::Output { digest: format!("{digest:016x}") })?;
            }
            Request::Cost { burden } => {
                let answer = match stage.cost() {
                    Some(counted) => Answer::Cost(counted.map(|counted| counted.priced(burden))),
                    None => Answer::Error("cost without a prepare".into()),
                };
                answers.send(&answer)?;
            }
            Request::Export { file } => {
                let answer = match stage.export(&file) {
                    Some(Ok(())) => Answer::Exported {},
                    Some(Err(error)) => Answer::Error(format!("cannot write {}: {error}", file.display())),
                    None => Answer::Error("export without a prepare".into()),
                };
                answers.send(&answer)?;
            }
            Request::Judge { file, threads } => {
                let answer = match stage.judge(&file, threads) {
                    Some(Ok(digest)) => Answer::Output { digest: format!("{digest:016x}") },
                    Some(Err(error)) => Answer::Unreadable(error.to_string()),
                    None => Answer::Error("judge without a prepare".into()),
                };
                answers.send(&answer)?;
            }
            Request::Quit => break,
        }
    }
    Ok(())
}

fn entry<W: Workload>(contender: &str) -> Option<Entry<W>> {
    match contender {
        "baseline" => Some(W::baseline),
        "submission" => Some(W::submission),
        peer => W::peers().into_iter().find(|(name, _)| *name == peer).map(|(_, run)| run),
    }
}

/// Where the answers go, and what each of them begins with.
struct Answers {
    pipe: File,
    key: Option<Key>,
}

impl Answers {
    fn send(&mut self, answer: &Answer) -> Result<(), String> {
        let text = serde_json::to_string(answer).map_err(|error| error.to_string())?;
        let key = self.key.as_ref().map(Key::digits);
        // Of the right size at once: a line that grows leaves the key behind in what it has grown out of.
        let mut line = Vec::with_capacity(key.map_or(0, |key| key.len() + 1) + text.len() + 1);
        if let Some(key) = key {
            line.extend_from_slice(key.as_bytes());
            line.push(b' ');
        }
        line.extend_from_slice(text.as_bytes());
        line.push(b'\n');
        let written = self.pipe.write_all(&line);
        wipe(&mut line);
        written.map_err(|error| format!("cannot answer: {error}"))
    }
}

/// The key, if the parent gives one, and the first request without it.
fn first_request() -> Result<(Option<Key>, String), String> {
    let mut line = [0; 4096];
    let length = line_into(&mut line).map_err(|error| format!("cannot read a request: {error}"))?;
    let key = line[..length].strip_prefix(br#"{"op":"hello","key":""#).and_then(Key::read);
    let key = key.filter(|(_, rest)| *rest == br#""}"#).map(|(key, _)| key);
    let request = if key.is_some() { r#"{"op":"hello"}"#.into() } else { String::from_utf8_lossy(&line[..length]).into_owned() };
    wipe(&mut line);
    Ok((key, request))
}

/// Keeps the real standard input for a protocol, and puts nothing in its place: code under test shall not read requests.
fn take_standard_input() -> io::Result<File> {
    let requests = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    close_standard_input()?;
    Ok(File::from(requests))
}

/// Keeps the real standard output for a protocol and points descriptor 1 at standard error, so that no `println!` can break
/// into the protocol.
///
/// # Errors
/// If the descriptors cannot be copied.
pub fn take_standard_output() -> io::Result<File> {
    let answers = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(answers))
}
