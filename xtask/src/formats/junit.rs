//! JUnit XML as nextest writes it, for Jenkins, GitLab and whatever else reads that.

use std::time::Duration;

use anyhow::{Context as _, Result};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::{
    Context, File, Made,
    sheet::{Row, Sheet},
    text,
};
use crate::{
    chart::number,
    results::{Results, Verdict},
};

/// Makes `junit.xml`. What could not be measured is skipped, and what the grader failed at is an error: neither is a failure.
///
/// # Errors
/// If the XML cannot be written.
pub fn make(results: &Results, sheet: &Sheet, _: &Context) -> Result<Made> {
    let mut report = Report::new("racecourse");
    report.set_time(duration(results.seconds));
    if let Ok(time) = results.started.parse() {
        report.timestamp = Some(time);
    }
    for (name, rows) in suites(sheet) {
        report.add_test_suite(suite(&name, &rows, results));
    }
    if !sheet.is_judged() {
        report.add_test_suite(failed_grading(results, sheet));
    }
    let mut xml = report.to_string().context("cannot write XML")?;
    if !xml.ends_with('\n') {
        xml.push('\n');
    }
    Ok(Made { files: vec![File::whole("junit.xml", xml)], stale: Vec::new(), printed: String::new(), judged: sheet.is_judged() })
}

/// One for each check of each exercise, as nextest has one for each test binary.
fn suites(sheet: &Sheet) -> Vec<(String, Vec<&Row>)> {
    let mut suites: Vec<(String, Vec<&Row>)> = Vec::new();
    for row in &sheet.rows {
        let name = format!("{}::{}", text::line(&row.exercise, 200), row.check);
        match suites.last_mut() {
            Some((last, rows)) if *last == name => rows.push(row),
            _ => suites.push((name, vec![row])),
        }
    }
    suites
}

fn suite(name: &str, rows: &[&Row], results: &Results) -> TestSuite {
    let mut suite = TestSuite::new(name);
    let counted = rows.iter().filter(|row| row.counted);
    let [points, worth] = super::sheet::sum(counted.copied());
    let commit = results.commit.as_deref().unwrap_or_default();
    let seed = results.seed.to_string();
    let properties = [("points", number::points(points)), ("max-points", number::points(worth)), ("seed", seed)];
    suite.add_properties(properties.map(|(name, value)| Property::new(name, value)));
    suite.add_property(("course", text::line(commit, 100).as_str()));
    suite.set_time(duration(rows.iter().map(|row| row.seconds).sum()));
    suite.add_test_cases(rows.iter().map(|row| case(name, row)));
    suite
}

fn case(suite: &str, row: &Row) -> TestCase {
    let said = row.message.as_deref().unwrap_or_default();
    let mut status = match row.verdict {
        Verdict::Pass => TestCaseStatus::success(),
        // Advice is none of what a build is red for.
        Verdict::Fail if row.is_advice() => TestCaseStatus::success(),
        Verdict::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Verdict::NotMeasurable => TestCaseStatus::skipped(),
        Verdict::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    if !matches!(status, TestCaseStatus::Success { .. }) {
        status.set_message(text::line(said, 300)).set_type(row.outcome()).set_description(xml(said));
    }
    let mut case = TestCase::new(row.test.as_deref().unwrap_or(&row.check), status);
    case.set_classname(suite).set_time(duration(row.seconds));
    case.add_property(("points", number::points(row.points[0]).as_str()));
    case.add_property(("max-points", number::points(row.points[1]).as_str()));
    case
}

fn failed_grading(results: &Results, sheet: &Sheet) -> TestSuite {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(text::line(&sheet.headline(), 300)).set_type("grading failed").set_description(sheet.headline());
    let mut case = TestCase::new("grading", status);
    case.set_classname("racecourse").set_time(duration(results.seconds));
    let mut suite = TestSuite::new("racecourse");
    suite.add_test_case(case);
    suite
}

/// The crate strips what XML forbids, and tabs with it: code loses its indentation.
fn xml(text: &str) -> String {
    text::plain(text).replace('\t', "    ")
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
