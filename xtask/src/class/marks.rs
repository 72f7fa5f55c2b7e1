//! What every student has for every exercise: read off the results, with overrides beside them and never in them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{overrides::Override, store::Stored};
use crate::{
    grade::intake::NOTHING,
    results::{CheckResult, ExerciseResult, State, Subject, SubjectResult, Verdict},
};

/// All results of a class, and what follows from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// By path: every exercise that anybody was graded on.
    pub exercises: Vec<Exercise>,
    /// By id.
    pub students: Vec<Student>,
}

/// An exercise of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Exercise {
    /// Its folder: `threads/spin_lock`.
    pub path: String,
    /// Its title.
    pub title: String,
    /// What all its checks are worth together.
    pub max_points: f64,
}

/// A student of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct Student {
    /// What was stored.
    pub stored: Stored,
    /// One for each of [`Class::exercises`].
    pub marks: Vec<Mark>,
}

/// What a student has for an exercise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mark {
    /// The exercise's folder.
    pub exercise: String,
    /// What they rest on.
    pub standing: Standing,
    /// Points, overrides included; absent where there are none, which is not 0.
    pub points: Option<f64>,
    /// Of how many: those of checks that could be made.
    pub max_points: f64,
    /// Points before the overrides.
    pub graded_points: Option<f64>,
    /// Why there are no points, or could not be any: of the whole submission, or of what was handed in for this exercise.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// What was changed by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<Override>,
}

/// What points rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The checks were made.
    Graded,
    /// No file of it was handed in: 0 points.
    NotHandedIn,
    /// The submission, or what it holds for the exercise, cannot be graded, by what it is: 0 points.
    Rejected,
    /// No check could be judged on this machine: no points, which is not 0.
    NotMeasurable,
    /// It could not be graded by no fault of its own: no points, which is not 0.
    Error,
}

impl Standing {
    /// For people and tables.
    pub fn words(self) -> &'static str {
        match self {
            Self::Graded => "graded",
            Self::NotHandedIn => "not handed in",
            Self::Rejected => "rejected",
            Self::NotMeasurable => "not measurable",
            Self::Error => "error",
        }
    }
}

impl Class {
    /// The class whose results these are.
    pub fn new(stored: Vec<Stored>) -> Self {
        let mut found: BTreeMap<&str, Exercise> = BTreeMap::new();
        for exercise in stored.iter().flat_map(|stored| &stored.results.exercises) {
            let Some(subject) = handed_in(exercise) else { continue };
            let entry = found.entry(&exercise.path).or_insert_with(|| Exercise {
                path: exercise.path.clone(),
                title: exercise.title.clone(),
                max_points: 0.0,
            });
            entry.max_points = entry.max_points.max(subject.checks.iter().map(|check| check.max_points).sum());
        }
        let exercises: Vec<Exercise> = found.into_values().collect();
        let student = |stored: Stored| {
            let marks = exercises.iter().map(|exercise| mark(&stored, exercise)).collect();
            Student { stored, marks }
        };
        let students = stored.into_iter().map(student).collect();
        Self { exercises, students }
    }

    /// Points of a student and of how many. An exercise without points is in neither sum, as with checks: it costs nothing.
    /// `None` where none has points.
    pub fn total(&self, student: &Student) -> Option<[f64; 2]> {
        let marked = student.marks.iter().filter_map(|mark| Some([mark.points?, mark.max_points]));
        marked.reduce(|sum, mark| [sum[0] + mark[0], sum[1] + mark[1]])
    }
}

/// The part of a result that is about what was handed in.
pub fn handed_in(exercise: &ExerciseResult) -> Option<&SubjectResult> {
    exercise.subjects.iter().find(|subject| subject.subject == Subject::Submission)
}

/// Whether its points count.
pub fn counts(check: &CheckResult) -> bool {
    matches!(check.verdict, Verdict::Pass | Verdict::Fail)
}

fn mark(stored: &Stored, exercise: &Exercise) -> Mark {
    let all = exercise.max_points;
    let found = stored.results.exercises.iter().find(|found| found.path == exercise.path).and_then(handed_in);
    let why = match (stored.state(), found) {
        (State::Error(why) | State::Rejected(why), _) => why,
        (State::Graded, None) => String::new(),
        (State::Graded, Some(subject)) => refusal(subject).unwrap_or_default().to_owned(),
    };
    let (standing, points, max_points) = match (stored.state(), found) {
        (State::Error(_), _) => (Standing::Error, None, all),
        (State::Rejected(_), _) => (Standing::Rejected, Some(0.0), all),
        (State::Graded, None) => (Standing::NotHandedIn, Some(0.0), all),
        (State::Graded, Some(_)) if why.starts_with(NOTHING) => (Standing::NotHandedIn, Some(0.0), all),
        (State::Graded, Some(subject)) => of_subject(subject, all),
    };
    Mark { exercise: exercise.path.clone(), standing, points, max_points, graded_points: points, why, overrides: Vec::new() }
}

/// Why no check of an exercise was made, where what was handed in for it cannot be graded: they all say the same, and nothing
/// of what they looked at.
pub fn refusal(subject: &SubjectResult) -> Option<&str> {
    let mut made = subject.checks.iter().filter(|check| check.max_points > 0.0);
    let why = made.next()?.summary.as_str();
    let refused = |check: &CheckResult| {
        let all = check.max_points > 0.0;
        !all || (check.verdict == Verdict::Fail && check.cases.is_empty() && check.summary == why && check.evidence.is_none())
    };
    (subject.checks.iter().all(refused) && subject.points <= 0.0).then_some(why)
}

fn of_subject(subject: &SubjectResult, all: f64) -> (Standing, Option<f64>, f64) {
    if refusal(subject).is_some() {
        return (Standing::Rejected, Some(0.0), all);
    }
    if subject.max_points > 0.0 || all <= 0.0 {
        return (Standing::Graded, Some(subject.points), subject.max_points);
    }
    let faulty = subject.checks.iter().any(|check| check.verdict == Verdict::Error);
    (if faulty { Standing::Error } else { Standing::NotMeasurable }, None, all)
}
