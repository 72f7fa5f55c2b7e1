//! The page of a class: one file that opens from disk, loads nothing and runs no script. It is the instructor's: it shows what
//! students are not shown.
//!
//! Whatever a student has named or printed is untrusted: it reaches the page through [`escape`] alone.

use std::fmt::Write;

use lab::finding::WIDTH;

use super::{
    alike,
    causes::{self, Cause, Rate},
    marks::{Class, Exercise, Mark, Standing, Student},
};
use crate::{
    chart::{
        self, Layout,
        class::{Distribution, draw},
        interleaving, number,
        text::escape,
    },
    page::html::{self, Cell, badge, beside, command, table},
    results::{State, Verdict},
};

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// So many causes are shown in full, the commonest first.
const CAUSES: usize = 40;

/// So many characters of a message.
const MESSAGE: usize = 3_000;

/// So many of its first line.
const GIST: usize = 100;

/// So many of the slowest.
const SLOWEST: usize = 10;

/// So many remarks.
const REMARKS: usize = 200;

/// Up to so many exercises, everybody's points are shown for each of them.
const COLUMNS: usize = 5;

/// The page. The same class is the same page, byte for byte.
pub fn render(class: &Class) -> String {
    let mut page = html::head(&headline(class), include_str!("style.css"));
    header(&mut page, class);
    page.push_str("<main>\n");
    points(&mut page, class);
    wrong(&mut page, class);
    for (title, about, html) in [
        ("Not graded", NOT_GRADED, not_graded(class)),
        ("Worth a look", LOOK, look(class)),
        ("Changed by hand", BY_HAND, by_hand(class)),
        ("Slowest", "By the time that grading took, from the first file to the last verdict.", slowest(class)),
        ("Everybody", "", everybody(class)),
    ] {
        section(&mut page, title, about, &html);
    }
    write!(
        page,
        "</main>\n<footer>\n<p>A check that could not be measured, and one that failed by the grader\u{2019}s own fault, costs nothing: \
         it counts neither among the points nor among those that could be had. This page loads nothing from a network and runs \
         no script; it is made of the <code>results.json</code> of every submission, by {}.</p>\n</footer>\n</body>\n</html>\n",
        command("cargo xtask grade merge"),
    )
    .expect(TAKES);
    page
}

const NOT_GRADED: &str = "What was rejected has 0 points, and what could not be graded by no fault of its own has none, which is \
    not 0: it is tried again the next time that the batch is run.";

const LOOK: &str = "Nothing of this costs a point. The same source handed in twice is found by its tokens, names, comments and \
    layout aside; of a few lines that is no wonder. What is merely similar, JPlag finds: see the guide.";

const BY_HAND: &str = "By overrides.toml, applied last. The results themselves are as the grader made them.";

fn section(page: &mut String, title: &str, about: &str, html: &str) {
    if html.is_empty() {
        return;
    }
    let about = if about.is_empty() { String::new() } else { format!("<p class=\"summary\">{}</p>\n", escape(about)) };
    writeln!(page, "<section class=\"exercise\">\n<h2>{}</h2>\n{about}{html}</section>", escape(title)).expect(TAKES);
}

fn count(class: &Class, is: impl Fn(&State) -> bool) -> usize {
    class.students.iter().filter(|student| is(&student.stored.state())).count()
}

fn totals(class: &Class) -> Distribution {
    Distribution::new(class.students.iter().filter_map(|student| class.total(student)))
}

fn headline(class: &Class) -> String {
    let all = number::counted(class.students.len(), "submission", "submissions");
    match totals(class).median() {
        Some(median) if median >= 1.0 => format!("{all}: at least half of them have all points"),
        Some(median) => format!("{all}: half of them have {} of the points or more", number::percent(median)),
        None => format!("{all}, and none has points yet"),
    }
}

fn header(page: &mut String, class: &Class) {
    write!(
        page,
        "<header>\n<p class=\"eyebrow\">Racecourse class</p>\n<h1>{}</h1>\n<ul class=\"tiles\">\n",
        escape(&headline(class))
    )
    .expect(TAKES);
    let errors = count(class, |state| matches!(state, State::Error(_)));
    let rejected = count(class, |state| matches!(state, State::Rejected(_)));
    let by_hand: usize = class.students.iter().flat_map(|student| &student.marks).map(|mark| mark.overrides.len()).sum();
    let exercises = number::counted(class.exercises.len(), "exercise", "exercises");
    let tiles = [
        ("graded", class.students.len() - errors - rejected, exercises),
        ("rejected", rejected, "0 points".into()),
        ("not graded", errors, "no points, which is not 0".into()),
        ("changed by hand", by_hand, "by overrides.toml".into()),
    ];
    for (label, number, note) in tiles {
        writeln!(
            page,
            "<li><span class=\"label\">{label}</span> <strong>{}</strong> <span class=\"note\">{}</span></li>",
            number::count(number as u64),
            escape(&note)
        )
        .expect(TAKES);
    }
    page.push_str("</ul>\n<dl class=\"provenance\">\n");
    for (term, values) in provenance(class) {
        let values: Vec<String> = values.iter().map(|value| escape(value)).collect();
        writeln!(page, "<div><dt>{term}</dt><dd>{}</dd></div>", values.join("<br>")).expect(TAKES);
    }
    page.push_str("</dl>\n</header>\n");
}

/// What all of them were graded with, each kind once.
fn provenance(class: &Class) -> Vec<(&'static str, Vec<String>)> {
    let results = || class.students.iter().map(|student| &student.stored.results);
    let distinct = |values: Vec<String>| {
        let mut values = values;
        values.sort();
        values.dedup();
        values
    };
    let walls = class.students.iter().filter_map(|student| student.stored.results.submission.as_ref());
    let walls = walls.filter(|submission| !submission.sandbox.is_empty()).map(|submission| {
        let active = submission.sandbox.iter().filter(|layer| layer.active).map(|layer| layer.name.as_str());
        active.collect::<Vec<_>>().join(", ")
    });
    let graded = results().filter(|results| results.submission.as_ref().is_some_and(|submission| !submission.taken.is_empty()));
    let mut seeds = distinct(graded.map(|results| results.seed.to_string()).collect());
    if seeds.len() > 1 {
        seeds = vec!["each submission\u{2019}s own, from its files".into()];
    }
    let seconds: f64 = results().map(|results| results.seconds).sum();
    vec![
        ("Course", distinct(results().filter_map(|results| results.commit.clone()).collect())),
        ("Toolchain", distinct(results().map(|results| results.machine.rustc.clone()).collect())),
        ("Processor", distinct(results().filter_map(|results| results.machine.processor.clone()).collect())),
        ("Seed", seeds),
        ("Sandbox", distinct(walls.collect())),
        ("Took, added up", vec![number::duration(seconds)]),
    ]
}

fn points(page: &mut String, class: &Class) {
    if class.exercises.len() > 1 {
        let figure = figure("all", "All exercises", &totals(class));
        section(
            page,
            "Points",
            "Over all exercises, those left out that could not be graded for somebody: they are in neither sum.",
            &figure,
        );
    }
    for (i, exercise) in class.exercises.iter().enumerate() {
        let points = class.students.iter().filter_map(|student| {
            let mark = &student.marks[i];
            Some([mark.points?, mark.max_points])
        });
        let distribution = Distribution::new(points);
        let mut html = figure(&format!("points-{i}"), &exercise.title, &distribution);
        html.push_str(&rates(&causes::rates(class, &exercise.path)));
        section(page, &exercise.title, &about(class, i, exercise), &html);
    }
}

/// Who is in the picture, and who is not.
fn about(class: &Class, i: usize, exercise: &Exercise) -> String {
    let of = |standing: Standing| class.students.iter().filter(|student| student.marks[i].standing == standing).count();
    let standings = [Standing::Graded, Standing::NotHandedIn, Standing::Rejected, Standing::NotMeasurable, Standing::Error];
    let told: Vec<String> = standings
        .into_iter()
        .filter(|standing| of(*standing) > 0)
        .map(|standing| format!("{} {}", of(standing), standing.words()))
        .collect();
    format!("{}, {} points: {}.", exercise.path, number::points(exercise.max_points), told.join(", "))
}

fn figure(id: &str, of: &str, distribution: &Distribution) -> String {
    match [Layout::Wide, Layout::Narrow].map(|layout| draw(of, distribution, layout)) {
        [Some(wide), Some(narrow)] => format!("<figure>\n{}{}</figure>\n", wide.inline(id), narrow.inline(id)),
        _ => "<p class=\"missing\">Nobody was graded.</p>\n".into(),
    }
}

fn rates(rates: &[Rate]) -> String {
    if rates.is_empty() {
        return String::new();
    }
    let suspects: Vec<&str> = rates.iter().filter(|rate| rate.is_suspect()).map(|rate| name(&rate.check, &rate.case)).collect();
    let mut html = String::new();
    if !suspects.is_empty() {
        let names: Vec<String> = suspects.iter().map(|name| command(name)).collect();
        writeln!(
            html,
            "<p class=\"missing\">Nobody passes {}. Look at the test, and at what the handout says of it, before you look at the \
             students.</p>",
            names.join(", ")
        )
        .expect(TAKES);
    }
    let head = ["test", "check", "passed", "share"].map(str::to_owned);
    let row = |rate: &Rate| {
        let share = if rate.judged == 0 { 0.0 } else { rate.passed as f64 / rate.judged as f64 };
        vec![
            Cell::text(command(name(&rate.check, &rate.case))),
            Cell::text(escape(&rate.check)),
            Cell::number(format!("{} of {}", rate.passed, rate.judged)),
            Cell::number(number::percent(share)),
        ]
    };
    let rows: Vec<_> = rates.iter().map(row).collect();
    html + &table("numbers", &head, &rows)
}

/// What a test is called; a measurement is called by its check.
fn name<'a>(check: &'a str, case: &'a str) -> &'a str {
    if case.is_empty() { check } else { case }
}

fn wrong(page: &mut String, class: &Class) {
    let all = causes::causes(class);
    let failed: usize = all.iter().map(|cause| cause.students.len()).sum();
    let about = format!(
        "{} of {}, by what they failed at and why, the commonest first: each explanation once, as the first of its students \
         was told it. Numbers, addresses and paths are no difference.",
        number::counted(failed, "failure", "failures"),
        number::counted(all.len(), "cause", "causes")
    );
    let mut html: String = all.iter().take(CAUSES).enumerate().map(|(i, cause)| of_cause(class, cause, i)).collect();
    if all.len() > CAUSES {
        let rest = number::counted(all.len() - CAUSES, "rarer cause is", "rarer causes are");
        writeln!(html, "<p class=\"note\">{rest} not shown; they are in the results of each submission.</p>").expect(TAKES);
    }
    section(page, "What went wrong", &about, &html);
}

fn of_cause(class: &Class, cause: &Cause, i: usize) -> String {
    let words = chart::words(&cause.exercise);
    let mut html = format!(
        "<details class=\"case\"{}>\n<summary><strong>{}</strong> {} <code>{}</code> <small>{}: {}</small></summary>\n",
        if i < 8 { " open" } else { "" },
        number::counted(cause.students.len(), "student", "students"),
        escape(&words),
        escape(name(&cause.check, &cause.case)),
        escape(&cause.check),
        escape(&gist(cause)),
    );
    writeln!(html, "<p class=\"students\">{}</p>", links(class, &cause.students)).expect(TAKES);
    html.push_str(&explanation(cause, i));
    html.push_str("</details>\n");
    html
}

/// Its first words, by which causes of the same test are told apart before they are opened.
fn gist(cause: &Cause) -> String {
    let first = cause.failure.as_ref().and_then(|failure| {
        let mends = failure.repair.as_ref().map(|repair| format!("; {} for {} mends it", repair.to, repair.from));
        Some(failure.sentences().first()?.clone() + &mends.unwrap_or_default())
    });
    let line = first.unwrap_or_else(|| cause.message.clone());
    // Where it happened, and that something did not compile, is said in a line of its own before the words that matter.
    let line = line.lines().map(str::trim).find(|line| !line.is_empty() && !line.ends_with(':')).unwrap_or_default();
    if line.chars().count() > GIST { line.chars().take(GIST - 1).chain(['\u{2026}']).collect() } else { line.to_owned() }
}

/// A failing execution as a picture with its sentences, anything else as it was told.
fn explanation(cause: &Cause, i: usize) -> String {
    let failure = cause.failure.as_ref();
    let drawn = |layout| failure.and_then(|failure| interleaving::draw(failure, layout));
    match (drawn(Layout::Wide), drawn(Layout::Narrow), failure) {
        (Some(wide), Some(narrow), Some(failure)) => {
            let id = format!("cause-{i}");
            let sentences = failure.sentences();
            let told = sentences.get(1..).unwrap_or_default().join("\n");
            format!("<figure class=\"small\">\n{}{}</figure>\n{}", wide.inline(&id), narrow.inline(&id), said(&told))
        }
        (_, _, Some(failure)) => said(&failure.summary(WIDTH)),
        _ => said(&cause.message),
    }
}

fn said(message: &str) -> String {
    let mut short: String = message.trim_matches('\n').chars().take(MESSAGE).collect();
    if short.len() < message.trim_matches('\n').len() {
        short.push_str(" \u{2026}");
    }
    format!("<pre tabindex=\"0\">{}</pre>\n", escape(&short))
}

fn links(class: &Class, ids: &[String]) -> String {
    let link = |id: &String| match class.students.iter().find(|student| student.stored.id == *id) {
        Some(student) => link(student),
        None => escape(id),
    };
    ids.iter().map(link).collect::<Vec<_>>().join(", ")
}

/// The student's name, which leads to the results.
fn link(student: &Student) -> String {
    let id = &student.stored.id;
    match beside(&format!("submissions/{id}/results.json")) {
        Some(target) => format!("<a href=\"{target}\">{}</a>", escape(id)),
        None => escape(id),
    }
}

fn not_graded(class: &Class) -> String {
    let row = |student: &Student, badge: String, what: String, why: &str| {
        vec![Cell::text(link(student)), Cell::text(badge), Cell::text(what), Cell::text(escape(&short(why)))]
    };
    let rejected = || badge(Verdict::Fail, "rejected");
    let of = |student: &Student| match student.stored.state() {
        State::Rejected(why) => vec![row(student, rejected(), "everything".into(), &why)],
        State::Error(why) => vec![row(student, badge(Verdict::Error, "not graded"), "everything".into(), &why)],
        State::Graded => {
            let marks = student.marks.iter().filter(|mark| mark.standing == Standing::Rejected);
            marks.map(|mark| row(student, rejected(), escape(&chart::words(&mark.exercise)), &mark.why)).collect()
        }
    };
    let rows: Vec<Vec<Cell>> = class.students.iter().flat_map(of).collect();
    let head = ["student", "what", "of it", "why"].map(str::to_owned);
    if rows.is_empty() { String::new() } else { table("checks", &head, &rows) }
}

fn short(text: &str) -> String {
    let mut kept: String = text.chars().take(400).collect();
    if kept.len() < text.len() {
        kept.push('\u{2026}');
    }
    kept
}

fn look(class: &Class) -> String {
    let mut html = String::new();
    let same: Vec<Vec<Cell>> = alike::same(class)
        .iter()
        .map(|same| {
            let how = if same.to_the_byte { "the same to the byte" } else { "the same but for names, comments or layout" };
            vec![
                Cell::text(links(class, &same.students)),
                Cell::text(escape(&chart::words(&same.exercise))),
                Cell::text(how.into()),
                Cell::number(number::count(same.tokens as u64)),
            ]
        })
        .collect();
    if !same.is_empty() {
        let head = ["students", "exercise", "how", "tokens"].map(str::to_owned);
        write!(html, "<h3>The same source</h3>\n{}", table("checks", &head, &same)).expect(TAKES);
    }
    let all = class.students.iter().flat_map(|student| {
        let remarks = student.stored.results.submission.iter().flat_map(|submission| &submission.remarks);
        remarks.map(move |remark| (student, remark))
    });
    let rows: Vec<Vec<Cell>> = all
        .take(REMARKS)
        .map(|(student, remark)| {
            let place = if remark.place.is_empty() { String::new() } else { command(&remark.place) };
            let what = format!("{} {place}", escape(&short(&remark.what)));
            vec![Cell::text(link(student)), Cell::text(escape(&chart::words(&remark.exercise))), Cell::text(what)]
        })
        .collect();
    if !rows.is_empty() {
        let head = ["student", "exercise", "remark"].map(str::to_owned);
        write!(html, "<h3>Remarks of the grader</h3>\n{}", table("checks", &head, &rows)).expect(TAKES);
    }
    html
}

fn by_hand(class: &Class) -> String {
    let all = class.students.iter().flat_map(|student| student.marks.iter().map(move |mark| (student, mark)));
    let rows: Vec<Vec<Cell>> = all
        .flat_map(|(student, mark)| mark.overrides.iter().map(move |given| (student, mark, given)))
        .map(|(student, mark, given)| {
            let part = given.test.as_ref().or(given.check.as_ref());
            let what = part.map_or_else(|| "the whole exercise".into(), |part| command(part));
            vec![
                Cell::text(link(student)),
                Cell::text(format!("{}: {what}", escape(&chart::words(&mark.exercise)))),
                Cell::number(number::points(given.points)),
                Cell::number(format!("{} \u{2192} {}", told(mark.graded_points), told(mark.points))),
                Cell::text(escape(&given.reason)),
            ]
        })
        .collect();
    let head = ["student", "of", "points", "exercise before and now", "reason"].map(str::to_owned);
    if rows.is_empty() { String::new() } else { table("checks", &head, &rows) }
}

fn told(points: Option<f64>) -> String {
    points.map_or_else(|| "none".into(), number::points)
}

fn slowest(class: &Class) -> String {
    let mut students: Vec<&Student> = class.students.iter().filter(|student| student.stored.results.seconds > 0.0).collect();
    students.sort_by(|a, b| b.stored.results.seconds.total_cmp(&a.stored.results.seconds));
    let row = |student: &&Student| {
        let checks = student.stored.results.exercises.iter().flat_map(|exercise| {
            let subjects = exercise.subjects.iter().flat_map(|subject| &subject.checks);
            subjects.map(move |check| (exercise, check))
        });
        let longest = checks.max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds));
        let longest = longest.map_or_else(String::new, |(exercise, check)| {
            format!("{}: {}, {}", chart::words(&exercise.path), check.check, number::duration(check.seconds))
        });
        vec![
            Cell::text(link(student)),
            Cell::number(number::duration(student.stored.results.seconds)),
            Cell::text(escape(&longest)),
        ]
    };
    let rows: Vec<_> = students.iter().take(SLOWEST).map(row).collect();
    let head = ["student", "time", "longest check"].map(str::to_owned);
    if rows.is_empty() { String::new() } else { table("checks", &head, &rows) }
}

fn everybody(class: &Class) -> String {
    let each = class.exercises.len() > 1 && class.exercises.len() <= COLUMNS;
    let mut head = vec!["student".to_owned(), "points".to_owned()];
    if each {
        head.extend(class.exercises.iter().map(|exercise| chart::words(&exercise.path)));
    }
    let row = |student: &Student| {
        let total = class.total(student);
        let told = match (total, student.stored.state()) {
            (Some([points, of]), _) => format!("{} of {}", number::points(points), number::points(of)),
            (None, State::Error(_)) => "not graded".into(),
            (None, State::Rejected(_)) => "rejected".into(),
            (None, State::Graded) => "none could be graded".into(),
        };
        let hand = student.marks.iter().any(|mark| !mark.overrides.is_empty());
        let hand = if hand { " <small>by hand</small>" } else { "" };
        let part = total.is_some() && student.marks.iter().any(|mark| mark.points.is_none());
        let part = if part { " <small>not all graded</small>" } else { "" };
        let mut row = vec![Cell::text(link(student)), Cell::number(format!("{told}{part}{hand}"))];
        if each {
            row.extend(student.marks.iter().map(|mark| Cell::number(of_mark(mark))));
        }
        row
    };
    let rows: Vec<_> = class.students.iter().map(row).collect();
    if rows.is_empty() {
        return "<p class=\"missing\">There is no submission.</p>\n".into();
    }
    table("numbers", &head, &rows)
}

fn of_mark(mark: &Mark) -> String {
    match mark.points {
        Some(points) if mark.standing == Standing::Graded || !mark.overrides.is_empty() => number::points(points),
        _ => format!("<span class=\"none\">{}</span>", mark.standing.words()),
    }
}
