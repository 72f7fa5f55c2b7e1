//! Compiles submissions with rustc itself: what they depend on is built once by cargo, and how cargo has the course's own code
//! compiled is written down and repeated with other sources.
//!
//! Nothing of a submission but its sources is there when it is compiled: no manifest, no build script, no configuration of cargo,
//! and no test, since the library is compiled before a test is written beside it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

pub use self::{
    compile::{BuiltTest, Compiler, Library, TestSource, Transform, built_of},
    mend::Broken,
    rustc::{Call, Limits, Ready, Runner, unconfined},
};
use self::{
    record::{Recorded, Unit, Workspace},
    rustc::toolchain,
};
use crate::{
    catalog::{Catalog, Exercise, Need},
    scratch::Scratch,
};

mod alone;
mod compile;
mod mend;
pub mod record;
mod rustc;

/// How an exercise is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flavour {
    /// For tests on real threads.
    Plain,
    /// For models: with feature `model`.
    Model,
    /// For what is measured: optimised, with feature `workload`.
    Release,
}

/// Every way, in the order in which they are wanted.
pub const FLAVOURS: [Flavour; 3] = [Flavour::Plain, Flavour::Model, Flavour::Release];

impl Flavour {
    /// What cargo is told.
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &[],
            Self::Model => &["--features", "model"],
            Self::Release => &["--release", "--features", "workload", "--bins"],
        }
    }

    /// What its folders are called.
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Model => "model",
            Self::Release => "release",
        }
    }

    /// Whether an exercise, whose folder is given, has something to be compiled so.
    fn concerns(self, folder: &Path) -> bool {
        match self {
            Self::Plain => true,
            Self::Model => folder.join("tests/model.rs").is_file(),
            Self::Release => folder.join("workload.rs").is_file(),
        }
    }
}

/// How the exercises are compiled, and the libraries that this takes: a folder of links that is removed with this.
#[derive(Debug)]
pub struct Recipes {
    by_name: BTreeMap<String, Recipe>,
    #[expect(dead_code, reason = "dropping it removes the folder")]
    kit: Kit,
}

/// How one exercise is compiled.
#[derive(Debug)]
pub struct Recipe {
    /// The exercise's name.
    pub name: String,
    toolchain: PathBuf,
    /// Of each flavour, where its libraries are.
    libraries: BTreeMap<Flavour, PathBuf>,
    units: BTreeMap<Flavour, Vec<Unit>>,
    /// The workload's source, which is the course's own.
    workload: Vec<u8>,
    /// As much of it as is compiled for a submission that is timed.
    timed: Vec<u8>,
    /// The settings of clippy, which are the course's own.
    clippy: Vec<u8>,
    /// Arguments for the learner's code alone.
    forbids: Vec<String>,
    /// Beginnings of paths of this machine: messages do without them.
    hidden: Vec<String>,
}

impl Recipes {
    /// Builds what `exercises` depend on, unless it is built already, and records how they are compiled. `wrapper` is the
    /// runner's own program.
    ///
    /// # Errors
    /// If cargo cannot be run, or a dependency cannot be built.
    pub fn record(catalog: &Catalog, exercises: &[&Exercise], wrapper: &Path) -> Result<Self> {
        let toolchain = toolchain()?;
        let workspace = Workspace::open(catalog)?;
        let kit = Kit::new(&workspace.root.join("kits"))?;
        let clippy = crate::stage::read(&catalog.root.join("clippy.toml"))?;
        let mut by_name = BTreeMap::new();
        for exercise in exercises {
            let workload = catalog.exercise_folder(exercise).join("workload.rs");
            let workload = if workload.is_file() { crate::stage::read(&workload)? } else { Vec::new() };
            // Where the course's own program is not there, a submission's workload has to run everybody.
            let timed = if catalog.reference(exercise).is_some() { alone_of(&workload)? } else { workload.clone() };
            let safe = !exercise.about.needs.contains(&Need::Unsafe);
            let forbids = if safe { vec!["-F".to_owned(), "unsafe_code".to_owned()] } else { Vec::new() };
            let (libraries, units) = (BTreeMap::new(), BTreeMap::new());
            let (name, toolchain, hidden, clippy) = (exercise.name.clone(), toolchain.clone(), hidden(catalog), clippy.clone());
            let recipe = Recipe { name, toolchain, libraries, units, workload, timed, clippy, forbids, hidden };
            by_name.insert(exercise.name.clone(), recipe);
        }
        for flavour in FLAVOURS {
            let concerned = |exercise: &&&Exercise| flavour.concerns(&catalog.exercise_folder(exercise));
            let concerned: Vec<&Exercise> = exercises.iter().filter(concerned).copied().collect();
            if concerned.is_empty() {
                continue;
            }
            let Recorded { units, libraries } = workspace.record(&concerned, flavour, wrapper)?;
            let folder = kit.fill(flavour, &libraries)?;
            for exercise in concerned {
                let Some(recipe) = by_name.get_mut(&exercise.name) else { continue };
                let own = units.iter().filter(|unit| unit.package() == exercise.name).cloned().collect();
                recipe.units.insert(flavour, own);
                recipe.libraries.insert(flavour, folder.clone());
            }
        }
        Ok(Self { by_name, kit })
    }

    /// That of one exercise.
    ///
    /// # Errors
    /// If it was not recorded.
    pub fn of(&self, exercise: &Exercise) -> Result<&Recipe> {
        self.by_name.get(&exercise.name).with_context(|| format!("how {} is compiled was not recorded", exercise.name))
    }
}

fn alone_of(workload: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(workload).context("workload.rs is not UTF-8 text")?;
    Ok(alone::alone(text)?.into_bytes())
}

/// The folders of the course and of others' crates: what stands in them is told without.
fn hidden(catalog: &Catalog) -> Vec<String> {
    let own = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from).or(own);
    // Where there are none, nothing of them can be told.
    let crates = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok()).into_iter().flatten().flatten();
    [catalog.root.clone()]
        .into_iter()
        .chain(crates.map(|entry| entry.path()))
        .map(|path| format!("{}/", path.display()))
        .collect()
}

/// A folder of links to the libraries that everything depends on, and to nothing else that cargo has built: what a compiler in a
/// sandbox may read. It stays as it is when cargo builds them anew.
#[derive(Debug)]
struct Kit {
    scratch: Scratch,
}

impl Kit {
    /// Makes an empty one.
    fn new(all: &Path) -> Result<Self> {
        Ok(Self { scratch: Scratch::new(all)? })
    }

    fn fill(&self, flavour: Flavour, libraries: &[PathBuf]) -> Result<PathBuf> {
        let folder = self.scratch.path().join(flavour.name());
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for library in libraries {
            let wanted = library.extension().is_some_and(|kind| ["rlib", "rmeta", "so", "dylib"].iter().any(|own| kind == *own));
            let Some(name) = library.file_name().filter(|_| wanted) else { continue };
            let to = folder.join(name);
            // On another disk there are no links.
            if fs::hard_link(library, &to).is_err() {
                fs::copy(library, &to).with_context(|| format!("cannot write {}", to.display()))?;
            }
        }
        Ok(folder)
    }
}
