//! `results.json`: the only stored model. The report, the charts and every grader's format are made from it alone.

use std::{collections::BTreeMap, fmt, fs, io::Write, path::Path};

use anyhow::{Context, Result, bail};
use lab::{finding::Report, par::Scheduled};
use serde::{Deserialize, Serialize};

/// The version of the format that this runner writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// Everything that one command found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT_VERSION`] of the runner that wrote it.
    pub format_version: u32,
    /// The command that made it: `report`, `report --quick`, `grade`, `check`.
    pub command: String,
    /// When the command began, RFC 3339 in UTC.
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// The commit of the course, with `+` where the tree had changes; absent outside a repository.
    pub commit: Option<String>,
    /// What it ran on.
    pub machine: Machine,
    /// The seed of every input.
    pub seed: u64,
    /// One for each exercise, in the order of the course.
    pub exercises: Vec<ExerciseResult>,
    /// What the machine itself allows; absent where it was not measured.
    #[serde(default)]
    pub ceilings: Option<Ceilings>,
    /// What was graded, and how; absent where nothing was handed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submission: Option<Submission>,
}

/// A submission, and what it was graded with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Submission {
    /// What it is called: its folder's name, or what the command was told.
    pub id: String,
    /// What came of it as a whole.
    pub state: State,
    /// The files that were taken of it, by the course's own paths: `exercises/threads/spin_lock/src/lib.rs`.
    pub taken: Vec<String>,
    /// What else was in it and was not taken; no more of it than anybody reads.
    pub ignored: Vec<Ignored>,
    /// A hash of the files that were taken: the same files have the same one.
    pub fingerprint: String,
    /// What kept its code from the rest of the machine.
    pub sandbox: Vec<Layer>,
    /// What its code was allowed.
    pub limits: Limits,
    /// What an instructor may want to look at. It costs no points.
    #[serde(default)]
    pub remarks: Vec<Remark>,
}

/// What came of a submission as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The checks were made, and their verdicts stand.
    Graded,
    /// Nothing of it can be graded; says why: it is empty, for another course, not text. Its points are 0 of all.
    Rejected(String),
    /// It could not be graded by no fault of its own; says why. It has no points, which is not 0 points.
    Error(String),
}

/// Something in a submission that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// Relative to the submission.
    pub file: String,
    /// Why not.
    pub why: String,
}

/// One of the walls between a submission's code and the rest of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// `process group`, `rlimits`, `environment`, `landlock`, `namespaces`, `cgroup`.
    pub name: String,
    /// Whether it stood.
    pub active: bool,
    /// What it does where it stood, else why it did not.
    pub detail: String,
}

/// What a submission's code was allowed. Times of single tests are the exercises' own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds for one call of the compiler.
    pub build_seconds: f64,
    /// Bytes of memory for one process tree.
    pub memory: u64,
    /// Processes and threads at a time.
    pub processes: u64,
    /// Bytes of one file that it may write.
    pub file_size: u64,
    /// Bytes that it may print.
    pub output: u64,
}

/// Something of a submission that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// The exercise's folder: `threads/spin_lock`.
    pub exercise: String,
    /// Where, such as `src/lib.rs:12`; empty where it is no place.
    pub place: String,
    /// What, in one sentence.
    pub what: String,
}

/// What no program on this machine can exceed, measured by the STREAM triad `a[i] = b[i] + s * c[i]` (McCalpin, 1995).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Bytes of each of the three arrays, over all threads.
    pub array: u64,
    /// Bytes of all last-level caches together, where the system tells it.
    pub cache: Option<u64>,
    /// By rising threads, the first on one.
    pub bandwidth: Vec<Bandwidth>,
    /// Bytes per second of the same loop on one thread over arrays that fit the first-level cache: where this is not well
    /// above the bandwidth, the loop itself was the limit.
    pub in_cache: f64,
}

/// Memory bandwidth of so many threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bandwidth {
    /// Threads, each on its own part of the arrays.
    pub threads: usize,
    /// Bytes per second, one for each pass over the arrays: 24 bytes an element, as STREAM counts. The line that a write
    /// first reads from memory (write-allocate) is not counted.
    pub samples: Vec<f64>,
}

/// What a result was measured on. Seconds of two machines are never compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// `linux x86_64`.
    pub platform: String,
    /// The processor's own name, where the system tells it.
    pub processor: Option<String>,
    /// Cores that this process may use.
    pub cores: usize,
    /// Main memory in bytes, where the system tells it.
    pub memory: Option<u64>,
    /// The frequency governor of the first core, where the system tells it.
    pub governor: Option<String>,
    /// `rustc --version`.
    pub rustc: String,
    /// Whether the system says how long a thread waited for a core (`/proc/<pid>/task/<tid>/schedstat`).
    pub schedstat: bool,
}

/// One exercise: who was checked, and what was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExerciseResult {
    /// Its folder: `threads/spin_lock`.
    pub path: String,
    /// Its title.
    pub title: String,
    /// `implement`, `fix`, `optimise`, `write-tests` or `investigate`.
    pub kind: String,
    /// The one idea that it teaches.
    pub summary: String,
    /// The reference, the learner's work (`yours`), a `submission`.
    pub subjects: Vec<SubjectResult>,
    /// Run time by contender and threads; empty where nothing was benched.
    pub curves: Option<Curves>,
    /// One traced run, in files beside `results.json`.
    pub trace: Option<TraceResult>,
    /// What could not be timed or traced, and why.
    #[serde(default)]
    pub notes: Vec<Note>,
    /// Run times over the workload's parameter; absent where it has none, or was not measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepResult>,
    /// The main memory that each contender takes; empty where the system does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub memory: Vec<Memory>,
    /// Programs that are not of this workspace, in any language; empty without `--peers`. Their run times are among the curves.
    #[serde(default)]
    pub peers: Vec<PeerResult>,
}

/// What one contender takes of the main memory, in a process of its own. Of programs that start processes their children are not
/// counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// `baseline`, `reference`, `yours`, or a peer's name.
    pub contender: String,
    /// Size of the input.
    pub size: u64,
    /// Threads, processes or requests in flight; 1 for the baseline.
    pub threads: usize,
    /// Bytes after the input was made and before the run (`VmRSS` of Linux).
    pub before: u64,
    /// The most bytes at any time until the run was over (`VmHWM`).
    pub peak: u64,
}

/// Run times over a parameter of the workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepResult {
    /// What it is: `distance between two shards`.
    pub parameter: String,
    /// In what unit: `bytes`.
    pub unit: String,
    /// What one unit of size is, in the plural.
    pub size_unit: String,
    /// Threads of every run.
    pub threads: usize,
    /// The peer that the exercise's programs are held against; absent where the workload names none.
    #[serde(default)]
    pub against: Option<String>,
    /// One for each contender: `reference`, `yours`, or a peer's name; by rising values.
    pub contenders: BTreeMap<String, Vec<SweptPoint>>,
}

/// All samples at one value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweptPoint {
    /// The value.
    pub at: u64,
    /// Size of the input at it.
    pub size: u64,
    /// Seconds of one run, each in a process of its own.
    pub samples: Vec<f64>,
}

/// A program that is not of this workspace: what came of it, and what its curve leaves out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerResult {
    /// Its name in [`Curves::contenders`], where it has a curve.
    pub name: String,
    /// What it is written in.
    pub language: String,
    /// What it is made of, by its own account; absent where it never said.
    pub version: Option<String>,
    /// Seconds from starting its process to its first answer, one for each process: the interpreter, a virtual machine, imports.
    pub start_up: Vec<f64>,
    /// Seconds of the first preparation in each process: reading the input, a pool of workers, a session.
    pub prepare: Vec<f64>,
    /// Whether it was measured.
    pub outcome: PeerOutcome,
}

/// What came of a [`PeerResult`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerOutcome {
    /// It has a curve.
    Measured,
    /// This machine lacks what it needs; says what, and how to get it.
    Skipped(String),
    /// It could not be timed to the end, so it has no curve; says why.
    Error(String),
}

/// Something that a report lacks. It costs no points: those are given by checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// What is missing, and why.
    pub what: String,
    /// [`Verdict::Fail`] where the learner's program is to blame, [`Verdict::Error`] where the course or the machine is.
    pub verdict: Verdict,
}

/// Whose code it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The course's own solution.
    Reference,
    /// The learner's work in `exercises/`.
    Yours,
    /// Files handed in.
    Submission,
    /// A planted submission of `solutions/*/mutants` or `variants`.
    Planted,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "reference",
            Self::Yours => "yours",
            Self::Submission => "submission",
            Self::Planted => "planted",
        })
    }
}

/// All checks of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectResult {
    /// Whose code.
    pub subject: Subject,
    /// Points reached. Checks that are not measurable, or failed by the runner's own fault, count in neither sum.
    pub points: f64,
    /// Points that could be reached.
    pub max_points: f64,
    /// In the order in which they were made.
    pub checks: Vec<CheckResult>,
}

impl SubjectResult {
    /// These checks with their sums.
    pub fn of(subject: Subject, checks: Vec<CheckResult>) -> Self {
        let counted = || checks.iter().filter(|check| matches!(check.verdict, Verdict::Pass | Verdict::Fail));
        let points = counted().fold(0.0, |sum, check| sum + check.points);
        let max_points = counted().fold(0.0, |sum, check| sum + check.max_points);
        Self { subject, points, max_points, checks }
    }
}

/// What a check or a case of it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// The machine was too busy, or the platform lacks something: costs no points.
    NotMeasurable,
    /// The runner's own fault: costs no points.
    Error,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotMeasurable => "not measurable",
            Self::Error => "error",
        })
    }
}

/// One check: `tests`, `model`, `trace`, `span` or `speed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its name.
    pub check: String,
    /// The verdict over all cases.
    pub verdict: Verdict,
    /// Points reached.
    pub points: f64,
    /// What it is worth.
    pub max_points: f64,
    /// One sentence: the finding.
    pub summary: String,
    /// How long it ran, building left out; its tests together, though they run side by side.
    pub seconds: f64,
    /// One for each test; empty for `span` and `speed`, which are one measurement.
    pub cases: Vec<CaseResult>,
    /// What the verdict of a measurement rests on; of several comparisons the worst, which decides.
    pub evidence: Option<Evidence>,
    /// The other comparisons of the same check, each at another value of the workload's sweep; empty for most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Evidence>,
}

/// One test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// The test function's name.
    pub name: String,
    /// What it came to.
    pub verdict: Verdict,
    /// How long it ran.
    pub seconds: f64,
    /// Why it did not pass, for the learner; bounded. Absent where it passed.
    pub message: Option<String>,
    /// What the test recorded through `lab::evidence`, in order.
    pub records: Vec<Record>,
    /// Points reached and what it is worth, of those of its check; absent where there is no share for it: of advice, in results
    /// of older runners.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<[f64; 2]>,
    /// How much of a failure the learner is shown.
    #[serde(default, skip_serializing_if = "Detail::is_full")]
    pub detail: Detail,
}

/// How much of a failing test whoever handed in is shown. What is not shown is still in `results.json`, which is the instructor's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detail {
    /// Everything.
    #[default]
    Full,
    /// What the code did, without what was expected of it or what it was given: the first words.
    Actual,
    /// That it fails, and not even the test's name.
    None,
}

impl Detail {
    fn is_full(&self) -> bool {
        *self == Self::Full
    }
}

impl CaseResult {
    /// A case with no time, no records and no share of the points yet.
    pub fn new(name: impl Into<String>, verdict: Verdict, message: Option<String>) -> Self {
        Self { name: name.into(), verdict, seconds: 0.0, message, records: Vec::new(), points: None, detail: Detail::Full }
    }

    /// What the model checker found in this test, in order.
    pub fn models(&self) -> Vec<Report> {
        let told = self.records.iter().filter(|record| record.kind == "model");
        told.filter_map(|record| serde_json::from_value(record.data.clone()).ok()).collect()
    }
}

/// A record that a test made through `lab::evidence`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What it is about: `model`, `trace`, ..
    pub kind: String,
    /// Its content.
    pub data: serde_json::Value,
}

/// What the verdict of a measurement rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A paired comparison of run times.
    Speed(Speed),
    /// Work and span.
    Span(Span),
}

/// A paired comparison: run times of the subject over those of its opponent, each pair run back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Whom it was compared with: `reference`, `baseline`, or a peer's name.
    pub against: String,
    /// Size of the input.
    pub size: u64,
    /// In what unit.
    pub size_unit: String,
    /// Threads of both.
    pub threads: usize,
    /// The value of the workload's sweep; absent where it was run as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    /// The median of the ratios of the clean pairs; below 1 the subject is faster. Absent without a clean pair.
    pub ratio: Option<f64>,
    /// Its distribution-free interval.
    pub interval: Option<[f64; 2]>,
    /// How sure the interval is, from 0 to 1.
    pub confidence: f64,
    /// Every pair, in the order run.
    pub pairs: Vec<Pair>,
    /// How busy the machine was before; absent where the system does not tell, or nobody looked.
    #[serde(default)]
    pub load: Option<Load>,
    /// The ratio up to which the points are full: the pairs were run until it was known on which side of it the median is;
    /// absent in results of older runners.
    #[serde(default)]
    pub full_at: Option<f64>,
    /// What whoever believes the finding has to know, a sentence each: what could not be seen, what was not as it should be.
    #[serde(default)]
    pub caveats: Vec<String>,
}

/// A value of a workload's sweep: `size of a message`, 64, `bytes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// What it is the value of.
    pub parameter: String,
    /// It.
    pub value: u64,
    /// In what unit.
    pub unit: String,
}

/// How busy the cores that the runner may use were, before a comparison began.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// The share of their time that something ran on them, from 0 to 1, in the last second or less before the first pair.
    pub busy: f64,
    /// Seconds that were waited for them to become idle, this look included.
    pub waited: f64,
    /// Whether they did.
    pub idle: bool,
}

/// Two runs back to back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// Seconds of the subject.
    pub subject: f64,
    /// Seconds of its opponent.
    pub opponent: f64,
    /// The cores that each of the two runs had, by the time its threads waited for one; absent where unknown.
    pub effective_cores: Option<[f64; 2]>,
    /// Whether it counts: nothing else took the cores that the runs asked for.
    pub clean: bool,
    /// Whether the subject ran first of the two; absent in results of older runners.
    #[serde(default)]
    pub subject_first: Option<bool>,
    /// Seconds from the beginning of the comparison to that of this pair; absent in results of older runners.
    #[serde(default)]
    pub at: Option<f64>,
    /// The seed of the input that both ran on; absent in results of older runners, which had one for all pairs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Work and span, in the workload's cost units.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// What a unit is.
    pub unit: String,
    /// Size of the input.
    pub size: u64,
    /// All units together.
    pub work: u64,
    /// Units on the longest chain.
    pub span: u64,
    /// The same with a burden for each fork.
    pub burdened_span: u64,
    /// How often it forked.
    pub forks: u64,
    /// Least parallelism (work over span) for full points.
    pub wanted: f64,
    /// What a fork is charged in the burdened span and the schedule; absent where no burden was charged.
    #[serde(default)]
    pub burden: Option<Burden>,
    /// How long it takes on so many processors, in units, by simulation; empty where it was not simulated.
    #[serde(default)]
    pub schedule: Vec<Scheduled>,
    /// What most of the longest chain is; absent where it is not known.
    #[serde(default)]
    pub place: Option<Place>,
    /// How long it takes on the most processors of the schedule where steals cost nothing; absent in older results.
    #[serde(default)]
    pub unburdened: Option<u64>,
}

/// What a fork costs that is stolen, on the machine of this result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Burden {
    /// In cost units: `nanoseconds` over `nanoseconds_per_unit`.
    pub units: u64,
    /// From a fork to the first instruction of its stolen closure.
    pub nanoseconds: u64,
    /// How many steals that is the median of; 0 where none could be seen and the figure is assumed.
    pub steals: usize,
    /// What a unit takes: the run on one thread over the work.
    pub nanoseconds_per_unit: f64,
}

/// A kind of work on the longest chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    /// What the submission calls the span that it is done in; absent for what is in none.
    pub name: Option<String>,
    /// Its share of the chain.
    pub share: f64,
    /// The share of the most of it in one piece, without a fork in between.
    pub longest: f64,
}

/// Run times by contender and threads, from Criterion's raw samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Size of the input.
    pub size: u64,
    /// In what unit.
    pub size_unit: String,
    /// `threads`, `processes` or `in_flight`.
    pub axis: lab::workload::Axis,
    /// One for each contender: `baseline`, `reference`, `yours`, or a peer's name.
    pub contenders: BTreeMap<String, Vec<Point>>,
    /// The same with sizes that grow with the threads; absent where that was not measured.
    #[serde(default)]
    pub weak: Option<Weak>,
}

/// Weak scaling: every thread has the same amount to do, so `p` threads have `p` times [`size`](Self::size).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weak {
    /// Size of the input for each thread.
    pub size: u64,
    /// `baseline`, at the size of one thread; `reference` and `yours`.
    pub contenders: BTreeMap<String, Vec<Point>>,
}

/// All samples at one number of threads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Threads, processes or requests in flight.
    pub threads: usize,
    /// Seconds of one run, one for each sample.
    pub samples: Vec<f64>,
    /// So many samples in a row come from one process, then a fresh one gave the next; 0 where that is not known.
    #[serde(default)]
    pub per_process: usize,
}

/// A traced run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceResult {
    /// The Chrome trace file, relative to the folder of `results.json`.
    pub file: String,
    /// Whose run it is.
    pub subject: Subject,
    /// Threads of the run.
    pub threads: usize,
    /// Where its time went; absent where that could not be found out, which a note then tells.
    #[serde(default)]
    pub losses: Option<crate::losses::Losses>,
    /// The longest chain of strands; absent where the run did not fork through `lab::par`.
    #[serde(default)]
    pub critical_path: Option<String>,
}

impl Results {
    /// Reads a stored result.
    ///
    /// # Errors
    /// If the file is missing, damaged, or of a newer format; the message names the file and the command that makes a new one.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_made_by(path, "cargo xtask report")
    }

    /// As [`Results::read`], of what the command `make` makes.
    ///
    /// # Errors
    /// As there.
    pub fn read_made_by(path: &Path, make: &str) -> Result<Self> {
        let shown = path.display();
        let damaged = || format!("{shown} is damaged; make a new one with: {make}");
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}; make it with: {make}"))?;
        let value: serde_json::Value = serde_json::from_str(&text).with_context(damaged)?;
        match value.get("format_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version > u64::from(FORMAT_VERSION) => bail!(
                "{shown} has format {version}, and this runner reads up to {FORMAT_VERSION}; update the course, or make a new one with: {make}"
            ),
            Some(_) => {}
            None => bail!("{shown} carries no format_version; make a new one with: {make}"),
        }
        serde_json::from_value(value).with_context(damaged)
    }

    /// Writes it beside its place first and renames it then: a reader never meets half a file.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        write_whole(path, text.as_bytes())
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// If the folder cannot be made or written.
pub fn write_whole(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    let attempt = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(content)?;
        // tempfile makes files that only their owner may read; a report is for everyone.
        #[cfg(unix)]
        fs::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}
