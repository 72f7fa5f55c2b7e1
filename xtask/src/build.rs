//! Builds with cargo, and keeps what rustc said about the code in question.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{BufRead, BufReader, IsTerminal, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process::Group;

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
}

/// What is built of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// One test target, in the plain build.
    Tests(&'static str),
    /// The model, with feature `model`.
    Model,
    /// The workload, optimised.
    Workload,
}

/// What came of a build.
#[derive(Debug, Default)]
pub struct Built {
    /// Executables by the name of their target.
    pub executables: BTreeMap<String, PathBuf>,
    /// What rustc said of this package, as it said it.
    pub said: String,
    /// Whether everything was built.
    pub good: bool,
    /// The end of cargo's own words, where they were not shown on the terminal.
    pub cargo_said: String,
    /// Whether it was stopped at [`LIMIT`].
    pub timed_out: bool,
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

impl Package {
    /// Builds `part`; `good` is false where the code does not compile.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn build(&self, part: Part) -> Result<Built> {
        let mut command = cargo(&self.workspace, &self.target);
        match part {
            Part::Tests(test) => command.args(["test", "--no-run", "--test", test]),
            Part::Model => command.args(["test", "--no-run", "--features", "model", "--test", "model"]),
            Part::Workload => command.args(["build", "--release", "--features", "workload", "--bins"]),
        };
        command.args(["--package", &self.name, "--message-format", "json"]);
        run(command, &self.name)
    }

    /// What clippy and rustc have to say of the library; as a model, also of types that a model cannot see.
    ///
    /// # Errors
    /// If cargo cannot be run.
    pub fn lint(&self, as_model: bool) -> Result<Built> {
        let mut command = cargo(&self.workspace, &self.target);
        command.args(["clippy", "--lib", "--package", &self.name, "--message-format", "json"]);
        if as_model {
            command.args(["--features", "model", "--", "-W", "clippy::disallowed_types", "-W", "clippy::disallowed_methods"]);
        }
        run(command, &self.name)
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
    let built = run(command, "benches")?;
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
    let built = run(command, "benches")?;
    let program = built.executables.get("peers").filter(|_| built.good).cloned();
    program.with_context(|| format!("cannot build the peers in Rust:\n{}{}", built.said, built.cargo_said))
}

fn run(mut command: Command, package: &str) -> Result<Built> {
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
    let package = package.to_owned();
    let reader = thread::spawn(move || read_messages(output, &package));
    let status = group.wait_until(Instant::now() + LIMIT).context("cannot wait for cargo")?;
    let timed_out = status.is_none();
    drop(group);
    let mut built = reader.join().unwrap_or_default();
    built.good = status.is_some_and(|status| status.success());
    built.timed_out = timed_out;
    built.cargo_said = errors.and_then(|errors| errors.join().ok()).unwrap_or_default();
    Ok(built)
}

fn read_messages(output: impl Read, package: &str) -> Built {
    let mut built = Built::default();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Message>(&line) else { continue };
        // `path+file:///../exercises/threads/spin_lock#0.1.0`, or `..#name@0.1.0` where the folder is called otherwise.
        let own = message.package_id.contains(&format!("/{package}#")) || message.package_id.contains(&format!("#{package}@"));
        match (message.reason.as_str(), message.target, message.executable, message.message) {
            ("compiler-artifact", Some(target), Some(executable), _) => {
                built.executables.insert(target.name, executable);
            }
            ("compiler-message", _, _, Some(diagnostic)) if own || diagnostic.level.starts_with("error") => {
                // It is stored: whoever draws it does so without a terminal.
                built.said.push_str(&without_colour(&diagnostic.rendered.unwrap_or_default()));
            }
            _ => {}
        }
    }
    built
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
