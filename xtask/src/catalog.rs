//! The exercises of the course, read from their manifests.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::results::Detail;

/// The tracks, in the order of the course.
pub const TRACKS: [&str; 6] = ["threads", "processes", "async", "algorithms", "distributed", "debugging"];

/// The checks, in the order in which they are made: the quick and telling ones first.
pub const CHECKS: [&str; 5] = ["tests", "model", "trace", "span", "speed"];

/// The check that only `grade` makes: the tests that a learner does not see.
pub const HIDDEN: &str = "hidden";

/// The whole course.
#[derive(Debug)]
pub struct Catalog {
    /// The folder of the workspace.
    pub root: PathBuf,
    /// Where cargo puts what it builds: where it was told to, or `target`.
    pub target: PathBuf,
    /// In the order of the course.
    pub exercises: Vec<Exercise>,
}

/// One exercise.
#[derive(Debug, Clone)]
pub struct Exercise {
    /// `spin_lock`: the folder's and the package's name.
    pub name: String,
    /// `threads`.
    pub track: String,
    /// What its manifest says.
    pub about: About,
    /// Crates that only its workload is built with, by their names in code: what it is measured against.
    pub peers: Vec<String>,
    /// The tests that a learner does not see, where this checkout has them.
    pub hidden: Option<Hidden>,
}

/// `[package.metadata.hidden]` of a solution's manifest: tests in its `tests/hidden.rs` that only `grade` makes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hidden {
    /// What they are worth together, beside the points of the exercise's own manifest.
    pub points: f64,
    /// How much of a failure the learner is shown.
    #[serde(default)]
    pub detail: Detail,
    /// The same of single tests, by their names.
    #[serde(default)]
    pub tests: BTreeMap<String, Detail>,
}

impl Hidden {
    /// How much of a failure of this test the learner is shown.
    pub fn detail_of(&self, test: &str) -> Detail {
        self.tests.get(test).copied().unwrap_or(self.detail)
    }
}

/// `[package.metadata.exercise]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// A few words.
    pub title: String,
    /// Its place in the course.
    pub order: u32,
    /// `implement`, `fix`, `optimise`, `write-tests` or `investigate`.
    pub kind: String,
    /// The one idea that it teaches.
    pub summary: String,
    /// The topic of the articles that it answers.
    pub topic: String,
    /// The Python counterpart.
    pub python: String,
    /// What the starter consists of and the learner edits, relative to the exercise. Modules that a learner adds beside it are
    /// taken, too.
    pub files: Vec<String>,
    /// What a submission may use beside memory and threads, because a right one needs it.
    #[serde(default)]
    pub needs: Vec<Need>,
    /// What each check is worth. A check that is not named is not made.
    pub points: BTreeMap<String, f64>,
    /// Seconds that one test process or one measured run may take, by check.
    #[serde(default)]
    pub limits: BTreeMap<String, f64>,
    /// How the pace is graded.
    pub speed: Option<Pace>,
    /// How the parallelism is graded.
    pub span: Option<Parallelism>,
    /// What is known of the starter.
    pub starter: Starter,
}

/// What an exercise cannot be solved without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// `unsafe`: without it, a submission is compiled with `-F unsafe_code`.
    Unsafe,
    /// Child processes.
    Processes,
    /// Servers on this machine.
    Loopback,
}

/// `[package.metadata.exercise.speed]`: full points for a ratio of run times up to `full_at`, none from `zero_at` on.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// `reference`, `baseline`, or the name of a peer of the workload.
    pub against: String,
    /// The largest ratio for full points.
    pub full_at: f64,
    /// The smallest ratio for none.
    pub zero_at: f64,
    /// Threads, processes or requests in flight of both; no more than there are cores where they compute.
    #[serde(default = "two")]
    pub threads: usize,
    /// Values of the workload's sweep: there is a comparison at each, and the worst counts. Empty: one comparison, as usual.
    #[serde(default)]
    pub at: Vec<u64>,
}

fn two() -> usize {
    2
}

/// `[package.metadata.exercise.span]`: full points for a parallelism (work over span) from `full_at` on, none up to `zero_at`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parallelism {
    /// The least parallelism for full points.
    pub full_at: f64,
    /// The largest for none.
    pub zero_at: f64,
}

/// `[package.metadata.exercise.starter]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Starter {
    /// The checks that the starter must fail, each by all of its tests but those of `passes`.
    pub fails: Vec<String>,
    /// The tests of these checks that the starter passes all the same: what they ask for is given.
    #[serde(default)]
    pub passes: Vec<String>,
    /// The [`fingerprint`] of the starter's files: while the learner's files have it, nothing was done yet.
    #[serde(default)]
    pub fingerprint: String,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Dependency {
    Table {
        #[serde(default)]
        optional: bool,
    },
    #[expect(dead_code, reason = "a version alone says nothing of interest, but may be written")]
    Version(String),
}

#[derive(Deserialize)]
struct Package {
    name: String,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    exercise: Option<About>,
    hidden: Option<Hidden>,
}

impl Exercise {
    /// `threads/spin_lock`.
    pub fn path(&self) -> String {
        format!("{}/{}", self.track, self.name)
    }

    /// The time limit of one process of a check.
    pub fn limit(&self, check: &str) -> Duration {
        let default = match check {
            "model" => 60.0,
            _ => 20.0,
        };
        Duration::from_secs_f64(self.about.limits.get(check).copied().unwrap_or(default))
    }

    /// The checks that are made, in order.
    pub fn checks(&self) -> Vec<&'static str> {
        CHECKS.into_iter().filter(|check| self.about.points.contains_key(*check)).collect()
    }

    /// What a check is worth; 0 for one that is not made.
    pub fn worth(&self, check: &str) -> f64 {
        match &self.hidden {
            Some(hidden) if check == HIDDEN => hidden.points,
            _ => self.about.points.get(check).copied().unwrap_or_default(),
        }
    }

    /// All points.
    pub fn max_points(&self) -> f64 {
        self.about.points.values().sum()
    }
}

impl Catalog {
    /// Reads every manifest below `root/exercises`.
    ///
    /// # Errors
    /// If a manifest cannot be read or says something that cannot be; the message names the file.
    pub fn read(root: &Path) -> Result<Self> {
        let mut exercises = Vec::new();
        for track in TRACKS {
            let folder = root.join("exercises").join(track);
            // A track without an exercise yet has no folder.
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                let manifest = entry.path().join("Cargo.toml");
                if manifest.is_file() {
                    let mut exercise = read_exercise(track, &manifest)?;
                    exercise.hidden = hidden_of(&root.join("solutions").join(exercise.path()))?;
                    exercises.push(exercise);
                }
            }
        }
        if exercises.is_empty() {
            bail!("{} holds no exercise; is this the folder of the course?", root.join("exercises").display());
        }
        exercises.sort_by_key(|exercise| exercise.about.order);
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self { root: root.to_owned(), target, exercises })
    }

    /// The exercise called `name`, or `track/name`.
    ///
    /// # Errors
    /// If there is none: the message names the nearest ones.
    pub fn find(&self, name: &str) -> Result<&Exercise> {
        let wanted = name.trim_end_matches('/').trim_start_matches("exercises/");
        if let Some(found) = self.exercises.iter().find(|exercise| exercise.name == wanted || exercise.path() == wanted) {
            return Ok(found);
        }
        let last = wanted.rsplit('/').next().unwrap_or(wanted);
        // `sort` means merge_sort, which no distance between spellings tells.
        let likeness = |name: &str| if name.contains(last) { 1.0 } else { strsim::jaro_winkler(last, name) };
        let mut near: Vec<_> = self.exercises.iter().map(|exercise| (likeness(&exercise.name), &exercise.name)).collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near: Vec<_> = near.into_iter().take(3).filter(|(score, _)| *score > 0.6).map(|(_, name)| name.as_str()).collect();
        if near.is_empty() {
            bail!("no exercise is called {name:?}; see them all with: cargo xtask list");
        }
        bail!("no exercise is called {name:?}; did you mean {}? See them all with: cargo xtask list", near.join(" or "));
    }

    /// Those that are named, or all where none is.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn select(&self, names: &[String]) -> Result<Vec<&Exercise>> {
        if names.is_empty() { Ok(self.exercises.iter().collect()) } else { names.iter().map(|name| self.find(name)).collect() }
    }

    /// `exercises/<track>/<name>`.
    pub fn exercise_folder(&self, exercise: &Exercise) -> PathBuf {
        self.root.join("exercises").join(&exercise.track).join(&exercise.name)
    }

    /// `solutions/<track>/<name>`; not there in a learner's handout.
    pub fn solution_folder(&self, exercise: &Exercise) -> PathBuf {
        self.root.join("solutions").join(&exercise.track).join(&exercise.name)
    }

    /// Where the runner keeps what it makes: below cargo's own folder, so that `cargo clean` takes it too.
    pub fn scratch(&self) -> PathBuf {
        self.target.join("racecourse")
    }

    /// Whether the learner has changed nothing yet.
    ///
    /// # Errors
    /// If a file that the learner edits cannot be read.
    pub fn is_starter(&self, exercise: &Exercise) -> Result<bool> {
        Ok(fingerprint(&self.exercise_folder(exercise), &exercise.about.files)? == exercise.about.starter.fingerprint)
    }
}

fn read_exercise(track: &str, manifest: &Path) -> Result<Exercise> {
    let shown = manifest.display();
    let text = fs::read_to_string(manifest).with_context(|| format!("cannot read {shown}"))?;
    let parsed: Manifest = toml_edit::de::from_str(&text).with_context(|| format!("{shown} is not right"))?;
    let name = parsed.package.name;
    let about = parsed.package.metadata.and_then(|metadata| metadata.exercise);
    let about = about.with_context(|| format!("{shown} has no [package.metadata.exercise]; copy it from a neighbour"))?;
    if manifest.parent().and_then(Path::file_name).and_then(|folder| folder.to_str()) != Some(&name) {
        bail!("{shown}: the package is called {name:?}, which is not its folder's name");
    }
    for check in about.points.keys().chain(&about.starter.fails).chain(about.limits.keys()) {
        if !CHECKS.contains(&check.as_str()) {
            bail!("{shown}: no check is called {check:?}; there are {}", CHECKS.join(", "));
        }
    }
    for (check, there) in [("speed", about.speed.is_some()), ("span", about.span.is_some())] {
        if about.points.contains_key(check) != there {
            bail!("{shown}: points for {check:?} and [package.metadata.exercise.{check}] go together");
        }
    }
    if let Some(bad) = about.files.iter().find(|file| !file.starts_with("src/") || file.contains("..")) {
        bail!("{shown}: {bad:?} cannot be a learner's file; they are all below src/");
    }
    if about.points.is_empty() || about.points.values().any(|points| *points <= 0.0) {
        bail!("{shown}: every check that is made is worth more than nothing");
    }
    let optional = |dependency: &Dependency| matches!(dependency, Dependency::Table { optional: true });
    let peers = parsed.dependencies.iter().filter(|(_, dependency)| optional(dependency));
    let peers = peers.map(|(name, _)| name.replace('-', "_")).collect();
    Ok(Exercise { name, track: track.to_owned(), about, peers, hidden: None })
}

/// The hidden tests in a solution's folder, if it has any.
fn hidden_of(solution: &Path) -> Result<Option<Hidden>> {
    let (manifest, tests) = (solution.join("Cargo.toml"), solution.join("tests/hidden.rs"));
    let shown = manifest.display();
    let text = match fs::read_to_string(&manifest) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("cannot read {shown}"))?,
    };
    let parsed: Manifest = toml_edit::de::from_str(&text).with_context(|| format!("{shown} is not right"))?;
    let hidden = parsed.package.metadata.and_then(|metadata| metadata.hidden);
    if hidden.is_some() != tests.is_file() {
        bail!("{shown}: [package.metadata.hidden] and {} go together", tests.display());
    }
    if hidden.as_ref().is_some_and(|hidden| hidden.points <= 0.0) {
        bail!("{shown}: hidden tests are worth more than nothing");
    }
    Ok(hidden)
}

/// A hash over the files' names and lines, blind to line endings and to white space at a line's end.
///
/// # Errors
/// If a file cannot be read.
pub fn fingerprint(folder: &Path, files: &[String]) -> Result<String> {
    use std::hash::Hasher;
    let mut digest = lab::workload::Digest::default();
    for file in files {
        let path = folder.join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        digest.write(file.as_bytes());
        for line in text.lines() {
            digest.write(line.trim_end().as_bytes());
            digest.write(b"\n");
        }
    }
    Ok(format!("{:016x}", digest.finish()))
}

/// The folder of the workspace: where this program was built from, or the nearest one above.
///
/// # Errors
/// If neither is a checkout of the course.
pub fn find_root() -> Result<PathBuf> {
    let is_course = |folder: &Path| folder.join("exercises").is_dir() && folder.join("lab/Cargo.toml").is_file();
    // Set by cargo to the folder of this package when it runs it.
    let package = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = std::env::current_dir().context("cannot tell the current folder")?;
    let above = package.iter().filter_map(|folder| folder.parent()).chain(here.ancestors());
    above
        .into_iter()
        .find(|folder| is_course(folder))
        .map(Path::to_owned)
        .context("this is not a checkout of the course: no folder above holds exercises/ and lab/; go there and try again")
}
