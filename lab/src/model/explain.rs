//! A failing execution, told to someone who has never heard of loom.

use std::{fmt::Write, panic::Location, path::Path};

use super::{
    Class, Failure, Kind, Pass, StepTold,
    engine::Seen,
    step::{Outcome, Step, Value},
};

/// How wide a table may be, in characters: four less than a terminal of old, for the runner indents it.
const WIDTH: usize = 76;
/// How many steps a table shows: the last ones.
const ROWS: usize = 40;

/// What kind of failure a panic is.
pub(super) fn class(message: &str) -> Class {
    // What loom 0.7.2 says.
    const RACES: [&str; 4] =
        ["Causality violation", "currently reading from cell", "currently writing to cell", "atomic cell is in `with_mut` call"];
    const UNFIT: [&str; 7] = [
        "Reached unexpected exploration state",
        "[loom internal bug]",
        "Internal state mutated during branch",
        "cannot access Loom execution state",
        "with feature `model`, the types of `lab`",
        "a model has at most",
        "the search has ended without a word",
    ];
    // What `engine` says of a `Tracked`.
    if message.starts_with("never dropped: ") {
        Class::Leak
    } else if message.starts_with("dropped twice: ") {
        Class::DoubleDrop
    } else if message.starts_with("used after its drop: ") {
        Class::UseAfterDrop
    } else if message.starts_with("deadlock; threads") {
        Class::Deadlock
    } else if RACES.iter().any(|race| message.contains(race)) {
        Class::DataRace
    } else if message.contains("exceeded maximum number of branches") {
        Class::Livelock
    } else if message.contains("Allocation leaked") || message.contains("Arc leaked") {
        Class::Leak
    } else if UNFIT.iter().any(|unfit| message.contains(unfit)) {
        Class::Unfit
    } else {
        Class::Assertion
    }
}

/// A failure that no single execution shows.
pub(super) fn plain(name: &str, class: Class, message: String) -> Failure {
    let text = format!("{} in {name}\n{}\n", class.name(), wrapped(&message));
    Failure { class, kind: None, pass: None, execution: 0, message, steps: Vec::new(), text }
}

/// A failure and the execution that shows it.
pub(super) fn failure(
    name: &str,
    (class, kind): (Class, Option<Kind>),
    pass: Pass,
    panic: &str,
    place: Option<(String, u32)>,
    seen: &Seen,
) -> Failure {
    let mut steps: Vec<StepTold> = seen.steps.iter().enumerate().map(|(index, step)| told(index + 1, step, seen)).collect();
    let message = match class {
        Class::DataRace => data_race(seen, &mut steps),
        Class::Deadlock => deadlock(seen, &mut steps),
        Class::Livelock => livelock(seen),
        Class::Unfit if panic.contains("Reached unexpected") => "the model is not deterministic: with the same order of steps, the \
                                                                 same program did something else. A model must not depend on time, \
                                                                 addresses, randomness, or state that outlives an execution"
            .to_owned(),
        _ => match place {
            Some((file, line)) => format!("{} ({}:{line})", panic.trim(), short(&file)),
            None => panic.trim().to_owned(),
        },
    };
    if panic.starts_with("not yet implemented") {
        // A `todo!()` is no bug, and the steps up to it explain nothing.
        let text = format!("{}\n", wrapped(&message));
        return Failure { class, kind: None, pass: Some(pass), execution: seen.executions, message, steps, text };
    }
    let mut text = format!("{} in {name}\nexecution {} of pass \"{}\"", class.name(), seen.executions, pass.name());
    if let Some(kind) = kind {
        text.push_str(match kind {
            Kind::Interleaving => ": an interleaving bug, whatever the orderings",
            Kind::MemoryOrdering => ": a memory-ordering bug",
            Kind::Spurious => ": an operation failed or woke for no reason",
        });
    }
    let _ = writeln!(text, "\n{}\n", wrapped(&message));
    text.push_str(&table(&steps, seen));
    Failure { class, kind, pass: Some(pass), execution: seen.executions, message, steps, text }
}

/// The two accesses, and their notes.
fn data_race(seen: &Seen, steps: &mut [StepTold]) -> String {
    let unordered = "two accesses to one value, at least one of them a write, that nothing orders";
    let Some(last) = seen.steps.iter().rposition(|step| step.outcome.is_none()) else { return unordered.to_owned() };
    let second = &seen.steps[last];
    let conflicts = |step: &Step| {
        step.call.object == second.call.object
            && step.thread != second.thread
            && (step.call.operation != "READ" || second.call.operation != "READ")
    };
    let Some(first) = seen.steps[..last].iter().rposition(conflicts) else { return unordered.to_owned() };
    steps[first].note = "first access".to_owned();
    steps[last].note = "second access".to_owned();
    format!(
        "T{} and T{} use {} and nothing orders the two: {} at {}, {} at {}",
        seen.steps[first].thread,
        second.thread,
        steps[last].object,
        seen.steps[first].call.operation,
        place(seen.steps[first].call.location),
        second.call.operation,
        place(second.call.location),
    )
}

/// Who stands where.
fn deadlock(seen: &Seen, steps: &mut [StepTold]) -> String {
    let mut stuck = Vec::new();
    for (step, told) in seen.steps.iter().zip(steps).filter(|(step, _)| step.outcome.is_none()) {
        told.note = "stuck".to_owned();
        stuck.push(format!("T{} in {} at {}", step.thread, brief(told), place(step.call.location)));
    }
    format!("no thread can go on: {}", stuck.join(", "))
}

/// Who goes round and round.
fn livelock(seen: &Seen) -> String {
    let tail = &seen.steps[seen.steps.len().saturating_sub(ROWS)..];
    let mut places: Vec<(usize, String)> = tail.iter().map(|step| (step.thread, place(step.call.location))).collect();
    places.sort();
    places.dedup();
    let places: Vec<String> = places.into_iter().map(|(thread, place)| format!("T{thread} at {place}")).collect();
    let mut text = format!("an execution does not end: in its last steps there are only {}", places.join(", "));
    if !tail.iter().any(|step| step.call.spins()) {
        text.push_str(". A loop that waits must call lab::hint::spin_loop or lab::thread::yield_now");
    }
    text
}

fn told(number: usize, step: &Step, seen: &Seen) -> StepTold {
    let call = &step.call;
    let object = call.object.index().and_then(|index| seen.objects.get(index));
    let shown = |value: &Value| !matches!(value, Value::Nothing);
    StepTold {
        step: number,
        thread: step.thread,
        object: object.map(|object| format!("{}#{}", object.kind, object.number)).unwrap_or_default(),
        operation: call.operation.to_owned(),
        arguments: call.arguments.iter().filter(|value| shown(value)).map(Value::to_string).collect(),
        orderings: call.orderings.iter().flatten().map(|ordering| format!("{ordering:?}")).collect(),
        value: match step.outcome {
            None | Some(Outcome::Done) => String::new(),
            Some(Outcome::Gave(value)) => value.to_string(),
            Some(Outcome::Succeeded(value)) => format!("Ok({value})"),
            Some(Outcome::Failed(value)) => format!("Err({value})"),
        },
        finished: step.outcome.is_some(),
        note: String::new(),
        file: call.location.file().to_owned(),
        line: call.location.line(),
    }
}

/// `AtomicBool#1` is `bool#1` in a table.
fn nickname(object: &str) -> String {
    object.trim_start_matches("Atomic").trim_start_matches("Unsafe").to_lowercase()
}

/// `bool#1.swap(true, Acquire) -> false`
fn brief(step: &StepTold) -> String {
    let mut text = String::new();
    if !step.object.is_empty() {
        let object = nickname(&step.object);
        let separator = if step.operation.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') { '.' } else { ' ' };
        text = format!("{object}{separator}");
    }
    text.push_str(&step.operation);
    let inside: Vec<&str> = step.arguments.iter().chain(&step.orderings).map(String::as_str).collect();
    if !inside.is_empty() {
        let _ = write!(text, "({})", inside.join(", "));
    }
    if !step.value.is_empty() {
        let _ = write!(text, " -> {}", step.value);
    }
    if !step.finished {
        text.push_str(" ...");
    }
    text
}

/// One row a step, marked where the step matters most; each thread's steps begin in a column of their own and may run over the columns to the right, which
/// are empty in that row.
fn table(steps: &[StepTold], seen: &Seen) -> String {
    if steps.is_empty() {
        return String::new();
    }
    let threads = seen.threads.max(1);
    let hidden = steps.len().saturating_sub(ROWS);
    let shown = &steps[hidden..];
    let places: Vec<String> = shown.iter().map(|step| format!("{}:{}", short(&step.file), step.line)).collect();
    let place_width = places.iter().map(|place| place.chars().count()).max().unwrap_or(0).max("where".len());
    let width = WIDTH.saturating_sub("step  ".len() + 2 + place_width).max(30);
    // At least 36 characters are left for the last thread, where there is room for that.
    let indent = width.saturating_sub(36) / threads.saturating_sub(1).max(1);

    let mut head = vec![' '; width];
    for thread in 0..threads {
        for (offset, letter) in format!("T{thread}").chars().enumerate() {
            if let Some(place) = head.get_mut(thread * indent + offset) {
                *place = letter;
            }
        }
    }
    let head: String = head.into_iter().collect();
    let mut text = format!("step  {head}  where\n");
    if hidden > 0 {
        let _ = writeln!(text, "  ..  {hidden} earlier steps");
    }
    for (step, place) in shown.iter().zip(places) {
        let mut cell = format!("{}{}", " ".repeat(step.thread * indent), brief(step));
        let note = format!(" <- {}", step.note);
        if !step.note.is_empty() && cell.chars().count() + note.chars().count() <= width {
            cell.push_str(&note);
        }
        let cell = clip(&cell, width);
        let mark = if step.note.is_empty() { ' ' } else { '>' };
        let _ = writeln!(text, "{mark}{:>3}  {cell:<width$}  {place}", step.step);
    }
    let _ = writeln!(text, "\n{}", wrapped(&legend(shown, seen)));
    text
}

/// Where the objects of these steps were made.
fn legend(steps: &[StepTold], seen: &Seen) -> String {
    let used = |name: &String| steps.iter().any(|step| step.object == *name);
    let named = seen.objects.iter().map(|object| (format!("{}#{}", object.kind, object.number), object.created));
    let made =
        named.filter(|(name, _)| used(name)).map(|(name, created)| format!("{} made at {}", nickname(&name), place(created)));
    made.collect::<Vec<_>>().join(", ")
}

/// Broken at spaces, so that no line is wider than a table.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}

fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

pub(super) fn place(location: &Location<'_>) -> String {
    format!("{}:{}", short(location.file()), location.line())
}

fn short(file: &str) -> &str {
    Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file)
}
