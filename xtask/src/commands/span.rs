//! `span`: work, span, and what they come to on many processors.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use super::{OnOne, Usage, code_for, instruments::candidate};
use crate::{
    catalog::Catalog,
    chart::number,
    check::{Checker, Purpose, SEED, printable},
    results::{CheckResult, Evidence, Span, Verdict},
    scaling::{Predicted, SHOWN},
    screen::{self, bold, faint, say, table},
};

/// Work and span.
pub fn span(catalog: &Catalog, on: &OnOne, json: bool) -> Result<ExitCode> {
    let own = candidate(catalog, on)?;
    if own.exercise.about.span.is_none() {
        return Err(Usage(format!("{} counts no work and span", own.exercise.name)).into());
    }
    let result = Checker { catalog, seed: SEED, quick: true, purpose: Purpose::Verdict, opponents: Default::default() }
        .one(&own, "span", None)?;
    let exit = code_for(result.verdict == Verdict::Fail, result.verdict != Verdict::Pass);
    if json {
        screen::json(&as_json(&result)?);
        return Ok(exit);
    }
    say(format!("{}: {}", bold(&own.exercise.name), printable(&result.summary)));
    if let Some(Evidence::Span(span)) = &result.evidence {
        show(span);
    }
    for case in result.cases {
        say(case.message.unwrap_or_default());
    }
    Ok(exit)
}

/// The check's result, with what follows from it.
fn as_json(result: &CheckResult) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(result)?;
    if let Some(Evidence::Span(span)) = &result.evidence {
        let row = |p: Predicted| json!({ "processors": p.processors, "simulated": p.simulated, "at_most": p.at_most, "at_least": p.at_least });
        value["predicted"] = span.predicted().into_iter().map(row).collect();
        value["limit"] = json!(span.limit_in_words());
    }
    Ok(value)
}

fn show(span: &Span) {
    let unit = printable(&span.unit);
    let figure = |name: &str, value: String| vec![format!("  {name}"), value];
    let figures = table(&[
        figure("work", format!("{} {unit}", number::count(span.work))),
        figure("span", format!("{} {unit}", number::count(span.span))),
        figure("parallelism", format!("{:.1}", span.parallelism())),
        figure("burdened parallelism", burdened(span)),
        figure("forks", number::count(span.forks)),
        figure("burden of a fork", span.burden.as_ref().map_or_else(|| "none charged".into(), |burden| burden.in_words(&unit))),
    ]);
    figures.into_iter().for_each(say);
    let predicted = span.predicted();
    let shown: Vec<_> = predicted.iter().filter(|predicted| SHOWN.contains(&predicted.processors)).collect();
    if span.work == 0 {
        return say("no speedup is predicted: nothing was counted");
    }
    if shown.is_empty() {
        return say("no speedup is predicted: it forks too often for its graph to be kept; give each fork more work");
    }
    let mut lines = vec![["  processors", "speedup, simulated", "at most", "burdened bound"].map(String::from).to_vec()];
    lines.extend(shown.into_iter().map(|p| {
        vec![format!("  {}", p.processors), number::times(p.simulated), number::times(p.at_most), number::times(p.at_least)]
    }));
    table(&lines).into_iter().for_each(say);
    if let Some(limit) = span.limit_in_words() {
        say(printable(&limit));
    }
    say(faint("counted and simulated, not timed: memory, its bandwidth and locks are not in it"));
}

fn burdened(span: &Span) -> String {
    if span.burden.is_some() { format!("{:.1}", span.burdened_parallelism()) } else { "not known".into() }
}
