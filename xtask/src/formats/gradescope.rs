//! Gradescope's `results.json`: scores scaled to the assignment's points, tests a learner may see, a row on the leaderboard.

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Context, File, Made, data_uri, rounded,
    sheet::{self, Row, Sheet},
    text,
};
use crate::{
    chart::text::escape,
    results::{Results, Verdict},
};

#[derive(Serialize)]
struct Test {
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    name: String,
    name_format: &'static str,
    number: String,
    output: String,
    output_format: &'static str,
    tags: Vec<String>,
    visibility: &'static str,
}

/// Makes `gradescope/results.json`. Where nothing could be judged it holds no score at all, which Gradescope reports as a
/// failure of the autograder: an earlier score stays, and a person is asked to run it again.
///
/// # Errors
/// If the file is no JSON, which it is.
pub fn make(results: &Results, sheet: &Sheet, context: &Context) -> Result<Made> {
    let mut output = vec![sheet.headline()];
    output.extend(sheet.not_counted());
    output.extend(sheet.notes.iter().cloned());
    let mut value = json!({
        "output": output.join("\n"),
        "output_format": "text",
        "stdout_visibility": "hidden",
        "execution_time": rounded(results.seconds),
    });
    if sheet.is_judged() {
        let total = context.total_points.unwrap_or_else(|| sheet.worth());
        value["score"] = json!(rounded(sheet.share() * total));
        // Nothing that a learner may not see is in here: where any test is hidden, nobody sees a total.
        value["visibility"] = json!("visible");
        value["test_output_format"] = json!("text");
        value["test_name_format"] = json!("text");
        value["tests"] = json!(tests(sheet, total));
        value["leaderboard"] = json!(leaderboard(sheet));
        value["extra_data"] = json!({ "seed": results.seed, "course": results.commit });
    }
    let files = vec![File::json("gradescope/results.json", &value)?];
    Ok(Made { files, stale: Vec::new(), printed: String::new(), judged: sheet.is_judged() })
}

fn tests(sheet: &Sheet, total: f64) -> Vec<Test> {
    // The rows add up to the score that is shown over them, also where it is scaled.
    let worth = sheet.points()[1];
    let scale = if worth > 0.0 { total / worth } else { 0.0 };
    let exercises = sheet.exercises();
    let numbered = exercises.iter().enumerate().flat_map(|(exercise, (_, rows))| {
        rows.iter().enumerate().map(move |(row, about)| (format!("{}.{}", exercise + 1, row + 1), *about))
    });
    numbered.map(|(number, row)| test(row, number, scale)).collect()
}

fn test(row: &Row, number: String, scale: f64) -> Test {
    let scored = row.counted && !row.is_advice();
    let status = match row.verdict {
        Verdict::Pass => Some("passed"),
        Verdict::Fail if scored => Some("failed"),
        _ => None,
    };
    let (output, output_format) = output(row);
    let track = row.exercise.split('/').next().unwrap_or_default();
    Test {
        score: scored.then(|| rounded(row.points[0] * scale)),
        max_score: scored.then(|| rounded(row.points[1] * scale)),
        status,
        name: row.label(),
        name_format: "text",
        number,
        output,
        output_format,
        tags: [track, &row.check].into_iter().map(|tag| text::line(tag, 100)).collect(),
        visibility: "visible",
    }
}

/// Text, but where there is a picture: it needs HTML, in which everything else is escaped.
fn output(row: &Row) -> (String, &'static str) {
    let said = row.message.clone().unwrap_or_default();
    let said =
        if row.verdict == Verdict::Pass || row.verdict == Verdict::Fail { said } else { format!("{}\n{said}", row.outcome()) };
    if row.pictures.is_empty() {
        return (said, "text");
    }
    let pictures = row
        .pictures
        .iter()
        .map(|chart| format!("<p><img src=\"{}\" alt=\"{}\" width=\"720\"></p>", data_uri(chart), escape(&chart.description)));
    (std::iter::once(format!("<p>{}</p>", escape(&said))).chain(pictures).collect(), "html")
}

/// Ratios of run times: the smallest is on top. Code that fails a test of its exercise is in no race.
fn leaderboard(sheet: &Sheet) -> Vec<Value> {
    let exercises = sheet.exercises();
    let right = exercises.iter().filter(|(_, rows)| {
        let [points, worth] = sheet::sum(rows.iter().copied().filter(|row| row.ratio.is_none() && row.counted));
        points >= worth
    });
    let rows = right.flat_map(|(_, rows)| rows);
    rows.filter_map(|row| {
        let (ratio, against) = row.ratio.as_ref()?;
        let exercise = row.exercise.rsplit('/').next().unwrap_or_default();
        let finite = ratio.is_finite().then(|| rounded(*ratio))?;
        Some(json!({ "name": text::line(&format!("{exercise}: time over {against}"), 100), "value": finite, "order": "asc" }))
    })
    .collect()
}

/// The points of the assignment in `submission_metadata.json`, which writes them as a number or in quotes; `None` where it
/// says none.
///
/// # Errors
/// If it is no JSON.
pub fn total_points(metadata: &str) -> Result<Option<f64>> {
    let value: Value = serde_json::from_str(metadata).context("it is no JSON")?;
    let points = &value["assignment"]["total_points"];
    let number = points.as_f64().or_else(|| points.as_str()?.trim().parse().ok());
    Ok(number.filter(|points: &f64| points.is_finite() && *points > 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_of_the_assignment_are_a_number_in_quotes_or_not() {
        let of = |points: &str| total_points(&format!("{{\"assignment\":{{\"total_points\":{points}}}}}")).expect("it is JSON");
        assert_eq!([of("20"), of("\"20.0\""), of("null"), of("\"-\""), of("0")], [Some(20.0), Some(20.0), None, None, None]);
        assert!(total_points("{").is_err());
    }
}
