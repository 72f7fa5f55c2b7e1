//! The one subscriber of a process: it hands each span to the recorder, the trace file and a recorded graph, whichever listens.
//!
//! `tracing` takes one global subscriber and keeps it, and a test may record while a trace is written, so both listen behind
//! one layer that is installed when the first of them is used.

use std::{
    cell::Cell,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use tracing::{
    Event, Level, Metadata,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::Interest,
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer, SubscriberExt},
};

use super::{chrome, recorder};
use crate::par;

/// Installs the subscriber, once.
///
/// # Errors
/// If the process has installed another one.
pub(super) fn install() -> Result<(), String> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Taps))
                .map_err(|_| "another tracing subscriber is installed in this process".into())
        })
        .clone()
}

/// Lets [`par`] know of spans; where another subscriber is installed, it never hears of any.
pub(crate) fn listen_to_spans() {
    let _another_listens = install();
}

/// A number of this thread, from 1, never given twice in a process.
pub(crate) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! { static NUMBER: Cell<u64> = const { Cell::new(0) } }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// What this thread is called: its own name, or its number.
pub(super) fn thread_name() -> String {
    std::thread::current().name().map_or_else(|| format!("thread {}", thread_number()), String::from)
}

/// The number of this thread in the operating system; `None` where that has no `/proc`.
pub(super) fn os_thread() -> Option<u64> {
    std::fs::read_link("/proc/thread-self").ok()?.file_name()?.to_str()?.parse().ok()
}

/// Tells the thread's number by an instant, once: tracing-chrome has its own numbers and no place for another one.
pub(super) fn tell_os_thread() {
    thread_local! { static TOLD: Cell<bool> = const { Cell::new(false) } }
    if !TOLD.replace(true)
        && let Some(number) = os_thread()
    {
        // The name and the field are [`file::OS_THREAD`]; a macro takes only literals.
        tracing::info!(name: "os_thread", os_thread = number);
    }
}

struct Taps;

impl Layer<Registry> for Taps {
    // Whether anybody listens changes while the process runs: no call site may remember an answer.
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, Registry>) -> bool {
        *metadata.level() <= Level::INFO && (recorder::listens() || chrome::writer().is_some() || par::records())
    }

    // Libraries speak at DEBUG and below; the course's spans are INFO.
    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        recorder::on_new_span(attributes, id, &context);
        if let Some(writer) = chrome::writer() {
            writer.on_new_span(attributes, id, context);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        recorder::on_record(id, values, &context);
        if let Some(writer) = chrome::writer() {
            writer.on_record(id, values, context);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, Registry>) {
        if par::records() {
            par::span(context.metadata(id).map(|metadata| metadata.name()));
        }
        recorder::on_enter(id, &context);
        if let Some(writer) = chrome::writer() {
            writer.on_enter(id, context);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        par::span(None);
        recorder::on_exit(id, &context);
        if let Some(writer) = chrome::writer() {
            writer.on_exit(id, context);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, Registry>) {
        if let Some(writer) = chrome::writer() {
            writer.on_event(event, context);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, Registry>) {
        recorder::on_close(&id, &context);
    }
}
