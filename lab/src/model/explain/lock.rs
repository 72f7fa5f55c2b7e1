//! Who holds which lock, and who sleeps on what.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    finding::Pass,
    model::step::{Object, Outcome, Step, Value},
};

/// The lock that a sleep on a `Condvar` gives up, and that the waking takes again.
fn of_sleep(step: &Step) -> Option<Object> {
    if let Value::Object(lock) = step.call.arguments[0] { Some(lock) } else { None }
}

/// The lock that a step takes, if it has finished and got it.
pub(super) fn taken(step: &Step) -> Option<Object> {
    let got = step.outcome.is_some_and(|outcome| !matches!(outcome, Outcome::Gave(Value::Text("WouldBlock"))));
    wanted(step).filter(|_| got)
}

/// The lock that a step takes, or would take if it could.
fn wanted(step: &Step) -> Option<Object> {
    match step.call.operation {
        "lock" | "try_lock" | "read" | "try_read" | "write" | "try_write" => Some(step.call.object),
        "wake" => of_sleep(step),
        _ => None,
    }
}

/// The lock that a step gives up.
pub(super) fn freed(step: &Step) -> Option<Object> {
    match step.call.operation {
        "unlock" | "end read" | "end write" => Some(step.call.object),
        _ if falls_asleep(step) => of_sleep(step),
        _ => None,
    }
    .filter(|_| step.outcome.is_some())
}

/// `Barrier` has a `wait`, too, but no lock.
fn falls_asleep(step: &Step) -> bool {
    matches!(step.call.operation, "wait" | "wait_timeout") && of_sleep(step).is_some()
}

/// Who holds the lock that a stuck step waits for, and the step by which it got it.
pub(super) fn holder<'a>(steps: &'a [Step], stuck: &Step) -> Option<(usize, &'a Step)> {
    let lock = wanted(stuck)?;
    let takes = |step: &&Step| taken(step) == Some(lock);
    let threads = 0..steps.iter().map(|step| step.thread + 1).max().unwrap_or(0);
    threads.into_iter().find_map(|thread| {
        let own = || steps.iter().filter(move |step| step.thread == thread);
        let held = own().filter(takes).count() > own().filter(|step| freed(step) == Some(lock)).count();
        held.then(|| own().rfind(takes)).flatten().map(|step| (thread, step))
    })
}

/// Whether the thread of a `wake` that has not finished is still asleep: else it has been woken and wants its lock.
pub(super) fn is_asleep(steps: &[Step], wake: &Step, pass: Pass) -> bool {
    wake.call.operation == "wake" && sleepers(steps, pass).get(&wake.thread) == Some(&wake.call.object.index())
}

/// Who sleeps at the end, and on what. The thread that has slept longest is woken first.
fn sleepers(steps: &[Step], pass: Pass) -> BTreeMap<usize, Option<usize>> {
    let mut queues: BTreeMap<Option<usize>, VecDeque<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.outcome.is_some()) {
        let queue = queues.entry(step.call.object.index()).or_default();
        match (step.call.operation, step.outcome) {
            // One that wakes for no reason never sleeps, and one that waits for a time is woken when nobody else can run.
            ("wait", _) if falls_asleep(step) && !wakes_at_once(steps, at, pass) => queue.push_back(step.thread),
            ("wait_timeout", _) if !wakes_at_once(steps, at, pass) => queue.push_back(step.thread),
            ("notify_one", Some(Outcome::Gave(Value::Text("one")))) => {
                queue.pop_front();
            }
            ("notify_one" | "notify_all", _) => queue.clear(),
            ("wake", _) => queue.retain(|thread| *thread != step.thread),
            _ => {}
        }
    }
    let timed = |thread: usize| {
        steps
            .iter()
            .rfind(|step| step.thread == thread && falls_asleep(step))
            .is_some_and(|step| step.call.operation == "wait_timeout")
    };
    let asleep = queues.into_iter().flat_map(|(object, queue)| queue.into_iter().map(move |thread| (thread, object)));
    asleep.filter(|(thread, _)| !timed(*thread)).collect()
}

/// In the pass for spurious wake-ups, the first sleep per thread and line ends at once.
fn wakes_at_once(steps: &[Step], at: usize, pass: Pass) -> bool {
    let step = &steps[at];
    let before = |other: &Step| other.thread == step.thread && other.call.location == step.call.location && falls_asleep(other);
    pass == Pass::Spurious && !steps[..at].iter().any(before)
}

/// Of a deadlock: the notification that woke nobody, and the sleep after it that nobody ends.
pub(super) fn lost_wakeup(steps: &[Step], pass: Pass) -> Option<(usize, usize)> {
    steps.iter().enumerate().filter(|(_, step)| step.outcome.is_none()).find_map(|(at, sleeper)| {
        if !is_asleep(steps, sleeper, pass) {
            return None;
        }
        let object = sleeper.call.object;
        let slept =
            steps.iter().rposition(|step| step.thread == sleeper.thread && step.call.object == object && falls_asleep(step))?;
        let notifies = |step: &Step| step.call.object == object && step.call.operation.starts_with("notify");
        let vain = |step: &Step| matches!(step.outcome, Some(Outcome::Gave(Value::Text("nobody"))));
        // A later notification that woke somebody could have woken this one.
        if steps[slept..].iter().any(|step| notifies(step) && !vain(step)) {
            return None;
        }
        let lost = |step: &Step| notifies(step) && vain(step) && step.thread != sleeper.thread;
        steps[..slept].iter().rposition(lost).map(|notify| (notify, at))
    })
}
