//! Classroom 50's `result.json` (schema `classroom50/result/v1`), with the text of its release.

use anyhow::{Result, bail};
use serde::Serialize;

use super::{
    Context, File, Made,
    sheet::{Row, Sheet, Standing},
    text,
};
use crate::results::{Results, Verdict};

const RESULT: &str = "result.json";

/// What the runner sets, and the schema wants not empty: a payload without is thrown away when scores are collected.
const NEEDED: [&str; 5] = ["CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL"];

/// The fields of the schema, which takes no others. The runner stamps `owner`, `assignment_type` and `datetime` itself.
#[derive(Serialize)]
struct Payload<'a> {
    schema: &'static str,
    classroom: &'a str,
    assignment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    assignment_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'a str>,
    submission: &'a str,
    commit: &'a str,
    release: &'a str,
    review: &'a str,
    datetime: String,
    graded_at: String,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    #[serde(rename = "test-name")]
    name: String,
    passed: bool,
    score: u64,
    #[serde(rename = "max-score")]
    max_score: u64,
    verdict: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Makes `result.json`, `release-body.md`, and the step's outputs. Where nothing could be judged there is no `result.json`, nor
/// one that lay in the checkout: the command's exit code tells the runner.
///
/// # Errors
/// If the environment is not that of Classroom 50's runner; names what it lacks.
pub fn make(results: &Results, sheet: &Sheet, context: &Context) -> Result<Made> {
    let lacking: Vec<&str> = NEEDED.into_iter().filter(|name| context.variable(name).is_none()).collect();
    if !lacking.is_empty() {
        bail!("{} not set: run this through autograder.py in Classroom 50's runner", lacking.join(", "));
    }
    let outputs = context.variable("GITHUB_OUTPUT").map(|path| File::added(path, outputs(sheet)));
    let body = File::whole("release-body.md", body(sheet));
    if !sheet.is_judged() {
        let files = outputs.into_iter().chain([body]).collect();
        return Ok(Made { files, stale: vec![RESULT.into()], printed: String::new(), judged: false });
    }
    let result = File::json(RESULT, &payload(results, sheet, context))?;
    let files = outputs.into_iter().chain([body, result]).collect();
    Ok(Made { files, stale: Vec::new(), printed: String::new(), judged: true })
}

fn payload<'a>(results: &Results, sheet: &Sheet, context: &'a Context) -> Payload<'a> {
    let variable = |name: &str| context.variable(name);
    let told = |name: &str| variable(name).unwrap_or_default();
    let hundredths = hundredths(&sheet.rows);
    let tests: Vec<Test> = sheet.rows.iter().zip(&hundredths).map(|(row, [score, max])| test(row, *score, *max)).collect();
    let (started, ended) = times(results);
    Payload {
        schema: "classroom50/result/v1",
        classroom: told("CLASSROOM"),
        assignment: told("ASSIGNMENT"),
        assignment_type: variable("ASSIGNMENT_TYPE"),
        owner: variable("OWNER").or_else(|| variable("USERNAME")),
        submission: told("SUBMISSION_TAG"),
        commit: told("COMMIT_URL"),
        release: told("RELEASE_URL"),
        review: variable("REVIEW_URL").unwrap_or_else(|| told("COMMIT_URL")),
        datetime: started,
        graded_at: ended,
        score: hundredths.iter().map(|[score, _]| score).sum(),
        max_score: hundredths.iter().map(|[_, max]| max).sum(),
        tests,
    }
}

fn test(row: &Row, score: u64, max_score: u64) -> Test {
    Test {
        name: row.label(),
        // What could not be judged has not passed; its 0 of 0 costs nothing.
        passed: row.verdict == Verdict::Pass,
        score,
        max_score,
        verdict: row.outcome(),
        message: row.message.clone().filter(|_| row.verdict != Verdict::Pass),
    }
}

/// When it began and when it ended, to the second and in UTC, as the schema wants it.
fn times(results: &Results) -> (String, String) {
    let Ok(started) = results.started.parse::<jiff::Timestamp>() else {
        return (results.started.clone(), results.started.clone());
    };
    let seconds = if results.seconds.is_finite() { results.seconds.clamp(0.0, 1e9).round() as i64 } else { 0 };
    let ended = started.saturating_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(started);
    (to_the_second(started), to_the_second(ended))
}

fn to_the_second(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The points of each row in whole hundredths, by largest remainder: those reached add up to the points reached, those that
/// could be to the points that could be, whatever a test's share is. What did not count has 0 of 0.
pub fn hundredths(rows: &[Row]) -> Vec<[u64; 2]> {
    let exact = |row: &Row, index: usize| {
        let [points, worth] = row.points;
        let value = if index == 0 { points.clamp(0.0, worth) } else { worth - points.clamp(0.0, worth) };
        if row.counted && value.is_finite() { value.max(0.0) * 100.0 } else { 0.0 }
    };
    // Reached and lost are shared out apart: a test that passes has all that it is worth, to the hundredth.
    let reached: Vec<f64> = rows.iter().map(|row| exact(row, 0)).collect();
    let lost: Vec<f64> = rows.iter().map(|row| exact(row, 1)).collect();
    let worth = (reached.iter().chain(&lost).sum::<f64>()).round() as u64;
    let score = (reached.iter().sum::<f64>().round() as u64).min(worth);
    let (reached, lost) = (shared_out(&reached, score), shared_out(&lost, worth - score));
    reached.into_iter().zip(lost).map(|(reached, lost)| [reached, reached + lost]).collect()
}

/// Whole numbers next to `exact` ones that add up to `sum`: the largest remainders are rounded up, of equals the first.
fn shared_out(exact: &[f64], sum: u64) -> Vec<u64> {
    // A share that is whole but for its last bits is whole.
    let mut whole: Vec<u64> = exact.iter().map(|value| (value + 1e-6).floor() as u64).collect();
    let mut order: Vec<usize> = (0..exact.len()).filter(|index| exact[*index] > 0.0).collect();
    let remainder = |index: usize| exact[index] - (exact[index] + 1e-6).floor();
    order.sort_by(|a, b| remainder(*b).total_cmp(&remainder(*a)));
    let missing = sum.saturating_sub(whole.iter().sum());
    for index in order.iter().cycle().take(usize::try_from(missing).unwrap_or(0)) {
        whole[*index] += 1;
    }
    whole
}

/// The step's outputs: one line each.
fn outputs(sheet: &Sheet) -> String {
    let full = sheet.points()[0] >= sheet.points()[1];
    let status = match sheet.standing {
        Standing::Unjudged(_) => "error",
        Standing::Judged if full => "success",
        _ => "failure",
    };
    format!("status={status}\nsummary={}\n", text::line(&format!("{}: {}", sheet.score(), sheet.headline()), 300))
}

fn body(sheet: &Sheet) -> String {
    let mut body = format!("### {}\n\n{}\n\n", text::markdown(&sheet.score()), text::markdown(&sheet.headline()));
    if sheet.is_judged() {
        body.push_str(&super::github::table(sheet));
    }
    for note in sheet.not_counted().iter().chain(&sheet.notes) {
        body.push_str(&format!("\n{}\n", text::markdown(note)));
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_whatever_they_are() {
        assert_eq!(shared_out(&[33.3, 33.3, 33.4], 100), [33, 33, 34]);
        assert_eq!(shared_out(&[100.0 / 3.0; 3], 100), [34, 33, 33]);
        assert_eq!(shared_out(&[0.0, 66.666, 33.333], 100), [0, 67, 33]);
        assert_eq!(shared_out(&[], 0), [0; 0]);
        // Three times 0.1 is not 0.3 in binary, and is no hundredth more.
        assert_eq!(shared_out(&[0.1 * 3.0 * 100.0, 70.0], 100), [30, 70]);
    }
}
