//! The learner's repository: what goes into it, that nothing leaks with it, and which state of the course it is of.
//!
//! A handout is made from the files themselves and never from a clone: there is no history that could hold a solution. It is
//! laid out beside its place, searched for lines of what it must not hold, and only then moved there.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

#[cfg(feature = "author")]
pub use leaks::{Leak, Secrets};
#[cfg(feature = "author")]
pub use place::{Updated, course_in, free, update, write};

use crate::{
    catalog::{Catalog, Exercise, fingerprint},
    stage::files_below,
};

#[cfg(feature = "author")]
pub mod contents;
#[cfg(feature = "author")]
mod leaks;
#[cfg(feature = "author")]
mod manifests;
#[cfg(feature = "author")]
mod place;

/// The name of the file that says which state of the course a handout is of.
pub const FILE: &str = "course.toml";

/// The newest format of that file that this runner reads.
const FORMAT_VERSION: u32 = 1;

/// A `course.toml` may not be larger, in bytes: it may come with a submission.
const LARGEST: u64 = 64 << 10;

/// The state of the course that a handout is of: `course.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Course {
    /// The format of the file.
    pub format_version: u32,
    /// The commit of the course, with `+` where the tree had changes; absent outside a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The day of the handout, as `2026-11-28`.
    pub date: String,
    /// Those that were handed out, in the order of the course.
    #[serde(rename = "exercise")]
    pub editions: Vec<Edition>,
}

/// One exercise as it was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edition {
    /// `threads/spin_lock`.
    pub path: String,
    /// The [`fingerprint`] of the files that the learner edits, before that.
    pub starter: String,
    /// The fingerprint of what checks them: the tests and the workload.
    pub checks: String,
}

impl Course {
    /// The state in which `catalog` hands these exercises out on a day.
    ///
    /// # Errors
    /// If a file of an exercise cannot be read.
    pub fn of(catalog: &Catalog, exercises: &[&Exercise], date: String) -> Result<Self> {
        let edition = |exercise: &&Exercise| {
            let starter = exercise.about.starter.fingerprint.clone();
            Ok(Edition { path: exercise.path(), starter, checks: checks_of(catalog, exercise)? })
        };
        let editions = exercises.iter().map(edition).collect::<Result<_>>()?;
        Ok(Self { format_version: FORMAT_VERSION, commit: crate::machine::commit(&catalog.root), date, editions })
    }

    /// What `folder/course.toml` says; `None` where there is no such file, as in the course itself. The folder may be a
    /// submission: nothing that is returned can hold more than letters, digits and `_/+-`.
    ///
    /// # Errors
    /// If it is no plain file, too large, damaged, or of a newer format.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let shown = path.display();
        match fs::symlink_metadata(&path) {
            Err(_) => return Ok(None),
            Ok(about) if !about.is_file() => bail!("{shown} is not a plain file; take it from the handout again"),
            Ok(about) if about.len() > LARGEST => bail!("{shown} is larger than {LARGEST} bytes; take it from the handout again"),
            Ok(_) => {}
        }
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {shown}"))?;
        let course: Self =
            toml_edit::de::from_str(&text).with_context(|| format!("{shown} is damaged; take it from the handout again"))?;
        if course.format_version > FORMAT_VERSION {
            bail!(
                "{shown} has format {}, and this runner reads up to {FORMAT_VERSION}; update the course",
                course.format_version
            );
        }
        let plain = |word: &str| word.len() <= 100 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_/+-".contains(&b));
        let words = course.editions.iter().flat_map(|edition| [&edition.path, &edition.starter, &edition.checks]);
        if !words.chain(&course.commit).chain([&course.date]).all(|word| plain(word)) {
            bail!("{shown} holds what no handout says; take it from the handout again");
        }
        Ok(Some(course))
    }

    /// A sentence for each exercise that `catalog` has in another state than was handed out; none where both are the same.
    ///
    /// # Errors
    /// If a file of the catalog's own cannot be read.
    pub fn differs_from(&self, catalog: &Catalog) -> Result<Vec<String>> {
        let mut told = Vec::new();
        for edition in &self.editions {
            let path = &edition.path;
            let Some(exercise) = catalog.exercises.iter().find(|exercise| exercise.path() == *path) else {
                told.push(format!("{path} was handed out on {}, and this course has no such exercise", self.date));
                continue;
            };
            let other = [
                (edition.starter != exercise.about.starter.fingerprint, "starter"),
                (edition.checks != checks_of(catalog, exercise)?, "tests or workload"),
            ];
            let other: Vec<_> = other.into_iter().filter(|(differs, _)| *differs).map(|(_, what)| what).collect();
            if !other.is_empty() {
                told.push(format!("{path} was handed out on {} with another {}", self.date, other.join(", and another ")));
            }
        }
        Ok(told)
    }
}

/// The files of an exercise that check it, named from its folder on; hidden tests stand elsewhere.
fn public_checks(folder: &Path) -> Result<Vec<String>> {
    let mut files = vec!["workload.rs".to_owned()];
    for path in files_below(&folder.join("tests"))? {
        let name = path.strip_prefix(folder).ok().and_then(Path::to_str);
        files.push(name.with_context(|| format!("{} is not UTF-8", path.display()))?.to_owned());
    }
    files.sort();
    Ok(files)
}

fn checks_of(catalog: &Catalog, exercise: &Exercise) -> Result<String> {
    let folder = catalog.exercise_folder(exercise);
    fingerprint(&folder, &public_checks(&folder)?)
}
