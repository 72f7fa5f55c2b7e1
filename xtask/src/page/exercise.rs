//! One exercise in the page: its curve, its checks, the evidence, the thread timeline.

use std::fmt::Write;

use lab::{
    finding::{Failure, WIDTH},
    workload::Axis,
};

use super::{
    TAKES, anchor, capital, curves, evidence,
    html::{Cell, badge, beside, command, table},
    losses, name, peers, points_of, sweep,
};
use crate::{
    chart::{
        Layout, interleaving, number, speedup,
        text::escape,
        timeline::{self, Timeline},
    },
    explain,
    results::{CheckResult, ExerciseResult, Results, SubjectResult, TraceResult, Verdict},
};

/// Appends the section of one exercise.
pub fn section(page: &mut String, exercise: &ExerciseResult, results: &Results, timeline: Option<&Timeline>) {
    let ExerciseResult { path, title, kind, summary, subjects, trace, notes, .. } = exercise;
    let (id, name) = (anchor(path), name(path));
    write!(
        page,
        "<section class=\"exercise\" id=\"{id}\" aria-labelledby=\"{id}-heading\">\n\
         <p class=\"eyebrow\"><code>{}</code> \u{b7} {}</p>\n<h2 id=\"{id}-heading\">{}</h2>\n<p class=\"summary\">{}</p>\n",
        escape(path),
        escape(&kind.replace('-', " ")),
        escape(title),
        escape(summary),
    )
    .expect(TAKES);
    // Where nobody was benched, nothing says what the exercise's threads are; most are threads.
    let axis = exercise.curves.as_ref().map_or(Axis::Threads, |curves| curves.axis);
    curves::section(page, exercise, results);
    for note in notes {
        writeln!(page, "<p class=\"note\">{} {}</p>", badge(note.verdict, &note.verdict.to_string()), escape(&note.what))
            .expect(TAKES);
    }
    sweep::section(page, path, exercise.sweep.as_ref());
    sweep::memory(page, &exercise.memory);
    peers::section(page, &exercise.peers, exercise.curves.as_ref());
    if subjects.is_empty() {
        missing(page, "Nobody's work was checked in this report.", &format!("cargo xtask check {name}"), "checks yours");
    }
    for subject in subjects {
        checks(page, path, subject, axis, &id);
    }
    traced(page, path, trace.as_ref(), timeline, axis);
    losses::section(page, path, trace.as_ref());
    let spans = subjects.iter().flat_map(|subject| &subject.checks).any(|check| check.check == "span");
    let instruments = ["check", "bench", "trace"].into_iter().chain(spans.then_some("span"));
    let again: Vec<_> = instruments.map(|instrument| command(&format!("cargo xtask {instrument} {name}"))).collect();
    let all = command(&format!("cargo xtask {}", results.command));
    writeln!(page, "<p class=\"again\">Run it again: {}; the whole report: {all}.</p>\n</section>", again.join(" "))
        .expect(TAKES);
}

/// What is not there, and the command that makes it.
pub fn missing(page: &mut String, what: &str, make: &str, does: &str) {
    writeln!(page, "<p class=\"missing\">{} {} {}.</p>", escape(what), command(make), escape(does)).expect(TAKES);
}

fn checks(page: &mut String, path: &str, subject: &SubjectResult, axis: Axis, id: &str) {
    let whose = capital(&subject.subject.to_string());
    writeln!(page, "<h3>{whose} {}</h3>", points_of(subject.points, subject.max_points)).expect(TAKES);
    if subject.checks.is_empty() {
        page.push_str("<p class=\"missing\">No check was made.</p>\n");
        return;
    }
    let head = ["check", "verdict", "points", "finding", "cases", "time"].map(str::to_owned);
    let rows: Vec<_> = subject.checks.iter().map(row).collect();
    page.push_str(&table("checks", &head, &rows));
    for (i, check) in subject.checks.iter().enumerate() {
        failures(page, check, &format!("{id}-{}-{i}", subject.subject));
    }
    for (i, check) in subject.checks.iter().enumerate() {
        evidence::of(page, path, check, subject.subject, axis, &format!("{id}-{}-{i}", subject.subject));
    }
}

fn row(check: &CheckResult) -> Vec<Cell> {
    let CheckResult { check, verdict, points, max_points, summary, seconds, cases, .. } = check;
    let points = match verdict {
        Verdict::Pass | Verdict::Fail => format!("{} of {}", number::points(*points), number::points(*max_points)),
        Verdict::NotMeasurable | Verdict::Error => "costs none".into(),
    };
    let passed = cases.iter().filter(|case| case.verdict == Verdict::Pass).count();
    let cases = if cases.is_empty() { "\u{2013}".into() } else { format!("{passed} of {}", cases.len()) };
    vec![
        Cell::text(escape(check)),
        Cell::text(badge(*verdict, &verdict.to_string())),
        Cell::number(points),
        Cell::text(escape(summary)),
        Cell::number(cases),
        Cell::number(number::seconds(*seconds)),
    ]
}

fn failures(page: &mut String, check: &CheckResult, id: &str) {
    for (i, case) in check.cases.iter().enumerate().filter(|(_, case)| case.verdict != Verdict::Pass) {
        let message = case.message.as_deref().unwrap_or("It left no message.").trim_matches('\n');
        write!(
            page,
            "<details class=\"case\" open>\n<summary>{} <code>{}</code> <small>{}, {}</small></summary>\n",
            badge(case.verdict, &case.verdict.to_string()),
            escape(&case.name),
            escape(&check.check),
            number::seconds(case.seconds),
        )
        .expect(TAKES);
        match explain::report(case).and_then(|report| report.failure) {
            Some(failure) => execution(page, &case.name, &failure, message, &format!("{id}-{i}")),
            None => told(page, &case.name, message),
        }
        page.push_str("</details>\n");
    }
}

/// A failing execution as a picture, what is to be said of it, and the table behind a click.
fn execution(page: &mut String, name: &str, failure: &Failure, message: &str, id: &str) {
    let draw = |layout| interleaving::draw(failure, layout);
    let (Some(wide), Some(narrow)) = (draw(Layout::Wide), draw(Layout::Narrow)) else { return told(page, name, message) };
    write!(page, "<figure class=\"small\">\n{}{}</figure>\n", wide.inline(id), narrow.inline(id)).expect(TAKES);
    match (message.strip_prefix(failure.text(WIDTH).trim()), failure.table(WIDTH)) {
        // The first sentence is the title of the picture; the others are broken where the page is narrow, and not before.
        (Some(more), Some(table)) => {
            told(page, name, &format!("{}{more}", failure.sentences()[1..].join("\n")));
            page.push_str("<details>\n<summary>The same as a table</summary>\n");
            told(page, &format!("{name}, as a table"), table.trim_end());
            page.push_str("</details>\n");
        }
        _ => told(page, name, message),
    }
}

/// What a case said.
fn told(page: &mut String, name: &str, message: &str) {
    // A table of steps is scrolled; sentences are wrapped.
    let class = if message.lines().any(|line| line.trim().contains("   ")) { " class=\"columns\"" } else { "" };
    writeln!(
        page,
        "<pre{class} tabindex=\"0\" role=\"region\" aria-label=\"message of {}\">{}</pre>",
        escape(name),
        escape(message),
    )
    .expect(TAKES);
}

fn traced(page: &mut String, path: &str, trace: Option<&TraceResult>, timeline: Option<&Timeline>, axis: Axis) {
    page.push_str("<h3>Threads over time</h3>\n");
    let make = format!("cargo xtask trace {}", name(path));
    let Some(trace) = trace else {
        return missing(page, "No run was traced for this report.", &make, "traces one");
    };
    let draw = |layout| timeline.and_then(|timeline| timeline::draw(path, trace, timeline, layout));
    match (draw(Layout::Wide), draw(Layout::Narrow)) {
        (Some(wide), Some(narrow)) => {
            let id = format!("{}-timeline", anchor(path));
            write!(page, "<figure>\n{}{}</figure>\n", wide.inline(&id), narrow.inline(&id)).expect(TAKES);
        }
        _ if timeline.is_none() => missing(page, "The trace could not be read.", &make, "makes a new one"),
        _ => missing(page, "The trace holds no span of any length.", &make, "makes a new one"),
    }
    if let Some(path) = &trace.critical_path {
        writeln!(page, "<p class=\"note\">{}.</p>", escape(&capital(path))).expect(TAKES);
    }
    let file = match beside(&trace.file) {
        Some(target) => format!("<a href=\"{target}\">{}</a>", escape(&trace.file)),
        None => command(&trace.file),
    };
    writeln!(
        page,
        "<p class=\"note\">Every span of this run ({} {}): {file}. Drag the file into ui.perfetto.dev or open it in chrome://tracing.</p>",
        trace.subject,
        speedup::place(axis, trace.threads),
    )
    .expect(TAKES);
}
