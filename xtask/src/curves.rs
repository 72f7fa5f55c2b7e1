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
    fits, measure,
    process::{End, Run},
    results::{Curves, Point, Weak, write_whole},
};

pub use sampler::{Sampler, Sampling};

mod sampler;

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
    /// The exercise's name.
    pub exercise: String,
    /// How its size goes with the threads.
    pub scaling: Scaling,
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
    /// The samples at each.
    pub sampling: Sampling,
    /// The digest of a right output.
    pub digest: String,
    /// No run may take longer.
    pub limit: Duration,
}

/// What becomes of the size of the input when threads are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scaling {
    /// It stays: the same work in less time.
    Strong,
    /// It grows with them: more work in the same time.
    Weak,
}

impl Series {
    /// Criterion's group.
    pub fn group(&self) -> String {
        match self.scaling {
            Scaling::Strong => self.exercise.clone(),
            Scaling::Weak => format!("{}, size by threads", self.exercise),
        }
    }

    /// Runs the contender once.
    ///
    /// # Errors
    /// A [`crate::driver::Fault`] of the program, or a wrong output.
    fn run(&self, workload: &mut Workload, threads: usize) -> Result<Timed> {
        let run = workload.run(&self.entry, Setup { size: self.size, seed: self.seed, threads, at: None })?;
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

/// 1, 2, 4, .. and the number of cores.
pub fn powers(cores: usize) -> Vec<usize> {
    let powers = std::iter::successors(Some(1), |count| Some(count * 2)).take_while(|count| *count < cores);
    powers.chain([cores]).collect()
}

/// The numbers of threads, processes or requests in flight of a curve, on so many cores.
fn counts(axis: Axis, cores: usize, quick: bool) -> Vec<usize> {
    match axis {
        Axis::InFlight if quick => vec![4, 16],
        Axis::InFlight => vec![1, 2, 4, 8, 16, 32],
        Axis::Threads | Axis::Processes if quick => powers(cores),
        Axis::Threads | Axis::Processes => {
            let mut counts = powers(cores);
            // Where powers of two are too few for a fit, what lies between them is measured, too.
            if counts.len() < fits::Law::Scalability.points() {
                counts.extend(powers(cores).iter().map(|count| count * 3).filter(|count| *count < cores));
                counts.sort_unstable();
                counts.dedup();
            }
            // One more point past the cores shows what oversubscription does.
            counts.push(cores * 2);
            counts
        }
    }
}

/// What all series of one exercise have in common, and a program that knows its right outputs.
struct Planner<'a> {
    exercise: &'a Exercise,
    /// The course's own program.
    workload: Workload,
    spec: Spec,
    seed: u64,
    sampling: Sampling,
}

impl Planner<'_> {
    /// The digest of a right output.
    fn digest(&mut self, size: u64) -> Result<String> {
        Ok(self.workload.run("baseline", Setup { size, seed: self.seed, threads: 1, at: None })?.digest)
    }

    fn series(&self, who: (&str, &Path, &str), threads: Vec<usize>, size: u64, digest: &str) -> Series {
        let (contender, program, entry) = who;
        Series {
            exercise: self.exercise.name.clone(),
            scaling: Scaling::Strong,
            contender: contender.to_owned(),
            program: program.to_owned(),
            entry: entry.to_owned(),
            size,
            seed: self.seed,
            threads,
            axis: self.spec.axis,
            sampling: self.sampling,
            digest: digest.to_owned(),
            limit: self.exercise.limit("speed"),
        }
    }

    /// The same amount of work for each thread, so much that all cores together have the full size. Peers have no part in it:
    /// the question is how the exercise's own programs scale.
    fn weak(&mut self, programs: &[(String, PathBuf)], cores: usize) -> Result<Vec<Series>> {
        let each = self.spec.full / cores as u64;
        if self.spec.axis == Axis::InFlight || cores < 2 || each == 0 {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for threads in powers(cores) {
            let size = each * threads as u64;
            let digest = self.digest(size)?;
            if let (1, [(_, first), ..]) = (threads, programs) {
                all.push(self.series(("baseline", first, "baseline"), vec![1], size, &digest));
            }
            let own = programs.iter().map(|(label, program)| (label.as_str(), program.as_path(), "submission"));
            all.extend(own.map(|who| self.series(who, vec![threads], size, &digest)));
        }
        all.iter_mut().for_each(|series| series.scaling = Scaling::Weak);
        Ok(all)
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
    sampling: Sampling,
) -> Result<(Spec, Vec<Series>)> {
    let (_, first) = programs.first().context("there is no program to bench")?;
    let workload = Workload::start(first, None, &[], exercise.limit("speed"))?;
    let spec = workload.spec.clone();
    let mut planner = Planner { exercise, workload, spec: spec.clone(), seed, sampling };
    let size = if quick { spec.quick } else { spec.full };
    let digest = planner.digest(size)?;
    let series = |contender: &str, program: &Path, entry: &str, threads| {
        planner.series((contender, program, entry), threads, size, &digest)
    };
    let mut all = vec![series("baseline", first, "baseline", vec![1])];
    for (label, program) in programs {
        all.push(series(label, program, "submission", counts(spec.axis, cores(), quick)));
    }
    let peers = planner.workload.contenders.iter().filter(|name| !["baseline", "submission"].contains(&name.as_str()));
    for peer in peers {
        let mut counts = counts(spec.axis, cores(), quick);
        if quick {
            // Where they end is what a first look is for.
            counts.drain(..counts.len() - 1);
        }
        all.push(series(peer, first, peer, counts));
    }
    if !quick {
        all.extend(planner.weak(programs, cores())?);
    }
    planner.workload.quit()?;
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

/// The curves of `series` among what Criterion stored below `folder`: its raw samples, never its directory names. What a
/// contender left before it failed is no curve.
///
/// # Errors
/// If a stored file is damaged.
fn read(folder: &Path, series: &[Series], spec: &Spec, failures: &[Failure]) -> Result<Option<Curves>> {
    let mut strong: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    let mut weak: BTreeMap<String, Vec<Point>> = BTreeMap::new();
    for Stored { folder, group, contender, threads } in stored(folder)? {
        let of_it = |series: &&Series| series.group() == group && series.contender == contender;
        let asked = series.iter().filter(of_it).find(|series| series.threads.contains(&threads));
        let (Some(asked), false) = (asked, failures.iter().any(|failure| failure.contender == contender)) else { continue };
        let sample: Sample = parse(&folder.join("sample.json"))?;
        let samples = sample.times.iter().zip(&sample.iters).map(|(time, runs)| time / runs / 1e9).collect();
        let contenders = if asked.scaling == Scaling::Weak { &mut weak } else { &mut strong };
        let point = Point { threads, samples, per_process: asked.sampling.per_process };
        contenders.entry(contender).or_default().push(point);
    }
    for points in strong.values_mut().chain(weak.values_mut()) {
        points.sort_by_key(|point| point.threads);
    }
    let first = |scaling| series.iter().find(|series| series.scaling == scaling);
    let Some(size) = first(Scaling::Strong).map(|series| series.size).filter(|_| !strong.is_empty()) else { return Ok(None) };
    let weak = first(Scaling::Weak).filter(|_| !weak.is_empty()).map(|first| Weak { size: first.size, contenders: weak });
    Ok(Some(Curves { size, size_unit: spec.size_unit.clone(), axis: spec.axis, contenders: strong, weak }))
}

/// One point as Criterion stored it.
struct Stored {
    /// Where its samples are.
    folder: PathBuf,
    group: String,
    contender: String,
    threads: usize,
}

/// All points below `folder`.
fn stored(folder: &Path) -> Result<Vec<Stored>> {
    let mut all = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        open.extend(entries.flatten().filter(|entry| entry.path().is_dir()).map(|entry| entry.path()));
        let file = folder.join("benchmark.json");
        if !folder.ends_with("new") || !file.is_file() {
            continue;
        }
        let Benchmark { group_id: group, function_id, value_str } = parse(&file)?;
        let (Some(contender), Some(threads)) = (function_id, value_str) else { continue };
        let Ok(threads) = threads.parse() else { bail!("{} has a value that is no number", file.display()) };
        all.push(Stored { folder, group, contender, threads });
    }
    Ok(all)
}

/// Who has not all of its points where time was up: contenders come one after the other, so the first of them took it.
fn unfinished(folder: &Path, series: &[Series]) -> Result<Vec<Failure>> {
    let stored = stored(folder)?;
    let has = |series: &Series, threads: &usize| {
        stored
            .iter()
            .any(|point| (&point.group, &point.contender, &point.threads) == (&series.group(), &series.contender, threads))
    };
    let lacks =
        |series: &&Series| series.scaling == Scaling::Strong && !series.threads.iter().all(|threads| has(series, threads));
    let minutes = LIMIT.as_secs() / 60;
    let failure = |(place, series): (usize, &Series)| {
        let why = if place == 0 { "its runs are too long" } else { "its turn did not come" };
        Failure {
            contender: series.contender.clone(),
            why: format!("{why}: all benching may take {minutes} min"),
            own: place == 0,
        }
    };
    Ok(series.iter().filter(lacks).enumerate().map(failure).collect())
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
    /// What was asked for.
    series: Vec<Series>,
    /// Who could not be timed.
    pub failures: Vec<Failure>,
}

impl Benched {
    /// Where Criterion stored it.
    fn folder(&self) -> PathBuf {
        self.own.path().join("criterion")
    }

    /// The curves that came of it; `None` where there is no sample.
    ///
    /// # Errors
    /// If a stored file is damaged.
    pub fn curves(&self, spec: &Spec) -> Result<Option<Curves>> {
        read(&self.folder(), &self.series, spec, &self.failures)
    }

    /// Moves Criterion's files to where they stay until the exercise's next bench; `None` where another bench is just doing
    /// that.
    pub fn keep(self, catalog: &Catalog, exercise: &Exercise) -> Option<PathBuf> {
        let kept = catalog.scratch().join("criterion").join(&exercise.name);
        fs::create_dir_all(&kept).and_then(|()| fs::remove_dir_all(&kept)).ok()?;
        fs::rename(self.folder(), &kept).ok()?;
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
    write_whole(&plan, &serde_json::to_vec(&Plan { series: series.clone(), failures: failures.clone() })?)?;
    let program = build::bench_program(&catalog.root, &catalog.target)?;
    let environment = vec![(PLAN_VARIABLE, plan.into()), ("CRITERION_HOME", folder.clone().into())];
    let arguments = vec!["--bench".into()];
    let finished =
        Run { program: &program, arguments, folder: &catalog.root, environment, limit: LIMIT, stdin: Vec::new(), within: None }
            .finish()?;
    match finished.end {
        End::Exited(0) => Ok(Benched { failures: parse(&failures)?, own, series }),
        End::TimedOut => Ok(Benched { failures: unfinished(&folder, &series)?, own, series }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_points_enough_for_a_fit_where_there_are_cores_enough() {
        let full = |cores| counts(Axis::Threads, cores, false);
        assert_eq!([full(1), full(2)], [vec![1, 2], vec![1, 2, 4]]);
        assert_eq!(full(4), [1, 2, 3, 4, 8]);
        assert_eq!(full(8), [1, 2, 3, 4, 6, 8, 16]);
        assert_eq!(full(12), [1, 2, 3, 4, 6, 8, 12, 24]);
        assert_eq!(full(64), [1, 2, 4, 8, 16, 32, 64, 128], "powers are enough");
        assert_eq!(counts(Axis::Processes, 12, true), [1, 2, 4, 8, 12]);
        for cores in 1..=64 {
            let within = full(cores).into_iter().filter(|count| *count <= cores).count();
            assert!(within >= cores.min(4), "{cores} cores");
        }
    }

    fn series(contender: &str, scaling: Scaling, size: u64, threads: Vec<usize>) -> Series {
        Series {
            exercise: "sort".into(),
            scaling,
            contender: contender.into(),
            program: PathBuf::new(),
            entry: String::new(),
            size,
            seed: 1,
            threads,
            axis: Axis::Threads,
            sampling: Sampling::REPORT,
            digest: String::new(),
            limit: Duration::ZERO,
        }
    }

    /// Files as Criterion stores them.
    fn store(folder: &Path, place: usize, group: &str, contender: &str, threads: &str, nanoseconds: &[f64]) {
        let new = folder.join(format!("any/name {place}/new"));
        fs::create_dir_all(&new).expect("made");
        let benchmark = serde_json::json!({ "group_id": group, "function_id": contender, "value_str": threads });
        let sample = serde_json::json!({ "iters": vec![2.0; nanoseconds.len()], "times": nanoseconds });
        fs::write(new.join("benchmark.json"), benchmark.to_string()).expect("written");
        fs::write(new.join("sample.json"), sample.to_string()).expect("written");
    }

    #[test]
    fn who_took_all_the_time_is_named_and_who_was_done_keeps_its_curve() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = [
            series("baseline", Scaling::Strong, 100, vec![1]),
            series("yours", Scaling::Strong, 100, vec![1, 2]),
            series("std", Scaling::Strong, 100, vec![1]),
            series("baseline", Scaling::Weak, 50, vec![1]),
        ];
        store(folder.path(), 1, "sort", "baseline", "1", &[2e9]);
        store(folder.path(), 2, "sort", "yours", "1", &[2e9]);
        let failures = unfinished(folder.path(), &asked).expect("not damaged");
        let told: Vec<_> = failures.iter().map(|failure| (failure.contender.as_str(), failure.own)).collect();
        assert_eq!(told, [("yours", true), ("std", false)]);
    }

    #[test]
    fn what_was_stored_is_read_by_what_was_asked() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = [
            series("baseline", Scaling::Strong, 100, vec![1]),
            series("yours", Scaling::Strong, 100, vec![1, 2]),
            series("std", Scaling::Strong, 100, vec![1]),
            series("baseline", Scaling::Weak, 50, vec![1]),
            series("yours", Scaling::Weak, 100, vec![2]),
        ];
        let spec =
            Spec { name: "sort".into(), size_unit: "keys".into(), cost_unit: None, axis: Axis::Threads, quick: 1, full: 100 };
        let failures = [Failure { contender: "std".into(), why: "it died".into(), own: true }];
        let read = || read(folder.path(), &asked, &spec, &failures).expect("not damaged");
        assert_eq!(read(), None);
        let weak = "sort, size by threads";
        for (place, (group, contender, threads)) in [
            ("sort", "yours", "2"),
            ("sort", "yours", "1"),
            ("sort", "baseline", "1"),
            ("sort", "std", "1"),
            ("sort", "yours", "16"),
            ("other", "yours", "1"),
            (weak, "baseline", "1"),
            (weak, "yours", "2"),
        ]
        .into_iter()
        .enumerate()
        {
            store(folder.path(), place, group, contender, threads, &[2e9, 4e9]);
        }
        let curves = read().expect("curves");
        let places = |contenders: &BTreeMap<String, Vec<Point>>| -> Vec<(String, Vec<usize>)> {
            contenders.iter().map(|(who, points)| (who.clone(), points.iter().map(|point| point.threads).collect())).collect()
        };
        assert_eq!(places(&curves.contenders), [("baseline".into(), vec![1]), ("yours".into(), vec![1, 2])]);
        assert_eq!(curves.contenders["yours"][0], Point { threads: 1, samples: vec![1.0, 2.0], per_process: 2 });
        let weak = curves.weak.expect("weak scaling");
        assert_eq!((curves.size, weak.size), (100, 50));
        assert_eq!(places(&weak.contenders), [("baseline".into(), vec![1]), ("yours".into(), vec![2])]);
    }
}
