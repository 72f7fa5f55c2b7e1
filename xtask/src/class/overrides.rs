//! `overrides.toml`: points that an instructor gives by hand, each with a reason. They are applied last and shown as such.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::marks::{Class, Mark, Standing, Student, counts, handed_in};
use crate::{
    chart::number,
    results::{CheckResult, SubjectResult},
};

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// The id of the submission.
    pub student: String,
    /// The exercise's folder, or the last part of it.
    pub exercise: String,
    /// The check whose points they are; all of the exercise's without one, and without a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
    /// The test whose points they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// The points that stand in the place of those that were reached.
    pub points: f64,
    /// Why.
    pub reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default, rename = "override")]
    all: Vec<Override>,
}

/// What can be known of the file before anybody is graded, so that a slip of the pen is not told hours later. `students` are those
/// that there will be.
///
/// # Errors
/// If it cannot be read, or one of them has no reason, gives no number of points, or is about a student who is not there.
pub fn look(path: &Path, students: &BTreeSet<String>) -> Result<()> {
    each(&read(path)?, path, |given| {
        if given.reason.trim().is_empty() {
            bail!("it has no reason; say why, the student will ask");
        }
        if !given.points.is_finite() || given.points < 0.0 {
            bail!("{} is no number of points", given.points);
        }
        let ids = || students.iter().map(String::as_str);
        if !students.contains(&given.student) {
            bail!(unknown("student", &given.student, ids()));
        }
        Ok(())
    })
}

/// Reads the file and applies what it says.
///
/// # Errors
/// Those of [`look`], or if one of them is about an exercise, a check or a test that is not there, gives more than that is worth,
/// or contradicts another one. Then nothing is applied.
pub fn apply(class: &mut Class, path: &Path) -> Result<()> {
    look(path, &class.students.iter().map(|student| student.stored.id.clone()).collect())?;
    let mut changed = class.clone();
    let mut seen = Vec::new();
    each(&read(path)?, path, |given| one(&mut changed, given, &mut seen))?;
    *class = changed;
    Ok(())
}

fn read(path: &Path) -> Result<Vec<Override>> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let file: File = toml_edit::de::from_str(&text).with_context(|| format!("{shown} is not a file of [[override]] tables"))?;
    Ok(file.all)
}

/// An error says at which of them it came.
fn each(all: &[Override], path: &Path, mut f: impl FnMut(&Override) -> Result<()>) -> Result<()> {
    let here = |i: usize| format!("{}, [[override]] {}", path.display(), i + 1);
    all.iter().enumerate().try_for_each(|(i, given)| f(given).with_context(|| here(i)))
}

/// What points were given for: by student and exercise, a part of it. Without a test it is a whole check, without a check all.
#[derive(Debug, PartialEq)]
struct Part {
    student: usize,
    exercise: usize,
    check: Option<String>,
    test: Option<String>,
}

impl Part {
    /// Whether one of the two is a part of the other, or the same.
    fn overlaps(&self, other: &Self) -> bool {
        let either = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none();
        let same = (self.student, self.exercise) == (other.student, other.exercise);
        let check = either(&self.check, &other.check);
        same && (check || (self.check == other.check && (either(&self.test, &other.test) || self.test == other.test)))
    }
}

fn one(class: &mut Class, given: &Override, seen: &mut Vec<Part>) -> Result<()> {
    let at = class.students.iter().position(|student| student.stored.id == given.student);
    let at = at.with_context(|| format!("{} is not there", given.student))?;
    let exercises = || class.exercises.iter().map(|exercise| exercise.path.as_str());
    let named = |path: &str| path == given.exercise || path.rsplit('/').next() == Some(given.exercise.as_str());
    let number = exercises().position(named);
    let number = number.with_context(|| unknown("exercise", &given.exercise, exercises()))?;
    let full = class.exercises[number].max_points;
    let student = &mut class.students[at];
    let check = match (&given.check, &given.test) {
        (None, None) => {
            of_exercise(&mut student.marks[number], given, full)?;
            None
        }
        _ => Some(of_part(student, number, given)?),
    };
    let part = Part { student: at, exercise: number, check, test: given.test.clone() };
    if seen.iter().any(|other| part.overlaps(other)) {
        bail!("another one before it already gives {} points for the same, or for a part of it", given.student);
    }
    seen.push(part);
    Ok(())
}

fn of_exercise(mark: &mut Mark, given: &Override, full: f64) -> Result<()> {
    if mark.standing != Standing::Graded {
        mark.max_points = full;
    }
    let most = mark.max_points;
    within(given, most)?;
    mark.points = Some(given.points);
    mark.overrides.push(given.clone());
    Ok(())
}

fn within(given: &Override, most: f64) -> Result<()> {
    if given.points > most + 1e-9 {
        bail!("{} points are more than it is worth, which is {}", number::points(given.points), number::points(most));
    }
    Ok(())
}

/// Gives the points of a check or a test, and says of which check.
fn of_part(student: &mut Student, number: usize, given: &Override) -> Result<String> {
    let mark = &mut student.marks[number];
    let found = student.stored.results.exercises.iter().find(|exercise| exercise.path == mark.exercise).and_then(handed_in);
    let Some(subject) = found else {
        bail!(
            "{} has no checks of {}: it is {}; give the points of the whole exercise, without check and test",
            given.student,
            mark.exercise,
            mark.standing.words()
        );
    };
    let check = check_of(subject, given)?;
    let (points, most) = match &given.test {
        None => (check.points, check.max_points),
        Some(test) => of_test(check, test)?,
    };
    within(given, most)?;
    let (had, had_most) = (mark.points.unwrap_or(0.0), if mark.points.is_some() { mark.max_points } else { 0.0 });
    // A check that could not be made counted in neither sum, and does now.
    let (points, more) = if counts(check) { (points, 0.0) } else { (0.0, check.max_points) };
    mark.points = Some(had + given.points - points);
    mark.max_points = had_most + more;
    mark.overrides.push(given.clone());
    Ok(check.check.clone())
}

fn of_test(check: &CheckResult, test: &str) -> Result<(f64, f64)> {
    let case = check.cases.iter().find(|case| case.name == test);
    let case = case.with_context(|| unknown("test", test, check.cases.iter().map(|case| case.name.as_str())))?;
    match case.points {
        Some([points, most]) if counts(check) => Ok((points, most)),
        _ => bail!("{test} has no points of its own; give those of its check: check = {:?}", check.check),
    }
}

/// The check that is meant: the one named, else the one that has the test.
fn check_of<'a>(subject: &'a SubjectResult, given: &Override) -> Result<&'a CheckResult> {
    if let Some(name) = &given.check {
        let found = subject.checks.iter().find(|check| check.check == *name);
        return found.with_context(|| unknown("check", name, subject.checks.iter().map(|check| check.check.as_str())));
    }
    let test = given.test.as_deref().unwrap_or_default();
    let has = |check: &&CheckResult| check.cases.iter().any(|case| case.name == test);
    let mut with = subject.checks.iter().filter(has);
    match (with.next(), with.next()) {
        (Some(check), None) => Ok(check),
        (Some(_), Some(_)) => bail!("two checks have a test called {test:?}; say which, with check = \"..\""),
        (None, _) => {
            let cases = subject.checks.iter().flat_map(|check| &check.cases).map(|case| case.name.as_str());
            bail!("{}", unknown("test", test, cases))
        }
    }
}

/// Names the nearest of those that there are.
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let distance = |known: &str| {
        let last = known.rsplit('/').next().unwrap_or(known);
        strsim::damerau_levenshtein(name, known).min(strsim::damerau_levenshtein(name, last))
    };
    match known.min_by_key(|known| distance(known)) {
        Some(nearest) => format!("no {what} is called {name:?}; the nearest is {nearest:?}"),
        None => format!("no {what} is called {name:?}: there is none at all"),
    }
}
