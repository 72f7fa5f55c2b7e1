//! Made-up failures of every class whose execution is worth a look.

use lab::finding::{Class, Failure, Kind, ObjectTold, Pass, Repair, StepTold};

const WORK: &str = "exercises/threads/spin_lock/src/lib.rs";
const TEST: &str = "exercises/threads/spin_lock/tests/model.rs";

/// All of them.
pub fn all() -> Vec<Failure> {
    vec![relaxed_unlock(), lost_update(), deadlock(), lost_wakeup(), livelock(), three_threads()]
}

/// `object.operation(..)` of thread and line; the number is given when all are there.
fn step(thread: usize, line: u32, object: &str, operation: &str, orderings: &[&str], value: &str) -> StepTold {
    StepTold {
        step: 0,
        thread,
        object: object.into(),
        operation: operation.into(),
        arguments: Vec::new(),
        orderings: orderings.iter().map(|ordering| (*ordering).to_owned()).collect(),
        value: value.into(),
        finished: true,
        reads_from: None,
        synchronises: false,
        stale: false,
        waits_for: None,
        note: String::new(),
        file: if line < 100 { WORK.into() } else { TEST.into() },
        line: line % 100,
    }
}

fn with(argument: &str, step: StepTold) -> StepTold {
    StepTold { arguments: vec![argument.into()], ..step }
}

fn reads(from: usize, synchronises: bool, step: StepTold) -> StepTold {
    StepTold { reads_from: Some(from), synchronises, ..step }
}

fn noted(note: &str, step: StepTold) -> StepTold {
    StepTold { note: note.into(), ..step }
}

fn stands(waits_for: Option<usize>, step: StepTold) -> StepTold {
    StepTold { finished: false, waits_for, ..step }
}

fn failure(name: &str, class: Class, kind: Option<Kind>, message: &str, steps: Vec<StepTold>) -> Failure {
    let steps: Vec<StepTold> = steps.into_iter().enumerate().map(|(i, step)| StepTold { step: i + 1, ..step }).collect();
    Failure {
        name: name.into(),
        class,
        kind,
        pass: Some(Pass::Interleavings),
        execution: 3,
        preemptions: Some(1),
        message: message.into(),
        repair: None,
        threads: steps.iter().map(|step| step.thread + 1).max().unwrap_or(1),
        steps,
        objects: vec![object("locked", "AtomicBool", 32), object("changed", "Condvar", 12)],
    }
}

fn object(name: &str, kind: &str, line: u32) -> ObjectTold {
    ObjectTold { name: name.into(), kind: kind.into(), file: WORK.into(), line }
}

/// A spin lock whose unlock publishes nothing.
pub fn relaxed_unlock() -> Failure {
    let steps = vec![
        with("T1", step(0, 115, "", "spawn", &[], "")),
        with("true", step(1, 41, "locked", "swap", &["Acquire"], "false")),
        noted("first access", step(1, 58, "value", "WRITE", &[], "")),
        noted("Relaxed: publishes nothing", with("false", step(1, 75, "locked", "store", &["Relaxed"], ""))),
        reads(4, false, with("true", step(0, 41, "locked", "swap", &["Acquire"], "false"))),
        noted("second access, nothing orders it after the first", step(0, 58, "value", "WRITE", &[], "")),
    ];
    let message = "T1 wrote `value` at lib.rs:58 (step 3), T0 wrote it at lib.rs:58 (step 6), and nothing orders the two. T0 did see \
                   the store of step 4, but that store is Relaxed: it orders nothing that came before it.";
    let repair =
        Repair { operation: "locked.store".into(), from: "Relaxed".into(), to: "Release".into(), file: WORK.into(), line: 75 };
    let failed = failure("mutual_exclusion", Class::DataRace, Some(Kind::MemoryOrdering), message, steps);
    Failure { repair: Some(repair), ..failed }
}

fn lost_update() -> Failure {
    let steps = vec![
        with("T1", step(0, 120, "", "spawn", &[], "")),
        step(0, 122, "hits", "load", &["Relaxed"], "0"),
        noted("reads what T0 is about to replace", step(1, 122, "hits", "load", &["Relaxed"], "0")),
        with("1", step(1, 123, "hits", "store", &["Relaxed"], "")),
        noted("overwrites the store of step 4", with("1", step(0, 123, "hits", "store", &["Relaxed"], ""))),
        reads(4, true, with("T1", step(0, 126, "", "join", &[], ""))),
        step(0, 127, "hits", "load", &["SeqCst"], "1"),
    ];
    let message = "assertion `left == right` failed: two hits were counted as one (model.rs:27). An update was lost: T0 loaded `hits` \
                   before the store of T1, and stored after it.";
    failure("counts_every_hit", Class::Assertion, Some(Kind::Interleaving), message, steps)
}

/// Two locks, taken in opposite orders.
pub fn deadlock() -> Failure {
    let steps = vec![
        with("T1", step(0, 130, "", "spawn", &[], "")),
        noted("takes the first", step(0, 12, "from", "lock", &[], "")),
        noted("takes the second", step(1, 12, "to", "lock", &[], "")),
        stands(Some(1), step(0, 13, "to", "lock", &[], "")),
        stands(Some(0), step(1, 13, "from", "lock", &[], "")),
    ];
    let message = "no thread can go on. T0 holds `from` since lib.rs:12 and waits for `to`, which T1 holds since lib.rs:12; T1 waits \
                   for `from`. Take the two locks in the same order everywhere.";
    failure("transfers_both_ways", Class::Deadlock, Some(Kind::Interleaving), message, steps)
}

fn lost_wakeup() -> Failure {
    let steps = vec![
        with("T1", step(0, 130, "", "spawn", &[], "")),
        step(0, 33, "ready", "load", &["Acquire"], "false"),
        with("true", step(1, 29, "ready", "store", &["Release"], "")),
        noted("wakes nobody: none sleeps yet", step(1, 30, "changed", "notify_one", &[], "")),
        step(0, 34, "state", "lock", &[], ""),
        noted("sleeps, and nobody will wake it", stands(None, step(0, 34, "changed", "wait", &[], ""))),
    ];
    let message = "no thread can go on. notify_one at lib.rs:30 woke nobody; T0 went to sleep at lib.rs:34, after it.";
    failure("wakes_the_sleeper", Class::LostWakeup, Some(Kind::Interleaving), message, steps)
}

fn livelock() -> Failure {
    let mut steps = vec![
        with("T1", step(0, 115, "", "spawn", &[], "")),
        with("true", step(0, 41, "locked", "swap", &["Acquire"], "false")),
        step(0, 58, "value", "WRITE", &[], ""),
    ];
    for _ in 0..60 {
        steps.push(reads(2, true, with("true", step(1, 41, "locked", "swap", &["Acquire"], "true"))));
        steps.push(step(1, 42, "", "spin", &[], ""));
    }
    steps.push(stands(Some(1), with("T1", step(0, 118, "", "join", &[], ""))));
    let message = "the execution does not end: T1 waits at lib.rs:41 for `locked` to become false, and nothing makes it so.";
    failure("forgets_to_unlock", Class::Livelock, None, message, steps)
}

/// Message passing through a third thread, with one weak link.
pub fn three_threads() -> Failure {
    let steps = vec![
        with("T1", step(0, 140, "", "spawn", &[], "")),
        with("T2", step(0, 141, "", "spawn", &[], "")),
        noted("first access", step(0, 43, "data", "WRITE", &[], "")),
        with("1", step(0, 44, "ready", "store", &["Release"], "")),
        step(2, 52, "passed_on", "load", &["Acquire"], "0"),
        reads(4, true, step(1, 47, "ready", "load", &["Acquire"], "1")),
        reads(4, true, step(2, 51, "ready", "compare_exchange_weak(1, 2)", &["AcqRel", "Relaxed"], "Ok(1)")),
        noted("Relaxed: publishes nothing", with("1", step(1, 48, "passed_on", "store", &["Relaxed"], ""))),
        reads(8, false, step(2, 52, "passed_on", "load", &["Acquire"], "1")),
        StepTold { stale: true, ..step(1, 49, "ready", "load", &["Relaxed"], "1") },
        noted("second access, nothing orders it after the first", step(2, 53, "data", "READ", &[], "")),
        stands(Some(2), with("T2", step(0, 145, "", "join", &[], ""))),
    ];
    let message = "T0 wrote `data` at lib.rs:43 (step 3), T2 read it at lib.rs:53 (step 11), and nothing orders the two.";
    let failed = failure("passes_it_on", Class::DataRace, Some(Kind::MemoryOrdering), message, steps);
    Failure { pass: Some(Pass::WeakMemory), preemptions: None, ..failed }
}
