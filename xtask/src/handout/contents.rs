//! Which files a handout consists of, and what stands in each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use super::{Course, FILE, manifests, public_checks};
use crate::{
    catalog::{Catalog, Exercise},
    stage::files_below,
    tidy::table,
};

/// Content by path, from the handout's folder on.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What goes into every handout as it stands in the course.
const SAME: [&str; 8] = [
    ".cargo/config.toml",
    "Cargo.lock",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "benches/workloads.rs",
    "clippy.toml",
    "rustfmt.toml",
    "lab/src",
];

/// What stands before a module that a learner's runner is built without.
const AUTHOR: &str = "#[cfg(feature = \"author\")]";

/// Where the table of exercises goes in the learner's README.
const TABLE: &str = "<!-- table -->";

/// The files of a handout of these exercises on a day.
///
/// # Errors
/// If a file of the course cannot be read, or an exercise holds somebody's work in the place of the starter.
pub fn files(catalog: &Catalog, exercises: &[&Exercise], date: &str) -> Result<Files> {
    let mut files = Files::new();
    let mut taker = Taker { root: &catalog.root, files: &mut files };
    SAME.iter().try_for_each(|path| taker.take_all(path))?;
    taker.take_runner()?;
    for exercise in exercises {
        taker.take_exercise(catalog, exercise)?;
    }
    let own = |text: &str| text.as_bytes().to_vec();
    files.insert("README.md".into(), own(&include_str!("README.md").replace(TABLE, &table(exercises.iter().copied()))));
    files.insert(".gitignore".into(), own("/target\n# What `cargo xtask report` writes.\n/reports/*\n!/reports/.gitkeep\n"));
    files.insert("reports/.gitkeep".into(), Vec::new());
    files.insert(".github/workflows/grade.yml".into(), own(include_str!("../../graders/github/grade.yml")));
    let course = Course::of(catalog, exercises, date.to_owned())?;
    let said = "# Which state of the course this is. Grading tells by it whether a submission is for another one: leave it.\n";
    files.insert(FILE.into(), own(&format!("{said}{}", toml_edit::ser::to_string_pretty(&course)?)));
    files.extend(manifests::of(catalog, exercises)?.into_iter().map(|(path, manifest)| (path, own(&manifest.to_string()))));
    Ok(files)
}

/// The files of an exercise that a learner gets, from its folder on; its manifest is written for it.
pub(super) fn of_exercise(catalog: &Catalog, exercise: &Exercise) -> Result<Vec<String>> {
    let folder = catalog.exercise_folder(exercise);
    let told = ["README.md", "hints.md"].map(String::from);
    Ok(told.into_iter().chain(public_checks(&folder)?).chain(exercise.about.files.iter().cloned()).collect())
}

struct Taker<'a> {
    root: &'a Path,
    files: &'a mut Files,
}

impl Taker<'_> {
    fn take(&mut self, path: &Path) -> Result<()> {
        let name = path.strip_prefix(self.root).ok().and_then(Path::to_str);
        let name = name.with_context(|| format!("{} is not a path in the course", path.display()))?;
        let content = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        self.files.insert(name.to_owned(), content);
        Ok(())
    }

    /// A file, or all below a folder that is source or prose: what an editor left beside them stays here.
    fn take_all(&mut self, path: &str) -> Result<()> {
        let path = self.root.join(path);
        if path.is_file() {
            return self.take(&path);
        }
        let kept = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "rs" || ending == "md");
        files_below(&path)?.iter().filter(kept).try_for_each(|path| self.take(path))
    }

    /// The runner, without the modules that only authors need, and with what its sources embed.
    fn take_runner(&mut self) -> Result<()> {
        let sources: Vec<PathBuf> = files_below(&self.root.join("xtask/src"))?
            .into_iter()
            .filter(|path| path.extension() == Some("rs".as_ref()))
            .collect();
        let mut left_out = BTreeSet::new();
        for path in &sources {
            left_out.extend(authors_modules(path)?);
        }
        for path in sources.iter().filter(|path| !path.ancestors().any(|above| left_out.contains(above))) {
            self.take(path)?;
            for embedded in embedded(path)? {
                self.take(&embedded)?;
            }
        }
        Ok(())
    }

    fn take_exercise(&mut self, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
        if !catalog.is_starter(exercise)? {
            bail!(
                "exercises/{} is not the starter: somebody has worked in it, and that would be handed out; \
                 undo that (git checkout), or where the starter was changed on purpose: cargo xtask tidy --fix",
                exercise.path()
            );
        }
        let folder = catalog.exercise_folder(exercise);
        of_exercise(catalog, exercise)?.iter().try_for_each(|file| self.take(&folder.join(file)))
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The files and folders of the modules that `source` declares for authors alone.
fn authors_modules(source: &Path) -> Result<Vec<PathBuf>> {
    let text = read(source)?;
    let folder = source.parent().context("a file has a folder")?;
    let is_root = ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| source.ends_with(name));
    let folder = if is_root { folder.to_owned() } else { source.with_extension("") };
    let mut modules = Vec::new();
    for (attribute, declaration) in text.lines().zip(text.lines().skip(1)) {
        let name = declaration.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'));
        if let Some(name) = name.filter(|_| attribute == AUTHOR) {
            modules.extend([folder.join(format!("{name}.rs")), folder.join(name)]);
        }
    }
    Ok(modules)
}

/// The files that `source` embeds, wherever they stand: without them it does not compile.
fn embedded(source: &Path) -> Result<Vec<PathBuf>> {
    let text = read(source)?;
    let folder = source.parent().context("a file has a folder")?;
    let names = ["include_str!(\"", "include_bytes!(\""].into_iter().flat_map(|word| text.split(word).skip(1));
    let names: Vec<&str> = names.filter_map(|rest| rest.split_once("\")").map(|(name, _)| name)).collect();
    Ok(names.into_iter().map(|name| plain(&folder.join(name))).collect())
}

/// The path without `..`, so that it can be told from the course's folder on.
fn plain(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut plain, component| {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
        plain
    })
}
