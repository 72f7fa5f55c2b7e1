//! What is written over a class: `grades.csv`, `graded.json` and `index.html`, each a pure function of the results and the
//! overrides.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;

use super::{
    marks::{Class, Mark},
    overrides, page,
    store::Store,
};
use crate::{
    formats::text,
    results::{State, write_whole},
};

/// The version of `graded.json`.
const FORMAT_VERSION: u32 = 1;

/// Writes all of it, and returns the files. Where another batch ends meanwhile, it is written again: whoever is the last, what
/// stands there in the end is about all results.
///
/// # Errors
/// If a result or the overrides cannot be read, or a file cannot be written.
pub fn write(store: &Store, overrides: Option<&Path>) -> Result<Vec<PathBuf>> {
    loop {
        let seen = store.snapshot()?;
        let mut class = Class::new(store.all()?);
        if let Some(path) = overrides {
            overrides::apply(&mut class, path)?;
        }
        let at = |name: &str| store.out().join(name);
        let files = [
            (at("grades.csv"), grades(&class)?),
            (at("graded.json"), serde_json::to_string_pretty(&graded(&class))? + "\n"),
            (at("index.html"), page::render(&class)),
        ];
        for (path, text) in &files {
            write_whole(path, text.as_bytes())?;
        }
        if store.snapshot()? == seen {
            return Ok(files.map(|(path, _)| path).into());
        }
    }
}

/// A row for each student and exercise. It holds nothing that differs from run to run: graded in shards or at once, it is the
/// same to the byte.
///
/// # Errors
/// None: it is written into memory.
pub fn grades(class: &Class) -> Result<String> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["student", "exercise", "points", "max_points", "standing", "graded_points", "overridden", "why"])?;
    for student in &class.students {
        let id = student.stored.id.as_str();
        if student.marks.is_empty() {
            let (standing, why) = match student.stored.state() {
                State::Graded => ("not handed in", String::new()),
                State::Rejected(why) => ("rejected", text::cell(&why)),
                State::Error(why) => ("error", text::cell(&why)),
            };
            table.write_record([id, "", "", "", standing, "", "", &why])?;
        }
        for mark in &student.marks {
            table.write_record(row(id, mark))?;
        }
    }
    String::from_utf8(table.into_inner().context("the table is in memory")?).context("all cells are text")
}

fn row(id: &str, mark: &Mark) -> [String; 8] {
    let points = |points: Option<f64>| points.map_or_else(String::new, decimal);
    let reasons: Vec<&str> = mark.overrides.iter().map(|given| given.reason.as_str()).collect();
    [
        id.into(),
        text::cell(&mark.exercise),
        points(mark.points),
        decimal(mark.max_points),
        mark.standing.words().into(),
        points(mark.graded_points),
        text::cell(&reasons.join("; ")),
        text::cell(&mark.why),
    ]
}

/// With as many decimals as points have: sums of thirds must not differ in the last of their binary digits.
fn decimal(points: f64) -> String {
    // A sum of nothing is -0.
    let text = format!("{:.4}", points + 0.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Serialize)]
struct Graded<'a> {
    format_version: u32,
    students: Vec<GradedStudent<'a>>,
}

#[derive(Serialize)]
struct GradedStudent<'a> {
    id: &'a str,
    state: State,
    /// Points, and of how many, of the exercises that have points; absent where none has.
    total: Option<[f64; 2]>,
    marks: &'a [Mark],
}

/// The same for programs, with every override in full. The results themselves stay as the grader made them.
fn graded(class: &Class) -> Graded<'_> {
    let student = |student: &'_ super::marks::Student| (student.stored.state(), class.total(student));
    let students = class.students.iter().map(|each| {
        let (state, total) = student(each);
        GradedStudent { id: &each.stored.id, state, total, marks: &each.marks }
    });
    Graded { format_version: FORMAT_VERSION, students: students.collect() }
}
