//! A failing execution, told to someone who has never heard of loom.

mod lock;
mod name;
mod order;
mod value;

use std::panic::Location;

use self::{
    lock::{holder, is_asleep, lost_wakeup},
    order::{Access, Link, Order, access},
};
use super::{
    Class, Failure, Kind, ObjectTold, Pass, Repair, StepTold,
    engine::{Instead, Seen},
    step::{Object, Outcome, Step, Value},
};
use crate::finding;

/// How many of the last steps say where a livelock goes round.
const ROUND: usize = 40;

/// What kind of failure a panic is.
pub(super) fn class(message: &str, seen: &Seen, pass: Pass) -> Class {
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
        if lost_wakeup(&seen.steps, pass).is_some() { Class::LostWakeup } else { Class::Deadlock }
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
    Failure {
        name: name.to_owned(),
        class,
        kind: None,
        pass: None,
        execution: 0,
        preemptions: None,
        message,
        repair: None,
        threads: 0,
        steps: Vec::new(),
        objects: Vec::new(),
    }
}

/// What would mend a failure: another ordering at one place.
pub(super) fn repair(site: &Step, instead: Instead, seen: &Seen) -> Repair {
    let object = site.call.object.index().and_then(|index| name::of(&seen.objects).get(index).cloned());
    let object = object.map(|name| format!("{name}.")).unwrap_or_default();
    let made_of = |operation: &str| {
        seen.steps.iter().any(|step| step.call.location == site.call.location && step.call.operation == operation)
    };
    // A load and a compare-exchange of one place in the source are its.
    let updates = made_of("load") && made_of("compare_exchange");
    let operation = if updates { "fetch_update" } else { site.call.operation };
    let which = match (operation, instead.fetches) {
        ("fetch_update", true) => "the fetch ordering of ",
        ("fetch_update", false) => "the set ordering of ",
        ("load", _) | (_, false) => "",
        _ => "the failure ordering of ",
    };
    let from = site.call.orderings[instead.slot(site)];
    Repair {
        operation: format!("{which}{object}{operation}"),
        from: from.map(|ordering| format!("{ordering:?}")).unwrap_or_default(),
        to: format!("{:?}", instead.ordering),
        file: site.call.location.file().to_owned(),
        line: site.call.location.line(),
    }
}

/// How a search failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) class: Class,
    pub(super) pass: Pass,
    /// What the panic said.
    pub(super) panic: String,
    /// Where, if that is known.
    pub(super) place: Option<(String, u32)>,
    pub(super) seen: Seen,
}

/// A failure and the execution that shows it.
pub(super) fn failure(name: &str, kind: Option<Kind>, failed: &Failed) -> Failure {
    let Failed { class, pass, panic, place, seen } = failed;
    let names = name::of(&seen.objects);
    let order = Order::of(seen, *pass);
    let mut steps: Vec<StepTold> = seen
        .steps
        .iter()
        .zip(&order.links)
        .enumerate()
        .map(|(index, (step, link))| told(index + 1, step, *link, &names))
        .collect();
    for (told, step) in steps.iter_mut().zip(&seen.steps).filter(|(_, step)| step.outcome.is_none()) {
        told.waits_for = keeper(&seen.steps, step, *pass);
    }
    let story = Story { seen, pass: *pass, order: &order, names: &names };
    let message = match class {
        Class::DataRace => story.data_race(&mut steps),
        Class::Deadlock | Class::LostWakeup => story.deadlock(&mut steps),
        Class::Livelock => story.livelock(),
        Class::Unfit if panic.contains("Reached unexpected") => "the model is not deterministic: with the same order of steps, the \
                                                                 same program did something else. A model must not depend on time, \
                                                                 addresses, randomness, or state that outlives an execution"
            .to_owned(),
        _ => {
            let said = match place {
                Some((file, line)) => format!("{} ({})", panic.trim(), finding::place(file, *line)),
                None => panic.trim().to_owned(),
            };
            let update = if *class == Class::Assertion { story.lost_update(&mut steps) } else { None };
            [Some(said), update, story.stale_read(&mut steps)].into_iter().flatten().collect::<Vec<_>>().join("\n")
        }
    };
    let objects = seen.objects.iter().zip(&names).map(|(object, name)| ObjectTold {
        name: name.clone(),
        kind: object.kind.to_owned(),
        file: object.created.file().to_owned(),
        line: object.created.line(),
    });
    Failure {
        kind,
        pass: Some(*pass),
        execution: seen.executions,
        threads: seen.threads,
        objects: objects.collect(),
        steps,
        ..plain(name, *class, message)
    }
}

/// What is known of an execution, and how it is put into words.
struct Story<'a> {
    seen: &'a Seen,
    pass: Pass,
    order: &'a Order<'a>,
    names: &'a [String],
}

impl Story<'_> {
    fn object(&self, step: &Step) -> &str {
        step.call.object.index().and_then(|index| self.names.get(index)).map_or("", String::as_str)
    }

    /// The two accesses, and what failed to order them.
    fn data_race(&self, steps: &mut [StepTold]) -> String {
        let unordered = "two accesses to one value, at least one of them a write, that nothing orders";
        let all = &self.seen.steps;
        let Some(last) = all.iter().rposition(|step| step.outcome.is_none()) else { return unordered.to_owned() };
        let second = &all[last];
        // What loom finds at the end of an access is no step.
        let Some(kind) = self.kind(second).filter(|kind| touches(kind, second)) else { return unordered.to_owned() };
        let races = |&at: &usize| conflict(kind, &all[at], second) && !self.order.is_known(at, last);
        let first = (0..last).rev().find(races);
        note(&mut steps[last], "second access");
        // It was done: the thread does not stand there.
        steps[last].finished = true;
        let Some(at) = first else { return self.unmade(second).unwrap_or_else(|| unordered.to_owned()) };
        let first = &all[at];
        note(&mut steps[at], "first access");
        let does = |step: &Step| format!("T{} {} it at {}", step.thread, verb(step), place(step.call.location));
        let object = self.object(first);
        let mut text = format!(
            "T{} and T{} use `{object}`, and nothing orders the two: {}, {}.",
            first.thread,
            second.thread,
            does(first),
            does(second)
        );
        if let Some(why) = self.unordered(at, last, steps) {
            text.push('\n');
            text.push_str(&why);
        }
        text
    }

    fn kind(&self, step: &Step) -> Option<&'static str> {
        step.call.object.index().and_then(|index| self.seen.objects.get(index)).map(|object| object.kind)
    }

    /// An atomic that is used by a thread that does not know yet that it was made.
    fn unmade(&self, second: &Step) -> Option<String> {
        let made = self.seen.objects.get(second.call.object.index()?)?;
        let told = made.kind.starts_with("Atomic") && !self.order.is_vague;
        told.then(|| {
            format!(
                "T{} uses `{}` at {}, and nothing orders that after the line that makes it, {}: another thread could see it before \
                 it is made.",
                second.thread,
                self.object(second),
                place(second.call.location),
                place(made.created)
            )
        })
    }

    /// Why the one access is not ordered before the other; silent where that is not known.
    fn unordered(&self, first: usize, second: usize, steps: &mut [StepTold]) -> Option<String> {
        if let Some(link) = self.order.broken_link(first, second) {
            return self.broken(link, first, steps);
        }
        let (one, other) = (self.seen.steps[first].thread, self.seen.steps[second].thread);
        (!self.order.is_vague).then(|| {
            format!("Before its access T{other} reads nothing that T{one} writes after its own, so it cannot know that T{one} is done.")
        })
    }

    /// A read that saw a write and yet is not ordered after the first access.
    fn broken(&self, (from, to): (usize, usize), first: usize, steps: &mut [StepTold]) -> Option<String> {
        let (write, read) = (&self.seen.steps[from], &self.seen.steps[to]);
        access(write)?;
        let releases_not = || match self.order.early_fence(from) {
            Some(fence) => format!(
                "that {} is {}, and the fence at {} hands on only what came before that fence",
                write.call.operation,
                ordering_of(write),
                place(self.seen.steps[fence].call.location)
            ),
            None => format!("that {} is {}: it releases nothing", write.call.operation, ordering_of(write)),
        };
        let why = match self.order.weak_side((from, to), first) {
            (true, false) => releases_not(),
            (false, true) => match self.order.late_fence(to) {
                Some(fence) => format!(
                    "that {} is {}, and the fence at {} comes too late for it",
                    read.call.operation,
                    ordering_of(read),
                    place(self.seen.steps[fence].call.location)
                ),
                None => format!("that {} is {}: it acquires nothing", read.call.operation, ordering_of(read)),
            },
            (true, true) if self.order.early_fence(from).is_none() => format!(
                "the one releases nothing ({}) and the other acquires nothing ({})",
                ordering_of(write),
                ordering_of(read)
            ),
            (true, true) => {
                format!("{}; and that {} acquires nothing ({})", releases_not(), read.call.operation, ordering_of(read))
            }
            (false, false) => return None,
        };
        note(&mut steps[from], "read below, orders nothing");
        note(&mut steps[to], "orders nothing");
        Some(format!(
            "T{}'s {} at {} did read what T{}'s {} at {} had written, but {why}.",
            read.thread,
            read.call.operation,
            place(read.call.location),
            write.thread,
            write.call.operation,
            place(write.call.location),
        ))
    }

    /// Who stands where, and who keeps whom.
    fn deadlock(&self, steps: &mut [StepTold]) -> String {
        let all = &self.seen.steps;
        let mut told = vec!["No thread can go on.".to_owned()];
        for (step, told_step) in all.iter().zip(&mut *steps).filter(|(step, _)| step.outcome.is_none()) {
            note(told_step, "stuck");
            told.push(self.stuck(step));
        }
        if let Some((notify, sleep)) = lost_wakeup(all, self.pass) {
            note(&mut steps[notify], "woke nobody");
            let (notify, sleep) = (&all[notify], &all[sleep]);
            told.push(format!(
                "{} by T{} at {} woke nobody, since nobody slept; T{} went to sleep after it, and nobody will wake it.",
                notify.call.operation,
                notify.thread,
                place(notify.call.location),
                sleep.thread,
            ));
        }
        told.join("\n")
    }

    fn stuck(&self, step: &Step) -> String {
        let (me, at, object) = (step.thread, place(step.call.location), self.object(step));
        match step.call.operation {
            "join" => match step.call.arguments[0] {
                Value::Thread(other) => format!("T{me} waits for the end of T{other} at {at}."),
                _ => format!("T{me} waits for the end of a thread at {at}."),
            },
            "park" => format!("T{me} is parked at {at}, and nobody unparks it."),
            "wake" if is_asleep(&self.seen.steps, step, self.pass) => format!("T{me} sleeps on `{object}` at {at}."),
            "wake" => self.wants(step, me, &at, self.named(&step.call.arguments[0])),
            "recv" => format!("T{me} waits for a message at {at}."),
            "send" => format!("T{me} waits for room in the channel at {at}."),
            _ => self.wants(step, me, &at, object),
        }
    }

    /// The object that an argument is.
    fn named(&self, argument: &Value) -> &str {
        let Value::Object(object) = argument else { return "" };
        object.index().and_then(|index| self.names.get(index)).map_or("", String::as_str)
    }

    /// What a thread waits for that others take and give back.
    fn wants(&self, step: &Step, me: usize, at: &str, object: &str) -> String {
        match holder(&self.seen.steps, step) {
            Some((thread, since)) if thread == me => {
                format!("T{me} waits for `{object}` at {at}, which it holds itself since {}.", place(since.call.location))
            }
            Some((thread, since)) => {
                format!("T{me} waits for `{object}` at {at}, which T{thread} holds since {}.", place(since.call.location))
            }
            None => format!("T{me} stands in {} of `{object}` at {at}.", step.call.operation),
        }
    }

    /// Who goes round and round.
    fn livelock(&self) -> String {
        let all = &self.seen.steps;
        let tail = &all[all.len().saturating_sub(ROUND)..];
        let mut places: Vec<(usize, String)> =
            tail.iter().filter(|step| step.outcome.is_some()).map(|step| (step.thread, place(step.call.location))).collect();
        places.sort();
        places.dedup();
        let places: Vec<String> = places.into_iter().map(|(thread, place)| format!("T{thread} at {place}")).collect();
        let mut text = format!("An execution does not end: in its last steps there are only {}.", places.join(", "));
        if !tail.iter().any(|step| step.call.spins()) {
            text.push_str(" A loop that waits must call lab::hint::spin_loop or lab::thread::yield_now.");
        }
        text
    }

    /// An update that another thread has overwritten: it read before, and wrote after, as if nobody had come between.
    fn lost_update(&self, steps: &mut [StepTold]) -> Option<String> {
        let all = &self.seen.steps;
        let (read, lost, write) = (0..all.len()).rev().find_map(|write| {
            let last = &all[write];
            let stores = last.outcome.is_some() && (access(last) == Some(Access::Store) || last.call.operation == "WRITE");
            let same = |other: &Step| other.call.object == last.call.object && other.outcome.is_some();
            let reads = |other: &Step| access(other) == Some(Access::Load) || other.call.operation == "READ";
            let writes =
                |other: &Step| matches!(access(other), Some(Access::Store | Access::Change)) || other.call.operation == "WRITE";
            // What this thread knew when it wrote.
            let read = all[..write].iter().rposition(|other| same(other) && other.thread == last.thread)?;
            let lost = (read + 1..write).rev().find(|&at| same(&all[at]) && all[at].thread != last.thread && writes(&all[at]))?;
            (stores && reads(&all[read])).then_some((read, lost, write))
        })?;
        note(&mut steps[read], "reads");
        note(&mut steps[lost], "lost");
        note(&mut steps[write], "writes over it");
        let (me, other) = (all[write].thread, all[lost].thread);
        Some(format!(
            "Perhaps an update is lost: T{me} read `{}` at {}, T{other} wrote it at {}, and T{me} wrote over that at {}. If what it \
             wrote depends on what it had read, reading and writing must be one step.",
            self.object(&all[write]),
            place(all[read].call.location),
            place(all[lost].call.location),
            place(all[write].call.location),
        ))
    }

    /// The last load that read an older value than the newest.
    fn stale_read(&self, steps: &mut [StepTold]) -> Option<String> {
        let at = self.order.links.iter().rposition(|link| link.is_some_and(|link| link.stale))?;
        let read = &self.seen.steps[at];
        let newest = (0..at).rev().find(|&other| {
            let step = &self.seen.steps[other];
            matches!(access(step), Some(Access::Store | Access::Change)) && step.call.object == read.call.object
        })?;
        note(&mut steps[at], "stale");
        note(&mut steps[newest], "not seen");
        let write = &self.seen.steps[newest];
        Some(format!(
            "T{} still read the old value of `{}` at {}, though T{} had written it at {}: nothing orders that write before this read.",
            read.thread,
            self.object(read),
            place(read.call.location),
            write.thread,
            place(write.call.location),
        ))
    }
}

/// Says why a step matters; the first reason stands.
fn note(step: &mut StepTold, text: &str) {
    if step.note.is_empty() {
        text.clone_into(&mut step.note);
    }
}

fn verb(step: &Step) -> &'static str {
    match step.call.operation {
        "READ" => "reads",
        "WRITE" => "writes",
        _ => "uses",
    }
}

fn ordering_of(step: &Step) -> String {
    match (step.call.orderings, step.outcome) {
        ([_, Some(failure)], Some(Outcome::Failed(_))) => format!("{failure:?}"),
        ([Some(ordering), _], _) => format!("{ordering:?}"),
        _ => "no ordering".to_owned(),
    }
}

/// Whether a step touches a value of this kind in a way that may race.
fn touches(kind: &str, step: &Step) -> bool {
    match kind {
        "UnsafeCell" | "Tracked" => true,
        _ => kind.starts_with("Atomic") && (access(step).is_some() || matches!(step.call.operation, "get_mut" | "into_inner")),
    }
}

/// Whether two accesses to one value of this kind must be ordered.
fn conflict(kind: &str, first: &Step, second: &Step) -> bool {
    let either = |is: &dyn Fn(&Step) -> bool| is(first) || is(second);
    // Atomic accesses never race with each other.
    let must = if kind.starts_with("Atomic") {
        either(&|step| access(step).is_none())
    } else {
        either(&|step| !matches!(step.call.operation, "READ" | "get"))
    };
    let same = first.call.object == second.call.object && first.thread != second.thread;
    same && must && touches(kind, first)
}

/// The thread that keeps a stuck one from going on, where it is one.
fn keeper(steps: &[Step], stuck: &Step, pass: Pass) -> Option<usize> {
    match (stuck.call.operation, stuck.call.arguments[0]) {
        ("join", Value::Thread(thread)) => Some(thread),
        ("wake", _) if is_asleep(steps, stuck, pass) => None,
        _ => holder(steps, stuck).map(|(thread, _)| thread),
    }
}

fn told(number: usize, step: &Step, link: Option<Link>, names: &[String]) -> StepTold {
    let call = &step.call;
    let shown = |value: &Value| !matches!(value, Value::Nothing);
    let named = |object: Object| object.index().and_then(|index| names.get(index)).cloned().unwrap_or_default();
    let written = |value: &Value| if let Value::Object(object) = value { named(*object) } else { value.to_string() };
    StepTold {
        step: number,
        thread: step.thread,
        object: named(call.object),
        operation: call.operation.to_owned(),
        arguments: call.arguments.iter().filter(|value| shown(value)).map(written).collect(),
        orderings: call.orderings.iter().flatten().map(|ordering| format!("{ordering:?}")).collect(),
        value: match step.outcome {
            None | Some(Outcome::Done) => String::new(),
            Some(Outcome::Gave(value)) => value.to_string(),
            Some(Outcome::Succeeded(value)) => format!("Ok({value})"),
            Some(Outcome::Failed(value)) => format!("Err({value})"),
        },
        finished: step.outcome.is_some(),
        reads_from: link.and_then(|link| link.from).map(|from| from + 1),
        synchronises: link.is_some_and(|link| link.synchronises),
        stale: link.is_some_and(|link| link.stale),
        waits_for: None,
        note: String::new(),
        file: call.location.file().to_owned(),
        line: call.location.line(),
    }
}

pub(super) fn place(location: &Location<'_>) -> String {
    finding::place(location.file(), location.line())
}
