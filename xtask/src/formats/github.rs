//! GitHub Actions: a step summary, annotations at the learner's own lines, and a log in which no command is obeyed.

use anyhow::Result;

use super::{
    Context, File, Made,
    places::{self, Place},
    sheet::{Row, Sheet, graded},
    text,
};
use crate::{
    chart::{number, text::escape},
    results::{Results, Verdict},
};

/// Bytes of a step summary: GitHub takes a MiB, and refuses one that is larger altogether.
const SUMMARY: usize = (1 << 20) - 1024;

/// What is said where a summary was cut.
const CUT: &str = "\nThe rest is left out: GitHub shows a MiB of a step's summary. All of it is in the step's log.\n";

/// Annotations of a kind that GitHub shows of a step.
const OF_A_KIND: usize = 10;

/// Characters of one annotation.
const ANNOTATION: usize = 1000;

/// An annotation before it is written.
struct Annotation {
    kind: Kind,
    title: String,
    message: String,
    place: Option<Place>,
    /// Points lost: the dearest are shown.
    lost: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Error,
    Warning,
    Notice,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Error, Self::Warning, Self::Notice];

    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Makes `summary.md`, adds it to the step's summary where the runner names a file for that, and prints log and annotations.
///
/// # Errors
/// None.
pub fn make(results: &Results, sheet: &Sheet, context: &Context) -> Result<Made> {
    let summary = summary(sheet, SUMMARY);
    let step = context.variable("GITHUB_STEP_SUMMARY").map(|path| File::added(path, summary.clone()));
    let files = step.into_iter().chain([File::whole("summary.md", summary)]).collect();
    let printed = log(sheet, &context.token) + &commands(&annotations(results, sheet));
    Ok(Made { files, stale: Vec::new(), printed, judged: sheet.is_judged() })
}

/// The rows as a table of Markdown.
pub fn table(sheet: &Sheet) -> String {
    let mut table = String::from("| test | result | points |\n| --- | --- | ---: |\n");
    for row in &sheet.rows {
        table.push_str(&line_of(row));
    }
    table
}

fn line_of(row: &Row) -> String {
    let points = match (row.is_advice(), row.counted) {
        (true, _) => String::new(),
        (_, true) => format!("{} of {}", number::points(row.points[0]), number::points(row.points[1])),
        (_, false) => "not counted".into(),
    };
    let sign = match row.verdict {
        Verdict::Pass => "\u{2705}",
        Verdict::Fail if row.is_advice() => "\u{1f4a1}",
        Verdict::Fail => "\u{274c}",
        Verdict::NotMeasurable | Verdict::Error => "\u{2754}",
    };
    format!("| {} | {sign} {} | {points} |\n", text::markdown(&row.label()), text::markdown(&row.outcome()))
}

fn summary(sheet: &Sheet, most: usize) -> String {
    let mut parts = vec![format!("## {}\n\n{}\n\n", text::markdown(&sheet.score()), text::markdown(&sheet.headline()))];
    if !sheet.rows.is_empty() {
        parts.push("| test | result | points |\n| --- | --- | ---: |\n".into());
        parts.extend(sheet.rows.iter().map(line_of));
        parts.push("\n".into());
    }
    parts.extend(sheet.not_counted().iter().chain(&sheet.notes).map(|note| format!("{}\n\n", text::markdown(note))));
    let said = sheet.rows.iter().filter(|row| row.verdict != Verdict::Pass);
    parts.extend(said.filter_map(|row| {
        let message = text::fenced(row.message.as_deref()?);
        // Up to the next empty line this is HTML, in which Markdown's escapes mean nothing.
        Some(format!("<details><summary>{}</summary>\n\n{message}\n</details>\n\n", escape(&row.label())))
    }));
    let mut summary = String::new();
    for part in parts {
        if summary.len() + part.len() + CUT.len() > most {
            summary.push_str(CUT);
            break;
        }
        summary.push_str(&part);
    }
    summary
}

/// Everything in words, in a stretch of the log where the runner obeys no command.
fn log(sheet: &Sheet, token: &str) -> String {
    let mut log = format!("::stop-commands::{token}\n{}\n{}\n", text::plain(&sheet.score()), text::plain(&sheet.headline()));
    for row in &sheet.rows {
        log.push_str(&format!("{:>24}  {}\n", row.outcome(), row.label()));
        let message = row.message.iter().filter(|_| row.verdict != Verdict::Pass).flat_map(|message| message.lines());
        message.for_each(|line| log.push_str(&format!("{:>24}  {}\n", "", text::plain(line))));
    }
    for note in sheet.not_counted().iter().chain(&sheet.notes) {
        log.push_str(&format!("{note}\n"));
    }
    format!("{log}::{token}::\n")
}

fn annotations(results: &Results, sheet: &Sheet) -> Vec<Annotation> {
    let mut all: Vec<Annotation> = sheet.rows.iter().filter_map(|row| of_row(results, row)).collect();
    for exercise in &results.exercises {
        let checks = graded(exercise).into_iter().flat_map(|subject| &subject.checks);
        let said = checks.filter(|check| check.check == "lints").flat_map(|check| &check.cases);
        let found = said.filter_map(|case| case.message.as_deref()).flat_map(|said| places::findings(said, &exercise.path));
        all.extend(found.map(|finding| Annotation {
            kind: Kind::Warning,
            title: finding.rule,
            message: finding.what,
            place: finding.place,
            lost: 0.0,
        }));
    }
    if !sheet.is_judged() {
        let message = text::block(&sheet.headline(), ANNOTATION);
        all.insert(0, Annotation { kind: Kind::Warning, title: "grading".into(), message, place: None, lost: 0.0 });
    }
    // Stable: of equals the first is told first.
    all.sort_by(|a, b| b.lost.total_cmp(&a.lost));
    all
}

fn of_row(results: &Results, row: &Row) -> Option<Annotation> {
    let kind = match row.verdict {
        Verdict::Pass => return None,
        // What clippy said is told at its own lines.
        Verdict::Fail if row.check == "lints" => return None,
        Verdict::Fail if row.is_advice() => Kind::Warning,
        Verdict::Fail => Kind::Error,
        Verdict::NotMeasurable | Verdict::Error => Kind::Notice,
    };
    let file = format!("exercises/{}/src/lib.rs", row.exercise);
    let taken = results.submission.as_ref().is_some_and(|submission| submission.taken.contains(&file));
    // Without a line it is shown at the file's first one.
    let whole = taken.then_some(Place { file, line: 1, column: None });
    Some(Annotation {
        kind,
        title: row.label(),
        message: text::block(row.message.as_deref().unwrap_or("it does not pass"), ANNOTATION),
        place: row.place.clone().or(whole),
        lost: if row.counted { row.points[1] - row.points[0] } else { 0.0 },
    })
}

/// As many of each kind as are shown, and a word on the others.
fn commands(all: &[Annotation]) -> String {
    let mut commands = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Annotation> = all.iter().filter(|annotation| annotation.kind == kind).collect();
        of_kind.iter().take(OF_A_KIND).for_each(|annotation| commands.push_str(&command(annotation)));
        if let Some(more) = of_kind.len().checked_sub(OF_A_KIND).filter(|more| *more > 0) {
            commands
                .push_str(&format!("{more} more {}s are not annotated: GitHub shows {OF_A_KIND} of a kind\n", kind.command()));
        }
    }
    commands
}

fn command(annotation: &Annotation) -> String {
    let mut properties = Vec::new();
    if let Some(place) = &annotation.place {
        properties.push(format!("file={}", text::command_property(&place.file)));
        properties.push(format!("line={}", place.line));
        properties.extend(place.column.map(|column| format!("col={column}")));
    }
    properties.push(format!("title={}", text::command_property(&annotation.title)));
    format!("::{} {}::{}\n", annotation.kind.command(), properties.join(","), text::command_message(&annotation.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_that_is_too_long_is_cut_between_its_parts_and_says_so() {
        let row = |index: usize| Row {
            exercise: "threads/spin_lock".into(),
            check: "tests".into(),
            test: Some(format!("t{index}")),
            verdict: Verdict::Fail,
            counted: true,
            points: [0.0, 1.0],
            message: Some("x".repeat(500)),
            not_compiled: false,
            seconds: 0.0,
            place: None,
            pictures: Vec::new(),
            ratio: None,
        };
        let sheet = Sheet {
            id: "a".into(),
            standing: super::super::sheet::Standing::Judged,
            rows: (0..4000).map(row).collect(),
            notes: Vec::new(),
        };
        let summary = summary(&sheet, SUMMARY);
        assert!(summary.len() <= SUMMARY && summary.len() > SUMMARY / 2, "{}", summary.len());
        assert!(summary.ends_with(CUT));
        assert_eq!(summary.matches("<details>").count(), summary.matches("</details>").count());
    }
}
