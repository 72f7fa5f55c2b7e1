//! A failing execution as a Chrome trace in logical time: a millisecond a step, at the step's number.
//!
//! Written directly and not through tracing-chrome, which stamps the time of the wall.

use std::collections::{BTreeMap, BTreeSet};

use lab::{
    finding::{Failure, StepTold},
    trace::file::{Event, Trace},
};
use serde_json::{Map, Value, json};

/// How long a step lasts, in microseconds.
const STEP: f64 = 1000.0;

/// The only process.
const PROCESS: u64 = 1;

/// The last steps that are drawn: what has more was made up, or is nothing that anybody scrolls through.
const MOST_STEPS: usize = 10_000;

/// One row a thread, one slice a step, and an arrow from each step to those that read its value.
pub fn trace(failure: &Failure) -> Trace {
    let steps = &failure.steps[failure.steps.len().saturating_sub(MOST_STEPS)..];
    let threads: BTreeSet<usize> = steps.iter().map(|step| step.thread).collect();
    let mut events: Vec<Event> =
        threads.into_iter().map(|thread| Event::thread_name(PROCESS, row(thread), &name(thread))).collect();
    events.insert(0, Event::process_name(PROCESS, &failure.name));
    let end = steps.iter().map(|step| step.step.saturating_add(1)).max().unwrap_or_default();
    let mut moments: Vec<Event> = steps.iter().map(|step| slice(step, end)).collect();
    let sources: BTreeMap<usize, &StepTold> = steps.iter().rev().map(|step| (step.step, step)).collect();
    let read = steps.iter().filter_map(|step| Some((*sources.get(&step.reads_from?)?, step)));
    for (arrow, (from, to)) in read.enumerate() {
        moments.extend(flow(arrow, from, to));
    }
    moments.sort_by(|a, b| a.ts.total_cmp(&b.ts));
    events.append(&mut moments);
    let told = [
        ("class", failure.class.name().into()),
        ("message", failure.message.clone().into()),
        ("time", "logical: 1 ms a step".into()),
    ];
    Trace { events, other: told.map(|(key, value): (&str, Value)| (key.to_owned(), value)).into_iter().collect() }
}

/// Viewers merge a thread that is numbered 0 with others.
fn row(thread: usize) -> u64 {
    (thread as u64).saturating_add(1)
}

fn name(thread: usize) -> String {
    if thread == 0 { "T0 (main)".into() } else { format!("T{thread}") }
}

fn slice(step: &StepTold, end: usize) -> Event {
    let start = step.step as f64 * STEP;
    let until = match step.reads_from {
        _ if !step.finished => end,
        // What had to wait lasted until it was let go on.
        Some(from) => (from.saturating_add(1)).max(step.step.saturating_add(1)),
        None => step.step.saturating_add(1),
    };
    let args = [
        ("step", json!(step.step)),
        ("value", json!(step.value)),
        ("orderings", json!(step.orderings.join(", "))),
        ("place", json!(format!("{}:{}", step.file, step.line))),
        ("note", json!(step.note)),
        ("waits_for", step.waits_for.map_or(Value::Null, |thread| json!(name(thread)))),
        ("unfinished", if step.finished { Value::Null } else { json!(true) }),
    ];
    let told = |value: &Value| !value.is_null() && value != "";
    let args: Map<String, Value> =
        args.into_iter().filter(|(_, value)| told(value)).map(|(key, value)| (key.to_owned(), value)).collect();
    let what = if step.value.is_empty() { step.call() } else { format!("{} -> {}", step.call(), step.value) };
    Event { dur: Some(until as f64 * STEP - start), args, ..Event::new("X", &what, PROCESS, row(step.thread), start) }
}

/// The two ends of an arrow, each inside its slice.
fn flow(arrow: usize, from: &StepTold, to: &StepTold) -> [Event; 2] {
    let name =
        if to.synchronises { "reads from it, and is ordered after it" } else { "reads from it, but is not ordered after it" };
    let begins = from.step as f64 * STEP + STEP / 4.0;
    let ends = from.step.max(to.step) as f64 * STEP + STEP / 2.0;
    let end = |ph: &str, step: &StepTold, ts: f64| {
        let more = [("cat", json!("reads from")), ("id", json!(arrow + 1)), ("bp", json!("e"))];
        let more = more.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Event { more, ..Event::new(ph, name, PROCESS, row(step.thread), ts) }
    };
    [end("s", from, begins), end("f", to, ends)]
}
