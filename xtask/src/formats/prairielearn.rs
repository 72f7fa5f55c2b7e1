//! PrairieLearn's `results.json`: a share from 0 to 1, or that no attempt is to be used up.

use anyhow::Result;
use serde_json::{Value, json};

use super::{
    Context, File, Made, data_uri, rounded,
    sheet::{Row, Sheet, Standing},
    text,
};
use crate::results::{Results, Verdict};

/// Bytes of the file: PrairieLearn takes a megabyte, and refuses one that is larger altogether.
const LARGEST: usize = 1_000_000;

/// Characters of a message where the file would be too large with all of it.
const SHORT: usize = 300;

/// Makes `prairielearn/results.json`. Code that does not compile and submissions that cannot be graded use up no attempt; nor
/// does a fault of the grader, which its message calls one.
///
/// # Errors
/// If the file is no JSON, which it is.
pub fn make(_: &Results, sheet: &Sheet, _: &Context) -> Result<Made> {
    let attempt = |most, pictures| File::json("prairielearn/results.json", &value(sheet, most, pictures));
    let mut file = attempt(usize::MAX, true)?;
    for most in [usize::MAX, SHORT] {
        if file.content.len() > LARGEST {
            file = attempt(most, false)?;
        }
    }
    if file.content.len() > LARGEST {
        let mut value = without_tests(sheet);
        value["output"] = json!("The single tests are left out: PrairieLearn takes no file that is so large.");
        file = File::json("prairielearn/results.json", &value)?;
    }
    Ok(Made { files: vec![file], stale: Vec::new(), printed: String::new(), judged: sheet.is_judged() })
}

fn value(sheet: &Sheet, most: usize, pictures: bool) -> Value {
    let errors = |errors: Vec<String>| json!({ "gradable": false, "message": sheet.headline(), "format_errors": errors });
    match &sheet.standing {
        Standing::Unjudged(_) => return errors(vec![sheet.headline()]),
        Standing::Rejected(why) => return errors(vec![why.clone()]),
        Standing::NotCompiled => {
            let said = sheet.rows.iter().filter(|row| row.not_compiled).filter_map(|row| row.message.as_deref());
            let mut said: Vec<String> = said.map(|said| text::block(said, most)).collect();
            // Each check says the same of the same code.
            said.dedup();
            return errors(said);
        }
        Standing::Judged => {}
    }
    let output: Vec<String> = sheet.not_counted().into_iter().chain(sheet.notes.iter().cloned()).collect();
    let mut value = without_tests(sheet);
    value["output"] = json!(output.join("\n"));
    value["tests"] = sheet.rows.iter().map(|row| test(row, most, pictures)).collect();
    value
}

fn without_tests(sheet: &Sheet) -> Value {
    json!({ "gradable": true, "score": rounded(sheet.share()), "message": sheet.headline() })
}

/// Every test has points, even if none of none: where one has not, PrairieLearn shows those of no test.
fn test(row: &Row, most: usize, pictures: bool) -> Value {
    let [points, worth] = if row.counted { row.points } else { [0.0, 0.0] };
    let mut test = json!({
        "name": row.label(),
        "description": row.outcome(),
        "points": rounded(points),
        "max_points": rounded(worth),
    });
    if let Some(message) = &row.message {
        let field = if row.verdict == Verdict::Pass { "output" } else { "message" };
        test[field] = json!(text::block(message, most));
    }
    if pictures && !row.pictures.is_empty() {
        let image = |chart| json!({ "label": "every pair of runs", "url": data_uri(chart) });
        test["images"] = row.pictures.iter().map(image).collect();
    }
    test
}
