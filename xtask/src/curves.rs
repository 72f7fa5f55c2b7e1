//! Run time by contender and threads: what is benched, and what Criterion stored of it.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use lab::workload::{Axis, Setup, Spec};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::{
    build,
    catalog::{Catalog, Exercise},
    check::cores,
    driver::{Fault, Timed, Workload},
    measure,
    process::{End, Run},
    results::{Curves, Point, write_whole},
};

/// Timing all curves of one exercise may take this long.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// The variable by which the runner names the file with the [`Plan`].
pub const PLAN_VARIABLE: &str = "RACECOURSE_BENCH_PLAN";

/// What the runner has benched.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// All curves, of one exercise.
    pub series: Vec<Series>,
    /// Where the bench writes a list of [`Failure`]s.
    pub failures: PathBuf,
}

/// A contender that could not be timed to the end: it has no curve.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// As in [`Series::contender`].
    pub contender: String,
    /// What happened.
    pub why: String,
    /// Whether it was the contender's own fault: it died, hung, or its output was wrong.
    pub own: bool,
}

impl Failure {
    /// What kept `contender` from its curve.
    pub fn new(contender: &str, error: &anyhow::Error) -> Self {
        Self { contender: contender.to_owned(), why: format!("{error:#}"), own: error.is::<Fault>() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was not timed: {}", self.contender, self.why)
    }
}

/// One curve: a contender at several numbers of threads.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Series {
    /// Criterion's group: the exercise's name.
    pub exercise: String,
    /// Criterion's function: `baseline`, `reference`, `yours`, or a peer's name.
    pub contender: String,
    /// The workload's program.
    pub program: PathBuf,
    /// Whom of it to run: `baseline`, `submission`, or the peer's name.
    pub entry: String,
    /// Size of the input.
    pub size: u64,
    /// Its seed.
    pub seed: u64,
    /// Criterion's values.
    pub threads: Vec<usize>,
    /// What they count.
    pub axis: Axis,
    /// How many samples at each.
    pub samples: usize,
    /// The digest of a right output.
    pub digest: String,
    /// No run may take longer.
    pub limit: Duration,
}

impl Series {
    /// Runs the contender once.
    ///
    /// # Errors
    /// A [`crate::driver::Fault`] of the program, or a wrong output.
    fn run(&self, workload: &mut Workload, threads: usize) -> Result<Timed> {
        let run = workload.run(&self.entry, Setup { size: self.size, seed: self.seed, threads })?;
        if run.digest == self.digest { Ok(run) } else { Err(Fault::wrong_output(&run.digest, &self.digest).into()) }
    }

    /// Runs the contender once, or as often as [`least_disturbed`] says.
    ///
    /// # Errors
    /// A [`crate::driver::Fault`] of the program, or a wrong output.
    pub fn sample(&self, workload: &mut Workload, threads: usize) -> Result<Duration> {
        least_disturbed(self.axis, threads, || self.run(workload, threads))
    }
}

/// The numbers of threads, processes or requests in flight of a curve.
fn counts(axis: Axis, quick: bool) -> Vec<usize> {
    match axis {
        Axis::InFlight if quick => vec![4, 16],
        Axis::InFlight => vec![1, 2, 4, 8, 16, 32],
        Axis::Threads | Axis::Processes => {
            let cores = cores();
            let powers = std::iter::successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < cores);
            // One more point past the cores shows what oversubscription does.
            let beyond = if quick { None } else { Some(cores * 2) };
            powers.chain([cores]).chain(beyond).collect()
        }
    }
}

/// All series of one exercise; `programs` are the subjects' workloads by label, the course's own (or only) one first.
///
/// # Errors
/// If the first program, which gives the baseline and the peers, fails.
pub fn plan(
    exercise: &Exercise,
    programs: &[(String, PathBuf)],
    seed: u64,
    quick: bool,
    samples: usize,
) -> Result<(Spec, Vec<Series>)> {
    let (_, first) = programs.first().context("there is no program to bench")?;
    let limit = exercise.limit("speed");
    let mut workload = Workload::start(first, None, &[], limit)?;
    let spec = workload.spec.clone();
    let size = if quick { spec.quick } else { spec.full };
    let digest = workload.run("baseline", Setup { size, seed, threads: 1 })?.digest;
    let series = |contender: &str, program: &PathBuf, entry: &str, threads: Vec<usize>| Series {
        exercise: exercise.name.clone(),
        contender: contender.to_owned(),
        program: program.clone(),
        entry: entry.to_owned(),
        size,
        seed,
        threads,
        axis: spec.axis,
        samples,
        digest: digest.clone(),
        limit,
    };
    let mut all = vec![series("baseline", first, "baseline", vec![1])];
    for (label, program) in programs {
        all.push(series(label, program, "submission", counts(spec.axis, quick)));
    }
    for peer in workload.contenders.iter().filter(|name| !["baseline", "submission"].contains(&name.as_str())) {
        let mut counts = counts(spec.axis, quick);
        if quick {
            // Where they end is what a first look is for.
            counts.drain(..counts.len() - 1);
        }
        all.push(series(peer, first, peer, counts));
    }
    workload.quit()?;
    Ok((spec, all))
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// The curves of `exercise` among what Criterion stored below `folder`: its raw samples, never its directory names. What a
/// contender left before it failed is no curve.
///
/// # Errors
/// If a stored file is damaged.
pub fn read(folder: &Path, exercise: &Exercise, spec: &Spec, size: u64, failures: &[Failure]) -> Result<Option<Curves>> {
    let mut contenders: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        open.extend(entries.flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.path()));
        let file = folder.join("benchmark.json");
        if !folder.ends_with("new") || !file.is_file() {
            continue;
        }
        let benchmark: Benchmark = parse(&file)?;
        let (Some(contender), Some(threads)) = (benchmark.function_id, benchmark.value_str) else { continue };
        if benchmark.group_id != exercise.name || failures.iter().any(|failure| failure.contender == contender) {
            continue;
        }
        let sample: Sample = parse(&folder.join("sample.json"))?;
        let Ok(threads) = threads.parse() else { bail!("{} has a value that is no number", file.display()) };
        let samples = sample.times.iter().zip(&sample.iters).map(|(time, runs)| time / runs / 1e9).collect();
        contenders.entry(contender).or_default().push(Point { threads, samples });
    }
    for points in contenders.values_mut() {
        points.sort_by_key(|point| point.threads);
    }
    Ok((!contenders.is_empty()).then(|| Curves { size, size_unit: spec.size_unit.clone(), axis: spec.axis, contenders }))
}

fn parse<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged; run cargo bench again", file.display()))
}

/// What one run of Criterion left.
#[derive(Debug)]
pub struct Benched {
    /// Gone with this value.
    own: TempDir,
    /// Who could not be timed.
    pub failures: Vec<Failure>,
}

impl Benched {
    /// Where Criterion stored it.
    pub fn folder(&self) -> PathBuf {
        self.own.path().join("criterion")
    }

    /// Moves Criterion's files of an exercise to where they stay until its next bench; `None` where another bench is just
    /// doing that.
    pub fn keep(self, catalog: &Catalog, exercise: &Exercise) -> Option<PathBuf> {
        let kept = catalog.scratch().join("criterion").join(&exercise.name);
        fs::create_dir_all(&kept).and_then(|()| fs::remove_dir_all(&kept)).ok()?;
        fs::rename(self.folder().join(&exercise.name), &kept).ok()?;
        Some(kept)
    }
}

/// Has Criterion time `series`, which are of one exercise, in a folder of its own: two commands at once take nothing of each
/// other, and nothing that an earlier one stored.
///
/// # Errors
/// If the bench cannot be built or does not end.
pub fn run_criterion(catalog: &Catalog, series: Vec<Series>) -> Result<Benched> {
    let scratch = catalog.scratch();
    let own = fs::create_dir_all(&scratch)
        .and_then(|()| tempfile::Builder::new().prefix("bench-").tempdir_in(&scratch))
        .with_context(|| format!("cannot write in {}", scratch.display()))?;
    let folder = own.path().join("criterion");
    let plan = own.path().join("plan.json");
    let failures = own.path().join("failures.json");
    write_whole(&plan, &serde_json::to_vec(&Plan { series, failures: failures.clone() })?)?;
    let program = build::bench_program(&catalog.root, &catalog.target())?;
    let environment = vec![(PLAN_VARIABLE, plan.into()), ("CRITERION_HOME", folder.into())];
    let arguments = vec!["--bench".into()];
    let finished = Run { program: &program, arguments, folder: &catalog.root, environment, limit: LIMIT }.finish()?;
    match finished.end {
        End::Exited(0) => Ok(Benched { failures: parse(&failures)?, own }),
        End::TimedOut => bail!("benching did not end within {} minutes", LIMIT.as_secs() / 60),
        _ => bail!("benching failed:\n{}", finished.stderr.trim_end()),
    }
}

/// Runs once, and again, twice at the most, where something else took the cores that the run should have had: a curve shows
/// what a program can do, and of three tries the least disturbed one says it best.
///
/// # Errors
/// Those of `run`.
pub fn least_disturbed(axis: Axis, threads: usize, mut run: impl FnMut() -> Result<Timed>) -> Result<Duration> {
    let mut best: Option<(f64, f64)> = None;
    for _ in 0..3 {
        let run = run()?;
        let lost = run.waited.unwrap_or(0.0) / run.seconds;
        if best.is_none_or(|(least, _)| lost < least) {
            best = Some((lost, run.seconds));
        }
        // More threads than cores wait for each other, whatever else the machine does.
        if threads > cores() || lost <= measure::cores_to_lose(axis) {
            break;
        }
    }
    let (_, seconds) = best.context("a contender is run at least once")?;
    Ok(Duration::from_secs_f64(seconds))
}
