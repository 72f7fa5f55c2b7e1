//! What this machine has of what peers need: an interpreter, packages in the right version, a compiler. Nothing is installed.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{Declared, Made, Places};
use crate::{
    build,
    process::{End, Run},
};

/// Asking an interpreter for its packages may take this long.
const ASKING: Duration = Duration::from_secs(60);

/// Compiling one file may take this long.
const COMPILING: Duration = Duration::from_secs(300);

/// What the scripts are written in: they use `match`.
const LEAST_PYTHON: [u32; 2] = [3, 10];

/// Prints a JSON object with the version of each package that it is asked for, null for one that is not there, and `python`.
const VERSIONS: &str = "
import importlib.metadata, json, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
print(json.dumps({'python': platform.python_version(), **{name: version(name) for name in sys.argv[1:]}}))
";

/// How to install what peers in Python need, from the folder of the course.
const INSTALL: &str = "python3 -m venv target/racecourse/python && \
                       target/racecourse/python/bin/pip install -r benches/peers/python/requirements.txt";

/// How a peer is started.
#[derive(Debug, Clone)]
pub struct Start {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub environment: Vec<(&'static str, OsString)>,
}

/// What this machine has.
#[derive(Debug)]
pub struct Installed {
    python: Option<PathBuf>,
    /// The interpreter's version, where it says one.
    version: Option<String>,
    /// Versions of packages: what `requirements.txt` asks for, and what is there.
    packages: BTreeMap<String, (String, Option<String>)>,
    /// Built when the first peer in Rust is met.
    rust: OnceLock<Result<PathBuf, String>>,
}

impl Installed {
    /// Looks for an interpreter, in the virtual environment first, and asks it what it has.
    pub fn look(places: &Places) -> Result<Self> {
        let own = places.scratch.join("python").join("bin").join("python3");
        let python = if own.is_file() { Some(own) } else { on_path("python3") };
        let wanted = requirements(&places.folder.join("python").join("requirements.txt"))?;
        let found = match &python {
            Some(python) => versions(python, wanted.keys(), &places.folder),
            None => BTreeMap::new(),
        };
        let found_of = |name: &str| found.get(name).cloned().flatten();
        let packages = wanted.into_iter().map(|(name, wanted)| (name.clone(), (wanted, found_of(&name)))).collect();
        Ok(Self { python, version: found_of("python"), packages, rust: OnceLock::new() })
    }

    /// How to start a peer, or what is missing to it.
    ///
    /// # Errors
    /// If it cannot be built although everything is there.
    pub fn start(&self, peer: &Declared, places: &Places) -> Result<Result<Start, String>> {
        match &peer.made {
            Made::Rust => {
                let build = || build::peers_program(&places.workspace, &places.target).map_err(|error| format!("{error:#}"));
                let program = self.rust.get_or_init(build).clone().map_err(anyhow::Error::msg)?;
                let arguments = vec![peer.exercise.clone().into(), peer.name.clone().into()];
                Ok(Ok(Start { program, arguments, environment: Vec::new() }))
            }
            Made::Python { script, packages, programs } => self.python(&places.folder.join(script), packages, programs, places),
            Made::Cpp { source, flags } => compiled(&places.folder.join(source), flags, places),
        }
    }

    fn python(&self, script: &Path, packages: &[String], programs: &[String], places: &Places) -> Result<Result<Start, String>> {
        let Some(python) = &self.python else {
            return Ok(Err("there is no python3 on the PATH; install Python, and then: ".to_owned() + INSTALL));
        };
        match &self.version {
            None => return Ok(Err("python3 does not say which Python it is".into())),
            Some(version) if older(version) => {
                let [major, minor] = LEAST_PYTHON;
                return Ok(Err(format!("python3 is {version} here, and the scripts need {major}.{minor}; then: {INSTALL}")));
            }
            Some(_) => {}
        }
        let mut wrong = Vec::new();
        for name in packages {
            match self.packages.get(name) {
                None => bail!("{name} has no version in python/requirements.txt; add `{name}==..` there"),
                Some((_, None)) => wrong.push(format!("{name} is not installed")),
                Some((wanted, Some(found))) if wanted != found => {
                    wrong.push(format!("{name} is {found} here, and requirements.txt asks for {wanted}"));
                }
                Some(_) => {}
            }
        }
        if !wrong.is_empty() {
            return Ok(Err(format!("{}; install with: {INSTALL}", wrong.join(", "))));
        }
        if let Some(missing) = programs.iter().find(|program| on_path(program).is_none()) {
            return Ok(Err(format!("there is no {missing} on the PATH, which it needs beside its packages")));
        }
        let environment = vec![
            // What an interpreter compiles goes where `cargo clean` takes it.
            ("PYTHONPYCACHEPREFIX", places.scratch.join("python-cache").into()),
            // A library's own threads would be none of those that the place of the curve counts.
            ("OMP_NUM_THREADS", "1".into()),
            ("OPENBLAS_NUM_THREADS", "1".into()),
        ];
        Ok(Ok(Start { program: python.clone(), arguments: vec![script.into()], environment }))
    }
}

/// `name==version`, a line each; comments and empty lines are skipped.
fn requirements(file: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim()).filter(|line| !line.is_empty());
    let pinned = |line: &str| {
        let (name, version) = line.split_once("==")?;
        Some((name.trim().to_owned(), version.trim().to_owned()))
    };
    lines.map(|line| pinned(line).with_context(|| format!("{}: {line:?} is not `name==version`", file.display()))).collect()
}

/// What the interpreter has; empty where it does not say.
fn versions<'a>(python: &Path, names: impl Iterator<Item = &'a String>, folder: &Path) -> BTreeMap<String, Option<String>> {
    let arguments = ["-c", VERSIONS].map(OsString::from).into_iter().chain(names.map(OsString::from)).collect();
    let finished =
        Run { program: python, arguments, folder, environment: Vec::new(), limit: ASKING, stdin: Vec::new(), within: None }
            .finish();
    let said = finished.ok().filter(|finished| finished.end == End::Exited(0)).map(|finished| finished.stdout);
    said.and_then(|said| serde_json::from_str(&said).ok()).unwrap_or_default()
}

/// `3.9.7` is older than [`LEAST_PYTHON`].
fn older(version: &str) -> bool {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.parse().ok()).take(2).collect();
    parts[..] < LEAST_PYTHON[..]
}

/// Compiles a file with `g++`.
fn compiled(source: &Path, flags: &[String], places: &Places) -> Result<Result<Start, String>> {
    let Some(compiler) = on_path("g++") else { return Ok(Err("there is no g++ on the PATH".into())) };
    let name = source.file_stem().context("a source file has a name")?;
    let folder = places.scratch.join("peers");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let program = folder.join(name);
    let arguments = flags.iter().map(OsString::from).chain([source.into(), "-o".into(), program.clone().into()]).collect();
    let run = Run {
        program: &compiler,
        arguments,
        folder: &places.folder,
        environment: Vec::new(),
        limit: COMPILING,
        stdin: Vec::new(),
        within: None,
    };
    let finished = run.finish()?;
    match finished.end {
        End::Exited(0) => Ok(Ok(Start { program, arguments: Vec::new(), environment: Vec::new() })),
        _ => bail!("g++ does not compile {}:\n{}", source.display(), finished.stderr.trim_end()),
    }
}

/// Where a program is found, as a shell finds it.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirements_of(text: &str) -> Result<BTreeMap<String, String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        requirements(file.path())
    }

    #[test]
    fn requirements_are_pinned_versions() {
        let found = requirements_of("# what for\n\nnumpy==2.4.6  # sorts\n dask == 1.0\n").unwrap();
        assert_eq!(found, BTreeMap::from([("numpy", "2.4.6"), ("dask", "1.0")].map(|(a, b)| (a.to_owned(), b.to_owned()))));
        assert!(requirements_of("numpy>=2\n").unwrap_err().to_string().contains("\"numpy>=2\" is not `name==version`"));
    }

    #[test]
    fn without_an_interpreter_a_peer_is_skipped_and_the_way_to_one_is_said() {
        let installed = Installed { python: None, version: None, packages: BTreeMap::new(), rust: OnceLock::new() };
        let [folder, scratch, workspace, target] = ["peers", "scratch", "", "target"].map(PathBuf::from);
        let places = Places { folder, scratch, workspace, target };
        let missing = installed.python(Path::new("peer.py"), &["numpy".into()], &[], &places).unwrap().unwrap_err();
        assert!(missing.contains("no python3 on the PATH") && missing.contains("requirements.txt"), "{missing}");
    }
}
