//! The page of a noise study: one file that opens from disk, loads nothing and runs no script.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    FULL_AT, Load, PAIRS, Study, ZERO_AT,
    judge::{Count, percent},
    rules::Rule,
    work,
};
use crate::{
    chart::{self, Chart, Layout, number, text::escape},
    page::html::{self, Cell, badge, command, table},
};

/// What a string takes is never refused.
const TAKES: &str = "a string takes everything";

type Draw = fn(&Study, Layout) -> Option<Chart>;

const CHARTS: [(&str, Draw); 3] =
    [("wrong-fails", chart::study::wrong_fails), ("outcomes", chart::study::outcomes), ("effective-cores", chart::study::cores)];

/// The finding of the whole study.
pub fn headline(study: &Study) -> String {
    let (wrong, slow) = (study.wrong_fails(Rule::Paired, None), study.failed(1.5, None));
    let best = study.wrong_fails(Rule::BestOfFive, None);
    let right = format!(
        "Right programs lose points in {} of {} gradings, and by the best of five runs in {} of {}",
        number::count(wrong.hits as u64),
        number::count(wrong.of as u64),
        number::count(best.hits as u64),
        number::count(best.of as u64),
    );
    if study.failed(1.0, None).of + slow.of == 0 {
        let why = if study.has_no_time() { "there was no time for it" } else { "the machine was too busy" };
        return format!("{right}; nothing could be measured, {why}");
    }
    let (caught, measured) = (number::count(slow.hits as u64), number::count(slow.of as u64));
    format!("{right}; of programs that work 1.5 times as much, {caught} of {measured} measurable lose some")
}

/// The wide form of every chart as a file, by its name.
pub fn charts(study: &Study) -> BTreeMap<String, String> {
    let drawn = CHARTS.iter().filter_map(|(name, draw)| Some((format!("{name}.svg"), draw(study, Layout::Wide)?.file())));
    drawn.collect()
}

/// The page. The same study is the same page, byte for byte.
pub fn render(study: &Study) -> String {
    let mut page = html::head("Noise study", "");
    write!(
        page,
        "<header>\n<p class=\"eyebrow\">Racecourse noise study</p>\n<h1>{}</h1>\n<dl class=\"provenance\">\n",
        escape(&headline(study)),
    )
    .expect(TAKES);
    for (term, value) in provenance(study) {
        writeln!(page, "<div><dt>{term}</dt><dd>{value}</dd></div>").expect(TAKES);
    }
    page.push_str("</dl>\n</header>\n<main>\n");
    section(&mut page, "What it was made to show", "", &properties(study));
    section(&mut page, "Right programs that lose points", &same_method(study), &(figure(study, 0) + &rules_table(study)));
    section(&mut page, "What became of every grading", SLOWER, &(figure(study, 1) + &outcome_table(study) + &loads_table(study)));
    section(&mut page, "Work and span on a busy machine", SORTS, &sorts_table(study));
    section(&mut page, "Effective cores and the time on a core", CORES, &figure(study, 2));
    write!(
        page,
        "</main>\n<footer>\n<p>Every pair of runs is in <code>results.json</code> beside this page; both are made by {}. \
         What is drawn by lot, the order of the gradings and of the runs, the inputs and the bursts of the load, is drawn \
         from the seed.</p>\n\
         </footer>\n</body>\n</html>\n",
        command(&format!("cargo xtask study noise{} --seed {}", if study.extent.quick { " --quick" } else { "" }, study.seed))
    )
    .expect(TAKES);
    page
}

const SLOWER: &str = "\
    The slower versions count the first 20 %, 50 % and all of the text a second time and throw that away: real work, and a \
    right output. How many times as long that takes is measured, as the median over gradings without load. At 1.2 \
    times the work the truth is the limit itself, and who is in doubt keeps the points. On two cores a program of two \
    threads has no clean pairs where another one never rests: then the answer is that there is none.";

const SORTS: &str = "\
    Three merge sorts, each counted at 1 to 7 threads while another process keeps a core busy. On two cores their times \
    can hardly be told apart; the counts are the same in every run, to the last unit.";

const CORES: &str = "\
    From 1 to twice as many threads as there are cores compute for 0.4 s, without ever sleeping, under a load drawn by \
    lot. Effective cores are read off the time that they stood in the scheduler's queue, as for every verdict on speed; \
    the truth is the time that the kernel says they were on a core, over the length of the run. A wait is told when it is \
    over: that of a thread which stands in the queue at the very end is missing, so that effective cores are rather too \
    high than too low.";

fn section(page: &mut String, title: &str, method: &str, html: &str) {
    writeln!(
        page,
        "<section class=\"exercise\">\n<h2>{}</h2>\n<p class=\"summary\">{}</p>\n{html}</section>",
        escape(title),
        escape(method)
    )
    .expect(TAKES);
}

fn figure(study: &Study, index: usize) -> String {
    let (name, draw) = CHARTS[index];
    let drawn: Vec<Chart> = [Layout::Wide, Layout::Narrow].into_iter().filter_map(|layout| draw(study, layout)).collect();
    if drawn.is_empty() {
        return "<p class=\"missing\">Nothing of this was measured.</p>\n".into();
    }
    let inline: String = drawn.iter().map(|chart| chart.inline(name)).collect();
    format!("<figure>\n{inline}</figure>\n")
}

/// Where the numbers come from: term, and HTML.
fn provenance(study: &Study) -> Vec<(&'static str, String)> {
    let machine = &study.machine;
    let told = |value: &Option<String>| value.as_deref().map_or_else(|| "not told by the system".into(), escape);
    let before = study.busy_before.map_or("not told by the system".into(), |cores| format!("{cores:.2} cores"));
    vec![
        ("Machine", escape(&machine.platform)),
        ("Processor", told(&machine.processor)),
        ("Cores", number::count(machine.cores as u64)),
        ("Governor", told(&machine.governor)),
        ("Busy before it began", before),
        ("Toolchain", escape(&machine.rustc)),
        ("Commit", study.commit.as_deref().map_or("none: not in a repository".into(), |c| format!("<code>{}</code>", escape(c)))),
        ("Seed", study.seed.to_string()),
        ("Begun", escape(&study.started)),
        ("Took", number::duration(study.seconds)),
    ]
}

fn properties(study: &Study) -> String {
    let row = |property: super::judge::Property| {
        let verdict = property.verdict;
        vec![
            Cell::text(escape(property.name)),
            Cell::text(badge(verdict, &verdict.to_string())),
            Cell::text(escape(&property.says)),
        ]
    };
    let rows: Vec<_> = study.properties().into_iter().map(row).collect();
    table("checks", &["what must hold".into(), "verdict".into(), "what was seen".into()], &rows)
}

fn same_method(study: &Study) -> String {
    let [least, most] = PAIRS;
    format!(
        "Two processes of one program are graded against each other as cargo xtask grade does: pairs of runs back to back, \
         at least {least} clean ones, {most} at the most, full points up to {FULL_AT} times, none from {ZERO_AT} times on. \
         Runs take 20 to 30 ms and a grading's pairs {} s at the most, which is fewer pairs than a real grading has time \
         for: more is not measurable here. The other rules are what course graders are known to use, on the first runs of \
         the same gradings.",
        study.extent.budget
    )
}

fn heads(first: &str) -> Vec<String> {
    let loads = Load::ALL.iter().map(Load::to_string);
    std::iter::once(first.to_owned()).chain(loads).chain(["all".to_owned()]).collect()
}

fn counted(count: Count) -> Cell {
    let [low, high] = count.interval();
    if count.of == 0 {
        return Cell::number("none".into());
    }
    Cell::number(format!(
        "{} of {}<br/><small>{}<br/>{} to {}</small>",
        count.hits,
        count.of,
        percent(count.share()),
        percent(low),
        percent(high)
    ))
}

/// The first cell, and one for each load and for all of them.
fn by_load(first: String, count: impl Fn(Option<Load>) -> Count) -> Vec<Cell> {
    let loads = Load::ALL.into_iter().map(Some).chain([None]);
    std::iter::once(Cell::text(first)).chain(loads.map(|load| counted(count(load)))).collect()
}

fn rules_table(study: &Study) -> String {
    let mut rows: Vec<_> = Rule::ALL.map(|rule| by_load(rule.to_string(), |load| study.wrong_fails(rule, load))).into();
    rows.insert(1, by_load("clean pairs, of the measurable".into(), |load| study.failed(1.0, load)));
    table("study", &heads("lost points by"), &rows)
}

fn outcome_table(study: &Study) -> String {
    let rows: Vec<_> = study
        .nominals()
        .into_iter()
        .flat_map(|nominal| {
            let time = study.true_ratio(nominal).map_or("not measured".into(), |(ratio, [low, high], gradings)| {
                format!("{ratio:.3} times the time ({low:.3} to {high:.3}, {gradings} gradings)")
            });
            let work = work(nominal);
            let lost = study.mean_lost(nominal).map_or(String::new(), |lost| format!("; mean share lost {}", percent(lost)));
            [
                by_load(format!("{work}, failed of the measurable<br/><small>{time}{lost}</small>"), |load| {
                    study.failed(nominal, load)
                }),
                by_load(format!("{work}, not measurable"), |load| study.not_measurable(nominal, load)),
            ]
        })
        .collect();
    table("study", &heads("program"), &rows)
}

/// The load that was meant, and what was really there.
fn loads_table(study: &Study) -> String {
    let mean = |load: Load, which: usize| {
        let cores: Vec<f64> =
            study.gradings.iter().filter(|g| g.load == load).filter_map(|g| g.present).map(|c| c[which]).collect();
        if cores.is_empty() { "not told".into() } else { format!("{:.2}", cores.iter().sum::<f64>() / cores.len() as f64) }
    };
    let row = |load: Load| {
        let graded = study.gradings.iter().filter(|grading| grading.load == load).count();
        vec![
            Cell::text(load.to_string()),
            Cell::number(number::count(graded as u64)),
            Cell::number(mean(load, 0)),
            Cell::number(mean(load, 1)),
        ]
    };
    let head = ["load", "gradings", "cores that it had", "cores that others had"].map(String::from);
    format!(
        "<h4>The load that was really there</h4>\n{}<p class=\"note\">Of the time of a whole grading, its start included; \
            what others had comes on top.</p>\n",
        table("study", &head, &Load::ALL.map(row))
    )
}

fn sorts_table(study: &Study) -> String {
    let row = |(name, runs): (&'static str, Vec<&super::SortRun>)| {
        let first = runs.first()?;
        let same = runs.iter().filter(|run| run.cost == first.cost).count();
        let count = |number: u64| Cell::number(number::count(number));
        Some(vec![
            Cell::text(escape(name)),
            count(first.cost.work),
            count(first.cost.span),
            count(first.cost.forks),
            Cell::number(number::mean(first.cost.parallelism())),
            Cell::number(format!("{same} of {}", runs.len())),
        ])
    };
    let rows: Vec<_> = study.sorts_by_name().into_iter().filter_map(row).collect();
    if rows.is_empty() {
        return "<p class=\"missing\">Nothing was counted.</p>\n".into();
    }
    let head = ["sort", "work", "span", "forks", "parallelism", "runs with these counts"].map(String::from);
    let keys = number::count(study.extent.keys as u64);
    format!("{}<p class=\"note\">{keys} keys; units are comparisons and copies.</p>\n", table("study", &head, &rows))
}
