//! From one piece of code to verdicts: builds it, runs each check in processes of its own, and says what came of it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt,
    fs::{self, File},
    io::{Read, Seek},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lab::{
    finding::Report,
    workload::{Axis, Setup, Sweep, Swept},
};

use crate::{
    build::{self, Built, Package, Part, Walls},
    catalog::{Catalog, Exercise, HIDDEN, Pace},
    driver::{Fault, Workload},
    machine,
    measure::{self, Blame, Contender, Plan},
    process::{End, Finished, Run},
    proof::{Proof, Proved},
    recipe::Broken,
    results::{At, CaseResult, CheckResult, Evidence, Record, Speed, Subject, SubjectResult, Verdict},
    sandbox::{Excess, Private},
};

mod span;

/// The seed of every input, unless a command is given another.
pub const SEED: u64 = 2026;

/// How the summary of a comparison begins that can only be made where the reference is.
pub const NO_REFERENCE: &str = "told when it is graded, against the course's solution";

/// What one test may record, in bytes: its process could write without end.
const MOST_EVIDENCE: u64 = 16 << 20;

/// One piece of code to be checked.
#[derive(Debug)]
pub struct Candidate<'a> {
    /// Which exercise it answers.
    pub exercise: &'a Exercise,
    /// Whose it is.
    pub subject: Subject,
    /// Where it is built.
    pub package: Package,
}

/// A check that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Of whom.
    pub candidate: &'a Candidate<'a>,
    /// `tests`, `trace`, `model`, `span` or `speed`.
    pub check: &'a str,
    /// Of its tests, only this one.
    pub case: Option<&'a str>,
}

/// Makes checks, and keeps what several of them need.
#[derive(Debug)]
pub struct Checker<'a> {
    /// The course.
    pub catalog: &'a Catalog,
    /// The seed of every input.
    pub seed: u64,
    /// Inputs of the size for a first look.
    pub quick: bool,
    /// What for.
    pub purpose: Purpose,
    /// The workloads of the course's own solutions that are built already, by exercise.
    pub opponents: BTreeMap<String, PathBuf>,
}

/// The tests of one check, built: each runs in a process of its own.
#[derive(Debug)]
pub struct Suite {
    program: PathBuf,
    folder: PathBuf,
    scratch: PathBuf,
    limit: Duration,
    /// What the tests are called, in the order in which the program lists them.
    pub names: Vec<String>,
    /// Those that are not in the program, since they do not compile.
    broken: Vec<Broken>,
    /// Where the program is behind walls, it also has to prove its tests.
    walls: Option<Arc<Walls>>,
    /// Other programs of the package, for the tests that start one.
    programs: Vec<PathBuf>,
}

/// What checks are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A first look, with few pairs of runs.
    Look,
    /// Somebody is at work: few pairs too; code that fails is not measured, and code that passes everything is linted.
    Work,
    /// Points.
    Verdict,
    /// A proof of an exercise: of pairs, no more than it takes.
    Proof,
}

impl Catalog {
    /// The learner's work.
    pub fn yours<'a>(&self, exercise: &'a Exercise) -> Candidate<'a> {
        let folder = self.exercise_folder(exercise);
        let package = Package::new(self.root.clone(), folder, exercise.name.clone(), self.target.clone());
        Candidate { exercise, subject: Subject::Yours, package }
    }

    /// The course's solution, where this checkout has it.
    pub fn reference<'a>(&self, exercise: &'a Exercise) -> Option<Candidate<'a>> {
        let folder = self.solution_folder(exercise);
        let name = format!("{}-solution", exercise.name);
        let package = Package::new(self.root.clone(), folder, name, self.target.clone());
        package.folder.join("Cargo.toml").is_file().then_some(Candidate { exercise, subject: Subject::Reference, package })
    }
}

/// What could not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotBuilt {
    /// Why not, in rustc's words where it said something.
    pub words: String,
    /// [`Verdict::Fail`] where the code is to blame, [`Verdict::Error`] where rustc said nothing about it.
    pub verdict: Verdict,
}

impl NotBuilt {
    fn of(built: &Built) -> Self {
        let codes_fault = !built.timed_out && !built.said.trim().is_empty();
        Self { words: words_of(built), verdict: if codes_fault { Verdict::Fail } else { Verdict::Error } }
    }

    /// In one sentence.
    pub fn summary(&self) -> &'static str {
        if self.verdict == Verdict::Fail { "it does not compile" } else { "it could not be built, by no fault of the code" }
    }
}

impl fmt::Display for NotBuilt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Candidate<'_> {
    /// Builds the workload and puts its program where no other build overwrites it.
    ///
    /// # Errors
    /// If cargo cannot be run. What is not built is `Ok(Err(why))`.
    pub fn workload(&self, catalog: &Catalog) -> Result<Result<PathBuf, NotBuilt>> {
        let built = self.package.build(Part::Workload)?;
        let name = format!("{}-workload", self.exercise.name);
        match built.executables.get(&name) {
            // In a folder of its own already.
            Some(program) if built.good && self.package.walls.is_some() => Ok(Ok(program.clone())),
            Some(program) if built.good => {
                let kept = format!("{}-{}{}", self.exercise.name, self.subject, self.package.suffix);
                Ok(Ok(build::keep_program(program, &catalog.scratch().join("workloads"), &kept)?))
            }
            _ => Ok(Err(NotBuilt::of(&built))),
        }
    }

    /// Starts a workload, the candidate's own or its opponent's: behind walls where the candidate's programs are.
    ///
    /// # Errors
    /// As [`Workload::start`].
    pub fn start(&self, program: &Path, limit: Duration) -> Result<Workload> {
        let Some(walls) = &self.package.walls else { return Workload::start(program, None, &[], limit) };
        Workload::start_within((&walls.sandbox, &walls.policy), program, Path::new("/"), &[], limit)
    }
}

impl Checker<'_> {
    /// Makes every check of `candidate`, calling `step` before each.
    ///
    /// # Errors
    /// If cargo or a program cannot be run at all.
    pub fn all(&self, candidate: &Candidate<'_>, mut step: impl FnMut(&str)) -> Result<SubjectResult> {
        let mut checks = Vec::new();
        for check in candidate.exercise.checks() {
            step(check);
            let wrong = checks.iter().any(|made: &CheckResult| made.verdict == Verdict::Fail);
            checks.push(if self.purpose == Purpose::Work && wrong && check == "speed" {
                let why = "not measured before everything else passes".into();
                CheckResult { max_points: candidate.exercise.about.points[check], ..ended(check, Verdict::NotMeasurable, why) }
            } else {
                self.one(candidate, check, None)?
            });
        }
        if self.purpose == Purpose::Work && checks.iter().all(|made| made.verdict != Verdict::Fail) {
            checks.push(lints(candidate)?);
        }
        Ok(SubjectResult::of(candidate.subject, checks))
    }

    /// Makes one check; of its tests, only the one called `case` where that is given.
    ///
    /// # Errors
    /// If cargo or a program cannot be run at all.
    pub fn one(&self, candidate: &Candidate<'_>, check: &str, case: Option<&str>) -> Result<CheckResult> {
        let result = match check {
            "tests" | "trace" | "model" | HIDDEN => return self.tests(Wanted { candidate, check, case }),
            "span" => self.span(candidate)?,
            "speed" => self.speed(candidate)?,
            other => anyhow::bail!("no check is called {other:?}"),
        };
        Ok(worth(candidate.exercise, result))
    }

    /// Builds the tests of a check and asks for their names; `Ok(Err(..))` is what the check comes to where that fails.
    ///
    /// # Errors
    /// If cargo or a program cannot be run at all.
    pub fn suite(&self, candidate: &Candidate<'_>, check: &str, part: Part) -> Result<Result<Suite, CheckResult>> {
        let built = candidate.package.build(part)?;
        let target = match part {
            Part::Tests(name) => name,
            Part::Model | Part::Workload | Part::Lints => "model",
        };
        let Some(program) = built.executables.get(target).filter(|_| built.good) else {
            return Ok(Err(not_compiled(check, NotBuilt::of(&built))));
        };
        let folder = candidate.package.folder.clone();
        let (names, broken) = match &built.proves {
            Some(proves) => (proves.tests.clone(), proves.broken.clone()),
            None => match list_tests(program, &folder)? {
                Ok(names) => (names, Vec::new()),
                Err(why) => return Ok(Err(ended(check, Verdict::Fail, format!("the tests cannot even be listed: {why}")))),
            },
        };
        if names.is_empty() {
            return Ok(Err(ended(check, Verdict::Error, "the course's own fault: this check holds no test".into())));
        }
        let walls = candidate.package.walls.clone();
        let scratch = walls.as_ref().map_or_else(|| self.catalog.scratch().join("evidence"), |walls| walls.scratch.clone());
        fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        let others = built.executables.iter().filter(|(name, _)| *name != target).map(|(_, other)| other.clone());
        let (program, limit, programs) = (program.clone(), candidate.exercise.limit(check), others.collect());
        Ok(Ok(Suite { program, folder, scratch, limit, names, broken, walls, programs }))
    }

    /// Whether a test of it was stopped at its limit or killed, as happens to those who do not get their share of a machine.
    pub fn is_starved(made: &CheckResult) -> bool {
        made.cases.iter().any(was_starved)
    }

    /// The same check, after its tests that were starved had the machine for themselves. Once one of them comes to the same end
    /// there, the others keep theirs: then it is their own doing.
    ///
    /// # Errors
    /// As [`one`](Self::one).
    pub fn again(&self, candidate: &Candidate<'_>, made: CheckResult) -> Result<CheckResult> {
        let mut cases = made.cases;
        for case in cases.iter_mut().filter(|case| was_starved(case)) {
            let again = self.one(candidate, &made.check, Some(&case.name))?;
            // Beside those that do not compile.
            let Some(again) = again.cases.into_iter().find(|again| again.name == case.name) else { break };
            *case = again;
            if was_starved(case) {
                break;
            }
        }
        Ok(worth(candidate.exercise, of_cases(candidate.exercise, &made.check, cases)))
    }

    fn tests(&self, wanted: Wanted<'_>) -> Result<CheckResult> {
        self.all_tests(&[wanted])?.pop().context("one check was asked for")
    }

    /// Makes several checks that consist of tests, all of these side by side.
    ///
    /// # Errors
    /// If cargo or a program cannot be run at all.
    pub fn all_tests(&self, wanted: &[Wanted<'_>]) -> Result<Vec<CheckResult>> {
        let suites = side_by_side(wanted, |wanted| self.chosen(*wanted)).into_iter().collect::<Result<Vec<_>>>()?;
        let runs: Vec<(usize, &Suite, &str)> = suites
            .iter()
            .enumerate()
            .filter_map(|(index, suite)| Some((index, suite.as_ref().ok()?)))
            .flat_map(|(index, suite)| suite.names.iter().map(move |name| (index, suite, name.as_str())))
            .collect();
        let cases = side_by_side(&runs, |(_, suite, name)| suite.run(name, Vec::new()));
        let mut cases_of: Vec<Vec<CaseResult>> = suites.iter().map(|_| Vec::new()).collect();
        for ((index, ..), case) in runs.iter().zip(cases) {
            cases_of[*index].push(case?);
        }
        for (suite, cases) in suites.iter().zip(&mut cases_of) {
            let broken = suite.iter().flat_map(|suite| &suite.broken);
            cases.extend(broken.map(|Broken { test, message }| {
                CaseResult::new(test, Verdict::Fail, Some(format!("it does not compile with this submission:\n{message}")))
            }));
        }
        let results = wanted.iter().zip(suites.iter().zip(cases_of)).map(|(wanted, (suite, cases))| {
            let exercise = wanted.candidate.exercise;
            worth(exercise, suite.as_ref().err().cloned().unwrap_or_else(|| of_cases(exercise, wanted.check, cases)))
        });
        Ok(results.collect())
    }

    /// The tests that are wanted of a check, built.
    fn chosen(&self, wanted: Wanted<'_>) -> Result<Result<Suite, CheckResult>> {
        let Wanted { candidate, check, case } = wanted;
        let mut suite = match self.suite(candidate, check, part_of(check))? {
            Ok(suite) => suite,
            Err(result) => return Ok(Err(result)),
        };
        suite.names.retain(|name| case.is_none_or(|case| case == name));
        Ok(match case {
            Some(case) if suite.names.is_empty() => {
                Err(ended(check, Verdict::Error, format!("no test of this check is called {case:?}")))
            }
            _ => Ok(suite),
        })
    }

    /// The size for this command: of a first look, or of a full report.
    pub fn size(&self, spec: &lab::workload::Spec) -> u64 {
        if self.quick { spec.quick } else { spec.full }
    }

    fn speed(&self, candidate: &Candidate<'_>) -> Result<CheckResult> {
        let pace =
            candidate.exercise.about.speed.as_ref().context("an exercise with points for speed says how they are given")?;
        let own = match candidate.workload(self.catalog)? {
            Ok(program) => program,
            Err(why) => return Ok(not_compiled("speed", why)),
        };
        // The opponent and the baseline are the course's own program, which a learner's code cannot touch.
        let (program, entry) = match (self.courses_workload(candidate.exercise)?, pace.against.as_str()) {
            (Some(Ok(program)), against) => (program, if against == "reference" { "submission" } else { against }),
            (Some(Err(why)), _) => {
                return Ok(ended("speed", Verdict::Error, format!("the course's own workload was not built:\n{why}")));
            }
            (None, "reference") => return self.paced_without_reference(candidate, pace, &own),
            (None, against) => (own.clone(), against),
        };
        let opponent = Opponent { program, entry: entry.to_owned() };
        if pace.at.is_empty() {
            return self.paced(candidate, pace, &own, &opponent, None);
        }
        let made = pace.at.iter().map(|at| self.paced(candidate, pace, &own, &opponent, Some(*at)));
        Ok(worst_of(made.collect::<Result<Vec<_>>>()?))
    }

    /// The workload of the course's own solution, where this checkout has one.
    fn courses_workload(&self, exercise: &Exercise) -> Result<Option<Result<PathBuf, NotBuilt>>> {
        if let Some(program) = self.opponents.get(&exercise.name) {
            return Ok(Some(Ok(program.clone())));
        }
        self.catalog.reference(exercise).map(|reference| reference.workload(self.catalog)).transpose()
    }

    /// What can be said of the pace where the reference that decides is not there, as in a learner's handout: how it compares with
    /// the sequential program, for no points. A wrong output is a failure all the same.
    fn paced_without_reference(&self, candidate: &Candidate<'_>, pace: &Pace, own: &Path) -> Result<CheckResult> {
        let sequential = Pace { against: "the sequential program".into(), ..pace.clone() };
        let opponent = Opponent { program: own.to_owned(), entry: "baseline".into() };
        let compared = self.paced(candidate, &sequential, own, &opponent, None)?;
        let Some(Evidence::Speed(speed)) = &compared.evidence else { return Ok(compared) };
        let seen = speed.ratio.map(|ratio| format!(": {ratio:.2}x the time of the sequential program here")).unwrap_or_default();
        let summary = format!("{NO_REFERENCE}{seen}");
        Ok(CheckResult { verdict: Verdict::NotMeasurable, points: 0.0, summary, ..compared })
    }

    /// One comparison; at a value of the workload's sweep where one is given.
    fn paced(
        &self,
        candidate: &Candidate<'_>,
        pace: &Pace,
        own: &Path,
        opponent: &Opponent,
        at: Option<u64>,
    ) -> Result<CheckResult> {
        let entry = opponent.entry.as_str();
        let started = Instant::now();
        let limit = candidate.exercise.limit("speed");
        let mut opponent = match candidate.start(&opponent.program, limit) {
            Ok(workload) => workload,
            Err(error) => return Ok(courses_fault("speed", &pace.against, error)),
        };
        let spec = opponent.spec.clone();
        let threads = threads_for(spec.axis, pace.threads);
        let swept = at.map(|at| swept(&opponent, at)).transpose()?;
        let (quick, full) = swept.as_ref().map_or((spec.quick, spec.full), |(value, _)| (value.quick, value.full));
        let size = if self.quick { quick } else { full };
        let mut setup = Setup { size, seed: self.seed, threads, at };
        // On a fast machine the input of a first look can be too small for a ratio of run times.
        match opponent.run(entry, setup) {
            Ok(run) if run.seconds < measure::SHORTEST => setup.size = full,
            Ok(_) => {}
            Err(error) => return Ok(courses_fault("speed", &pace.against, error)),
        }
        let digest = match opponent.run("baseline", setup) {
            Ok(run) => run.digest,
            Err(error) => return Ok(courses_fault("speed", "the baseline", error)),
        };
        let mut subject = match candidate.start(own, limit) {
            Ok(workload) => workload,
            Err(error) => return fault("speed", candidate.subject, error),
        };
        // Of nine ratios, the second to the eighth hold the median with 96 %; of fifteen, the fourth to the twelfth.
        let least = if self.purpose == Purpose::Verdict { 15 } else { 9 };
        let budget = match self.purpose {
            // Time for as many pairs as it takes, however slow it is: who only has to be slow enough to be not measurable
            // would lose no point by it.
            Purpose::Verdict => limit * 2 * (least as u32),
            // A first look does not wait long for a busy machine to become quiet.
            _ if self.quick => limit.min(Duration::from_secs(12)),
            _ => limit,
        };
        let patience = Duration::from_secs(if self.purpose == Purpose::Verdict { 10 } else { 2 });
        let plan = Plan { threshold: pace.full_at, least, most: 60, budget, patience };
        let compared = measure::compare(
            Contender { process: &mut subject, entry: "submission" },
            Contender { process: &mut opponent, entry },
            &pace.against,
            setup,
            &digest,
            plan,
        );
        let mut speed = match compared {
            Ok(speed) => speed,
            Err(Blame::Subject(error)) => return fault("speed", candidate.subject, error),
            Err(Blame::Opponent(error)) => return Ok(courses_fault("speed", &pace.against, error)),
        };
        speed.at = swept.map(|(value, sweep)| At { parameter: sweep.parameter, value: value.at, unit: sweep.unit });
        let clean = speed.pairs.iter().filter(|pair| pair.clean).count();
        let all = speed.pairs.len();
        let (verdict, share) = verdict_on_speed(&speed, pace.full_at, pace.zero_at);
        let finding = match (speed.ratio, speed.interval) {
            (Some(ratio), Some([low, high])) => {
                let on = on_how_many(spec.axis, threads);
                format!(
                    "{ratio:.2}x the time of {} on {on} ({low:.2} to {high:.2}, {clean} clean pairs of {all}); up to {}x is full",
                    pace.against, pace.full_at
                )
            }
            _ if clean == all => format!("only {all} pairs of runs ended within {} s, and {least} are needed", budget.as_secs()),
            _ => format!(
                "the machine was too busy: in only {clean} of {all} pairs did both runs have their cores; close what else runs and try again"
            ),
        };
        let finding = match &speed.at {
            Some(At { value, unit, .. }) => format!("at {value} {unit}: {finding}"),
            None => finding,
        };
        let summary = [vec![finding], speed.caveats.clone()].concat().join("; ");
        Ok(CheckResult {
            points: share,
            seconds: started.elapsed().as_secs_f64(),
            evidence: Some(Evidence::Speed(speed)),
            ..ended("speed", verdict, summary)
        })
    }
}

/// Whom a submission is compared with.
struct Opponent {
    program: PathBuf,
    entry: String,
}

/// The value of a workload's sweep that a manifest names.
fn swept(workload: &Workload, at: u64) -> Result<(Swept, Sweep)> {
    let name = &workload.spec.name;
    let sweep = workload
        .sweep
        .clone()
        .with_context(|| format!("the workload of {name} has no sweep, and its manifest names at = {at}"))?;
    let value = sweep.values.iter().find(|value| value.at == at).copied();
    let value = value.with_context(|| format!("the sweep of {name} has no value {at}, which its manifest names"))?;
    Ok((value, sweep))
}

/// One check of several comparisons: the worst of them decides, and all of them are its evidence.
fn worst_of(made: Vec<CheckResult>) -> CheckResult {
    let summary = made.iter().map(|result| result.summary.as_str()).collect::<Vec<_>>().join("; ");
    let seconds = made.iter().map(|result| result.seconds).sum();
    let rank = |result: &CheckResult| match result.verdict {
        Verdict::Error => 0,
        Verdict::Fail => 1,
        Verdict::NotMeasurable => 2,
        Verdict::Pass => 3,
    };
    let mut made = made;
    // Stable: of equals the first is told first.
    made.sort_by(|a, b| rank(a).cmp(&rank(b)).then(a.points.total_cmp(&b.points)));
    let mut made = made.into_iter();
    let Some(worst) = made.next() else { return ended("speed", Verdict::Error, "no comparison was made".into()) };
    let more = made.filter_map(|result| result.evidence).collect();
    CheckResult { summary, seconds, more, ..worst }
}

/// What must be built for a check.
pub fn part_of(check: &str) -> Part {
    match check {
        "tests" => Part::Tests("behaviour"),
        "trace" => Part::Tests("trace"),
        HIDDEN => Part::Tests(HIDDEN),
        "model" => Part::Model,
        _ => Part::Workload,
    }
}

/// The result with its points; until here they are the share that was reached.
fn worth(exercise: &Exercise, result: CheckResult) -> CheckResult {
    let max_points = exercise.worth(&result.check);
    let mut result = CheckResult { points: (result.points * max_points * 100.0).round() / 100.0, max_points, ..result };
    if ["tests", "model", "trace", HIDDEN].contains(&result.check.as_str()) {
        share_out(&mut result.cases, max_points, &exercise.about.starter.passes);
    }
    if let Some(hidden) = exercise.hidden.as_ref().filter(|_| result.check == HIDDEN) {
        result.cases.iter_mut().for_each(|case| case.detail = hidden.detail_of(&case.name));
    }
    result
}

/// Gives each case its share of the check's points, which all together are what the check has. A test that the starter passes
/// already is worth nothing, and takes what a test is worth where it is broken: from those that pass, as far as these go.
fn share_out(cases: &mut [CaseResult], max_points: f64, given: &[String]) {
    let is_given = |case: &CaseResult| given.contains(&case.name);
    let earned = cases.iter().filter(|case| !is_given(case)).count();
    let worth = max_points / earned.max(1) as f64;
    let mut to_take = cases.iter().filter(|case| is_given(case) && case.verdict != Verdict::Pass).count();
    for case in cases.iter_mut().rev() {
        let passes = case.verdict == Verdict::Pass && !is_given(case);
        let taken = passes && to_take > 0;
        to_take -= usize::from(taken);
        let reached = if passes && !taken { worth } else { 0.0 };
        case.points = Some([reached, if is_given(case) { 0.0 } else { worth }]);
    }
}

/// What the tests of a check come to.
fn of_cases(exercise: &Exercise, check: &str, cases: Vec<CaseResult>) -> CheckResult {
    let passed = cases.iter().filter(|case| case.verdict == Verdict::Pass).count();
    let summary = summary_of(check, passed, &cases);
    CheckResult {
        verdict: if passed == cases.len() { Verdict::Pass } else { Verdict::Fail },
        points: share_of(&cases, &exercise.about.starter.passes),
        seconds: cases.iter().map(|case| case.seconds).sum(),
        cases,
        ..ended(check, Verdict::Pass, summary)
    }
}

/// The verdict on a comparison, and the share of the points. Not measurable where it came to no finding.
///
/// The learner has the benefit of the doubt: what counts is the better end of the interval.
pub fn verdict_on_speed(speed: &Speed, full_at: f64, zero_at: f64) -> (Verdict, f64) {
    let Some([low, _]) = speed.interval else { return (Verdict::NotMeasurable, 0.0) };
    let share = measure::share_for_ratio(low, full_at, zero_at);
    (if share >= 1.0 { Verdict::Pass } else { Verdict::Fail }, share)
}

/// The check that is worth no points: it is advice.
pub const LINTS: &str = "lints";

/// What clippy says, worth no points: it is advice.
///
/// # Errors
/// If cargo cannot be run.
pub fn lints(candidate: &Candidate<'_>) -> Result<CheckResult> {
    if machine::first_line(Command::new("clippy-driver").arg("--version")).is_none() {
        let why = "clippy is not installed: rustup component add clippy";
        return Ok(ended(LINTS, Verdict::NotMeasurable, why.into()));
    }
    let built = candidate.package.lint(candidate.exercise.about.points.contains_key("model"))?;
    if built.good && built.said.is_empty() {
        return Ok(ended(LINTS, Verdict::Pass, "clippy has nothing to say".into()));
    }
    let NotBuilt { words, verdict } = NotBuilt::of(&built);
    let summary = if verdict == Verdict::Fail { "clippy has advice" } else { "clippy could not look at it" };
    let case = CaseResult::new("clippy", verdict, Some(words));
    Ok(CheckResult { cases: vec![case], ..ended(LINTS, verdict, summary.into()) })
}

/// Threads or processes: no more than there are cores. Requests in flight: as many as wanted.
pub fn threads_for(axis: Axis, wanted: usize) -> usize {
    match axis {
        Axis::Threads | Axis::Processes => wanted.min(cores()).max(1),
        Axis::InFlight => wanted.max(1),
    }
}

/// The cores that this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// `2 threads`, `1 process`, `8 requests in flight`.
pub fn on_how_many(axis: Axis, count: usize) -> String {
    let word = match (axis, count) {
        (Axis::Threads, 1) => "thread",
        (Axis::Threads, _) => "threads",
        (Axis::Processes, 1) => "process",
        (Axis::Processes, _) => "processes",
        (Axis::InFlight, 1) => "request in flight",
        (Axis::InFlight, _) => "requests in flight",
    };
    format!("{count} {word}")
}

/// Every check of an exercise, not made and failed for this reason: nothing of it earns anything.
pub fn refused(exercise: &Exercise, checks: &[&str], why: &str) -> Vec<CheckResult> {
    checks.iter().map(|check| worth(exercise, ended(check, Verdict::Fail, why.to_owned()))).collect()
}

/// A check that ended with one sentence and nothing measured.
fn ended(check: &str, verdict: Verdict, summary: String) -> CheckResult {
    CheckResult {
        check: check.to_owned(),
        verdict,
        points: 0.0,
        max_points: 0.0,
        summary,
        seconds: 0.0,
        cases: Vec::new(),
        evidence: None,
        more: Vec::new(),
    }
}

fn not_compiled(check: &str, why: NotBuilt) -> CheckResult {
    let (verdict, summary) = (why.verdict, why.summary().to_owned());
    let case = CaseResult::new("compiles", verdict, Some(why.words));
    CheckResult { cases: vec![case], ..ended(check, verdict, summary) }
}

/// A fault of the program under test is its failure; anything else is the runner's own.
fn fault(check: &str, subject: Subject, error: anyhow::Error) -> Result<CheckResult> {
    let whose = match subject {
        Subject::Yours => "your program",
        Subject::Reference => "the reference",
        Subject::Submission => "the submission",
        Subject::Planted => "the planted submission",
    };
    let Some(error) = error.downcast_ref::<Fault>() else { return Err(error) };
    let text = in_words(error);
    let summary = format!("{whose}: {}", text.lines().next().unwrap_or_default());
    let case = CaseResult::new("runs", Verdict::Fail, Some(text));
    Ok(CheckResult { cases: vec![case], ..ended(check, Verdict::Fail, summary) })
}

/// What else keeps a check from its end costs the learner nothing, whatever it is, and is no case: those are the learner's.
fn courses_fault(check: &str, whose: &str, error: anyhow::Error) -> CheckResult {
    let words = error.downcast_ref::<Fault>().map_or_else(|| format!("{error:#}"), in_words);
    let first: Vec<&str> = words.lines().filter(|line| !line.is_empty()).take(4).collect();
    ended(check, Verdict::Error, format!("{whose}: {}", first.join("; ")))
}

/// What a program did, and its last words.
fn in_words(error: &Fault) -> String {
    let said = in_short(&error.stderr);
    printable(format!("{}\n{said}", error.what).trim_end())
}

/// It is stored, and printed by whoever reads it: without colours.
fn words_of(built: &Built) -> String {
    let words = match (built.timed_out, built.said.trim().is_empty()) {
        (true, _) => format!("building took longer than {} minutes and was stopped", build::LIMIT.as_secs() / 60),
        (false, false) => built.said.trim_end().to_owned(),
        (false, true) => format!("cargo could not build it; in its own words:\n{}", last_lines(&built.cargo_said, 20)),
    };
    printable(&words)
}

/// The share of the points that these cases are worth: what the starter passes already earns nothing, and costs what a
/// test is worth where it is broken.
fn share_of(cases: &[CaseResult], given: &[String]) -> f64 {
    let (given, earned): (Vec<_>, Vec<_>) = cases.iter().partition(|case| given.contains(&case.name));
    let passed = earned.iter().filter(|case| case.verdict == Verdict::Pass).count() as f64;
    let broken = given.iter().filter(|case| case.verdict != Verdict::Pass).count() as f64;
    ((passed - broken) / earned.len().max(1) as f64).clamp(0.0, 1.0)
}

fn summary_of(check: &str, passed: usize, cases: &[CaseResult]) -> String {
    let noun = if check == "model" { "models" } else { "tests" };
    let mut summary = format!("{passed} of {} {noun} pass", cases.len());
    let reports: Vec<Report> = cases.iter().flat_map(CaseResult::models).collect();
    let executions: u64 = reports.iter().map(Report::executions).fold(0, u64::saturating_add);
    if executions > 0 {
        summary.push_str(&format!("; {executions} executions explored"));
    }
    // A pass that a bound has cut short is none of everything, and says so.
    let bounded: Vec<&Report> = reports.iter().filter(|report| report.cut && report.failure.is_none()).collect();
    if let Some(bound) = bounded.iter().filter_map(|report| report.preemption_bound).min() {
        let models = if bounded.len() == 1 { "model" } else { "models" };
        summary.push_str(&format!("; {} {models} only up to {bound} preemptions", bounded.len()));
    }
    summary
}

/// The names of the tests in a test executable, or why it does not say.
fn list_tests(program: &Path, folder: &Path) -> Result<Result<Vec<String>, String>> {
    let arguments = vec!["--list".into(), "--format".into(), "terse".into()];
    let finished = Run {
        program,
        arguments,
        folder,
        environment: Vec::new(),
        limit: Duration::from_secs(20),
        stdin: Vec::new(),
        within: None,
    }
    .finish()?;
    Ok(match finished.end {
        End::Exited(0) => Ok(names_in(&finished.stdout)),
        end => Err(format!("{}\n{}", end_in_words(end, 20.0), last_lines(&finished.stderr, 20))),
    })
}

/// The names in what a test executable lists. Code under test can print there too: what no test can be called is none.
fn names_in(listed: &str) -> Vec<String> {
    let is_name =
        |name: &&str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':');
    listed.lines().filter_map(|line| line.strip_suffix(": test")).filter(is_name).map(String::from).collect()
}

/// Runs `job` for each item, as many at a time as there are cores, and keeps their order.
pub fn side_by_side<I: Sync, T: Send>(items: &[I], job: impl Fn(&I) -> T + Sync) -> Vec<T> {
    let next = Mutex::new(0..items.len());
    let done: Mutex<Vec<(usize, T)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cores().min(items.len()) {
            scope.spawn(|| {
                loop {
                    let Some(index) = next.lock().ok().and_then(|mut next| next.next()) else { return };
                    let outcome = job(&items[index]);
                    if let Ok(mut done) = done.lock() {
                        done.push((index, outcome));
                    }
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

impl Suite {
    /// Runs one of the tests in a process of its own, with these variables in its environment.
    ///
    /// # Errors
    /// If it cannot be run at all.
    pub fn run(&self, name: &str, mut environment: Vec<(&'static str, OsString)>) -> Result<CaseResult> {
        if let Some(walls) = &self.walls {
            return self.prove(walls, name);
        }
        let mut evidence = tempfile::NamedTempFile::new_in(&self.scratch)
            .with_context(|| format!("cannot write in {}", self.scratch.display()))?;
        let arguments = vec!["--exact".into(), name.into(), "--nocapture".into(), "--test-threads=1".into()];
        environment.push((lab::evidence::FILE_VARIABLE, evidence.path().into()));
        let run = Run {
            program: &self.program,
            arguments,
            folder: &self.folder,
            environment,
            limit: self.limit,
            stdin: Vec::new(),
            within: None,
        };
        let finished = run.finish()?;
        let records = recorded(evidence.as_file_mut(), MOST_EVIDENCE)
            .with_context(|| format!("cannot read {}", evidence.path().display()))?;
        // Exit code 0 alone proves nothing: `exit(0)` in the code under test would be a pass.
        let ran = finished.stdout.lines().any(|line| line.starts_with("test result: ok. 1 passed;"));
        let verdict = if finished.end == End::Exited(0) && ran && records.is_some() { Verdict::Pass } else { Verdict::Fail };
        let message = (verdict != Verdict::Pass).then(|| match records {
            Some(_) => why_it_failed(&finished, self.limit.as_secs_f64()),
            None => format!("it recorded more than {} MiB of evidence: nothing of that was read", MOST_EVIDENCE >> 20),
        });
        Ok(CaseResult {
            seconds: finished.seconds,
            records: records.unwrap_or_default(),
            ..CaseResult::new(name, verdict, message)
        })
    }
}

impl Suite {
    /// Runs one of the tests behind walls. What counts is its proof that it has ended, and nothing that it prints beside.
    fn prove(&self, walls: &Walls, name: &str) -> Result<CaseResult> {
        let folder = Private::new_in(&self.scratch).with_context(|| format!("cannot write in {}", self.scratch.display()))?;
        let evidence = folder.path().join("evidence");
        let mut file = File::options().create_new(true).read(true).write(true).open(&evidence)?;
        let mut policy = walls.policy.clone();
        policy.read.extend(self.programs.iter().cloned());
        policy.write.push(folder.path().to_owned());
        let proof = Proof::new()?;
        let run = Run {
            program: &self.program,
            arguments: Vec::new(),
            folder: folder.path(),
            environment: vec![(lab::evidence::FILE_VARIABLE, evidence.into())],
            limit: self.limit,
            stdin: proof.question(name).into_bytes(),
            within: Some((&walls.sandbox, &policy)),
        };
        let finished = run.finish()?;
        let text = text_in(&mut file, MOST_EVIDENCE).context("cannot read what a test has recorded")?;
        let too_much = || format!("it recorded more than {} MiB of evidence: nothing of that was read", MOST_EVIDENCE >> 20);
        let (verdict, records, message) = match text.as_ref().map(|text| (text, proof.judge(&finished.stdout, text))) {
            None => (Verdict::Fail, Vec::new(), Some(too_much())),
            Some((_, Proved::Passed(records))) if !matches!(finished.end, End::TookTooMuch(_)) => (Verdict::Pass, records, None),
            Some((text, Proved::Tampered)) => {
                let why = "the records of the test were changed by the code under test".to_owned();
                (Verdict::Fail, proof.records(text), Some(why))
            }
            Some((text, _)) => (Verdict::Fail, proof.records(text), Some(why_it_failed(&finished, self.limit.as_secs_f64()))),
        };
        Ok(CaseResult { seconds: finished.seconds, records, ..CaseResult::new(name, verdict, message) })
    }
}

/// The records in a file of evidence, read through the handle that was there before the test: whatever the test put at its
/// path, a pipe or a link, is never opened. `None` where there are more than `most` bytes.
fn recorded(file: &mut File, most: u64) -> std::io::Result<Option<Vec<Record>>> {
    let text = text_in(file, most)?;
    Ok(text.map(|text| text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()))
}

fn text_in(file: &mut File, most: u64) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then(|| String::from_utf8_lossy(&bytes).into_owned()))
}

/// What a learner needs to know of a test that did not pass.
fn why_it_failed(finished: &Finished, limit: f64) -> String {
    let said = in_short(&finished.stderr);
    let said = said.trim();
    let printed: Vec<&str> = finished.stdout.lines().filter(|line| !is_frame_of_libtest(line)).collect();
    let printed = printed.join("\n");
    let printed = printed.trim();
    let mut parts = Vec::new();
    match finished.end {
        // The panic's own message says it all.
        End::Exited(101) if !said.is_empty() => {}
        End::Signalled(6) if said.contains("has overflowed its stack") => {
            parts.push("the process aborted (signal 6): a stack overflow".into());
        }
        end => parts.push(end_in_words(end, limit)),
    }
    if !finished.doing.is_empty() {
        parts.push(format!("when it was stopped:\n  {}", finished.doing.join("\n  ")));
    }
    if !said.is_empty() {
        parts.push(last_lines(said, 80));
    }
    if !printed.is_empty() {
        parts.push(format!("it printed:\n{}", last_lines(printed, 20)));
    }
    printable(&parts.join("\n"))
}

/// Without what a terminal would take for a command.
pub fn printable(text: &str) -> String {
    build::without_colour(text).chars().filter(|c| !c.is_control() || ['\n', '\t'].contains(c)).collect()
}

fn is_frame_of_libtest(line: &str) -> bool {
    line.is_empty()
        || line == "failures:"
        || ["running 1 test", "test result:", "test ", "    ", "error: test failed"].iter().any(|start| line.starts_with(start))
}

/// With what the words begin that are told of a test which was stopped at its limit, and of one that was killed.
const STARVED: [&str; 2] = ["it did not end within", "the process was killed (signal 9)"];

fn was_starved(case: &CaseResult) -> bool {
    let message = case.message.as_deref().unwrap_or_default();
    case.verdict == Verdict::Fail && STARVED.iter().any(|words| message.starts_with(words))
}

fn end_in_words(end: End, limit: f64) -> String {
    let [late, killed] = STARVED;
    match end {
        End::Exited(0) => "the process ended with code 0 before the test had ended: something called `exit`".into(),
        End::Exited(code) => format!("the process ended with code {code}"),
        End::Signalled(6) => "the process aborted (signal 6): a panic while panicking, or an explicit abort".into(),
        End::Signalled(11) => "the process was ended by a memory fault (signal 11)".into(),
        End::Signalled(9) => format!("{killed}: out of memory, or by itself"),
        End::Signalled(signal) => format!("the process was ended by signal {signal}"),
        End::TimedOut => format!("{late} {limit} s and was stopped: a deadlock, a lost wakeup or an endless loop"),
        End::Flooded => "it printed more than 16 MiB and was stopped".into(),
        End::TookTooMuch(Excess::Memory) => "it took more memory than it may have and was stopped".into(),
        End::TookTooMuch(Excess::Disk) => "it wrote more to its files than it may and was stopped".into(),
    }
}

/// What a program said on standard error, for somebody who wants to know why: of each panic the place and the words, each
/// once however many threads said it, and nothing of how Rust frames them.
fn in_short(stderr: &str) -> String {
    let mut parts: Vec<(bool, String)> = vec![(false, String::new())];
    for line in stderr.lines() {
        if let Some((thread, place)) = line.split_once(" panicked at ")
            && thread.starts_with("thread '")
        {
            // Where a model was called is told by the test's name; what is told of it follows.
            parts.push((true, if place.contains("tests/model.rs:") { String::new() } else { format!("at {place}") }));
        } else if !line.starts_with("note: run with `RUST_BACKTRACE")
            && !is_backtrace(line)
            && let Some((_, text)) = parts.last_mut()
        {
            text.push('\n');
            text.push_str(line);
        }
    }
    let mut kept: Vec<String> = Vec::new();
    let panics = parts.iter().filter(|(panic, _)| *panic).count();
    for (panic, text) in parts {
        // These only pass on what another panic has said.
        let passed_on = panic
            && panics > 1
            && ["\na scoped thread panicked", "on an `Err` value: Any { .. }"].iter().any(|end| text.trim_end().ends_with(end));
        let text = text.trim().to_owned();
        if !text.is_empty() && !passed_on && !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept.join("\n\n")
}

/// Whether it is of a backtrace, which an abort prints unasked: `stack backtrace:`, `  12: core::panicking::panic_fmt`,
/// `             at ./src/lib.rs:3:9`.
fn is_backtrace(line: &str) -> bool {
    let text = line.trim_start();
    let indented = text.len() < line.len();
    let is_frame = || text.split_once(": ").is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    line == "stack backtrace:" || (indented && (text.starts_with("at ") || is_frame()))
}

/// The last lines, none of them longer than anybody reads.
fn last_lines(text: &str, count: usize) -> String {
    const LONGEST: usize = 400;
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let shown = lines[lines.len().saturating_sub(count)..].iter().map(|line| match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} [..]", &line[..end]),
        None => (*line).to_owned(),
    });
    shown.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_once_without_its_frame() {
        let said = "\nthread 'a' (7) panicked at src/lib.rs:3:9:\nno lock\nnote: run with `RUST_BACKTRACE=1` ..\n\n\
                    thread '<unnamed>' (8) panicked at src/lib.rs:3:9:\nno lock\n\n\
                    thread 'main' (6) panicked at tests/t.rs:1:1:\na scoped thread panicked\n";
        assert_eq!(in_short(said), "at src/lib.rs:3:9:\nno lock");
    }

    #[test]
    fn a_test_that_was_starved_is_known_and_one_that_failed_is_not() {
        let starved = |end| {
            let (stdout, stderr) = (String::new(), "thread 'a' (7) panicked at src/lib.rs:3:9:\nno".to_owned());
            let finished = Finished { end, seconds: 0.0, stdout, stderr, doing: Vec::new() };
            was_starved(&CaseResult::new("a", Verdict::Fail, Some(why_it_failed(&finished, 20.0))))
        };
        assert!(starved(End::TimedOut) && starved(End::Signalled(9)));
        for end in [End::Exited(0), End::Exited(101), End::Signalled(6), End::TookTooMuch(Excess::Memory), End::Flooded] {
            assert!(!starved(end), "{end:?}");
        }
    }

    #[test]
    fn an_aborts_backtrace_is_not_told() {
        let said = "\nthread 'a' (7) panicked at src/lib.rs:3:9:\nnot yet implemented: step 3\n\n\
                    thread 'a' (7) panicked at library/core/src/panicking.rs:233:5:\npanic in a destructor during cleanup\n\
                    stack backtrace:\n   0:     0x55d0 - std::backtrace\n  12: core::panicking::panic_fmt\n\
                    \x20            at ./library/core/src/panicking.rs:80:14\nthread caused non-unwinding panic. aborting.\n";
        let told = in_short(said);
        assert!(told.starts_with("at src/lib.rs:3:9:\nnot yet implemented: step 3"), "{told}");
        assert!(told.ends_with("thread caused non-unwinding panic. aborting.") && !told.contains("panic_fmt"), "{told}");
        assert_eq!(told.lines().count(), 6, "{told}");
    }

    #[test]
    fn what_is_no_panic_is_kept() {
        assert_eq!(
            in_short("warning: odd\nmemory allocation of 9 bytes failed\n"),
            "warning: odd\nmemory allocation of 9 bytes failed"
        );
    }

    #[test]
    fn of_several_comparisons_the_worst_decides_and_all_are_kept() {
        let made = |verdict, points: f64, at: u64| {
            CheckResult {
            points,
            evidence: Some(Evidence::Speed(Speed {
                at: Some(At { parameter: "size".into(), value: at, unit: "bytes".into() }),
                ..serde_json::from_str(r#"{"against":"std","size":1,"size_unit":"keys","threads":2,"ratio":null,"interval":null,"confidence":0,"pairs":[]}"#)
                    .expect("a comparison")
            })),
            ..ended("speed", verdict, format!("at {at}"))
        }
        };
        let (pass, fail, busy) = (Verdict::Pass, Verdict::Fail, Verdict::NotMeasurable);
        for (given, verdict, share, first) in [
            ([(pass, 1.0), (fail, 0.5), (fail, 0.2)], fail, 0.2, 3),
            ([(pass, 1.0), (busy, 0.0), (pass, 1.0)], busy, 0.0, 2),
            ([(fail, 0.9), (busy, 0.0), (pass, 1.0)], fail, 0.9, 1),
            ([(pass, 1.0), (pass, 1.0), (pass, 1.0)], pass, 1.0, 1),
        ] {
            let worst = worst_of(given.into_iter().zip(1..).map(|((verdict, share), at)| made(verdict, share, at)).collect());
            assert_eq!((worst.verdict, worst.points, worst.more.len()), (verdict, share, 2));
            assert_eq!(worst.summary, "at 1; at 2; at 3");
            let Some(Evidence::Speed(Speed { at: Some(at), .. })) = worst.evidence else { panic!("it has evidence") };
            assert_eq!(at.value, first);
        }
    }

    #[test]
    fn a_bound_that_left_something_out_is_said() {
        let model = |cut: bool| {
            let passes = [serde_json::json!({ "name": "interleavings", "executions": 7, "seconds": 0.1 })];
            let data = serde_json::json!({
                "name": "m", "verdict": "pass", "passes": passes, "preemption_bound": 2, "cut": cut, "reached": {}, "failure": null
            });
            CaseResult { records: vec![Record { kind: "model".into(), data }], ..case("m", Verdict::Pass) }
        };
        assert_eq!(summary_of("model", 1, &[model(false)]), "1 of 1 models pass; 7 executions explored");
        let said = "2 of 2 models pass; 14 executions explored; 1 model only up to 2 preemptions";
        assert_eq!(summary_of("model", 2, &[model(false), model(true)]), said);
    }

    fn died() -> Fault {
        let stderr = "\u{1b}[31mthread 'main' (1) panicked at src/lib.rs:3:1:\nno key\nnote: run with `RUST_BACKTRACE=1`\n";
        Fault { what: "it ended with exit status: 101 during go".into(), stderr: stderr.into() }
    }

    #[test]
    fn the_program_that_failed_is_named_and_fails() {
        let result = fault("speed", Subject::Submission, died().into()).unwrap();
        assert_eq!(result.verdict, Verdict::Fail);
        assert_eq!(result.summary, "the submission: it ended with exit status: 101 during go");
        let told = result.cases[0].message.as_deref().unwrap();
        assert!(told.contains("no key") && !told.contains('\u{1b}'), "{told}");
        assert!(result.evidence.is_none());
        assert!(fault("speed", Subject::Yours, anyhow::anyhow!("no disk")).is_err(), "the runner's own fault is no failure");
    }

    #[test]
    fn an_opponent_that_failed_is_named_and_costs_nothing() {
        let result = courses_fault("speed", "std", died().into());
        assert_eq!(result.verdict, Verdict::Error);
        assert!(result.summary.starts_with("std: it ended with exit status: 101 during go; "), "{}", result.summary);
        assert!(result.summary.contains("no key") && !result.summary.contains(['\n', '\u{1b}']), "{}", result.summary);
        assert!(result.cases.is_empty() && result.evidence.is_none());
        assert_eq!(courses_fault("speed", "std", anyhow::anyhow!("no disk")).summary, "std: no disk");
    }

    #[test]
    fn the_code_is_to_blame_only_for_what_rustc_says_of_it() {
        let of = |said: &str, timed_out| NotBuilt::of(&Built { said: said.into(), timed_out, ..Built::default() });
        assert_eq!(of("\u{1b}[31merror\u{1b}[0m: no\n", false), NotBuilt { words: "error: no".into(), verdict: Verdict::Fail });
        assert_eq!((of(" \n", false).verdict, of("warning: odd", true).verdict), (Verdict::Error, Verdict::Error));
        let result = not_compiled("tests", of("", false));
        assert_eq!((result.verdict, result.cases[0].verdict), (Verdict::Error, Verdict::Error));
    }

    #[test]
    fn forged_numbers_overflow_nothing() {
        let pass = serde_json::json!({ "name": "interleavings", "executions": u64::MAX, "seconds": 0.1 });
        let data = serde_json::json!({
            "name": "m", "verdict": "pass", "passes": [pass, pass], "preemption_bound": null, "cut": false, "reached": {},
            "failure": null
        });
        let forged = CaseResult { records: vec![Record { kind: "model".into(), data }], ..case("m", Verdict::Pass) };
        let said = format!("2 of 2 models pass; {} executions explored", u64::MAX);
        assert_eq!(summary_of("model", 2, &[forged.clone(), forged]), said);
    }

    #[test]
    fn evidence_is_read_through_its_handle_and_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence");
        fs::write(&path, b"{\"kind\":\"odd \xff\",\"data\":1}\nno record\n{\"kind\":\"b\",\"data\":2}\n").unwrap();
        let mut file = File::open(&path).unwrap();
        // What is put at the path is not opened.
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let records = recorded(&mut file, 1000).unwrap().unwrap();
        assert_eq!(records.iter().map(|record| record.kind.as_str()).collect::<Vec<_>>(), ["odd \u{fffd}", "b"]);
        let length = file.metadata().unwrap().len();
        assert!(recorded(&mut file, length).unwrap().is_some());
        assert_eq!(recorded(&mut file, length - 1).unwrap(), None);
    }

    #[test]
    fn what_no_test_can_be_called_is_not_listed() {
        let listed = "a_1: test\nm::b: test\nc d: test\n\u{1b}[2Je: test\n../f: test\n: test\nnoise\ng: bench\n";
        assert_eq!(names_in(listed), ["a_1", "m::b"]);
    }

    fn case(name: &str, verdict: Verdict) -> CaseResult {
        CaseResult::new(name, verdict, None)
    }

    #[test]
    fn a_starter_earns_nothing_by_what_was_given() {
        let given = ["g".to_owned()];
        let cases = [case("g", Verdict::Pass), case("a", Verdict::Fail), case("b", Verdict::Fail)];
        assert_eq!(share_of(&cases, &given), 0.0);
        let cases = [case("g", Verdict::Pass), case("a", Verdict::Pass), case("b", Verdict::Fail)];
        assert_eq!(share_of(&cases, &given), 0.5);
        let cases = [case("g", Verdict::Fail), case("a", Verdict::Pass), case("b", Verdict::Pass)];
        assert_eq!(share_of(&cases, &given), 0.5);
    }

    #[test]
    fn the_cases_points_are_together_the_checks() {
        let given = ["g".to_owned()];
        for verdicts in [[0, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 1], [1, 0, 0, 1], [0, 0, 0, 1], [1, 1, 1, 1]] {
            let named = ["g", "a", "b", "c"].into_iter().zip(verdicts);
            let mut cases: Vec<_> =
                named.map(|(name, passes)| case(name, if passes == 1 { Verdict::Pass } else { Verdict::Fail })).collect();
            share_out(&mut cases, 6.0, &given);
            let sums = cases.iter().filter_map(|case| case.points).fold([0.0, 0.0], |sum, [a, b]| [sum[0] + a, sum[1] + b]);
            assert_eq!(sums, [share_of(&cases, &given) * 6.0, 6.0], "{verdicts:?}");
        }
    }
}
