//! Builds with cargo, and keeps what rustc said about the code in question.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{
    process::Group,
    recipe::Broken,
    sandbox::{Policy, Sandbox},
};

/// A build may take this long; a first one on two cores takes a few minutes.
pub const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A package that can be built: the exercise, its solution, or a staged copy with other sources.
#[derive(Debug, Clone)]
pub struct Package {
    /// The folder of the workspace that it is built in.
    pub workspace: PathBuf,
    /// Its own folder, where its tests run.
    pub folder: PathBuf,
    /// Its name.
    pub name: String,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
    /// What stands behind the names of its programs, to tell them from those of its neighbours; mostly nothing.
    pub suffix: String,
    /// What is built of it already, together with its neighbours.
    pub built: BTreeMap<Part, Built>,
    /// What its programs run behind; absent where nobody has to be kept out.
    pub walls: Option<Arc<Walls>>,
}

/// What the programs of a submission run behind.
#[derive(Debug)]
pub struct Walls {
    /// What this machine offers.
    pub sandbox: Sandbox,
    /// What they may do, beside reading themselves and writing to a folder of their own.
    pub policy: Policy,
    /// Where these folders are made.
    pub scratch: PathBuf,
}

/// What is built of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// One test target, in the plain build.
    Tests(&'static str),
    /// The model, with feature `model`.
    Model,
    /// The workload, optimised.
    Workload,
    /// Nothing but what clippy says.
    Lints,
}

/// What came of a build.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// Executables by the name of their target, without the package's suffix.
    pub executables: BTreeMap<String, PathBuf>,
    /// What rustc said of this package, as it said it.
    pub said: String,
    /// Whether everything that was asked for was built.
    pub good: bool,
    /// The end of cargo's own words, where they were not shown on the terminal.
    pub cargo_said: String,
    /// Whether it was stopped at [`LIMIT`].
    pub timed_out: bool,
    /// The tests of a program that proves them; absent for one that is only asked for them.
    pub proves: Option<Proves>,
}

/// The tests of a program that proves that their bodies have ended (`lab::proof`), as the course's own source tells of them.
#[derive(Debug, Clone, Default)]
pub struct Proves {
    /// Those that are in it.
    pub tests: Vec<String>,
    /// Those that did not compile with this submission.
    pub broken: Vec<Broken>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
    level: String,
}

/// Cargo, free of the variables by which an outer cargo tells `xtask` about itself.
pub fn cargo(workspace: &Path, target: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let outer = name.to_str().is_some_and(|name| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_", "CARGO_PRIMARY_"]
                .iter()
                .any(|start| name.starts_with(start))
        });
        if outer {
            command.env_remove(name);
        }
    }
    command.current_dir(workspace).env("CARGO_TARGET_DIR", target);
    command
}

impl Part {
    /// What it is called.
    pub fn noun(self) -> &'static str {
        match self {
            Self::Tests("trace") => "the trace tests",
            Self::Tests(_) => "the tests",
            Self::Model => "the models",
            Self::Workload => "the workload",
            Self::Lints => "the lints",
        }
    }

    /// What cargo is told to build. It builds of tests what `cargo test` does, and can be told to go on where one fails.
    fn arguments(self) -> Vec<&'static str> {
        match self {
            Self::Tests(test) => vec!["build", "--test", test],
            Self::Model => vec!["build", "--features", "model", "--test", "model"],
            Self::Workload => vec!["build", "--release", "--features", "workload", "--bins"],
            Self::Lints => vec!["clippy", "--lib"],
        }
    }
}

/// Builds `part` of several packages of one workspace at once, and keeps it in them: one command fills all cores, and finds out
/// once what is built already. One that does not compile spoils no other.
///
/// # Errors
/// If cargo cannot be run.
pub fn build_all(packages: &mut [&mut Package], part: Part) -> Result<()> {
    let Some(first) = packages.first() else { return Ok(()) };
    let mut command = cargo(&first.workspace, &first.target);
    command.args(part.arguments()).args(["--keep-going", "--message-format", "json"]);
    for package in packages.iter() {
        command.args(["--package", &package.name]);
    }
    let own: Vec<Own> = packages.iter().map(|package| package.own()).collect();
    for (package, built) in packages.iter_mut().zip(run(command, own)?) {
        package.built.insert(part, built);
    }
    Ok(())
}

impl Package {
    /// The package that is called `name` and stands in `folder` of `workspace`.
    pub fn new(workspace: PathBuf, folder: PathBuf, name: String, target: PathBuf) -> Self {
        Self { workspace, folder, name, target, suffix: String::new(), built: BTreeMap::new(), walls: None }
    }

    /// Builds `part`, unless it is built already; `good` is false where the code does not compile.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build(&self, part: Part) -> Result<Built> {
        if let Some(built) = self.built.get(&part) {
            return Ok(built.clone());
        }
        let mut command = cargo(&self.workspace, &self.target);
        command.args(part.arguments()).args(["--package", &self.name, "--message-format", "json"]);
        run_one(command, self.own())
    }

    fn own(&self) -> Own {
        Own { package: self.name.clone(), suffix: self.suffix.clone() }
    }

    /// What clippy and rustc have to say of the library; as a model, also of types that a model cannot see.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn lint(&self, as_model: bool) -> Result<Built> {
        if let Some(built) = self.built.get(&Part::Lints) {
            return Ok(built.clone());
        }
        let mut command = cargo(&self.workspace, &self.target);
        command.args(Part::Lints.arguments()).args(["--package", &self.name, "--message-format", "json"]);
        if as_model {
            command.args(["--features", "model", "--", "-W", "clippy::disallowed_types", "-W", "clippy::disallowed_methods"]);
        }
        run_one(command, self.own())
    }
}

/// The program that times workloads with Criterion.
///
/// # Errors
/// If it cannot be built.
pub fn bench_program(workspace: &Path, target: &Path) -> Result<PathBuf> {
    let mut command = cargo(workspace, target);
    // In the profile in which this runner is built already: what is timed is in other processes.
    command.args(["bench", "--no-run", "--profile", "dev", "--package", "benches", "--bench", "workloads"]);
    command.args(["--message-format", "json"]);
    let built = run_one(command, Own::of("benches"))?;
    let program = built.executables.get("workloads").filter(|_| built.good).cloned();
    program.with_context(|| format!("cannot build the benches:\n{}{}", built.said, built.cargo_said))
}

/// The program with the peers in Rust: what others' crates do best on the exercises.
///
/// # Errors
/// If it cannot be built.
pub fn peers_program(workspace: &Path, target: &Path) -> Result<PathBuf> {
    let mut command = cargo(workspace, target);
    command.args(["build", "--release", "--package", "benches", "--features", "peers", "--bin", "peers"]);
    command.args(["--message-format", "json"]);
    let built = run_one(command, Own::of("benches"))?;
    let program = built.executables.get("peers").filter(|_| built.good).cloned();
    program.with_context(|| format!("cannot build the peers in Rust:\n{}{}", built.said, built.cargo_said))
}

/// By what cargo's messages on a package are known.
#[derive(Debug)]
struct Own {
    package: String,
    suffix: String,
}

impl Own {
    fn of(package: &str) -> Self {
        Self { package: package.to_owned(), suffix: String::new() }
    }
}

fn run_one(command: Command, own: Own) -> Result<Built> {
    Ok(run(command, vec![own])?.pop().unwrap_or_default())
}

/// What came of each of the packages.
fn run(mut command: Command, own: Vec<Own>) -> Result<Vec<Built>> {
    let on_terminal = std::io::stderr().is_terminal();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(if on_terminal { Stdio::inherit() } else { Stdio::piped() });
    let mut group = Group::spawn(&mut command)?;
    let errors = group.child().stderr.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut text = Vec::new();
            // What could be read before an error is better than nothing.
            let _read = pipe.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let output = group.child().stdout.take().context("cargo has a standard output")?;
    let reader = thread::spawn(move || read_messages(output, &own));
    let status = group.wait_until(Instant::now() + LIMIT).context("cannot wait for cargo")?;
    drop(group);
    let mut all = reader.join().unwrap_or_default();
    let cargo_said = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    for built in &mut all {
        built.good |= status.is_some_and(|status| status.success());
        built.timed_out = status.is_none();
        built.cargo_said.clone_from(&cargo_said);
    }
    Ok(all)
}

/// What cargo says of each of `own`. Where there are several, cargo fails if any of them does: one is good that has a program,
/// and no error of its own.
fn read_messages(output: impl Read, own: &[Own]) -> Vec<Built> {
    let mut all = vec![Built::default(); own.len()];
    let mut faulty = vec![false; own.len()];
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
        let whose = own.iter().position(|own| own.package == name_in(&message.package_id));
        match (message.reason.as_str(), message.target, message.executable, message.message) {
            ("compiler-artifact", Some(target), Some(executable), _) => {
                if let Some(index) = whose {
                    let name = target.name.strip_suffix(&own[index].suffix).unwrap_or(&target.name).to_owned();
                    all[index].executables.insert(name, executable);
                }
            }
            ("compiler-message", _, _, Some(diagnostic)) => {
                let error = diagnostic.level.starts_with("error");
                // It is stored: whoever draws it does so without a terminal.
                let words = without_colour(&diagnostic.rendered.unwrap_or_default());
                match whose {
                    Some(index) => {
                        all[index].said.push_str(&words);
                        faulty[index] |= error;
                    }
                    // What all of them depend on.
                    None if error => all.iter_mut().for_each(|built| built.said.push_str(&words)),
                    None => {}
                }
            }
            _ => {}
        }
    }
    for (built, faulty) in all.iter_mut().zip(faulty) {
        built.good = own.len() > 1 && !faulty && !built.executables.is_empty();
    }
    all
}

/// The package's name in its id: `path+file:///../exercises/threads/spin_lock#0.1.0`, or `..#name@0.1.0` where the folder is
/// called otherwise.
fn name_in(id: &str) -> &str {
    let (place, version) = id.rsplit_once('#').unwrap_or((id, ""));
    version.split_once('@').map_or_else(|| place.rsplit('/').next().unwrap_or(place), |(name, _)| name)
}

/// The text without its ANSI colours.
pub fn without_colour(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character == '\u{1b}' {
            // `ESC [ .. letter`
            for part in rest.by_ref() {
                if part.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

/// Copies a workload's program out of cargo's folder: the exercise's and its solution's have one name there.
///
/// # Errors
/// If the copy cannot be written.
pub fn keep_program(program: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let kept = folder.join(name).with_extension(program.extension().unwrap_or(OsStr::new("")));
    // Renamed into its place, so that another command never starts half a program. A copy that runs goes on as it was.
    let attempt = || -> std::io::Result<()> {
        let copy = tempfile::NamedTempFile::new_in(folder)?.into_temp_path();
        std::fs::copy(program, &copy)?;
        Ok(copy.persist(&kept)?)
    };
    attempt().with_context(|| format!("cannot write {}", kept.display()))?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_found_in_its_id() {
        assert_eq!(name_in("path+file:///w/exercises/threads/spin_lock#0.1.0"), "spin_lock");
        assert_eq!(name_in("path+file:///w/solutions/threads/spin_lock#spin_lock-solution@0.1.0"), "spin_lock-solution");
        assert_eq!(name_in("registry+https://example.org/index#loom@0.7.2"), "loom");
    }

    /// The lines that cargo prints for `b-x` with an error, and for `b-y` with a program.
    const SAID: &str = r##"
{"reason":"compiler-message","package_id":"path+file:///w/x#b-x@0.1.0","target":{"name":"b"},"message":{"rendered":"no such name","level":"error"}}
{"reason":"compiler-artifact","package_id":"path+file:///w/y#b-y@0.1.0","target":{"name":"b-workload-y"},"executable":"/w/b-workload-y"}
{"reason":"build-finished","success":false}
"##;

    fn two() -> [Own; 2] {
        ["x", "y"].map(|name| Own { package: format!("b-{name}"), suffix: format!("-{name}") })
    }

    #[test]
    fn one_that_does_not_compile_spoils_no_other() {
        let all = read_messages(SAID.as_bytes(), &two());
        assert_eq!((all[0].good, all[0].said.as_str(), all[0].executables.len()), (false, "no such name", 0));
        assert_eq!((all[1].good, all[1].said.as_str()), (true, ""));
        assert_eq!(all[1].executables["b-workload"], Path::new("/w/b-workload-y"));
    }

    #[test]
    fn an_error_of_what_all_depend_on_is_told_to_all() {
        let said = SAID.replace("b-x@", "lab@");
        assert!(read_messages(said.as_bytes(), &two()).iter().all(|built| built.said == "no such name"));
    }
}
