//! Failures of a class by their cause: the same check, the same test, and the same reason but for what differs from run to run.

use std::collections::BTreeMap;

use lab::finding::{Failure, StepTold};

use super::marks::{Class, handed_in, refusal};
use crate::{
    check::LINTS,
    explain,
    grade::grader::SCREENING,
    results::{CaseResult, CheckResult, ExerciseResult, Verdict},
};

/// More of a message is not compared, in characters.
const COMPARED: usize = 600;

/// Failures of one cause.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The exercise's folder.
    pub exercise: String,
    /// The check.
    pub check: String,
    /// The test; empty for a measurement.
    pub case: String,
    /// What they have in common, for programs.
    pub key: String,
    /// What the first student was told.
    pub message: String,
    /// The failing execution of the first student, where it was a model that failed.
    pub failure: Option<Failure>,
    /// Whose, by id; the message is the first one's.
    pub students: Vec<String>,
}

/// How many of those who were judged pass a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The check.
    pub check: String,
    /// The test; empty for a measurement.
    pub case: String,
    /// Who passed.
    pub passed: usize,
    /// Who passed or failed.
    pub judged: usize,
}

impl Rate {
    /// Whether there is more to be asked of the test than of the class: several were judged, and nobody passed.
    pub fn is_suspect(&self) -> bool {
        self.passed == 0 && self.judged > 1
    }
}

/// All failures of the class by cause, those of the most students first.
pub fn causes(class: &Class) -> Vec<Cause> {
    let mut found: BTreeMap<[String; 4], Cause> = BTreeMap::new();
    for student in &class.students {
        for exercise in &student.stored.results.exercises {
            for check in judged(exercise) {
                for (case, key, message, failure) in failures(check) {
                    let place = [exercise.path.clone(), check.check.clone(), case.to_owned(), key.clone()];
                    let cause = found.entry(place).or_insert_with(|| Cause {
                        exercise: exercise.path.clone(),
                        check: check.check.clone(),
                        case: case.to_owned(),
                        key,
                        message,
                        failure,
                        students: Vec::new(),
                    });
                    cause.students.push(student.stored.id.clone());
                }
            }
        }
    }
    let mut causes: Vec<Cause> = found.into_values().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.students.len()));
    causes
}

/// The checks of what was handed in, where they were made: why they were not is no matter of a test.
fn judged(exercise: &ExerciseResult) -> impl Iterator<Item = &CheckResult> {
    let subject = handed_in(exercise).filter(|subject| refusal(subject).is_none());
    // Advice of clippy is no cause of anything.
    subject.into_iter().flat_map(|subject| &subject.checks).filter(|check| check.check != LINTS)
}

/// Of a check that failed: test, cause, message, execution.
fn failures(check: &CheckResult) -> Vec<(&str, String, String, Option<Failure>)> {
    let failed: Vec<&CaseResult> = check.cases.iter().filter(|case| case.verdict == Verdict::Fail).collect();
    if failed.is_empty() && check.verdict == Verdict::Fail {
        return vec![("", normalised(&check.summary), check.summary.clone(), None)];
    }
    let told = |case: &CaseResult| case.message.clone().unwrap_or_else(|| "It left no message.".into());
    let of_case = |case: &'_ CaseResult| {
        let failure = explain::report(case).and_then(|report| report.failure);
        let key = match (&failure, case.name.as_str()) {
            (Some(failure), _) => of_model(failure),
            (None, "compiles") => of_compiler(&told(case)),
            (None, _) => normalised(&told(case)),
        };
        (key, told(case), failure)
    };
    let mut all = Vec::new();
    for case in failed {
        let (key, message, failure) = of_case(case);
        all.push((case.name.as_str(), key, message, failure));
    }
    all
}

/// What a model failed by: the kind of failure, and the two steps that matter most, as operations. Students name their fields
/// and place their lines as they like.
fn of_model(failure: &Failure) -> String {
    let kind = failure.kind.map_or("", |kind| kind.name());
    let told = |step: &StepTold| format!("{} {}", step.operation, step.orderings.join("+"));
    let noted: Vec<&StepTold> = failure.steps.iter().filter(|step| !step.note.is_empty()).collect();
    let matter: Vec<&StepTold> = if noted.is_empty() { failure.steps.iter().collect() } else { noted };
    let last: Vec<String> = matter.iter().rev().take(2).map(|step| told(step)).collect();
    let repair = failure.repair.as_ref().map_or_else(String::new, |repair| format!("{} for {}", repair.to, repair.from));
    // The steps up to a panic say little of it, its words do.
    let message = if failure.steps.is_empty() || failure.kind.is_none() { normalised(&failure.message) } else { String::new() };
    [failure.class.name(), kind, &last.join(", "), &repair, &message].join("; ")
}

/// The compiler's errors without their places.
fn of_compiler(message: &str) -> String {
    let errors: Vec<String> = message.lines().map(str::trim).filter(|line| line.starts_with("error")).map(normalised).collect();
    if errors.is_empty() { normalised(message) } else { errors.join("; ") }
}

/// A message without what differs from run to run and from student to student: numbers, addresses, paths, and white space.
pub fn normalised(message: &str) -> String {
    let message: String = message.chars().take(COMPARED).collect();
    let words = message.split_whitespace().map(|word| {
        let bare = word.trim_matches(|c: char| "`'\"(),;".contains(c));
        if bare.contains('/') && bare.len() > 1 { "PATH".to_owned() } else { without_numbers(word) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A word with `N` for every number in it, hexadecimal ones and those with a point included. A number within a name is none.
fn without_numbers(word: &str) -> String {
    let mut kept = String::new();
    let mut rest = word;
    while let Some(c) = rest.chars().next() {
        let in_name = kept.chars().last().is_some_and(|last| last.is_alphabetic() || last == '_');
        if c.is_ascii_digit() && !in_name {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
            let number = rest[..end].trim_end_matches('.');
            kept.push('N');
            rest = &rest[number.len()..];
        } else if c.is_alphanumeric() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            kept.push_str(&rest[..end]);
            rest = &rest[end..];
        } else {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    kept
}

/// How many pass each test of an exercise, in the order of the first who was graded on it.
pub fn rates(class: &Class, exercise: &str) -> Vec<Rate> {
    let mut rates: Vec<Rate> = Vec::new();
    let of = |stored: &'_ super::store::Stored| stored.results.exercises.iter().position(|found| found.path == exercise);
    for student in &class.students {
        let Some(at) = of(&student.stored) else { continue };
        for check in judged(&student.stored.results.exercises[at]).filter(|check| check.check != SCREENING) {
            count(&mut rates, check);
        }
    }
    rates
}

fn count(rates: &mut Vec<Rate>, check: &CheckResult) {
    let whole = [("", check.verdict)];
    // That something compiles is told only of what does not.
    let cases = check.cases.iter().map(|case| (case.name.as_str(), case.verdict)).filter(|(case, _)| *case != "compiles");
    let all: Vec<_> = if check.cases.is_empty() { whole.to_vec() } else { cases.collect() };
    for (case, verdict) in all {
        if !matches!(verdict, Verdict::Pass | Verdict::Fail) {
            continue;
        }
        let at = rates.iter().position(|rate| rate.check == check.check && rate.case == case).unwrap_or_else(|| {
            rates.push(Rate { check: check.check.clone(), case: case.to_owned(), passed: 0, judged: 0 });
            rates.len() - 1
        });
        rates[at].judged += 1;
        rates[at].passed += usize::from(verdict == Verdict::Pass);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_no_other_cause() {
        let one = "thread 'a' (12) panicked at /tmp/x1/src/lib.rs:12:5:\n  left: 17\n right: 0x7ffe12, seed 99, 1.5 s";
        let two = "thread 'a' (13) panicked at /tmp/y/src/lib.rs:9:1:\nleft: 18 right: 0xdead, seed 1, 22.75 s";
        assert_eq!(normalised(one), normalised(two));
        assert_eq!(normalised("u32 of utf8_x is 5."), "u32 of utf8_x is N.");
        assert_ne!(normalised("left: 1"), normalised("right: 1"));
    }
}
