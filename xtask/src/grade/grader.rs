//! One submission, from its folder to its results: taken, screened, compiled, run behind walls, judged from outside.

use std::{
    collections::BTreeMap,
    hash::Hasher,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Context, Result};

use super::{
    intake::{self, HandedIn},
    machine_paths::MachinePaths,
    quiet::Quiet,
    screen::{self, Costs, Finding},
};
use crate::{
    build::{Built, Package, Part, Proves, Walls},
    catalog::{Catalog, Exercise, HIDDEN, Need},
    chart::number,
    check::{Candidate, Checker, Purpose, lints, refused, side_by_side},
    class::GradeOne,
    commands::check::exercise_result,
    handout, harness,
    machine::Begun,
    recipe::{self, Compiler, Flavour, Library, Recipe, Recipes, TestSource},
    results::{
        CaseResult, CheckResult, ExerciseResult, Ignored, Layer, Limits, Remark, Results, State, Subject, SubjectResult,
        Submission, Verdict,
    },
    sandbox::{Policy, Sandbox},
    scratch::Scratch,
    stage::{Sources, files_below, read},
};

/// The check of what was handed in before anything is built: worth nothing by itself, and it may cost everything.
pub const SCREENING: &str = "screening";

/// Grades submissions, as many at a time as are given to it.
#[derive(Debug)]
pub struct Grader<'a> {
    catalog: &'a Catalog,
    only: Vec<&'a Exercise>,
    prepared: Vec<&'a Exercise>,
    recipes: Recipes,
    /// The workloads of the course's own solutions, by exercise.
    opponents: BTreeMap<String, PathBuf>,
    quiet: Quiet,
    /// Where submissions are compiled and run.
    scratch: Scratch,
    /// The runner's own program, which puts others behind walls.
    trampoline: PathBuf,
    layers: Vec<Layer>,
    options: Options,
    /// What no learner has, for seeds that no learner can know.
    secret: String,
}

/// How submissions are graded.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The seed of every input, where the command names one; else each submission has its own.
    pub seed: Option<u64>,
    /// Whether run times are compared. Without, the check is not measurable, and costs nothing.
    pub timed: bool,
}

/// What came of one submission, until it is a [`Results`].
#[derive(Debug, Default)]
struct Graded {
    exercises: Vec<ExerciseResult>,
    seed: u64,
    taken: Vec<String>,
    ignored: Vec<Ignored>,
    fingerprint: String,
    remarks: Vec<Remark>,
    /// Of the walls that stood; empty where nothing was run.
    layers: Vec<Layer>,
}

/// What is compiled for the checks of an exercise: the target, how, and as what the rest of the runner knows it.
#[derive(Debug, Clone, Copy)]
struct Target {
    name: &'static str,
    flavour: Flavour,
    part: Part,
}

/// The programs of a submission as they were compiled. Where nothing but Landlock stands, and nobody else's user, a program can
/// change its own mode: nobody could start it any more, and that would be told as a fault of the grader.
#[derive(Debug)]
struct Programs(Vec<(PathBuf, Stamp)>);

/// Device, number, size, and when anything about it was changed, which nobody but root can forge.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(file: &Path) -> std::io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let about = std::fs::symlink_metadata(file)?;
    Ok((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
}

impl Programs {
    fn of(package: &Package) -> Result<Self> {
        let files = package.built.values().flat_map(|built| built.executables.values());
        let stamped = |file: &PathBuf| {
            let stamp = stamp(file).with_context(|| format!("cannot look at {}", file.display()))?;
            Ok((file.clone(), stamp))
        };
        files.map(stamped).collect::<Result<_>>().map(Self)
    }

    /// What `make` comes to; of programs that are not what was compiled, nothing counts, and no error does either.
    fn unchanged(&self, exercise: &Exercise, check: &str, make: impl FnOnce() -> Result<CheckResult>) -> Result<CheckResult> {
        let made = make();
        if self.0.iter().all(|(file, compiled)| stamp(file).is_ok_and(|now| now == *compiled)) {
            return made;
        }
        Ok(refused(exercise, &[check], "the code under test has changed its own program").remove(0))
    }
}

impl<'a> Grader<'a> {
    /// Builds what the exercises depend on and, where run times are compared, the course's own programs that submissions are timed
    /// against.
    ///
    /// `only` are the exercises that are graded, whether a submission touches them or not; empty, those of `prepared` that it touches.
    /// `program` is the runner's own.
    ///
    /// # Errors
    /// If cargo cannot be run, the course itself does not build, or this machine does not tell who comes of whom.
    pub fn open(
        catalog: &'a Catalog,
        only: &[&'a Exercise],
        prepared: &[&'a Exercise],
        options: Options,
        program: &Path,
    ) -> Result<Self> {
        crate::sandbox::orphans::can_be_seen().context("submissions cannot be graded here")?;
        let scratch = Scratch::new(&catalog.scratch().join("submissions"))?;
        // Of its own for as long as this lasts: cargo replaces that program's file whenever somebody builds the course.
        let trampoline = scratch.path().join("xtask");
        std::fs::copy(program, &trampoline).with_context(|| format!("cannot write {}", trampoline.display()))?;
        // In whatever order they are asked for, the results are the same.
        let in_order = |some: &[&'a Exercise]| -> Vec<&'a Exercise> {
            catalog.exercises.iter().filter(|one| some.iter().any(|other| other.name == one.name)).collect()
        };
        let (only, prepared) = (in_order(only), in_order(prepared));
        let recipes = Recipes::record(catalog, &prepared, &trampoline)?;
        let mut opponents = BTreeMap::new();
        for exercise in prepared.iter().filter(|exercise| options.timed && exercise.about.speed.is_some()) {
            if let Some(reference) = catalog.reference(exercise) {
                let program = reference.workload(catalog)?;
                let program =
                    program.map_err(|why| anyhow::anyhow!("the course's own {} does not build:\n{why}", exercise.name))?;
                opponents.insert(exercise.name.clone(), program);
            }
        }
        let layers = Sandbox::detect(&trampoline).layers();
        let quiet = Quiet::of(&catalog.scratch())?;
        let secret = hash_of(&catalog.root, &["solutions"], "");
        Ok(Self { catalog, only, prepared, recipes, opponents, quiet, scratch, trampoline, layers, options, secret })
    }

    /// What keeps a submission's code from the rest of this machine.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The state of the course that grades.
    pub fn course_commit(&self) -> String {
        crate::machine::commit(&self.catalog.root).unwrap_or_else(|| "not of a repository".into())
    }

    /// For each exercise that may be graded, the seconds that one process of each check may take.
    pub fn time_limits(&self) -> Vec<(String, String)> {
        let of = |exercise: &&Exercise| {
            let checks = checks_of(exercise).into_iter();
            let told = checks.map(|check| format!("{check} {}", exercise.limit(check).as_secs_f64())).collect::<Vec<_>>();
            (exercise.name.clone(), told.join(", "))
        };
        self.prepared.iter().map(of).collect()
    }

    /// What a submission's code is allowed.
    pub fn limits() -> Limits {
        let compiler = recipe::Limits::default();
        let program = Policy::program([], []);
        Limits {
            build_seconds: compiler.processor.as_secs_f64(),
            memory: program.memory,
            processes: program.processes,
            file_size: program.file_size,
            output: crate::process::FLOOD,
        }
    }

    /// Everything there is to say of the submission in `folder`, which is called `id`. Whatever goes wrong on the way is in it:
    /// a fault of the grader is [`State::Error`], and no zero.
    pub fn grade(&self, id: &str, folder: &Path) -> Results {
        self.grade_for(id, folder, &self.only, self.options)
    }

    /// As [`grade`](Self::grade), for other exercises (of those that this was opened for) and by other options.
    pub fn grade_for(&self, id: &str, folder: &Path, only: &[&'a Exercise], options: Options) -> Results {
        let begun = Begun::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| self.graded(folder, only, options))).unwrap_or_else(|panic| {
            let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(anyhow::anyhow!("the grader panicked: {}", words.unwrap_or("it did not say why")))
        });
        let (state, graded) = match outcome {
            Ok(Ok(graded)) => (State::Graded, graded),
            Ok(Err(why)) => (State::Rejected(why.clone()), Graded { exercises: nothing_of(only, &why), ..Graded::default() }),
            Err(error) => (State::Error(format!("{error:#}")), Graded::default()),
        };
        let mut results = begun.results("grade", self.catalog, graded.seed, graded.exercises);
        results.submission = Some(Submission {
            id: id.to_owned(),
            state,
            taken: graded.taken,
            ignored: graded.ignored,
            fingerprint: graded.fingerprint,
            sandbox: if graded.layers.is_empty() { self.layers.clone() } else { graded.layers },
            limits: Self::limits(),
            remarks: graded.remarks,
        });
        MachinePaths::of(&self.catalog.root, &self.catalog.target).taken_out_of(results)
    }

    fn graded(&self, folder: &Path, only: &[&'a Exercise], options: Options) -> Result<Result<Graded, String>> {
        let taken = match intake::take(self.catalog, folder, only)? {
            Ok(taken) => taken,
            Err(why) => return Ok(Err(why)),
        };
        let fingerprint = taken.fingerprint();
        let seed = options.seed.unwrap_or_else(|| seed_of(&self.secret, &fingerprint));
        let (files, mut remarks) = (taken.files(), taken.remarks);
        remarks.extend(of_another_course(self.catalog, &taken.base));
        let (mut exercises, mut layers) = (Vec::new(), Vec::new());
        for handed in &taken.all {
            let sources = handed.sources.iter();
            remarks.extend(sources.flat_map(|sources| screen::remarks(handed.exercise, sources)));
            exercises.push(exercise_result(handed.exercise, vec![self.one(handed, seed, options.timed, &mut layers)?]));
        }
        Ok(Ok(Graded { exercises, seed, taken: files, ignored: taken.ignored, fingerprint, remarks, layers }))
    }

    fn one(&self, handed: &HandedIn<'_>, seed: u64, is_timed: bool, layers: &mut Vec<Layer>) -> Result<SubjectResult> {
        let exercise = handed.exercise;
        let sources = match &handed.sources {
            Ok(sources) => sources,
            Err(why) => return Ok(SubjectResult::of(Subject::Submission, refused(exercise, &checks_of(exercise), why))),
        };
        let findings = screen::screen(exercise, sources);
        let nothing_runs = |why: &Finding| {
            let mut checks = vec![screened(&findings)];
            checks.extend(refused(exercise, &checks_of(exercise), &why_not_run(why)));
            SubjectResult::of(Subject::Submission, checks)
        };
        if let Some(why) = findings.iter().find(|finding| finding.costs == Costs::All) {
            return Ok(nothing_runs(why));
        }
        let scratch = self.scratch.path();
        let work = tempfile::tempdir_in(scratch).with_context(|| format!("cannot write in {}", scratch.display()))?;
        // Another user's program has to get through to its own folder.
        std::fs::set_permissions(work.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let busy = self.quiet.busy()?;
        let package = self.build(exercise, sources, is_timed, work.path())?;
        // The compiler has had its word on what could not be read, and must have refused it.
        if let Some(why) = findings.iter().find(|finding| finding.costs == Costs::Unread)
            && package.built.values().any(|built| built.good)
        {
            return Ok(nothing_runs(why));
        }
        let programs = Programs::of(&package)?;
        let candidate = Candidate { exercise, subject: Subject::Submission, package };
        let checker =
            Checker { catalog: self.catalog, seed, quick: true, purpose: Purpose::Verdict, opponents: self.opponents.clone() };
        let mut checks = Vec::new();
        if !findings.is_empty() {
            checks.push(screened(&findings));
        }
        let spoilt = |check: &str| findings.iter().find(|finding| finding.spoils(check));
        let (timed, others): (Vec<&str>, Vec<&str>) = checks_of(exercise).into_iter().partition(|check| *check == "speed");
        for check in others {
            checks.push(match spoilt(check) {
                Some(finding) => refused(exercise, &[check], &why_not_run(finding)).remove(0),
                None => programs.unchanged(exercise, check, || checker.one(&candidate, check, None))?,
            });
        }
        // Only from behind the walls: where the toolchain has no clippy of its own, nobody else's is asked.
        if candidate.package.built.contains_key(&Part::Lints) && checks.iter().all(|made| made.verdict != Verdict::Fail) {
            checks.push(lints(&candidate)?);
        }
        drop(busy);
        // What somebody else's threads or memory have kept from its end is no fault of this one.
        if checks.iter().any(Checker::is_starved) {
            let _alone = self.quiet.alone()?;
            for made in checks.iter_mut().filter(|made| Checker::is_starved(made)) {
                let before = made.clone();
                *made = programs.unchanged(exercise, &before.check, || checker.again(&candidate, before.clone()))?;
            }
        }
        for check in timed {
            if let Some(finding) = spoilt(check) {
                checks.push(refused(exercise, &[check], &why_not_run(finding)).remove(0));
                continue;
            }
            if !is_timed {
                checks.push(not_timed(exercise));
                continue;
            }
            let _alone = self.quiet.alone()?;
            checks.push(programs.unchanged(exercise, check, || checker.one(&candidate, check, None))?);
        }
        // Only now is it known whether every program could be put behind all of them.
        *layers = candidate.package.walls.iter().flat_map(|walls| walls.sandbox.layers()).collect();
        Ok(SubjectResult::of(Subject::Submission, checks))
    }

    /// Compiles everything that the checks of an exercise run, in `work`.
    fn build(&self, exercise: &Exercise, sources: &Sources, is_timed: bool, work: &Path) -> Result<Package> {
        let recipe = self.recipes.of(exercise)?;
        let sandbox = Sandbox::detect(&self.trampoline);
        none_is_gone(&self.layers, &sandbox.layers())?;
        let compile = |call: &recipe::Call<'_>| compiler_behind(&sandbox, call);
        let compiler = Compiler { runner: &compile, limits: recipe::Limits::default() };
        let targets = targets_of(exercise, is_timed);
        let flavours: Vec<Flavour> =
            recipe::FLAVOURS.into_iter().filter(|flavour| targets.iter().any(|target| target.flavour == *flavour)).collect();
        let built = side_by_side(&flavours, |flavour| {
            let of: Vec<Target> = targets.iter().filter(|target| target.flavour == *flavour).copied().collect();
            self.flavour(exercise, recipe, *flavour, &of, sources, compiler, work)
        });
        let name = exercise.name.clone();
        let mut package = Package::new(self.catalog.root.clone(), work.to_owned(), name, self.catalog.target.clone());
        for parts in built {
            package.built.extend(parts?);
        }
        let read_as = if exercise.about.points.contains_key("model") { Flavour::Model } else { Flavour::Plain };
        package.built.extend(recipe.lints(read_as, sources, compiler, work)?.map(|lints| (Part::Lints, lints)));
        sandbox.take_back(work)?;
        let scratch = work.join("runs");
        std::fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
        package.walls = Some(Arc::new(Walls { sandbox, policy: policy_of(exercise), scratch }));
        Ok(package)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one job, which nobody else needs together")]
    fn flavour(
        &self,
        exercise: &Exercise,
        recipe: &Recipe,
        flavour: Flavour,
        targets: &[Target],
        sources: &Sources,
        compiler: Compiler<'_>,
        work: &Path,
    ) -> Result<Vec<(Part, Built)>> {
        let library = match recipe.library(flavour, sources, compiler, work)? {
            Ok(library) => library,
            Err(why) => return Ok(targets.iter().map(|target| (target.part, recipe::built_of(&why))).collect()),
        };
        // The tests of some exercises start the exercise's own program.
        let programs = match recipe.programs(&library, compiler, work)? {
            Ok(programs) => programs,
            Err(why) => return Ok(targets.iter().map(|target| (target.part, recipe::built_of(&why))).collect()),
        };
        let built = side_by_side(targets, |target| -> Result<(Part, Built)> {
            if target.part == Part::Workload {
                return Ok((target.part, Built { executables: programs.clone(), good: true, ..Built::default() }));
            }
            Ok((target.part, self.tests(exercise, recipe, &library, *target, &programs, compiler, work)?))
        });
        built.into_iter().collect()
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one job, which nobody else needs together")]
    fn tests(
        &self,
        exercise: &Exercise,
        recipe: &Recipe,
        library: &Library,
        target: Target,
        programs: &BTreeMap<String, PathBuf>,
        compiler: Compiler<'_>,
        work: &Path,
    ) -> Result<Built> {
        let files = self.test_files(exercise, target.name)?;
        let source = TestSource { target: target.name, files: &files, programs };
        // The course's own files are known to be right: `tidy` reads them. Where they are not, no submission is to blame.
        let failed = OnceLock::new();
        let transform = |text: &str, tests: &[String]| {
            harness::transform(text, tests).unwrap_or_else(|error| {
                let _first = failed.set(error);
                "compile_error!(\"the tests are not ready\");".into()
            })
        };
        let made = recipe.test(library, source, &transform, compiler, work)?;
        if let Some(error) = failed.into_inner() {
            return Err(error.context(format!("the tests of {} cannot be made ready", target.name)));
        }
        let mut built = made.built(target.name);
        built.executables.extend(programs.clone());
        built.proves = Some(Proves { tests: made.tests, broken: made.broken });
        Ok(built)
    }

    /// The main file of a test target and the modules of all, by their paths below the exercise. No other target's main file: a
    /// public test must not be able to read a hidden one.
    fn test_files(&self, exercise: &Exercise, target: &str) -> Result<Sources> {
        let folder = self.catalog.exercise_folder(exercise);
        let mut files = Sources::new();
        for path in files_below(&folder.join("tests"))? {
            let name = path.strip_prefix(&folder).context("a file is below its folder")?;
            let is_module = name.components().count() > 2;
            if is_module || name.file_stem().is_some_and(|stem| stem == target) {
                files.insert(name.to_str().with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned(), read(&path)?);
            }
        }
        if target == HIDDEN {
            let hidden = self.catalog.solution_folder(exercise).join("tests/hidden.rs");
            files.insert("tests/hidden.rs".into(), read(&hidden)?);
        }
        Ok(files)
    }
}

impl GradeOne for Grader<'_> {
    fn grade(&self, id: &str, folder: &Path) -> Results {
        Grader::grade(self, id, folder)
    }

    /// A hash of everything in the course that points depend on, by names from its root on: it is the same on every machine.
    fn course(&self) -> String {
        let own =
            ["Cargo.toml", "Cargo.lock", "lab/Cargo.toml", "lab/src", "xtask/Cargo.toml", "xtask/src", "exercises", "solutions"];
        let exercises: Vec<&str> = self.only.iter().map(|exercise| exercise.name.as_str()).collect();
        let made = format!("{} {:?} {}", crate::machine::here().rustc, self.options, exercises.join(" "));
        hash_of(&self.catalog.root, &own, &made)
    }
}

/// A hash of `more`, and of the sources and manifests in these files and folders of the course, by names from its root on.
fn hash_of(root: &Path, places: &[&str], more: &str) -> String {
    let mut digest = lab::workload::Digest::default();
    let mut part = |bytes: &[u8]| {
        digest.write_usize(bytes.len());
        digest.write(bytes);
    };
    part(more.as_bytes());
    for path in course_files(root, places) {
        let name = path.strip_prefix(root).unwrap_or(&path);
        part(name.as_os_str().as_encoded_bytes());
        part(&std::fs::read(&path).unwrap_or_default());
    }
    format!("{:016x}", digest.finish())
}

fn course_files(root: &Path, places: &[&str]) -> Vec<PathBuf> {
    let counted = |path: &PathBuf| path.extension().is_some_and(|ending| ["rs", "toml", "lock"].iter().any(|own| ending == *own));
    let below = |place: &&str| {
        let path = root.join(place);
        if path.is_dir() { files_below(&path).unwrap_or_default() } else { vec![path] }
    };
    let mut files: Vec<PathBuf> = places.iter().flat_map(below).filter(counted).collect();
    files.sort();
    files
}

impl Finding {
    /// Whether nothing that this check says of the code would mean anything.
    fn spoils(&self, check: &str) -> bool {
        matches!(self.costs, Costs::Check(spoilt) if spoilt == check)
    }
}

/// The checks in order, with the hidden tests behind the public ones.
fn checks_of(exercise: &Exercise) -> Vec<&'static str> {
    let mut checks = exercise.checks();
    if exercise.hidden.is_some() {
        let behind = checks.iter().position(|check| *check == "tests").map_or(0, |at| at + 1);
        checks.insert(behind, HIDDEN);
    }
    checks
}

fn targets_of(exercise: &Exercise, is_timed: bool) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for check in checks_of(exercise).into_iter().filter(|check| is_timed || *check != "speed") {
        let target = match check {
            "tests" => Target { name: "behaviour", flavour: Flavour::Plain, part: Part::Tests("behaviour") },
            "trace" => Target { name: "trace", flavour: Flavour::Plain, part: Part::Tests("trace") },
            "model" => Target { name: "model", flavour: Flavour::Model, part: Part::Model },
            HIDDEN => Target { name: HIDDEN, flavour: Flavour::Plain, part: Part::Tests(HIDDEN) },
            _ => Target { name: "workload", flavour: Flavour::Release, part: Part::Workload },
        };
        if !targets.iter().any(|other| other.part == target.part) {
            targets.push(target);
        }
    }
    targets
}

fn policy_of(exercise: &Exercise) -> Policy {
    let policy = Policy::program([], []);
    if exercise.about.needs.contains(&Need::Loopback) { policy.with_loopback() } else { policy }
}

fn compiler_behind(sandbox: &Sandbox, call: &recipe::Call<'_>) -> Result<recipe::Ready> {
    let reads = call.reads.iter().map(|path| path.to_path_buf());
    // Above the compiler's own limit, which tells whoever reaches it by a word, and not by being killed.
    let memory = call.limits.memory + (2 << 30);
    let policy = Policy { memory, ..Policy::program(reads, [call.writes.to_owned()]) };
    Ok(recipe::Ready::Within(sandbox.prepare(&policy, call.program)?))
}

/// That every layer stands which stood in the beginning: otherwise one submission would be graded behind other walls than the
/// next, and nobody would look.
fn none_is_gone(before: &[Layer], now: &[Layer]) -> Result<()> {
    for layer in before.iter().filter(|layer| layer.active) {
        let gone = now.iter().find(|other| other.name == layer.name && !other.active);
        if let Some(Layer { name, detail, .. }) = gone {
            anyhow::bail!("a layer of the sandbox is gone since grading began: {name}: {detail}");
        }
    }
    Ok(())
}

/// What the submission says of the state of the course that it was made for, where that is not this one.
fn of_another_course(catalog: &Catalog, base: &Path) -> Vec<Remark> {
    let differences = handout::Course::read(base).and_then(|course| match course {
        Some(course) => course.differs_from(catalog),
        None => Ok(Vec::new()),
    });
    let told = differences.unwrap_or_else(|error| vec![format!("what state of the course it is for cannot be told: {error:#}")]);
    let remark = |what| Remark { exercise: String::new(), place: handout::FILE.into(), what };
    told.into_iter().map(remark).collect()
}

/// The same submission has the same inputs wherever it is graded. Nobody who has not the course's solutions can know them before
/// it is written, or write it until it has inputs to his liking.
fn seed_of(secret: &str, fingerprint: &str) -> u64 {
    let mut digest = lab::workload::Digest::default();
    digest.write(secret.as_bytes());
    digest.write(fingerprint.as_bytes());
    // Small enough to be read and typed.
    digest.finish() % 1_000_000
}

/// The exercises asked for, each with no points and the reason.
fn nothing_of(only: &[&Exercise], why: &str) -> Vec<ExerciseResult> {
    let of = |exercise: &&Exercise| {
        exercise_result(exercise, vec![SubjectResult::of(Subject::Submission, refused(exercise, &checks_of(exercise), why))])
    };
    only.iter().map(of).collect()
}

fn not_timed(exercise: &Exercise) -> CheckResult {
    let mut check = refused(exercise, &["speed"], "run times were not asked for").remove(0);
    check.verdict = Verdict::NotMeasurable;
    check
}

/// What the screening says, as a check.
fn screened(findings: &[Finding]) -> CheckResult {
    let cases = findings.iter().map(|finding| {
        let Finding { file, line, what, why, .. } = finding;
        CaseResult::new(format!("{file}:{line}"), Verdict::Fail, Some(format!("{what}: {why}")))
    });
    CheckResult {
        check: SCREENING.into(),
        verdict: Verdict::Fail,
        points: 0.0,
        max_points: 0.0,
        summary: format!("{} not taken", number::counted(findings.len(), "thing is", "things are")),
        seconds: 0.0,
        cases: cases.collect(),
        evidence: None,
        more: Vec::new(),
    }
}

fn why_not_run(Finding { file, line, what, why, .. }: &Finding) -> String {
    format!("not run: {what} in {file}:{line}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_that_is_gone_is_an_error_and_one_that_never_was_is_none() {
        let layers = |active: [bool; 2]| {
            ["namespaces", "landlock"].into_iter().zip(active).map(|(name, active)| Layer {
                name: name.into(),
                active,
                detail: "it did not end within 10 s".into(),
            })
        };
        let gone = |before, now| none_is_gone(&layers(before).collect::<Vec<_>>(), &layers(now).collect::<Vec<_>>());
        assert!(gone([true, false], [true, false]).is_ok());
        assert!(gone([true, false], [true, true]).is_ok());
        let error = gone([true, true], [false, true]).unwrap_err().to_string();
        assert_eq!(error, "a layer of the sandbox is gone since grading began: namespaces: it did not end within 10 s");
    }

    #[test]
    fn a_program_that_changed_itself_costs_its_check_and_is_no_error() {
        use std::os::unix::fs::PermissionsExt;
        let catalog = Catalog::read(&crate::catalog::find_root().unwrap()).unwrap();
        let exercise = catalog.find("spin_lock").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("program");
        std::fs::write(&file, "x").unwrap();
        let mut package = Package::new(folder.path().into(), folder.path().into(), "p".into(), folder.path().into());
        let executables = BTreeMap::from([("behaviour".to_owned(), file.clone())]);
        package.built.insert(Part::Tests("behaviour"), Built { executables, ..Built::default() });
        let programs = Programs::of(&package).unwrap();
        let cannot = || -> Result<CheckResult> { anyhow::bail!("cannot start it") };
        assert!(programs.unchanged(exercise, "tests", cannot).is_err(), "an error that is the grader's own stays one");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o000)).unwrap();
        let made = programs.unchanged(exercise, "tests", cannot).unwrap();
        assert_eq!((made.verdict, made.points), (Verdict::Fail, 0.0));
        assert!(made.max_points > 0.0 && made.summary.contains("changed its own program"), "{made:?}");
    }
}
