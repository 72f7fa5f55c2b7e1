//! The results of a class on disk: `OUT/submissions/<id>/results.json`, and beside each what it was made of.

use std::{
    collections::BTreeMap,
    fs,
    hash::Hasher,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use lab::workload::Digest;
use serde::{Deserialize, Serialize};

use super::{alike::Alike, folders::is_id};
use crate::results::{FORMAT_VERSION, Results, State, write_whole};

/// The command that makes results again.
const MAKE: &str = "cargo xtask grade --batch SUBMISSIONS --out OUT";

/// What a result depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// A hash of the submission's files: see [`files`](super::folders::files).
    pub files: String,
    /// What [`course`](super::GradeOne::course) said.
    pub course: String,
}

/// What stands beside a result, in `made_of.json`. It is written before the result and names it by its hash: until the result
/// itself is there, and where another one is, it says nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Label {
    #[serde(flatten)]
    key: Key,
    /// A hash of the bytes of `results.json`.
    results: String,
    /// By exercise.
    #[serde(default)]
    alike: BTreeMap<String, Alike>,
}

/// A stored result.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Whose.
    pub id: String,
    /// It.
    pub results: Results,
    /// What it was made of; absent where somebody wrote the result by hand.
    pub key: Option<Key>,
    /// By exercise, the hashes by which the same source is found twice.
    pub alike: BTreeMap<String, Alike>,
}

impl Stored {
    /// What came of the submission.
    pub fn state(&self) -> State {
        let told = self.results.submission.as_ref().map(|submission| submission.state.clone());
        told.unwrap_or_else(|| State::Error("its result says nothing of a submission".into()))
    }
}

/// A folder of results.
#[derive(Debug, Clone)]
pub struct Store {
    out: PathBuf,
}

impl Store {
    /// That of `out`.
    pub fn new(out: &Path) -> Self {
        Self { out: out.to_owned() }
    }

    /// Its folder.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// Where everything of one submission is.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.out.join("submissions").join(id)
    }

    fn results(&self, id: &str) -> PathBuf {
        self.folder(id).join("results.json")
    }

    fn label(&self, id: &str) -> PathBuf {
        self.folder(id).join("made_of.json")
    }

    /// The result of a submission where it is whole and of that key. One that was cut off, or changed by hand, is not.
    pub fn made_of(&self, id: &str, key: &Key) -> Option<Stored> {
        self.read(id).ok().filter(|stored| stored.key.as_ref() == Some(key))
    }

    /// The result of a submission.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn read(&self, id: &str) -> Result<Stored> {
        let results = Results::read_made_by(&self.results(id), MAKE)?;
        let bytes = fs::read(self.results(id)).with_context(|| format!("cannot read {}", self.results(id).display()))?;
        let label = fs::read(self.label(id)).ok().and_then(|text| serde_json::from_slice::<Label>(&text).ok());
        let label = label.filter(|label| label.results == hash(&bytes));
        let (key, alike) = label.map_or((None, BTreeMap::new()), |label| (Some(label.key), label.alike));
        Ok(Stored { id: id.to_owned(), results, key, alike })
    }

    /// Writes a result: whole or not at all, and last.
    ///
    /// # Errors
    /// If the folder cannot be made or written.
    pub fn write(&self, stored: &Stored) -> Result<()> {
        let mut text = serde_json::to_string_pretty(&stored.results)?;
        text.push('\n');
        if let Some(key) = &stored.key {
            let label = Label { key: key.clone(), results: hash(text.as_bytes()), alike: stored.alike.clone() };
            let label = serde_json::to_string_pretty(&label)? + "\n";
            write_whole(&self.label(&stored.id), label.as_bytes())?;
        }
        write_whole(&self.results(&stored.id), text.as_bytes())
    }

    /// Copies a result of another folder, byte for byte, and last.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn copy(&self, from: &Self, id: &str) -> Result<()> {
        let read = |path: PathBuf| fs::read(&path).with_context(|| format!("cannot read {}", path.display()));
        match from.label(id) {
            label if label.exists() => write_whole(&self.label(id), &read(label)?)?,
            // Another result's would say nothing of this one, and needs not stand there.
            _ => _ = fs::remove_file(self.label(id)),
        }
        write_whole(&self.results(id), &read(from.results(id))?)
    }

    /// Whose results there are, sorted.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let folder = self.out.join("submissions");
        if !folder.exists() {
            return Ok(Vec::new());
        }
        let told = || format!("cannot read {}", folder.display());
        let mut ids = Vec::new();
        for entry in fs::read_dir(&folder).with_context(told)? {
            let name = entry.with_context(told)?.file_name();
            let id = name.to_str().filter(|id| is_id(id) && self.results(id).is_file());
            ids.extend(id.map(str::to_owned));
        }
        ids.sort();
        Ok(ids)
    }

    /// All results, by id.
    ///
    /// # Errors
    /// If one cannot be read; the message names it.
    pub fn all(&self) -> Result<Vec<Stored>> {
        self.ids()?.iter().map(|id| self.read(id)).collect()
    }

    /// What tells whether anything was written since: of every result its size, its time and its place on the disk.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn snapshot(&self) -> Result<Vec<(String, [i64; 4])>> {
        let about = |id: String| {
            let about = fs::metadata(self.results(&id)).ok()?;
            Some((id, [about.size().cast_signed(), about.mtime(), about.mtime_nsec(), about.ino().cast_signed()]))
        };
        Ok(self.ids()?.into_iter().filter_map(about).collect())
    }
}

fn hash(bytes: &[u8]) -> String {
    let mut digest = Digest::default();
    digest.write(bytes);
    format!("{:016x}", digest.finish())
}

/// The results of what was not graded, which say why.
pub fn not_graded(id: &str, why: String, machine: &crate::results::Machine) -> Results {
    let started = jiff::Timestamp::now();
    Results {
        format_version: FORMAT_VERSION,
        command: "grade".into(),
        started: started.round(jiff::Unit::Second).unwrap_or(started).to_string(),
        seconds: 0.0,
        commit: None,
        machine: machine.clone(),
        seed: crate::check::SEED,
        exercises: Vec::new(),
        ceilings: None,
        submission: Some(crate::results::Submission {
            id: id.to_owned(),
            state: State::Error(why),
            taken: Vec::new(),
            ignored: Vec::new(),
            fingerprint: String::new(),
            sandbox: Vec::new(),
            limits: crate::results::Limits::default(),
            remarks: Vec::new(),
        }),
    }
}
