//! Has cargo build what the exercises depend on, and writes down how it would have rustc compile the exercises themselves.
//!
//! Cargo is given this program as its `RUSTC_WORKSPACE_WRAPPER`. What it is asked to compile of the workspace is not compiled at
//! all: the command line is kept and an empty file is left where the output would be, so that cargo goes on to the next. Without
//! a list of a unit's sources cargo never takes it for up to date, so each recording is complete.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::Flavour;
use crate::{
    build::{cargo, without_colour},
    catalog::{Catalog, Exercise},
    screen,
    stage::{alone, copy_tree, guest_manifest, keep_only, read, update},
};

/// Where the command lines are kept: while it is set, this program is a wrapper of rustc.
pub const VARIABLE: &str = "RACECOURSE_RECIPE";

/// What cargo asked rustc to do, once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    /// Behind rustc's name.
    pub arguments: Vec<String>,
    /// What cargo tells the code about its package.
    pub environment: BTreeMap<String, String>,
}

/// What was recorded for one flavour.
#[derive(Debug)]
pub struct Recorded {
    /// Every unit of the workspace's own packages.
    pub units: Vec<Unit>,
    /// Libraries of everything else, by the name of their file, without folders.
    pub libraries: Vec<PathBuf>,
}

impl Unit {
    /// What follows `name`, as one argument or the next one.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.arguments.iter().enumerate().find_map(|(at, argument)| {
            let rest = argument.strip_prefix(name)?;
            if rest.is_empty() { self.arguments.get(at + 1).map(String::as_str) } else { rest.strip_prefix('=') }
        })
    }

    /// What `-C name=..` says.
    pub fn codegen(&self, name: &str) -> Option<&str> {
        let pairs = self.arguments.windows(2).filter(|pair| pair[0] == "-C");
        pairs.filter_map(|pair| pair[1].strip_prefix(name)?.strip_prefix('=')).next()
    }

    /// The package that it belongs to.
    pub fn package(&self) -> &str {
        self.environment.get("CARGO_PKG_NAME").map_or("", String::as_str)
    }

    /// Whether it is a test target.
    pub fn is_test(&self) -> bool {
        self.arguments.iter().any(|argument| argument == "--test")
    }

    /// The name of its crate.
    pub fn crate_name(&self) -> &str {
        self.value("--crate-name").unwrap_or("")
    }
}

/// What this program does as cargo's wrapper: keeps the command line, or hands a mere question on to rustc.
pub fn main() -> ExitCode {
    match wrap(std::env::args_os().skip(1).collect()) {
        Ok(never) => never,
        Err(error) => {
            screen::warn(format!("error: {error:#}"));
            ExitCode::from(3)
        }
    }
}

fn wrap(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.is_empty() {
        bail!("{VARIABLE} is set, which is for cargo alone; unset it");
    }
    let compiler = arguments.remove(0);
    let is_source = |argument: &OsString| argument.to_str().is_some_and(|argument| argument.ends_with(".rs"));
    if !arguments.iter().any(is_source) {
        return Err(Command::new(compiler).args(arguments).exec()).context("cannot start rustc");
    }
    let arguments = arguments.into_iter().map(|argument| argument.into_string().ok().context("an argument is not UTF-8"));
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") || name == "OUT_DIR");
    let unit = Unit { arguments: arguments.collect::<Result<_>>()?, environment: environment.collect() };
    let folder = PathBuf::from(std::env::var_os(VARIABLE).context("nobody said where to record")?);
    let name = format!("{}{}", unit.crate_name(), unit.codegen("extra-filename").unwrap_or(""));
    fs::write(folder.join(&name).with_extension("json"), serde_json::to_vec(&unit)?).context("cannot record")?;
    // All that cargo asks of an output is that it is there.
    let out = Path::new(unit.value("--out-dir").context("cargo names no --out-dir")?);
    for file in [format!("lib{name}.rlib"), format!("lib{name}.rmeta"), name] {
        fs::write(out.join(file), b"").context("cannot leave an output")?;
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    rendered: Option<String>,
}

/// A workspace of the exercises for recording, which nobody else uses while this is there.
#[derive(Debug)]
pub struct Workspace<'a> {
    catalog: &'a Catalog,
    /// Where it stands.
    pub root: PathBuf,
    #[expect(dead_code, reason = "closing it is what unlocks it")]
    alone: File,
}

impl<'a> Workspace<'a> {
    /// Lays it out with every exercise as it is handed out.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub fn open(catalog: &'a Catalog) -> Result<Self> {
        let root = catalog.scratch().join("recipes");
        let alone = alone(&root)?;
        let manifest = guest_manifest(&catalog.root, ["packages/*".to_owned()])?;
        update(&root.join("Cargo.toml"), manifest.to_string().as_bytes())?;
        let lock = catalog.root.join("Cargo.lock");
        if lock.is_file() {
            update(&root.join("Cargo.lock"), &read(&lock)?)?;
        }
        // What recordings that were killed have left.
        keep_only(&root, |path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".tmp")))?;
        let packages = root.join("packages");
        for exercise in &catalog.exercises {
            copy_tree(&catalog.exercise_folder(exercise), &packages.join(&exercise.name))?;
        }
        keep_only(&packages, |path| catalog.exercises.iter().any(|exercise| path.ends_with(&exercise.name)))?;
        Ok(Self { catalog, root, alone })
    }

    /// Records how `exercises` are compiled in `flavour`; `wrapper` is the runner's own program.
    ///
    /// # Errors
    /// If cargo cannot be run, or a dependency cannot be built.
    pub fn record(&self, exercises: &[&Exercise], flavour: Flavour, wrapper: &Path) -> Result<Recorded> {
        let folder = tempfile::tempdir_in(&self.root).context("cannot make a folder for the record")?;
        let mut command = cargo(&self.root, &self.catalog.target);
        command.env("RUSTC_WORKSPACE_WRAPPER", self.wrapper(wrapper)?).env(VARIABLE, folder.path());
        command.args(["build", "--message-format", "json"]).args(flavour.arguments());
        for exercise in exercises {
            command.args(["--package", &exercise.name]);
        }
        for target in self.targets(exercises, flavour) {
            command.args(["--test", &target]);
        }
        let output = command.stdin(Stdio::null()).output().context("cannot start cargo")?;
        let stdout = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<Message> = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if !output.status.success() {
            let said = messages.iter().filter_map(|message| message.message.as_ref()?.rendered.as_deref());
            let said: String = said.collect();
            bail!(
                "what the exercises depend on cannot be built:\n{}{}",
                without_colour(&said),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let foreign = messages
            .into_iter()
            .filter(|message| message.reason == "compiler-artifact" && !message.manifest_path.starts_with(&self.root));
        let libraries = foreign.flat_map(|message| message.filenames).collect();
        let mut units = Vec::new();
        for entry in fs::read_dir(folder.path()).context("cannot read the record")? {
            units.push(serde_json::from_slice(&read(&entry?.path())?).context("the record is not whole")?);
        }
        Ok(Recorded { units, libraries })
    }

    /// A link to it that has the same name in every run: cargo keeps what was built by the wrapper's path.
    fn wrapper(&self, program: &Path) -> Result<PathBuf> {
        let link = self.root.join("wrapper");
        let replaced = || -> std::io::Result<()> {
            if link.is_symlink() {
                fs::remove_file(&link)?;
            }
            std::os::unix::fs::symlink(std::path::absolute(program)?, &link)
        };
        replaced().with_context(|| format!("cannot make {}", link.display()))?;
        Ok(link)
    }

    /// The test targets of a flavour.
    fn targets(&self, exercises: &[&Exercise], flavour: Flavour) -> Vec<String> {
        let has = |target: &str| {
            let file = format!("tests/{target}.rs");
            exercises.iter().any(|exercise| self.root.join("packages").join(&exercise.name).join(&file).is_file())
        };
        let all: &[&str] = match flavour {
            Flavour::Plain => &["behaviour", "trace"],
            Flavour::Model => &["model"],
            Flavour::Release => &[],
        };
        all.iter().filter(|target| has(target)).map(|target| (*target).to_owned()).collect()
    }
}
