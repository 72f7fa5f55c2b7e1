//! Lays out a new exercise that is proven from its first minute: a small real example, to be changed piece by piece.

use std::{fmt, fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::{
    catalog::{Catalog, TRACKS},
    results::write_whole,
    stage::guest_manifest,
    tidy,
};

/// How the exercise is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// The starter is to be written.
    Implement,
    /// The starter has a bug.
    Fix,
    /// The starter is right, and slow.
    Optimise,
}

impl Kind {
    fn starter(self) -> &'static str {
        match self {
            Self::Implement => include_str!("../templates/exercise/starters/implement.rs"),
            Self::Fix => include_str!("../templates/exercise/starters/fix.rs"),
            Self::Optimise => include_str!("../templates/exercise/starters/optimise.rs"),
        }
    }

    /// The checks that the starter must fail.
    fn fails(self) -> &'static [&'static str] {
        match self {
            Self::Implement => &["tests", "model", "speed"],
            Self::Fix => &["model"],
            Self::Optimise => &["speed"],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Implement => "implement",
            Self::Fix => "fix",
            Self::Optimise => "optimise",
        })
    }
}

/// What the template calls the exercise.
const NAME: &str = "new_exercise";

/// Its files, and where they go.
macro_rules! files {
    ($($file:literal),*) => { [$(($file, include_str!(concat!("../templates/exercise/", $file)))),*] };
}

const FILES: [(&str, &str); 15] = files![
    "exercise/Cargo.toml",
    "exercise/README.md",
    "exercise/hints.md",
    "exercise/workload.rs",
    "exercise/tests/behaviour.rs",
    "exercise/tests/model.rs",
    "exercise/tests/signatures/mod.rs",
    "solution/NOTES.md",
    "solution/src/lib.rs",
    "solution/mutants/last_wins.patch",
    "solution/mutants/smallest.patch",
    "solution/mutants/tells_the_new.patch",
    "solution/mutants/two_steps.patch",
    "solution/variants/exchange.patch",
    "solution/variants/lock.patch"
];

/// Writes the exercise `track/name` and its solution; returns the files, from the root of the course on.
///
/// # Errors
/// If the name cannot be one or is taken, see [`named`], or a file cannot be written.
pub fn write(catalog: &Catalog, path: &str, kind: Kind) -> Result<Vec<String>> {
    let (track, name) = named(catalog, path)?;
    let title = title(name);
    let mut written = Vec::new();
    let starter = ("exercise/src/lib.rs", kind.starter());
    for (file, text) in FILES.into_iter().chain([starter]) {
        let (part, rest) = file.split_once('/').context("a file of the template is below its part")?;
        let text = text.replace(NAME, name).replace("New exercise", &title);
        let text = if file == "exercise/Cargo.toml" { manifest(&text, kind, next_order(catalog, track))? } else { text };
        let file = format!("{part}s/{track}/{name}/{rest}");
        write_whole(&catalog.root.join(&file), text.as_bytes())?;
        written.push(file);
    }
    // The solution's manifest, the fingerprint, and the table of exercises.
    written.extend(tidy::fix(&catalog.root)?.into_iter().filter(|file| !written.contains(file)).collect::<Vec<_>>());
    Ok(written)
}

/// The track and the name in `track/name`.
///
/// # Errors
/// If the name cannot be one or is taken.
pub fn named<'a>(catalog: &Catalog, path: &'a str) -> Result<(&'a str, &'a str)> {
    let Some((track, name)) = path.trim_start_matches("exercises/").trim_end_matches('/').split_once('/') else {
        bail!("{path:?} is not <track>/<name>, such as threads/spin_lock");
    };
    if !TRACKS.contains(&track) {
        bail!("no track is called {track:?}; there are {}", TRACKS.join(", "));
    }
    let snake = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if !snake || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        bail!("{name:?} cannot be a crate's name here: small letters, digits and `_`, and a letter first");
    }
    if let Some(other) = catalog.exercises.iter().find(|exercise| exercise.name == name) {
        bail!("{} is there already", other.path());
    }
    let taken = [catalog.root.join("exercises").join(track).join(name), catalog.root.join("solutions").join(track).join(name)];
    if let Some(folder) = taken.iter().find(|folder| folder.exists()) {
        bail!("{} is there already, and is no exercise; remove it, or take another name", folder.display());
    }
    Ok((track, name))
}

/// `spin_lock` as `Spin lock`.
fn title(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("{}{}", first.to_uppercase(), rest.replace('_', " "))
}

/// The first free place behind the last of the track, with room between.
fn next_order(catalog: &Catalog, track: &str) -> u32 {
    let orders = |exercise: &&crate::catalog::Exercise| exercise.track == track;
    let last = catalog.exercises.iter().filter(orders).map(|exercise| exercise.about.order).max();
    let first = TRACKS.iter().position(|other| *other == track).unwrap_or_default() as u32 * 100;
    let taken = |order: &u32| catalog.exercises.iter().any(|exercise| exercise.about.order == *order);
    (1..).map(|step| last.unwrap_or(first) + 10 * step).find(|order| !taken(order)).unwrap_or_default()
}

fn manifest(text: &str, kind: Kind, order: u32) -> Result<String> {
    let mut document: toml_edit::DocumentMut = text.parse().context("the template's manifest is not TOML")?;
    let about = &mut document["package"]["metadata"]["exercise"];
    about["kind"] = toml_edit::value(kind.to_string());
    about["order"] = toml_edit::value(i64::from(order));
    about["starter"]["fails"] = toml_edit::value(toml_edit::Array::from_iter(kind.fails().iter().copied()));
    Ok(document.to_string())
}

/// An empty course in `folder`, on this one's library, versions and profiles: to prove the template in.
///
/// # Errors
/// If a file cannot be read or written.
pub fn empty_course(catalog: &Catalog, folder: &Path) -> Result<Catalog> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder.join("exercises")).with_context(|| format!("cannot make {}", folder.display()))?;
    let manifest = guest_manifest(&catalog.root, ["exercises/*/*", "solutions/*/*"].map(String::from))?;
    write_whole(&folder.join("Cargo.toml"), manifest.to_string().as_bytes())?;
    write_whole(&folder.join("README.md"), tidy::empty_table().as_bytes())?;
    for file in ["Cargo.lock", "clippy.toml"] {
        let from = catalog.root.join(file);
        fs::copy(&from, folder.join(file)).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(Catalog { root: folder.to_owned(), target: catalog.target.clone(), exercises: Vec::new() })
}
