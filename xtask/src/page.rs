//! `reports/index.html` out of results: one file that opens from disk, loads nothing and runs no script.
//!
//! Whatever a learner, a test or a crate has named or printed is untrusted: it reaches the page through [`escape`] alone.

mod curves;
mod evidence;
mod exercise;
pub(crate) mod html;
mod losses;
mod peers;
mod sweep;

use std::{collections::BTreeMap, fmt::Write};

use jiff::Timestamp;

use crate::{
    chart::{
        self, Layout,
        measured::Speedups,
        number, parallelism, speedup,
        text::escape,
        timeline::{self, Timeline},
    },
    results::{CheckResult, ExerciseResult, Machine, Results, Subject, SubjectResult, Verdict},
};
use html::{Cell, badge, command, table};

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

/// The page. `traces` holds the parsed trace file of each exercise that has one, by the exercise's path.
///
/// The same input is the same page, byte for byte.
pub fn render(results: &Results, traces: &BTreeMap<String, Timeline>) -> String {
    let mut page = html::head(&headline(results), "");
    header(&mut page, results);
    page.push_str("<main>\n");
    overview(&mut page, results);
    for exercise in &results.exercises {
        exercise::section(&mut page, exercise, results, traces.get(&exercise.path));
    }
    page.push_str("</main>\n");
    footer(&mut page);
    page.push_str("</body>\n</html>\n");
    page
}

/// The wide form of every chart as a file of its own, by a name that tells the exercise: `merge_sort-speedup.svg`.
pub fn charts(results: &Results, traces: &BTreeMap<String, Timeline>) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for exercise in &results.exercises {
        let ExerciseResult { path, subjects, trace, .. } = exercise;
        let name = name(path);
        if let Some(Ok(chart)) = curves::chart(exercise, results, Layout::Wide) {
            files.insert(format!("{name}-speedup.svg"), chart.file());
        }
        if let Some(chart) = curves::weak_chart(exercise, results, Layout::Wide) {
            files.insert(format!("{name}-weak.svg"), chart.file());
        }
        if let Some(chart) = exercise.sweep.as_ref().and_then(|sweep| chart::sweep::draw(path, sweep, Layout::Wide)) {
            files.insert(format!("{name}-sweep.svg"), chart.file());
        }
        // The learner's where there is one, which is the last.
        let parallelism = subjects.iter().rev().find_map(|subject| parallelism::of(path, subject, Layout::Wide));
        if let Some(chart) = parallelism {
            files.insert(format!("{name}-parallelism.svg"), chart.file());
        }
        let timeline = trace.as_ref().zip(traces.get(path));
        if let Some(chart) = timeline.and_then(|(trace, timeline)| timeline::draw(path, trace, timeline, Layout::Wide)) {
            files.insert(format!("{name}-timeline.svg"), chart.file());
        }
        if let Some(chart) = trace.as_ref().and_then(|trace| chart::losses::draw(path, trace, Layout::Wide)) {
            files.insert(format!("{name}-losses.svg"), chart.file());
        }
    }
    files
}

/// What the commands call an exercise: `threads/spin_lock` is `spin_lock`.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Where in the page an exercise is.
fn anchor(path: &str) -> String {
    path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

/// What one subject reached over the whole course.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
struct Sum {
    points: f64,
    max_points: f64,
    passed: usize,
    failed: usize,
    not_measurable: usize,
    errors: usize,
}

impl Sum {
    fn add(&mut self, subject: &SubjectResult) {
        self.points += subject.points;
        self.max_points += subject.max_points;
        for check in &subject.checks {
            *match check.verdict {
                Verdict::Pass => &mut self.passed,
                Verdict::Fail => &mut self.failed,
                Verdict::NotMeasurable => &mut self.not_measurable,
                Verdict::Error => &mut self.errors,
            } += 1;
        }
    }

    /// Checks with a verdict that counts.
    fn judged(&self) -> usize {
        self.passed + self.failed
    }
}

fn sums(results: &Results) -> BTreeMap<Subject, Sum> {
    let mut sums: BTreeMap<Subject, Sum> = BTreeMap::new();
    for subject in results.exercises.iter().flat_map(|exercise| &exercise.subjects) {
        sums.entry(subject.subject).or_default().add(subject);
    }
    sums
}

/// The finding of the whole report.
fn headline(results: &Results) -> String {
    let mut headline = number::counted(results.exercises.len(), "exercise", "exercises");
    let sums = sums(results);
    let told = |(i, (subject, sum)): (usize, (&Subject, &Sum))| {
        let (verb, checks) = if i == 0 { (" passes", " checks") } else { ("", "") };
        format!("{subject}{verb} {} of {}{checks}", sum.passed, sum.judged())
    };
    let parts: Vec<_> = sums.iter().enumerate().map(told).collect();
    if !parts.is_empty() {
        write!(headline, ": {}", parts.join(", ")).expect(TAKES);
    }
    headline
}

fn header(page: &mut String, results: &Results) {
    write!(page, "<header>\n<p class=\"eyebrow\">Racecourse report</p>\n<h1>{}</h1>\n", escape(&headline(results))).expect(TAKES);
    let sums = sums(results);
    if !sums.is_empty() {
        page.push_str("<ul class=\"tiles\">\n");
        for (subject, sum) in &sums {
            writeln!(
                page,
                "<li><span class=\"label\">{subject}</span> <strong>{} <small>of {} points</small></strong> <span class=\"note\">{}</span></li>",
                number::points(sum.points),
                number::points(sum.max_points),
                free_of_charge(sum),
            )
            .expect(TAKES);
        }
        page.push_str("</ul>\n");
    }
    page.push_str("<dl class=\"provenance\">\n");
    for (term, value) in provenance(results) {
        writeln!(page, "<div><dt>{term}</dt><dd>{value}</dd></div>").expect(TAKES);
    }
    page.push_str("</dl>\n</header>\n");
}

/// What a subject's checks came to, those that cost nothing named as such.
fn free_of_charge(sum: &Sum) -> String {
    let mut text = format!("{} passed, {} failed", sum.passed, sum.failed);
    let mut free = Vec::new();
    if sum.not_measurable > 0 {
        free.push(format!("{} not measurable", sum.not_measurable));
    }
    if sum.errors > 0 {
        free.push(number::counted(sum.errors, "error of the runner", "errors of the runner"));
    }
    if !free.is_empty() {
        write!(text, "; {} (no points lost)", free.join(", ")).expect(TAKES);
    }
    text
}

/// Where the numbers come from: term, and HTML.
fn provenance(results: &Results) -> Vec<(&'static str, String)> {
    let Machine { platform, processor, cores, memory, governor, rustc, schedstat } = &results.machine;
    let told = |value: &Option<String>| value.as_deref().map_or_else(|| "not told by the system".into(), escape);
    let waits = if *schedstat { "told by the system" } else { "not told: speed cannot be judged by it" };
    vec![
        ("Machine", escape(platform)),
        ("Processor", told(processor)),
        ("Cores", number::count(*cores as u64)),
        ("Memory", told(&memory.map(number::memory))),
        ("Governor", told(governor)),
        ("Waits for a core", waits.into()),
        ("Toolchain", escape(rustc)),
        (
            "Commit",
            results
                .commit
                .as_deref()
                .map_or_else(|| "none: not in a repository".into(), |c| format!("<code>{}</code>", escape(c))),
        ),
        ("Seed", results.seed.to_string()),
        ("Begun", date(&results.started)),
        ("Command", command(&format!("cargo xtask {}", results.command))),
        ("Took", number::duration(results.seconds)),
    ]
}

/// `22 November 2025, 12:35 UTC`, or what stands there if it is no date.
fn date(started: &str) -> String {
    match started.parse::<Timestamp>() {
        Ok(time) => {
            let shown = time.strftime("%-d %B %Y, %H:%M UTC");
            format!("<time datetime=\"{}\">{shown}</time>", escape(started))
        }
        Err(_) => escape(started),
    }
}

fn overview(page: &mut String, results: &Results) {
    page.push_str("<section aria-labelledby=\"overview\">\n<h2 id=\"overview\">Overview</h2>\n");
    if results.exercises.is_empty() {
        writeln!(
            page,
            "<p class=\"missing\">No exercise is in this report. {} makes one of all.</p>",
            command("cargo xtask report")
        )
        .expect(TAKES);
    } else {
        let subjects: Vec<Subject> = sums(results).into_keys().collect();
        let mut head = vec!["Exercise".to_owned()];
        head.extend(subjects.iter().map(|subject| capital(&subject.to_string())));
        head.push("Best speedup".into());
        let rows: Vec<_> = results.exercises.iter().map(|exercise| overview_row(exercise, &subjects)).collect();
        page.push_str(&table("overview", &head, &rows));
    }
    writeln!(page, "<p class=\"note\">{}</p>", escape(&curves::bandwidth(results.ceilings.as_ref()))).expect(TAKES);
    page.push_str("</section>\n");
}

fn overview_row(exercise: &ExerciseResult, subjects: &[Subject]) -> Vec<Cell> {
    let track = exercise.path.rsplit_once('/').map_or("", |(track, _)| track);
    let mut row = vec![Cell::text(format!(
        "<span class=\"track\">{}</span> <a href=\"#{}\">{}</a>",
        escape(track),
        anchor(&exercise.path),
        escape(&exercise.title)
    ))];
    for subject in subjects {
        let found = exercise.subjects.iter().find(|result| result.subject == *subject);
        row.push(Cell::text(found.map_or_else(
            || "<span class=\"none\">not checked</span>".into(),
            |result| {
                let badges: Vec<_> = result.checks.iter().map(check_badge).collect();
                format!("<span class=\"badges\">{}</span> {}", badges.join(" "), points_of(result.points, result.max_points))
            },
        )));
    }
    row.push(Cell::text(best_speedups(exercise)));
    row
}

fn check_badge(check: &CheckResult) -> String {
    badge(check.verdict, &format!("{} {}", escape(&check.check), check.verdict))
}

fn points_of(points: f64, max_points: f64) -> String {
    format!("<span class=\"points\">{} of {} points</span>", number::points(points), number::points(max_points))
}

fn best_speedups(exercise: &ExerciseResult) -> String {
    let Some(curves) = &exercise.curves else { return "<span class=\"none\">not measured</span>".into() };
    let Ok(speedups) = Speedups::new(curves) else { return "<span class=\"none\">not measured</span>".into() };
    let of = |name: &str| {
        let best = speedups.contender(name)?.best();
        let (times, place) = (number::times(best.speedup), speedup::place(curves.axis, best.threads));
        Some(format!("<span class=\"best\">{name} <strong>{times}</strong> <small>{place}</small></span>"))
    };
    let found: Vec<_> = ["reference", "yours"].into_iter().filter_map(of).collect();
    if found.is_empty() { "<span class=\"none\">only peers measured</span>".into() } else { found.join(" ") }
}

/// With a capital letter first.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn footer(page: &mut String) {
    page.push_str("<footer>\n<h2>What the numbers mean</h2>\n<dl class=\"terms\">\n");
    for (term, meaning) in [
        (
            "Speedup",
            "S(p) = T_seq / T_p: how many times as fast as the sequential program the same work was done with p threads, processes or requests in flight. Below 1\u{d7} it was slower.",
        ),
        (
            "T_seq",
            "The time of the best sequential program in the course, never of a parallel program on one thread: a slow program cannot look scalable.",
        ),
        (
            "Ideal",
            "As many times as fast as there are threads that have a core of their own. More threads than cores are called oversubscribed, and drawn hollow.",
        ),
        (
            "Interval",
            "The true median lies in it with the confidence that is given, 95 % in charts. It is read off the sorted samples (order statistics), so it assumes nothing about how times are distributed. Runs of one process resemble each other and count as one, by their median; it takes 7 processes at the least.",
        ),
        (
            "Efficiency, serial fraction",
            "S(p) / p; and the share e = (1/S - 1/p) / (1 - 1/p) of the work that would have to be serial to explain the speedup by Amdahl\u{2019}s law alone (Karp and Flatt). Where it rises with p, the cause is overhead, and not serial code.",
        ),
        (
            "Over its own 1",
            "T_1 / T_p: how many times as fast a program is as itself on one thread. A program that is slow on one thread looks well by it, so it stands beside the speedup and never in its place.",
        ),
        (
            "Weak scaling",
            "Every thread has the same amount to do, and p threads have p times the size. The efficiency is T_seq of one thread\u{2019}s size over T_p of all. Strong scaling, in the other charts, keeps the size.",
        ),
        (
            "Ceiling if memory-bound",
            "The bandwidth of the memory on p cores over that on one (STREAM triad). It bounds a program that only moves memory, and no other: one that computes, or works in its caches, may be faster.",
        ),
        (
            "Ratio",
            "The time of yours over the time of whom it is compared with, each pair of runs made back to back, on the same input. Below 1 yours is faster.",
        ),
        (
            "Effective cores",
            "The cores that the threads really had: their number less the time they stood waiting for a core, over the time of the run. A pair of runs is clean, and counts, when both had the cores they asked for; or when only the program in question waited, pair after pair, for its own threads. In the charts a run that had not its cores is made again, twice at the most, and the least disturbed one is drawn.",
        ),
        (
            "Work, span",
            "All cost units together, and those on the longest chain of things that must follow each other. Work over span is the parallelism: no number of cores makes it more times as fast. Burdened, every fork on the chain costs what a steal costs on this machine; that price is measured and grades nothing.",
        ),
        (
            "Simulated speedup",
            "The strands of the program, scheduled in a simulation on so many processors that steal work from each other, each steal paying the burden. Memory, its bandwidth, and locks are not in it, so a real machine is slower. The band reaches from Cilkscale's burdened bound to the least of processors and parallelism.",
        ),
        (
            "Busy",
            "The share of the run that a thread was inside a span of the trace, those left out that say that they wait. Nested spans are counted once, for the innermost.",
        ),
        (
            "Thread time, lost",
            "p \u{d7} T_p, the time of all threads of a traced run together; the ideal is T_seq. What lies between is cut into parts that add up, by the spans of the trace and by what the system tells of each thread. T_seq and T_1 are medians of a few runs just after the traced one, without the time they had no core.",
        ),
        (
            "Not measurable, error",
            "The machine was too busy or lacks what the check needs; the runner itself failed. Neither costs a point: it counts in neither sum.",
        ),
    ] {
        writeln!(page, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(meaning)).expect(TAKES);
    }
    write!(
        page,
        "</dl>\n<p>Seconds of two machines are never compared. This page loads nothing from a network and runs no script; it is made of \
         <code>results.json</code> and the traces beside it, by {}.</p>\n</footer>\n",
        command("cargo xtask report")
    )
    .expect(TAKES);
}
