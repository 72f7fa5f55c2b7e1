//! What a model check found: told by the checker, stored as JSON in the evidence, and shown by the runner.
//!
//! Compiled in every build, since the runner, which never sees a model, shows failures again: see `cargo xtask explain`.
//! [`Failure::text`] is how one reads on a terminal or in a log.

mod table;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::table::Row;

/// How wide a text may be, in characters: four less than a terminal of old, for the runner indents it.
pub const WIDTH: usize = 76;

/// An enum whose variants have names for people, the same in messages and in JSON.
macro_rules! named {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// How it is called in messages and in the evidence.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

named! {
    /// One search through a model.
    Pass {
        /// Every load reads the newest value: all interleavings, as if memory were sequentially consistent.
        Interleavings = "interleavings",
        /// Loads may read stale values, as far as the orderings allow. Left out if the model makes no plain load.
        WeakMemory = "weak memory",
        /// `compare_exchange_weak` fails, `Condvar` wakes for no reason and a timed wait gives up, the first time per thread and
        /// line. Left out if the model does nothing of that kind.
        Spurious = "spurious",
    }
}

named! {
    /// What kind of failure it is.
    Class {
        /// Two accesses to one cell that nothing orders.
        DataRace = "data race",
        /// No thread can go on.
        Deadlock = "deadlock",
        /// No thread can go on, and one of them sleeps because it was notified before it went to sleep.
        LostWakeup = "lost wakeup",
        /// A panic of the model's code.
        Assertion = "assertion",
        /// Something was never freed.
        Leak = "leak",
        /// A `Tracked` was dropped twice.
        DoubleDrop = "double drop",
        /// A `Tracked` was used after its drop.
        UseAfterDrop = "use after drop",
        /// An execution that does not end.
        Livelock = "livelock",
        /// The search explored nothing that could go wrong.
        Vacuous = "vacuous model",
        /// An outcome that must be reachable never came up.
        Unreached = "unreached outcome",
        /// A hard limit ended the search.
        Cut = "cut search",
        /// The model is not one that can be explored.
        Unfit = "unfit model",
    }
}

impl Class {
    /// Whether the code under test has a bug; the other classes say that the model itself came to nothing.
    #[must_use]
    pub fn is_bug(self) -> bool {
        !matches!(self, Self::Vacuous | Self::Unreached | Self::Cut | Self::Unfit)
    }
}

named! {
    /// What the bug is a matter of.
    Kind {
        /// The order of the steps.
        Interleaving = "interleaving",
        /// The orderings of the atomic operations.
        MemoryOrdering = "memory-ordering",
        /// An operation that failed or woke for no reason, as it may.
        Spurious = "spurious",
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Of the test.
    pub name: String,
    /// `pass` or `fail`.
    pub verdict: String,
    /// The searches, in order.
    pub passes: Vec<Searched>,
    /// How often one thread may be interrupted; `None` if as often as it likes.
    pub preemption_bound: Option<usize>,
    /// Not everything was explored: a limit ended the search, or the preemption bound may have left something out.
    pub cut: bool,
    /// In how many executions each outcome was reached.
    pub reached: BTreeMap<String, u64>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl Report {
    /// How many executions were explored, over all searches. A record can be forged: its numbers must not overflow anything.
    #[must_use]
    pub fn executions(&self) -> u64 {
        self.passes.iter().map(|searched| searched.executions).fold(0, u64::saturating_add)
    }
}

/// One search that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// Which.
    pub name: Pass,
    /// How many executions it explored.
    pub executions: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why a model failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The test.
    pub name: String,
    /// What happened.
    pub class: Class,
    /// What it is a matter of, where that can be said.
    pub kind: Option<Kind>,
    /// In which search.
    pub pass: Option<Pass>,
    /// In which execution of that search, from 1.
    pub execution: u64,
    /// The fewest times that a thread which could have gone on must be interrupted for the failure to show; `None` where that
    /// was not found out.
    pub preemptions: Option<usize>,
    /// What happened, in sentences, without the steps.
    pub message: String,
    /// The one change of an ordering that alone makes the model pass, where there is exactly one such line.
    pub repair: Option<Repair>,
    /// How many threads the failing execution had.
    pub threads: usize,
    /// The failing execution.
    pub steps: Vec<StepTold>,
    /// What its steps are about.
    pub objects: Vec<ObjectTold>,
}

/// A line whose ordering is too weak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// `locked.store`
    pub operation: String,
    /// `Relaxed`
    pub from: String,
    /// `Release`
    pub to: String,
    /// Where, as the compiler names the file.
    pub file: String,
    /// Where.
    pub line: u32,
}

/// One step of a failing execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTold {
    /// From 1.
    pub step: usize,
    /// Main is 0.
    pub thread: usize,
    /// The [`ObjectTold::name`] of its object; empty for what is no object's.
    pub object: String,
    /// `load`
    pub operation: String,
    /// What it was called with, without orderings.
    pub arguments: Vec<String>,
    /// `Acquire`; two for a compare-exchange.
    pub orderings: Vec<String>,
    /// What it gave; empty if nothing, or if it has not finished.
    pub value: String,
    /// False if the thread still stands here.
    pub finished: bool,
    /// The step whose value this one read, or that let it go on; `None` for the initial value, and for what reads nothing.
    pub reads_from: Option<usize>,
    /// Whether what came before that step is ordered before this one.
    pub synchronises: bool,
    /// It read an older value than the newest.
    pub stale: bool,
    /// The thread that keeps this one from finishing, where it is one.
    pub waits_for: Option<usize>,
    /// Why this step matters; mostly empty.
    pub note: String,
    /// Where, as the compiler names the file.
    pub file: String,
    /// Where.
    pub line: u32,
}

/// What steps are about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectTold {
    /// The field or variable that it was made for, where its line tells; else `bool#1`.
    pub name: String,
    /// `AtomicBool`
    pub kind: String,
    /// Where it was made.
    pub file: String,
    /// Where it was made.
    pub line: u32,
}

impl StepTold {
    /// `lib.rs:43`
    #[must_use]
    pub fn place(&self) -> String {
        place(&self.file, self.line)
    }

    /// `locked.swap(true, Acquire) -> false`
    #[must_use]
    pub fn brief(&self) -> String {
        let mut text = self.call();
        if !self.value.is_empty() {
            text.push_str(&format!(" -> {}", self.value));
        }
        if self.stale {
            text.push_str(" (stale)");
        }
        if !self.finished {
            text.push_str(" ...");
        }
        text
    }

    /// `locked.swap(true, Acquire)`
    #[must_use]
    pub fn call(&self) -> String {
        let is_method = self.operation.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        let separator = match (self.object.is_empty(), is_method) {
            (true, _) => "",
            (false, true) => ".",
            (false, false) => " ",
        };
        let inside: Vec<&str> = self.arguments.iter().chain(&self.orderings).map(String::as_str).collect();
        let inside = if inside.is_empty() { String::new() } else { format!("({})", inside.join(", ")) };
        format!("{}{separator}{}{inside}", self.object, self.operation)
    }
}

/// `lib.rs:43` of a file's whole path.
#[must_use]
pub fn place(file: &str, line: u32) -> String {
    let name = std::path::Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or(file);
    format!("{name}:{line}")
}

impl Failure {
    /// The whole explanation: what happened, the repair if there is one, and the table of steps; no line is wider than `width`
    /// where that can be.
    #[must_use]
    pub fn text(&self, width: usize) -> String {
        let mut text = self.summary(width);
        if let Some(table) = self.table(width) {
            text.push('\n');
            text.push_str(&table);
        }
        text
    }

    /// The explanation without the table, in lines that are no wider than `width` where that can be.
    #[must_use]
    pub fn summary(&self, width: usize) -> String {
        self.sentences().iter().map(|sentence| table::wrapped(sentence, width) + "\n").collect()
    }

    /// The explanation without the table, a paragraph each: what it is, what happened, how it was found, what would mend it.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        if self.is_unfinished() {
            return vec![self.message.clone()];
        }
        let kind = match self.kind {
            Some(Kind::Interleaving) => ": an interleaving bug, whatever the orderings",
            Some(Kind::MemoryOrdering) => ": a memory-ordering bug",
            Some(Kind::Spurious) => ": an operation failed or woke for no reason, as it may",
            None => "",
        };
        let mut all = vec![format!("{} in {}{kind}", self.class.name(), self.name)];
        all.extend(self.message.lines().map(str::to_owned));
        if let Some(Repair { operation, from, to, file, line }) = &self.repair {
            let place = place(file, *line);
            all.push(format!("Repair: {to} instead of {from} in {operation} at {place}. That alone makes the model pass."));
        }
        if let Some(pass) = self.pass {
            let interrupted = match self.preemptions {
                None => String::new(),
                Some(0) => ": no thread need be interrupted for it".to_owned(),
                Some(1) => ": a thread must be interrupted once for it".to_owned(),
                Some(more) => format!(": threads must be interrupted {more} times for it, no fewer"),
            };
            all.push(format!("Found in execution {} of pass \"{}\"{interrupted}.", self.execution, pass.name()));
        }
        all
    }

    /// The failing execution as a table, a row a step and a column a thread; `None` where there is nothing to see.
    #[must_use]
    pub fn table(&self, width: usize) -> Option<String> {
        self.has_execution().then(|| table::draw(self, width))
    }

    /// The steps that are shown: the last ones; of an execution that goes round and round, how it got there and one round.
    #[must_use]
    pub fn rows(&self) -> Vec<Row<'_>> {
        table::rows(&self.steps)
    }

    /// Whether there is an execution that explains something: the steps up to a `todo!()` do not.
    #[must_use]
    pub fn has_execution(&self) -> bool {
        !self.steps.is_empty() && !self.is_unfinished()
    }

    fn is_unfinished(&self) -> bool {
        self.message.starts_with("not yet implemented")
    }
}
