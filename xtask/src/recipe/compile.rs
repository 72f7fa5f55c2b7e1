//! Repeats what was recorded, with a submission's sources.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    Flavour, Recipe,
    mend::{Broken, Mended},
    record::Unit,
    rustc::{self, Call, Limits, Line, Runner, Said},
};
use crate::{
    build::Built,
    check::NotBuilt,
    results::Verdict,
    stage::{Sources, update},
};

/// So often is a test file compiled, each time without what did not compile before: names are resolved before types are
/// looked at, types before borrows, and a helper that is gone breaks its users in the round after.
const ROUNDS: usize = 8;

/// For models, which explore the same executions however fast: to optimise one takes the compiler three times as long, and saves less
/// than that when it runs. Their time goes to loom and to this course's library, which are optimised. Tests on real threads stay as
/// cargo has them: what races by chance must race in both alike.
const AS_IT_STANDS: [&str; 2] = ["-C", "opt-level=0"];

/// Makes of a test file, and of the names of the tests that are in, what is compiled: with the same lines, and with a `main`.
pub type Transform<'a> = &'a (dyn Fn(&str, &[String]) -> String + Sync);

/// By whom compilers are run, and what they may take.
#[derive(Clone, Copy)]
pub struct Compiler<'a> {
    /// Makes the commands.
    pub runner: Runner<'a>,
    /// Of each call.
    pub limits: Limits,
}

/// A learner's library, compiled.
#[derive(Debug)]
pub struct Library {
    /// How.
    pub flavour: Flavour,
    /// The folder that it is in, with nothing else.
    folder: PathBuf,
    file: PathBuf,
}

/// The files of one test target.
#[derive(Debug, Clone, Copy)]
pub struct TestSource<'a> {
    /// `behaviour`: its main file is `tests/behaviour.rs`. It need not be one that the exercise has.
    pub target: &'a str,
    /// By their path below the exercise, with the modules of the main file.
    pub files: &'a Sources,
    /// Programs of the package, for the tests that start one.
    pub programs: &'a BTreeMap<String, PathBuf>,
}

/// What came of a test target.
#[derive(Debug)]
pub struct BuiltTest {
    /// The program, or why there is none.
    pub program: Result<PathBuf, NotBuilt>,
    /// The tests that are in it.
    pub tests: Vec<String>,
    /// Those that do not compile, with what rustc said of each.
    pub broken: Vec<Broken>,
}

impl std::fmt::Debug for Compiler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl BuiltTest {
    /// As the rest of the runner knows what came of a build.
    pub fn built(&self, target: &str) -> Built {
        match &self.program {
            Ok(program) => {
                Built { executables: BTreeMap::from([(target.to_owned(), program.clone())]), good: true, ..Built::default() }
            }
            Err(why) => built_of(why),
        }
    }
}

/// What was not built, as the rest of the runner knows it.
pub fn built_of(why: &NotBuilt) -> Built {
    let (said, cargo_said) =
        if why.verdict == Verdict::Fail { (why.words.clone(), String::new()) } else { (String::new(), why.words.clone()) };
    Built { said, cargo_said, ..Built::default() }
}

/// What one unit is compiled from and into.
struct Job<'a> {
    unit: &'a Unit,
    flavour: Flavour,
    /// The crate's name, where it is not the unit's own.
    name: Option<&'a str>,
    /// The folder of the sources.
    folder: &'a Path,
    /// The main file, below it.
    main: &'a str,
    /// Where the output goes.
    out: &'a Path,
    library: Option<&'a Library>,
    /// Of which of the package's programs it is to know.
    programs: &'a BTreeMap<String, PathBuf>,
    more: &'a [String],
    /// Who reads it: to compile it, or to say what is to be said of it.
    reader: Reader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reader {
    Rustc,
    Clippy,
}

impl Reader {
    fn program(self) -> &'static str {
        match self {
            Self::Rustc => "bin/rustc",
            Self::Clippy => "bin/clippy-driver",
        }
    }

    fn emits(self) -> &'static str {
        match self {
            Self::Rustc => "--emit=link",
            Self::Clippy => "--emit=metadata",
        }
    }
}

impl Job<'_> {
    fn crate_name(&self) -> &str {
        self.name.unwrap_or_else(|| self.unit.crate_name())
    }

    fn stem(&self) -> String {
        format!("{}{}", self.crate_name(), self.unit.codegen("extra-filename").unwrap_or(""))
    }

    /// The recorded arguments with other paths.
    fn arguments(&self, recipe: &Recipe) -> Result<Vec<String>> {
        let kit = recipe.kit(self.flavour)?;
        let mut made = Vec::new();
        let mut given = self.unit.arguments.iter().map(String::as_str);
        while let Some(argument) = given.next() {
            match argument {
                "--crate-name" => {
                    given.next();
                    made.extend([argument.to_owned(), self.crate_name().to_owned()]);
                }
                "--out-dir" => {
                    given.next();
                    made.extend([argument.to_owned(), self.out.display().to_string()]);
                }
                "--test" => made.extend(["--crate-type", "bin"].map(String::from)),
                "--extern" => made.extend([argument.to_owned(), self.dependency(given.next().unwrap_or(""), kit)]),
                "-C" => match given.next().unwrap_or("") {
                    incremental if incremental.starts_with("incremental=") => {}
                    other => made.extend([argument.to_owned(), other.to_owned()]),
                },
                "-L" => match given.next().unwrap_or("") {
                    all if all.starts_with("dependency=") => {
                        made.extend([argument.to_owned(), format!("dependency={}", kit.display())]);
                    }
                    other => made.extend([argument.to_owned(), other.to_owned()]),
                },
                _ if argument.starts_with("--emit") => made.push(self.reader.emits().into()),
                _ if ["--error-format", "--json", "--diagnostic-width", "--color"].iter().any(|of| argument.starts_with(of)) => {}
                _ if argument.ends_with(".rs") => made.push(self.main.to_owned()),
                _ => made.push(argument.to_owned()),
            }
        }
        made.push("--error-format=json".into());
        made.push(format!("--remap-path-prefix={}=.", self.folder.display()));
        made.extend_from_slice(self.more);
        Ok(made)
    }

    /// `name=file`, with the file where it is now.
    fn dependency(&self, given: &str, kit: &Path) -> String {
        let Some((name, file)) = given.split_once('=') else { return given.to_owned() };
        let own = self.library.filter(|library| library.file.file_name() == Path::new(file).file_name());
        let file = own.map_or_else(|| kit.join(Path::new(file).file_name().unwrap_or_default()), |library| library.file.clone());
        format!("{name}={}", file.display())
    }

    /// What the code is told by `env!`: of the package, but not where it stood when it was recorded.
    fn environment(&self) -> Vec<(String, String)> {
        let told = |name: &str| {
            ["CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_NAME", "CARGO_PRIMARY_"].iter().any(|start| name.starts_with(start))
        };
        let given = self.unit.environment.iter().filter(|(name, _)| told(name));
        let given = given.map(|(name, value)| (name.clone(), value.clone()));
        let folder =
            [("CARGO_MANIFEST_DIR", "."), ("CLIPPY_CONF_DIR", ".")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let programs = self.programs.iter();
        let programs = programs.map(|(name, path)| (format!("CARGO_BIN_EXE_{name}"), path.display().to_string()));
        given.chain(folder).chain(programs).collect()
    }
}

impl Recipe {
    fn kit(&self, flavour: Flavour) -> Result<&Path> {
        let folder = self.libraries.get(&flavour).map(PathBuf::as_path);
        folder.with_context(|| format!("how {} is compiled was not recorded for this", self.name))
    }

    fn unit(&self, flavour: Flavour, what: &str, wanted: impl Fn(&Unit) -> bool) -> Result<&Unit> {
        let unit = self.units.get(&flavour).and_then(|units| units.iter().find(|unit| wanted(unit)));
        unit.with_context(|| format!("how {what} of {} is compiled was not recorded", self.name))
    }

    /// The folders of the libraries and of the toolchain.
    pub fn reads(&self) -> impl Iterator<Item = &Path> {
        self.libraries.values().chain([&self.toolchain]).map(PathBuf::as_path)
    }

    /// Compiles the learner's files in a folder below `work` that holds nothing else.
    ///
    /// # Errors
    /// If rustc cannot be run. Code that does not compile is `Ok(Err(why))`.
    pub fn library(
        &self,
        flavour: Flavour,
        sources: &Sources,
        compiler: Compiler<'_>,
        work: &Path,
    ) -> Result<Result<Library, NotBuilt>> {
        let unit = self.unit(flavour, "the library", |unit| unit.value("--crate-type") == Some("lib"))?;
        let (folder, out) = (fresh(work, flavour, "source")?, fresh(work, flavour, "library")?);
        for (file, content) in sources {
            anyhow::ensure!(is_below(file, "src"), "{file:?} cannot be a learner's file; they are all below src/");
            update(&folder.join(file), content)?;
        }
        let programs = BTreeMap::new();
        let job = Job {
            unit,
            flavour,
            name: None,
            folder: &folder,
            main: "src/lib.rs",
            out: &out,
            library: None,
            programs: &programs,
            more: &self.forbids,
            reader: Reader::Rustc,
        };
        let said = self.call(&job, compiler)?;
        if let Some(why) = said.not_built(&compiler.limits) {
            return Ok(Err(why));
        }
        let file = out.join(format!("lib{}.rlib", job.stem()));
        Ok(Ok(Library { flavour, folder: out, file }))
    }

    /// What clippy and rustc have to say of the learner's files; as a model, also of types that a model cannot see. `None` where
    /// clippy is not installed.
    ///
    /// # Errors
    /// If it cannot be run.
    pub fn lints(&self, flavour: Flavour, sources: &Sources, compiler: Compiler<'_>, work: &Path) -> Result<Option<Built>> {
        if !self.toolchain.join(Reader::Clippy.program()).is_file() {
            return Ok(None);
        }
        let unit = self.unit(flavour, "the library", |unit| unit.value("--crate-type") == Some("lib"))?;
        let (folder, out) = (fresh(work, flavour, "lints-source")?, fresh(work, flavour, "lints")?);
        for (file, content) in sources.iter().chain([(&"clippy.toml".to_owned(), &self.clippy)]) {
            update(&folder.join(file), content)?;
        }
        let unseen = ["-W", "clippy::disallowed_types", "-W", "clippy::disallowed_methods"].map(String::from);
        let more = if flavour == Flavour::Model { unseen.as_slice() } else { &[] };
        let programs = BTreeMap::new();
        let (name, library, main, reader) = (None, None, "src/lib.rs", Reader::Clippy);
        let job = Job { unit, flavour, name, folder: &folder, main, out: &out, library, programs: &programs, more, reader };
        let said = self.call(&job, compiler)?;
        let words = said.warnings();
        Ok(Some(match said.not_built(&compiler.limits) {
            Some(why) => built_of(&why),
            None => Built { said: words, good: true, ..Built::default() },
        }))
    }

    /// Compiles the programs of the package: the workload, or in the plain flavour the program that tests start, if any do.
    ///
    /// # Errors
    /// If rustc cannot be run. Code that does not compile is `Ok(Err(why))`.
    pub fn programs(
        &self,
        library: &Library,
        compiler: Compiler<'_>,
        work: &Path,
    ) -> Result<Result<BTreeMap<String, PathBuf>, NotBuilt>> {
        let mut made = BTreeMap::new();
        let none = BTreeMap::new();
        // What only the peers have used is unused now.
        let quiet = ["--cap-lints".to_owned(), "allow".to_owned()];
        let workload = if library.flavour == Flavour::Release { &self.timed } else { &self.workload };
        let units = self.units.get(&library.flavour).into_iter().flatten();
        for unit in units.filter(|unit| unit.value("--crate-type") == Some("bin")) {
            let (folder, out) = (fresh(work, library.flavour, "program-source")?, fresh(work, library.flavour, "program")?);
            update(&folder.join("workload.rs"), workload)?;
            let job = Job {
                unit,
                flavour: library.flavour,
                name: None,
                folder: &folder,
                main: "workload.rs",
                out: &out,
                library: Some(library),
                programs: &none,
                more: &quiet,
                reader: Reader::Rustc,
            };
            let said = self.call(&job, compiler)?;
            if let Some(why) = said.not_built(&compiler.limits) {
                return Ok(Err(why));
            }
            let name = unit.environment.get("CARGO_BIN_NAME").map_or(unit.crate_name(), String::as_str);
            made.insert(name.to_owned(), out.join(job.stem()));
        }
        Ok(Ok(made))
    }

    /// Compiles a test target against the library. Tests that do not compile are left out and named; nothing of the sources
    /// stays on the disk.
    ///
    /// # Errors
    /// If rustc cannot be run, or a file of the tests is no Rust.
    pub fn test(
        &self,
        library: &Library,
        test: TestSource<'_>,
        transform: Transform<'_>,
        compiler: Compiler<'_>,
        work: &Path,
    ) -> Result<BuiltTest> {
        let is = |unit: &Unit| unit.is_test() && unit.crate_name() == test.target;
        // A target that the exercise does not have is compiled as those that it has.
        let unit = self.unit(library.flavour, "a test", is).or_else(|_| self.unit(library.flavour, "a test", Unit::is_test))?;
        let (folder, out) =
            (fresh(work, library.flavour, &format!("{}-source", test.target))?, fresh(work, library.flavour, test.target)?);
        let main = format!("tests/{}.rs", test.target);
        let more = if library.flavour == Flavour::Model { AS_IT_STANDS.map(String::from).to_vec() } else { Vec::new() };
        let job = Job {
            unit,
            flavour: library.flavour,
            name: Some(test.target),
            folder: &folder,
            main: &main,
            out: &out,
            library: Some(library),
            programs: test.programs,
            more: &more,
            reader: Reader::Rustc,
        };
        let built = self.rounds(&job, test.files, transform, compiler);
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        built
    }

    fn rounds(&self, job: &Job<'_>, files: &Sources, transform: Transform<'_>, compiler: Compiler<'_>) -> Result<BuiltTest> {
        let mut mended = Mended::new(files, job.main)?;
        let mut first = None;
        let mut round = 0;
        loop {
            round += 1;
            for (file, text) in &mended.files {
                anyhow::ensure!(is_below(file, "tests"), "{file:?} cannot be a file of tests; they are all below tests/");
                let text = if file == job.main { transform(text, &mended.tests) } else { text.clone() };
                update(&job.folder.join(file), text.as_bytes())?;
            }
            let said = self.call(job, compiler)?;
            let Some(why) = said.not_built(&compiler.limits) else {
                let program = Ok(job.out.join(job.stem()));
                return Ok(BuiltTest { program, tests: mended.tests, broken: mended.broken });
            };
            let goes_on = why.verdict == Verdict::Fail && mended.leave_out(said.errors())?;
            let why = first.get_or_insert(why);
            if !goes_on || mended.tests.is_empty() || round == ROUNDS {
                let program = Err(why.clone());
                return Ok(BuiltTest { program, tests: Vec::new(), broken: mended.broken });
            }
        }
    }

    fn call(&self, job: &Job<'_>, compiler: Compiler<'_>) -> Result<Said> {
        let kit = self.kit(job.flavour)?;
        let program = self.toolchain.join(job.reader.program());
        let mut reads = vec![self.toolchain.as_path(), kit, job.folder];
        reads.extend(job.library.map(|library| library.folder.as_path()));
        let call = Call { program: &program, reads, writes: job.out, limits: compiler.limits };
        let (arguments, environment) = (job.arguments(self)?, job.environment());
        let line = Line { arguments: &arguments, environment: &environment, folder: job.folder, hidden: &self.hidden };
        let said = rustc::call(compiler.runner, &call, &line)?;
        if said.stopped.is_some() {
            all_there(&arguments)?;
        }
        Ok(said)
    }
}

/// Looks for the libraries itself: what an error says about them may be the code's own words.
fn all_there(arguments: &[String]) -> Result<()> {
    let libraries = arguments.iter().zip(arguments.iter().skip(1)).filter(|(option, _)| *option == "--extern");
    for library in libraries.filter_map(|(_, value)| value.split_once('=')) {
        anyhow::ensure!(Path::new(library.1).is_file(), "{} is gone; grade again", library.1);
    }
    Ok(())
}

/// Whether a name stays below `folder`.
fn is_below(file: &str, folder: &str) -> bool {
    use std::path::Component;
    let path = Path::new(file);
    path.starts_with(folder) && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// An empty folder below `work`, by its absolute name: rustc is told it, and runs elsewhere.
fn fresh(work: &Path, flavour: Flavour, name: &str) -> Result<PathBuf> {
    let folder = work.join(flavour.name()).join(name);
    let attempt = || -> std::io::Result<PathBuf> {
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        folder.canonicalize()
    };
    attempt().with_context(|| format!("cannot make {}", folder.display()))
}
