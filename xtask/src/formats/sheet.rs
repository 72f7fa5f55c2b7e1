//! What a learner is shown of a result, the same in every format: rows with their points, in words that give nothing away.

use std::collections::BTreeMap;

use super::{
    places::{self, Place},
    text,
};
use crate::{
    chart::{Chart, Layout, number, pairs},
    grade::grader::SCREENING,
    results::{
        CaseResult, CheckResult, Detail, Evidence, ExerciseResult, Results, Speed, State, Subject, SubjectResult, Verdict,
    },
};

/// Characters of one message: a screen or two.
const MESSAGE: usize = 6000;

/// The check whose tests a learner does not have.
pub use crate::catalog::HIDDEN;

/// Everything of a result that is shown.
#[derive(Debug, Clone)]
pub struct Sheet {
    /// What the submission is called.
    pub id: String,
    /// What came of it as a whole.
    pub standing: Standing,
    /// In the order of the course. Empty where nothing could be judged.
    pub rows: Vec<Row>,
    /// What the learner should know besides, a sentence each.
    pub notes: Vec<String>,
}

/// What came of a submission as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The rows say it.
    Judged,
    /// No exercise of it compiles; what rustc says is in the rows.
    NotCompiled,
    /// It was not graded by a fault of its own, and has 0 of all points; says why.
    Rejected(String),
    /// It was not graded by no fault of its own, and has no points at all; says why.
    Unjudged(String),
}

/// One test, or a check that is one measurement.
#[derive(Debug, Clone)]
pub struct Row {
    /// The exercise's folder: `threads/spin_lock`.
    pub exercise: String,
    /// `tests`, `model`, `hidden`, `speed`, ..
    pub check: String,
    /// The test's name, or what stands for it; absent where the row is a whole check.
    pub test: Option<String>,
    /// What it came to.
    pub verdict: Verdict,
    /// Whether its points are in any sum.
    pub counted: bool,
    /// Points reached, and what it is worth.
    pub points: [f64; 2],
    /// Why it did not pass, or what was found.
    pub message: Option<String>,
    /// Whether it is because the code does not compile.
    pub not_compiled: bool,
    /// How long it ran.
    pub seconds: f64,
    /// Where in the learner's files, where that is known.
    pub place: Option<Place>,
    /// What a measurement rests on.
    pub pictures: Vec<Chart>,
    /// The ratio of run times that was found, and against whom; below 1 the submission is faster.
    pub ratio: Option<(f64, String)>,
}

impl Row {
    /// `spin_lock: tests: a_guard_gives_access`.
    pub fn label(&self) -> String {
        let exercise = self.exercise.rsplit('/').next().unwrap_or(&self.exercise);
        match &self.test {
            Some(test) => format!("{exercise}: {}: {test}", self.check),
            None => format!("{exercise}: {}", self.check),
        }
    }

    /// Whether it costs nothing whatever it comes to. The screening is worth nothing, and may cost everything.
    pub fn is_advice(&self) -> bool {
        self.points[1] <= 0.0 && self.check != SCREENING
    }

    /// In a word or two, and that it costs nothing where that is so.
    pub fn outcome(&self) -> String {
        match self.verdict {
            Verdict::NotMeasurable | Verdict::Error if !self.is_advice() => format!("{}: costs no points", self.verdict),
            Verdict::Fail if self.is_advice() => "advice".into(),
            verdict => verdict.to_string(),
        }
    }
}

impl Sheet {
    /// The sheet of a result. `asked` are the exercises that were asked for and what each is worth, for a submission that has no
    /// checks to add up.
    pub fn of(results: &Results, asked: &[(String, f64)]) -> Self {
        let id = results.submission.as_ref().map_or_else(String::new, |submission| text::line(&submission.id, 200));
        let state = results.submission.as_ref().map_or(&State::Graded, |submission| &submission.state);
        let notes = notes(results);
        let rows: Vec<Row> = results.exercises.iter().flat_map(rows_of_exercise).collect();
        match state {
            State::Error(why) => Self { id, standing: Standing::Unjudged(text::block(why, MESSAGE)), rows: Vec::new(), notes },
            State::Rejected(why) => {
                let why = text::block(why, MESSAGE);
                let rows = rejected(&rows, asked, &why);
                Self { id, standing: Standing::Rejected(why), rows, notes }
            }
            State::Graded if !rows.iter().any(|row| row.counted && !row.is_advice()) => {
                let why = rows.iter().find_map(|row| row.message.clone()).unwrap_or_else(|| "no check was made".into());
                Self {
                    id,
                    standing: Standing::Unjudged(format!("nothing of it could be judged: {why}")),
                    rows: Vec::new(),
                    notes,
                }
            }
            State::Graded => {
                let standing = if no_exercise_compiles(&rows) { Standing::NotCompiled } else { Standing::Judged };
                Self { id, standing, rows, notes }
            }
        }
    }

    /// Whether there are points to give: without, a platform is told that the grader failed, and keeps what it had.
    pub fn is_judged(&self) -> bool {
        !matches!(self.standing, Standing::Unjudged(_))
    }

    /// Points reached, and points that could be: of what counted.
    pub fn points(&self) -> [f64; 2] {
        sum(self.rows.iter().filter(|row| row.counted))
    }

    /// Points reached over points that could be, from 0 to 1.
    pub fn share(&self) -> f64 {
        share(self.points())
    }

    /// What everything is worth, whether it could be judged or not.
    pub fn worth(&self) -> f64 {
        self.rows.iter().map(|row| row.points[1]).sum()
    }

    /// The rows of each exercise, in the order of the course.
    pub fn exercises(&self) -> Vec<(&str, Vec<&Row>)> {
        let mut all: Vec<(&str, Vec<&Row>)> = Vec::new();
        for row in &self.rows {
            match all.last_mut() {
                Some((exercise, rows)) if *exercise == row.exercise => rows.push(row),
                _ => all.push((&row.exercise, vec![row])),
            }
        }
        all
    }

    /// What came of it, in one sentence. Where hidden tests exist it never says that all tests passed.
    pub fn headline(&self) -> String {
        match &self.standing {
            Standing::Rejected(why) => return format!("This submission cannot be graded: {why}"),
            Standing::Unjudged(why) => {
                return format!(
                    "Grading failed, by no fault of this submission; it has no score yet and has to be graded again: {why}"
                );
            }
            Standing::NotCompiled => return "This submission does not compile.".into(),
            Standing::Judged => {}
        }
        let of = |hidden: bool| {
            let rows = || self.rows.iter().filter(move |row| row.counted && !row.is_advice() && (row.check == HIDDEN) == hidden);
            (rows().filter(|row| row.verdict == Verdict::Pass).count(), rows().count())
        };
        let has_hidden = self.rows.iter().any(|row| row.check == HIDDEN);
        let ((passed, all), (hidden_passed, hidden)) = (of(false), of(true));
        let public = match (passed == all, has_hidden) {
            _ if all == 0 => "No public test could be judged.".into(),
            (true, true) => "All public tests passed.".into(),
            (true, false) => "All tests passed.".into(),
            (false, true) => format!("{passed} of {all} public tests passed."),
            (false, false) => format!("{passed} of {all} tests passed."),
        };
        if hidden == 0 { public } else { format!("{public} {hidden_passed} of {hidden} hidden tests passed.") }
    }

    /// The points in words: `7.5 of 10 points`, or that there are none.
    pub fn score(&self) -> String {
        let [points, worth] = self.points();
        if self.is_judged() {
            format!("{} of {} points", number::points(points), number::points(worth))
        } else {
            "no score".into()
        }
    }

    /// What did not count, and why it did not; in words for the learner.
    pub fn not_counted(&self) -> Vec<String> {
        let rows = self.rows.iter().filter(|row| !row.counted && !row.is_advice());
        rows.map(|row| {
            let why = row.message.as_deref().map_or_else(String::new, |why| format!(" ({})", text::line(why, 300)));
            let what = if row.verdict == Verdict::NotMeasurable { "could not be measured" } else { "could not be judged" };
            format!("{} {what}{why}: it costs no points, and the score is out of what counted.", row.label())
        })
        .collect()
    }
}

/// The points of some rows, whatever they are.
pub fn sum<'a>(rows: impl IntoIterator<Item = &'a Row>) -> [f64; 2] {
    rows.into_iter().fold([0.0, 0.0], |sum, row| [sum[0] + row.points[0], sum[1] + row.points[1]])
}

/// Points over what they could be, from 0 to 1.
pub fn share([points, worth]: [f64; 2]) -> f64 {
    if worth > 0.0 { (points / worth).clamp(0.0, 1.0) } else { 0.0 }
}

fn notes(results: &Results) -> Vec<String> {
    let ignored = results.submission.iter().flat_map(|submission| &submission.ignored);
    ignored
        .take(10)
        .map(|ignored| format!("Not taken: {}: {}", text::line(&ignored.file, 200), text::line(&ignored.why, 200)))
        .collect()
}

/// One row for each exercise, with none of its points; of a whole that nobody knows, none of one.
fn rejected(rows: &[Row], asked: &[(String, f64)], why: &str) -> Vec<Row> {
    let mut all: Vec<(String, f64)> = Vec::new();
    for row in rows {
        match all.last_mut() {
            Some((exercise, worth)) if *exercise == row.exercise => *worth += row.points[1],
            _ => all.push((row.exercise.clone(), row.points[1])),
        }
    }
    all.retain(|(_, worth)| *worth > 0.0);
    let nobody_knows = [("submission".to_owned(), 1.0)];
    let all = [all.as_slice(), asked, &nobody_knows].into_iter().find(|all| !all.is_empty()).unwrap_or_default();
    all.iter().map(|(exercise, worth)| rejected_row(exercise, *worth, why)).collect()
}

fn rejected_row(exercise: &str, worth: f64, why: &str) -> Row {
    Row {
        exercise: exercise.to_owned(),
        check: "can be graded".into(),
        test: None,
        verdict: Verdict::Fail,
        counted: true,
        points: [0.0, worth],
        message: Some(why.to_owned()),
        not_compiled: false,
        seconds: 0.0,
        place: None,
        pictures: Vec::new(),
        ratio: None,
    }
}

/// Whether code that does not compile is all that there is: a test file that does not compile costs only its own points.
fn no_exercise_compiles(rows: &[Row]) -> bool {
    let mut counted = rows.iter().filter(|row| row.counted && row.points[1] > 0.0).peekable();
    counted.peek().is_some() && counted.all(|row| row.not_compiled)
}

fn rows_of_exercise(exercise: &ExerciseResult) -> Vec<Row> {
    let checks = graded(exercise).into_iter().flat_map(|subject| &subject.checks);
    checks.flat_map(|check| rows_of_check(&exercise.path, check)).collect()
}

/// Of whom points are given: what was handed in, else the learner's own work, else whoever is there.
pub fn graded(exercise: &ExerciseResult) -> Option<&SubjectResult> {
    let of = |wanted: Subject| exercise.subjects.iter().find(|subject| subject.subject == wanted);
    of(Subject::Submission).or_else(|| of(Subject::Yours)).or_else(|| exercise.subjects.first())
}

fn counts(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Pass | Verdict::Fail)
}

fn rows_of_check(exercise: &str, check: &CheckResult) -> Vec<Row> {
    let shares = || check.cases.iter().filter_map(|case| case.points);
    let total = shares().fold([0.0, 0.0], |sum, [points, worth]| [sum[0] + points, sum[1] + worth]);
    // Rows add up to the check, whose points are rounded to hundredths, or the check is one row. Of one that does not count, only
    // what it is worth matters.
    let adds_up =
        (total[1] - check.max_points).abs() < 1e-6 && ((total[0] - check.points).abs() < 0.00501 || !counts(check.verdict));
    if shares().next().is_none() || !adds_up || does_not_compile(check) {
        return vec![row_of_whole(exercise, check)];
    }
    check.cases.iter().enumerate().map(|(index, case)| row_of_case(exercise, check, index, case)).collect()
}

/// The one case of such a check stands for all of its tests, and rustc's words in it may quote them.
fn does_not_compile(check: &CheckResult) -> bool {
    check.verdict == Verdict::Fail && check.cases.iter().any(|case| case.name == "compiles")
}

/// Whether something of a check is not for the learner's eyes.
fn is_restricted(check: &CheckResult) -> bool {
    check.check == HIDDEN || check.cases.iter().any(|case| case.detail != Detail::Full)
}

fn row_of_whole(exercise: &str, check: &CheckResult) -> Row {
    let not_compiled = does_not_compile(check);
    let message = if is_restricted(check) { restricted_words(check, not_compiled) } else { words(check) };
    let speeds: Vec<&Speed> = check.evidence.iter().chain(&check.more).filter_map(speed).collect();
    Row {
        place: (check.verdict == Verdict::Fail).then(|| places::first(&message, exercise)).flatten(),
        message: Some(text::block(&message, MESSAGE)).filter(|message| !message.is_empty()),
        pictures: speeds.iter().filter_map(|speed| pairs::draw(speed, Subject::Submission, Layout::Wide)).collect(),
        ratio: speeds.first().and_then(|speed| Some((speed.ratio?, text::line(&speed.against, 100)))),
        exercise: text::line(exercise, 200),
        check: text::line(&check.check, 100),
        test: None,
        verdict: check.verdict,
        counted: counts(check.verdict),
        points: [check.points, check.max_points],
        not_compiled,
        seconds: check.seconds,
    }
}

fn speed(evidence: &Evidence) -> Option<&Speed> {
    if let Evidence::Speed(speed) = evidence { Some(speed) } else { None }
}

fn words(check: &CheckResult) -> String {
    let alone = check.cases.len() == 1;
    let told = check.cases.iter().filter_map(|case| {
        let message = case.message.as_ref().filter(|_| case.verdict != Verdict::Pass)?;
        Some(if alone { message.clone() } else { format!("{}: {message}", case.name) })
    });
    std::iter::once(check.summary.clone()).chain(told).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

/// How many pass, and of the tests that may be told what may be told. What rustc says of a hidden test would quote it.
fn restricted_words(check: &CheckResult, not_compiled: bool) -> String {
    if not_compiled {
        return "these tests do not compile with it: something public has another name or type than in the starter".into();
    }
    if !counts(check.verdict) {
        return "by no fault of the submission".into();
    }
    if check.cases.is_empty() {
        // It was not made, and why gives nothing of its tests away.
        return check.summary.clone();
    }
    let passed = check.cases.iter().filter(|case| case.verdict == Verdict::Pass).count();
    let told = check.cases.iter().filter(|case| case.verdict != Verdict::Pass && case.detail != Detail::None);
    let told = told.filter_map(|case| Some(format!("{}: {}", case.name, shown(case)?)));
    std::iter::once(format!("{passed} of {} tests pass", check.cases.len())).chain(told).collect::<Vec<_>>().join("\n")
}

/// What may be told of a case that did not pass.
fn shown(case: &CaseResult) -> Option<String> {
    let message = case.message.as_deref()?;
    match case.detail {
        Detail::Full => Some(message.to_owned()),
        Detail::Actual => Some(first_words(message)),
        Detail::None => None,
    }
}

/// The first line that says something: a panic's place comes before its words, and where a hidden test stands helps nobody.
fn first_words(message: &str) -> String {
    let is_place = |line: &&str| line.starts_with("at ") && line.ends_with(':');
    let mut lines = message.lines();
    match lines.next() {
        Some(place) if is_place(&place) => {
            let words = lines.next().unwrap_or_default();
            if place.starts_with("at src/") { format!("{place}\n{words}") } else { words.to_owned() }
        }
        // What would follow a colon is not shown.
        first => first.unwrap_or_default().trim_end_matches(':').to_owned(),
    }
}

fn row_of_case(exercise: &str, check: &CheckResult, index: usize, case: &CaseResult) -> Row {
    let hidden = case.detail == Detail::None;
    // A check that could not be judged says so itself; its tests may not have been run.
    let verdict = if counts(check.verdict) { case.verdict } else { check.verdict };
    let message = match verdict {
        Verdict::Pass => None,
        _ if !counts(check.verdict) && is_restricted(check) => Some("by no fault of the submission".into()),
        _ if !counts(check.verdict) => Some(check.summary.clone()),
        _ if hidden => Some("what this test looks at is not shown".into()),
        _ => shown(case),
    };
    let name = if hidden { format!("test {}", index + 1) } else { text::line(&case.name, 200) };
    Row {
        place: message.as_ref().filter(|_| verdict == Verdict::Fail).and_then(|said| places::first(said, exercise)),
        message: message.map(|message| text::block(&message, MESSAGE)),
        exercise: text::line(exercise, 200),
        check: text::line(&check.check, 100),
        test: Some(name),
        verdict,
        counted: counts(verdict),
        points: case.points.unwrap_or_default(),
        not_compiled: false,
        seconds: case.seconds,
        pictures: Vec::new(),
        ratio: None,
    }
}

/// The points of each exercise: of what counted.
pub fn by_exercise(sheet: &Sheet) -> BTreeMap<&str, [f64; 2]> {
    let counted = |rows: Vec<&Row>| sum(rows.into_iter().filter(|row| row.counted));
    sheet.exercises().into_iter().map(|(exercise, rows)| (exercise, counted(rows))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_failure_that_is_shown_in_part_the_first_words_are() {
        assert_eq!(first_words("it gave 3\nnot 4"), "it gave 3");
        assert_eq!(first_words("at tests/hidden.rs:3:5:\nassertion failed: a\n left: 1"), "assertion failed: a");
        assert_eq!(first_words("at src/lib.rs:3:5:\nno lock\nsecret"), "at src/lib.rs:3:5:\nno lock");
        assert_eq!(first_words("it does not compile with this submission:\nerror"), "it does not compile with this submission");
        assert_eq!(first_words(""), "");
    }

    #[test]
    fn what_does_not_compile_is_told_as_such_and_quotes_no_hidden_test() {
        // As the grader makes it: the one case has all points of the check.
        let rows = |check: &str, detail: &str| {
            let check: CheckResult = serde_json::from_value(serde_json::json!({
                "check": check, "verdict": "fail", "points": 0.0, "max_points": 2.0, "summary": "it does not compile", "seconds": 0.0,
                "cases": [{ "name": "compiles", "verdict": "fail", "points": [0.0, 2.0], "detail": detail, "seconds": 0.0,
                            "message": "error[E0599]: no method `secret`", "records": [] }],
                "evidence": null
            }))
            .expect("a check");
            rows_of_check("algorithms/merge_sort", &check)
        };
        let (public, hidden) = (rows("tests", "full"), rows(HIDDEN, "actual"));
        assert!(no_exercise_compiles(&public) && no_exercise_compiles(&hidden));
        assert!(public[0].message.as_ref().is_some_and(|said| said.contains("E0599")));
        assert!(hidden[0].message.as_ref().is_some_and(|said| said.contains("do not compile") && !said.contains("secret")));
    }

    #[test]
    fn a_share_that_is_no_whole_hundredth_has_its_rows() {
        let case = |passes: bool| {
            let verdict = if passes { Verdict::Pass } else { Verdict::Fail };
            let points = Some([if passes { 3.0 / 13.0 } else { 0.0 }, 3.0 / 13.0]);
            CaseResult { points, ..CaseResult::new("a", verdict, None) }
        };
        let check: CheckResult = serde_json::from_value(serde_json::json!({
            "check": "tests", "verdict": "fail", "points": 0.23, "max_points": 3.0, "summary": "", "seconds": 0.0, "cases": [],
            "evidence": null
        }))
        .expect("a check");
        let check = CheckResult { cases: (0..13).map(|index| case(index == 0)).collect(), ..check };
        assert_eq!(rows_of_check("algorithms/merge_sort", &check).len(), 13);
    }

    #[test]
    fn what_the_screening_finds_is_no_advice() {
        let of = |check: &str| Row { check: check.into(), ..rejected_row("threads/spin_lock", 0.0, "`asm!`") };
        assert_eq!([of("lints"), of(SCREENING)].map(|row| row.outcome()), ["advice", "fail"]);
    }

    #[test]
    fn what_could_not_be_judged_is_in_no_sum_whatever_its_check_is() {
        let case = |verdict| CaseResult { points: Some([0.0, 2.0]), ..CaseResult::new("a", verdict, None) };
        let check: CheckResult = serde_json::from_value(serde_json::json!({
            "check": "tests", "verdict": "fail", "points": 0.0, "max_points": 4.0, "summary": "", "seconds": 0.0, "cases": [],
            "evidence": null
        }))
        .expect("a check");
        let check = CheckResult { cases: vec![case(Verdict::Fail), case(Verdict::Error)], ..check };
        let rows = rows_of_check("threads/spin_lock", &check);
        assert_eq!(rows.iter().map(|row| row.counted).collect::<Vec<_>>(), [true, false]);
        assert_eq!(sum(rows.iter().filter(|row| row.counted)), [0.0, 2.0]);
    }
}
