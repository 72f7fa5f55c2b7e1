//! Autolab's autoresult: the last line of standard output, and the line before it that lays out the feedback.

use anyhow::Result;
use serde_json::{Map, Value, json};

use super::{
    Context, File, Made, rounded,
    sheet::{self, Row, Sheet},
    text,
};
use crate::results::{Results, Verdict};

/// Characters of a hint.
const HINT: usize = 1000;

/// Makes the two lines, which are also in `autolab.json`. A problem is named by its exercise (`spin_lock`), and is worth what
/// the exercise is worth whatever could be judged of it. A problem of which nothing could be judged is left out, and so keeps
/// the score that it had.
///
/// # Errors
/// If a line is no JSON, which it is.
pub fn make(_: &Results, sheet: &Sheet, _: &Context) -> Result<Made> {
    let autoresult = json!({ "scores": scores(sheet), "scoreboard": scoreboard(sheet) });
    let printed = format!("{}\n{}\n", serde_json::to_string(&presentation(sheet))?, serde_json::to_string(&autoresult)?);
    let files = vec![File::whole("autolab.json", printed.clone())];
    Ok(Made { files, stale: Vec::new(), printed, judged: sheet.is_judged() })
}

fn problem(exercise: &str) -> String {
    text::line(exercise.rsplit('/').next().unwrap_or(exercise), 200)
}

fn scores(sheet: &Sheet) -> Map<String, Value> {
    let exercises = sheet.exercises();
    let scored = exercises.iter().filter_map(|(exercise, rows)| {
        let counted = sheet::sum(rows.iter().copied().filter(|row| row.counted));
        let worth = sheet::sum(rows.iter().copied())[1];
        let score = rounded(sheet::share(counted) * worth);
        (counted[1] > 0.0).then(|| (problem(exercise), json!(score)))
    });
    scored.collect()
}

fn scoreboard(sheet: &Sheet) -> Vec<Value> {
    if sheet.is_judged() { vec![json!(rounded(sheet.share() * sheet.worth()))] } else { Vec::new() }
}

fn presentation(sheet: &Sheet) -> Value {
    // What was not even compiled, such as a file that is no text, is in no list of what compiles.
    let build = stage(sheet.exercises().iter().filter_map(|(exercise, rows)| {
        let failed = rows.iter().find(|row| row.not_compiled);
        let ran = rows.iter().any(|row| row.test.is_some() || row.verdict == Verdict::Pass);
        let said = failed.and_then(|row| row.message.clone());
        (ran || failed.is_some()).then(|| (problem(exercise), failed.is_none(), said))
    }));
    let judged = sheet.rows.iter().map(|row| {
        let hint = row.message.clone().filter(|_| row.verdict != Verdict::Pass);
        let hint = if row.counted { hint } else { Some(format!("{}. {}", row.outcome(), hint.unwrap_or_default())) };
        (row.label(), row.verdict == Verdict::Pass || row.is_advice(), hint)
    });
    let grading = [("grading".to_owned(), false, Some(sheet.headline()))];
    let tests = stage(judged.chain(grading.into_iter().filter(|_| !sheet.is_judged())));
    let timing: Map<String, Value> = sheet.rows.iter().filter_map(timing).collect();
    let mut stages = vec!["Test"];
    let mut value = json!({ "_presentation": "semantic", "Test": tests });
    if !build.is_empty() {
        stages.insert(0, "Build");
        value["Build"] = build.into();
    }
    if !timing.is_empty() {
        stages.push("Timing");
        value["Timing"] = timing.into();
    }
    value["stages"] = json!(stages);
    value
}

/// Names to what was found. One that begins with `_` would not be shown.
fn stage(rows: impl Iterator<Item = (String, bool, Option<String>)>) -> Map<String, Value> {
    let entry = |(name, passed, hint): (String, bool, Option<String>)| {
        let mut value = json!({ "passed": passed });
        if let Some(hint) = hint.filter(|hint| !hint.trim().is_empty()) {
            value["hint"] = json!(text::block(&hint, HINT));
        }
        (if name.starts_with('_') { format!(" {name}") } else { name }, value)
    };
    rows.map(entry).collect()
}

fn timing(row: &Row) -> Option<(String, Value)> {
    let (ratio, against) = row.ratio.as_ref()?;
    let name = format!("{}: time over that of {}", problem(&row.exercise), text::line(against, 100));
    ratio.is_finite().then(|| (name, json!(rounded(*ratio))))
}
