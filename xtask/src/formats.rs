//! What graders read: one writer for each platform, each a pure function of [`Results`] and of what the platform says of itself.
//!
//! [`sheet`] decides what a learner is shown, and is the same for all; [`text`] makes untrusted text harmless for each. What a
//! platform is told where nothing could be judged is its own way of saying "the grader failed": never a score of 0.

pub mod autolab;
pub mod classroom50;
pub mod csv;
pub mod github;
pub mod gradescope;
pub mod junit;
pub mod legacy;
pub mod places;
pub mod prairielearn;
pub mod sarif;
pub mod sheet;
pub mod text;

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context as _, Result, anyhow};
use serde::Serialize;

use crate::results::{self, Results};
use sheet::Sheet;

/// What a platform says of itself in the environment. Nothing else of it is read, so that no secret can stray into a file.
const VARIABLES: [&str; 14] = [
    "ASSIGNMENT",
    "ASSIGNMENT_TYPE",
    "CLASSROOM",
    "COMMIT_URL",
    "GITHUB_ACTOR",
    "GITHUB_OUTPUT",
    "GITHUB_REPOSITORY",
    "GITHUB_SHA",
    "GITHUB_STEP_SUMMARY",
    "OWNER",
    "RELEASE_URL",
    "REVIEW_URL",
    "SUBMISSION_TAG",
    "USERNAME",
];

/// The variable in which `run_autograder` names Gradescope's file.
pub const METADATA: &str = "RACECOURSE_METADATA";

/// One of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Autolab's last line of standard output.
    Autolab,
    /// Classroom 50's `result.json`.
    Classroom50,
    /// A gradebook.
    Csv,
    /// A step summary and annotations of GitHub Actions.
    Github,
    /// Gradescope's `results.json`.
    Gradescope,
    /// JUnit XML, as nextest writes it.
    Junit,
    /// The step output of the old GitHub Classroom reporter.
    Legacy,
    /// PrairieLearn's `results.json`.
    Prairielearn,
    /// Findings of clippy and of the screening, for code scanning.
    Sarif,
}

/// What a format is called, and what it is.
#[derive(Debug)]
pub struct About {
    /// The format.
    pub format: Format,
    /// Its name on the command line.
    pub name: &'static str,
    /// What it writes, in a few words.
    pub what: &'static str,
    make: fn(&Results, &Sheet, &Context) -> Result<Made>,
}

/// Every format, by name.
pub const ALL: [About; 9] = [
    About {
        format: Format::Autolab,
        name: "autolab",
        what: "autolab.json, and its lines last on standard output",
        make: autolab::make,
    },
    About { format: Format::Classroom50, name: "classroom50", what: "result.json and release-body.md", make: classroom50::make },
    About { format: Format::Csv, name: "csv", what: "grades.csv, a row for a gradebook", make: csv::make },
    About { format: Format::Github, name: "github", what: "summary.md, the step summary, annotations", make: github::make },
    About {
        format: Format::Gradescope,
        name: "gradescope",
        what: "results.json of Gradescope, in gradescope/",
        make: gradescope::make,
    },
    About { format: Format::Junit, name: "junit", what: "junit.xml", make: junit::make },
    About {
        format: Format::Legacy,
        name: "legacy",
        what: "the output `result` of the old Classroom reporter",
        make: legacy::make,
    },
    About {
        format: Format::Prairielearn,
        name: "prairielearn",
        what: "results.json of PrairieLearn, in prairielearn/",
        make: prairielearn::make,
    },
    About { format: Format::Sarif, name: "sarif", what: "findings.sarif", make: sarif::make },
];

impl Format {
    /// Its row in [`ALL`].
    pub fn about(self) -> &'static About {
        ALL.iter().find(|about| about.format == self).expect("every format is in the table, which a test looks at")
    }
}

impl FromStr for Format {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Self> {
        let known = || ALL.iter().map(|about| about.name).collect::<Vec<_>>().join(", ");
        let about = ALL.iter().find(|about| about.name == name);
        about.map(|about| about.format).ok_or_else(|| anyhow!("no format is called {name:?}; there are: {}", known()))
    }
}

/// What a format needs to know that is no result.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    /// What the platform says of itself in the environment; an empty variable is an absent one.
    pub variables: BTreeMap<String, String>,
    /// The exercises that were asked for (`threads/spin_lock`), and what each is worth by the course: for a submission that
    /// has no checks to add up.
    pub asked: Vec<(String, f64)>,
    /// What the assignment is worth on the platform, where it says so: scores are scaled to it.
    pub total_points: Option<f64>,
    /// A word that nobody can guess: it ends the part of a log in which workflow commands are not obeyed.
    pub token: String,
}

impl Context {
    /// From this process's environment, and from Gradescope's `submission_metadata.json` where [`METADATA`] names it. `asked` is
    /// as the field.
    ///
    /// # Errors
    /// If there is metadata that cannot be read: a score would be out of the wrong total.
    pub fn gather(asked: Vec<(String, f64)>) -> Result<Self> {
        // Its keys are the operating system's random numbers.
        let secret = RandomState::new();
        let (high, low) = (secret.hash_one("high"), secret.hash_one("low"));
        let of_variables = Self::of_variables(|name| std::env::var(name).ok());
        let context = Self { asked, token: format!("{high:016x}{low:016x}"), ..of_variables };
        match std::env::var_os(METADATA) {
            Some(path) => context.with_metadata(Path::new(&path)),
            None => Ok(context),
        }
    }

    /// From variables that `read` knows.
    pub fn of_variables(read: impl Fn(&str) -> Option<String>) -> Self {
        let set = VARIABLES.iter().filter_map(|name| Some(((*name).to_owned(), read(name).filter(|value| !value.is_empty())?)));
        Self { variables: set.collect(), ..Self::default() }
    }

    /// Adds what Gradescope's `submission_metadata.json` says: the points of the assignment.
    ///
    /// # Errors
    /// If the file cannot be read or is no JSON.
    pub fn with_metadata(self, path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let total_points = gradescope::total_points(&text).with_context(|| format!("{} is damaged", path.display()))?;
        Ok(Self { total_points, ..self })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }
}

/// What a format makes of a result, before anything is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The last of them is the one that the platform waits for.
    pub files: Vec<File>,
    /// Files of an earlier run, or of whoever handed in, that must not be taken for this one's.
    pub stale: Vec<PathBuf>,
    /// What is to stand on standard output after everything else; empty for most.
    pub printed: String,
    /// Whether there are points. Without, the command ends with the code for a fault of its own.
    pub judged: bool,
}

/// A file of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative to the folder for output, or where the platform said.
    pub path: PathBuf,
    /// What is in it.
    pub content: Vec<u8>,
    /// Whether it is added to what is there.
    pub append: bool,
}

impl File {
    fn whole(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: content.into(), append: false }
    }

    fn added(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { append: true, ..Self::whole(path, content) }
    }

    fn json(path: &str, value: &impl Serialize) -> Result<Self> {
        let mut text = serde_json::to_string_pretty(value)?;
        text.push('\n');
        Ok(Self::whole(path, text))
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The files.
    pub files: Vec<PathBuf>,
    /// As [`Made::printed`].
    pub printed: String,
    /// As [`Made::judged`].
    pub judged: bool,
}

/// What `format` makes of `results`.
///
/// # Errors
/// If the format cannot hold it; names what it lacks.
pub fn make(results: &Results, format: Format, context: &Context) -> Result<Made> {
    let sheet = Sheet::of(results, &context.asked);
    (format.about().make)(results, &sheet, context).with_context(|| format!("cannot write the format {}", format.about().name))
}

/// Writes `results` as `format` into the folder `out`, every file whole or not at all.
///
/// # Errors
/// If the format cannot hold it, or a file cannot be written.
pub fn write(results: &Results, format: Format, context: &Context, out: &Path) -> Result<Written> {
    let made = make(results, format, context)?;
    for stale in &made.stale {
        let path = out.join(stale);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {}", path.display()));
            }
            _ => {}
        }
    }
    let mut files = Vec::new();
    for file in &made.files {
        let path = out.join(&file.path);
        if file.append {
            append(&path, &file.content)?
        } else {
            results::write_whole(&path, &file.content)?
        }
        files.push(path);
    }
    Ok(Written { files, printed: made.printed, judged: made.judged })
}

/// Writes a stored result as `format`, without a run.
///
/// # Errors
/// If there is no such result, or as [`write()`].
pub fn render(stored: &Path, format: Format, context: &Context, out: &Path) -> Result<Written> {
    write(&Results::read_made_by(stored, "cargo xtask grade")?, format, context, out)
}

/// In one call: another process that adds to the same file does not come in between.
fn append(path: &Path, content: &[u8]) -> Result<()> {
    let attempt = || OpenOptions::new().create(true).append(true).open(path)?.write_all(content);
    attempt().with_context(|| format!("cannot add to {}", path.display()))
}

/// A picture as a data URI.
fn data_uri(chart: &crate::chart::Chart) -> String {
    use base64::prelude::{BASE64_STANDARD, Engine};
    format!("data:image/svg+xml;base64,{}", BASE64_STANDARD.encode(chart.file()))
}

/// A number of at most four decimals, which is what a grade can be told apart by.
fn rounded(number: f64) -> f64 {
    (number * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_and_is_found_by_it() {
        for about in &ALL {
            assert_eq!(about.name.parse::<Format>().expect("it is in the table"), about.format);
            assert_eq!(about.format.about().name, about.name);
        }
        let error = "jnuit".parse::<Format>().expect_err("a wrong name").to_string();
        assert!(error.contains("jnuit") && error.contains("junit, legacy"), "{error}");
    }

    #[test]
    fn of_the_environment_only_what_is_known_is_kept() {
        let context = Context::of_variables(|name| match name {
            "CLASSROOM" => Some("a".into()),
            "OWNER" => Some(String::new()),
            "GITHUB_TOKEN" => Some("secret".into()),
            _ => None,
        });
        assert_eq!(context.variables, BTreeMap::from([("CLASSROOM".into(), "a".into())]));
    }
}
