//! The old GitHub Classroom reporter: a step output called `result`, which is JSON in base64.

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::{
    Context, File, Made, rounded,
    sheet::{Row, Sheet},
};
use crate::results::{Results, Verdict};

/// Makes the output, and `legacy.json` with the same before it is encoded. Where nothing could be judged its maximum is 0, so
/// that the reporter counts it in no sum.
///
/// # Errors
/// If it is no JSON, which it is.
pub fn make(_: &Results, sheet: &Sheet, context: &Context) -> Result<Made> {
    let value = value(sheet);
    let output = format!("result={}\n", BASE64_STANDARD.encode(serde_json::to_vec(&value)?));
    let step = context.variable("GITHUB_OUTPUT").map(|path| File::added(path, output));
    let files = [File::json("legacy.json", &value)?].into_iter().chain(step).collect();
    Ok(Made { files, stale: Vec::new(), printed: String::new(), judged: sheet.is_judged() })
}

fn value(sheet: &Sheet) -> Value {
    if !sheet.is_judged() {
        let grading = json!({ "name": "grading", "status": "error", "message": sheet.headline(), "score": 0 });
        return json!({ "version": 1, "status": "error", "max_score": 0, "tests": [grading] });
    }
    let [points, worth] = sheet.points();
    // Its table shows passed over all times the maximum: what did not count is not among them.
    let tests: Vec<Value> = sheet.rows.iter().filter(|row| row.counted && !row.is_advice()).map(test).collect();
    let status = if points >= worth { "pass" } else { "fail" };
    json!({ "version": 1, "status": status, "max_score": rounded(worth), "tests": tests })
}

fn test(row: &Row) -> Value {
    let status = if row.verdict == Verdict::Pass { "pass" } else { "fail" };
    let message = row.message.clone().filter(|_| row.verdict != Verdict::Pass).unwrap_or_default();
    json!({ "name": row.label(), "status": status, "message": message, "score": rounded(row.points[0]) })
}
