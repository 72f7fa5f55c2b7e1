//! What the verdicts rest on: models explored, pairs of runs, work and span.

use std::fmt::Write;

use lab::workload::Axis;
use serde_json::Value;

use super::{
    TAKES,
    html::{Cell, badge, table},
};
use crate::{
    chart::{Chart, Layout, number, pairs, parallelism, speedup, text::escape},
    results::{At, CaseResult, CheckResult, Evidence, Pair, Record, Span, Speed, Subject, Verdict},
};

/// Appends the evidence of one check, where it has any.
///
/// `path` is the exercise's, `axis` is what its threads count, `id` is unique in the page.
pub fn of(page: &mut String, path: &str, check: &CheckResult, subject: Subject, axis: Axis, id: &str) {
    models(page, &check.cases);
    for (i, evidence) in check.evidence.iter().chain(&check.more).enumerate() {
        let id = format!("{id}-{i}");
        let figure = |page: &mut String, wide: Option<Chart>, narrow: Option<Chart>| {
            if let (Some(wide), Some(narrow)) = (wide, narrow) {
                write!(page, "<figure class=\"small\">\n{}{}</figure>\n", wide.inline(&id), narrow.inline(&id)).expect(TAKES);
            }
        };
        match evidence {
            Evidence::Speed(speed) => {
                let at = speed.at.as_ref().map_or_else(String::new, |at| format!(", at {} {}", number::count(at.value), at.unit));
                facts(page, &format!("Speed, pair by pair{}", escape(&at)), &speed_facts(speed, axis));
                let draw = |layout| pairs::draw(speed, subject, layout);
                figure(page, draw(Layout::Wide), draw(Layout::Narrow));
            }
            Evidence::Span(span) => {
                facts(page, "Work and span", &span_facts(span));
                let draw = |layout| parallelism::draw(path, subject, span, layout);
                figure(page, draw(Layout::Wide), draw(Layout::Narrow));
            }
        }
    }
}

fn facts(page: &mut String, heading: &str, facts: &[(&str, String)]) {
    write!(page, "<h4>{heading}</h4>\n<dl class=\"facts\">\n").expect(TAKES);
    for (term, value) in facts {
        writeln!(page, "<div><dt>{term}</dt><dd>{}</dd></div>", escape(value)).expect(TAKES);
    }
    page.push_str("</dl>\n");
}

/// What the model checker explored: one row for each search.
fn models(page: &mut String, cases: &[CaseResult]) {
    let of_models =
        |case: &'_ CaseResult| case.records.iter().filter(|record| record.kind == "model").cloned().collect::<Vec<_>>();
    let rows: Vec<_> =
        cases.iter().flat_map(|case| of_models(case).iter().flat_map(|r| model_rows(case, r)).collect::<Vec<_>>()).collect();
    if rows.is_empty() {
        return;
    }
    let head = ["model", "verdict", "pass", "executions", "time", "bound"].map(str::to_owned);
    write!(page, "<h4>Executions explored</h4>\n{}", table("models", &head, &rows)).expect(TAKES);
}

/// A record as `lab::model` writes it: `{name, verdict, passes: [{name, executions, seconds}], preemption_bound, cut}`.
/// Parts that are not there are told as not told.
fn model_rows(case: &CaseResult, record: &Record) -> Vec<Vec<Cell>> {
    let data = &record.data;
    let name = data.get("name").and_then(Value::as_str).unwrap_or(&case.name);
    let bound = match (data.get("preemption_bound").and_then(Value::as_u64), data.get("cut").and_then(Value::as_bool)) {
        (_, Some(false)) => "none: everything explored".into(),
        (Some(most), _) => format!("at most {} a thread", number::counted(most as usize, "preemption", "preemptions")),
        (None, Some(true)) => "a limit ended the search".into(),
        (None, None) => "not told".into(),
    };
    let verdict = match data.get("verdict").and_then(Value::as_str) {
        Some("pass") => badge(Verdict::Pass, "pass"),
        Some("fail") => badge(Verdict::Fail, "fail"),
        _ => badge(case.verdict, &case.verdict.to_string()),
    };
    let nothing = Vec::new();
    let passes = data.get("passes").and_then(Value::as_array).unwrap_or(&nothing);
    let row = |pass: &Value| {
        let told = |text: Option<String>| text.unwrap_or_else(|| "not told".into());
        vec![
            Cell::text(format!("<code>{}</code>", escape(name))),
            Cell::text(verdict.clone()),
            Cell::text(told(pass.get("name").and_then(Value::as_str).map(escape))),
            Cell::number(told(pass.get("executions").and_then(Value::as_u64).map(number::count))),
            Cell::number(told(pass.get("seconds").and_then(Value::as_f64).map(number::seconds))),
            Cell::text(escape(&bound)),
        ]
    };
    if passes.is_empty() { vec![row(data)] } else { passes.iter().map(row).collect() }
}

fn speed_facts(speed: &Speed, axis: Axis) -> Vec<(&'static str, String)> {
    let Speed { against, size, size_unit, threads, ratio, interval, confidence, pairs, load, full_at, caveats, at } = speed;
    let clean: Vec<&Pair> = pairs.iter().filter(|pair| pair.clean).collect();
    let cores = |pairs: &[&Pair]| {
        pairs.iter().filter_map(|pair| pair.effective_cores).flatten().filter(|c| c.is_finite()).min_by(f64::total_cmp)
    };
    let all: Vec<&Pair> = pairs.iter().collect();
    let ratio = match (ratio, interval) {
        (Some(ratio), Some([low, high])) => {
            format!("{}, {} interval {} to {}", digits(*ratio), confidence_of(*confidence), digits(*low), digits(*high))
        }
        (Some(ratio), None) => format!("{}, too few clean pairs for an interval", digits(*ratio)),
        (None, _) if clean.is_empty() => "none: no pair was clean".into(),
        (None, _) => "none: too few pairs were clean".into(),
    };
    let mut input = format!("{} {size_unit}", number::count(*size));
    if let Some(At { parameter, value, unit }) = at {
        input = format!("{input}; {parameter}: {} {unit}", number::count(*value));
    }
    let mut facts = vec![
        ("Against", format!("{against}, both {}", speedup::place(axis, *threads))),
        ("Input", input),
        ("Median ratio of times", ratio),
        ("Pairs", format!("{} clean of {}", clean.len(), pairs.len())),
    ];
    if let Some(full_at) = full_at {
        facts.push(("Full points", format!("up to {}x its time", number::mean(*full_at))));
    }
    let told = |cores: Option<f64>| cores.map_or_else(|| "not told by the system".into(), digits);
    facts.push((
        "Fewest effective cores",
        match (cores(&clean), cores(&all)) {
            // Who waits for a network has no cores to lose; see `measure`.
            _ if axis == Axis::InFlight => "not judged: requests in flight wait by design, and every pair counts".into(),
            (Some(of_clean), Some(of_all)) if of_all < of_clean => {
                format!("{} in a clean pair, {} in any", digits(of_clean), digits(of_all))
            }
            (of_clean, of_all) => told(of_clean.or(of_all)),
        },
    ));
    // One that did not become idle is among what is to be minded.
    if let Some(load) = load.filter(|load| load.idle) {
        facts.push((
            "The machine before",
            format!("idle: {:.0} % busy, after {}", load.busy * 100.0, number::seconds(load.waited)),
        ));
    }
    facts.extend(caveats.iter().map(|caveat| ("Mind", caveat.clone())));
    facts
}

fn confidence_of(confidence: f64) -> String {
    let text = format!("{:.1}", confidence * 100.0);
    format!("{} %", text.trim_end_matches(".0"))
}

/// A ratio or a number of cores: two decimals.
fn digits(value: f64) -> String {
    format!("{value:.2}")
}

fn span_facts(span: &Span) -> Vec<(&'static str, String)> {
    let Span { unit, size, work, span: longest, forks, wanted, burden, .. } = span;
    let over = |parallelism: f64| match longest {
        0 => "not defined: the span is 0".into(),
        _ => number::mean(parallelism),
    };
    let burdened = || over(span.burdened_parallelism());
    let mut facts = vec![
        ("Parallelism", format!("{}; {} for full points", over(span.parallelism()), number::mean(*wanted))),
        ("Burdened", burden.as_ref().map_or_else(|| "not known: no burden was charged".into(), |_| burdened())),
        ("Work", format!("{} {unit} at size {}", number::count(*work), number::count(*size))),
        ("Span", format!("{} {unit}", number::count(*longest))),
        ("Forks", number::count(*forks)),
    ];
    facts.extend(burden.as_ref().map(|burden| ("Burden of a fork", burden.in_words(unit))));
    facts.extend(span.limit_in_words().map(|limit| ("What limits it", limit)));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Load;

    fn fact(speed: &Speed, axis: Axis, term: &str) -> Vec<String> {
        speed_facts(speed, axis).into_iter().filter(|(name, _)| *name == term).map(|(_, value)| value).collect()
    }

    #[test]
    fn what_was_not_seen_or_not_as_it_should_be_is_on_the_page() {
        let pair =
            Pair { subject: 0.1, opponent: 0.1, effective_cores: None, clean: true, subject_first: None, at: None, seed: None };
        let speed = Speed {
            against: "std".into(),
            size: 1,
            size_unit: "keys".into(),
            threads: 2,
            at: None,
            ratio: Some(1.0),
            interval: Some([1.0, 1.0]),
            confidence: 0.965,
            pairs: vec![pair],
            load: Some(Load { busy: 0.014, waited: 0.25, idle: true }),
            full_at: Some(1.2),
            caveats: vec!["a busy machine could not be seen".into(), "it drifted".into()],
        };
        assert_eq!(fact(&speed, Axis::Threads, "Mind"), speed.caveats);
        assert_eq!(fact(&speed, Axis::Threads, "Fewest effective cores"), ["not told by the system"]);
        assert_eq!(
            fact(&speed, Axis::InFlight, "Fewest effective cores"),
            ["not judged: requests in flight wait by design, and every pair counts"]
        );
        assert_eq!(fact(&speed, Axis::Threads, "The machine before"), ["idle: 1 % busy, after 250 ms"]);
        let busy = Load { busy: 0.4, waited: 2.0, idle: false };
        assert!(fact(&Speed { load: Some(busy), ..speed }, Axis::Threads, "The machine before").is_empty());
    }

    #[test]
    fn results_of_older_runners_are_read() {
        let old = r#"{"against":"std","size":1,"size_unit":"keys","threads":2,"ratio":1.0,"interval":[1.0,1.0],
            "confidence":0.97,"pairs":[{"subject":0.1,"opponent":0.1,"effective_cores":null,"clean":true}]}"#;
        let speed: Speed = serde_json::from_str(old).unwrap();
        assert!(speed.caveats.is_empty() && speed.load.is_none() && speed.pairs[0].subject_first.is_none());
    }
}
