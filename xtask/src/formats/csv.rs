//! A gradebook: a row for each submission, in Classroom 50's columns, then a column for each exercise.

use std::collections::BTreeSet;

use anyhow::Result;

use super::{
    Context, File, Made,
    sheet::{Sheet, Standing, by_exercise},
    text,
};
use crate::{chart::number, results::Results};

/// Classroom 50's columns, in its order; those that only a roster knows are left empty.
const COLUMNS: [&str; 13] = [
    "username",
    "first_name",
    "last_name",
    "email",
    "section",
    "score",
    "max_score",
    "datetime",
    "submission_tag",
    "submitted_by",
    "review_url",
    "late",
    "override",
];

/// Makes `grades.csv` of one row. Without a score the cell is empty, and the reason stands beside it.
///
/// # Errors
/// If the table cannot be written.
pub fn make(results: &Results, sheet: &Sheet, context: &Context) -> Result<Made> {
    let table = table(&[(results, sheet)], context)?;
    Ok(Made {
        files: vec![File::whole("grades.csv", table)],
        stale: Vec::new(),
        printed: String::new(),
        judged: sheet.is_judged(),
    })
}

/// The table of many submissions.
///
/// # Errors
/// If it cannot be written.
pub fn table(all: &[(&Results, &Sheet)], context: &Context) -> Result<String> {
    let exercises: BTreeSet<&str> = all.iter().flat_map(|(_, sheet)| by_exercise(sheet).into_keys()).collect();
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let head = COLUMNS.into_iter().chain(["state", "reason"]).map(str::to_owned);
    writer.write_record(head.chain(exercises.iter().map(|exercise| text::cell(exercise))))?;
    for (results, sheet) in all {
        writer.write_record(row(results, sheet, &exercises, context))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn row(results: &Results, sheet: &Sheet, exercises: &BTreeSet<&str>, context: &Context) -> Vec<String> {
    let variable = |name: &str| text::cell(context.variable(name).unwrap_or_default());
    let username = context.variable("OWNER").or_else(|| context.variable("USERNAME")).unwrap_or(&sheet.id);
    let [score, max_score] = if sheet.is_judged() { sheet.points().map(number::points) } else { [String::new(), String::new()] };
    let (state, reason) = match &sheet.standing {
        Standing::Judged => ("graded", String::new()),
        Standing::NotCompiled => ("does not compile", String::new()),
        Standing::Rejected(why) => ("rejected", text::cell(why)),
        Standing::Unjudged(why) => ("not graded", text::cell(why)),
    };
    let by_exercise = by_exercise(sheet);
    let points = |exercise: &&str| match by_exercise.get(exercise) {
        Some([points, worth]) if *worth > 0.0 => number::points(*points),
        _ => String::new(),
    };
    let own = [
        text::cell(username),
        String::new(),
        String::new(),
        String::new(),
        String::new(),
        score,
        max_score,
        text::cell(&results.started),
        variable("SUBMISSION_TAG"),
        variable("GITHUB_ACTOR"),
        variable("REVIEW_URL"),
        String::new(),
        String::new(),
        state.to_owned(),
        reason,
    ];
    own.into_iter().chain(exercises.iter().map(points)).collect()
}
