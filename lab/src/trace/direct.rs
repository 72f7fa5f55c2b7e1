//! A trace file that survives the death of its process.
//!
//! tracing-chrome hands its events to a thread that writes 8 KiB at a time: of a worker that is killed by SIGKILL the file
//! would lack the last moments, or be empty. This layer writes each event with one `write` call before the span's body goes
//! on. That costs some microseconds a span, so it is for processes that are meant to be killed, and for no others.

use std::{fmt::Debug, fs::File, io::Write, sync::Mutex, time::Instant};

use serde_json::{Map, Value, json};
use tracing::{
    Event,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer},
};

use super::{file, taps};

/// Writes as it goes.
pub(super) struct DirectLayer {
    start: Instant,
    pid: u32,
    out: Mutex<Out>,
}

struct Out {
    file: File,
    /// Threads whose name is written.
    named: Vec<u64>,
    /// Whether the closing bracket is written.
    finished: bool,
}

/// A span's arguments, kept in the registry.
#[derive(Default)]
struct Arguments(Map<String, Value>);

impl DirectLayer {
    /// Writes into `file`, which holds the head and one event already; times are since `start`.
    pub(super) fn new(file: File, start: Instant) -> Self {
        Self { start, pid: std::process::id(), out: Mutex::new(Out { file, named: Vec::new(), finished: false }) }
    }

    /// Writes what makes the file whole; nothing is written after it.
    pub(super) fn finish(&self) {
        let Ok(mut out) = self.out.lock() else { return };
        out.finished = true;
        // A tracer that cannot write must not end the program that it watches; the file then reads as cut.
        let _ = out.file.write_all(file::FOOT.as_bytes());
    }

    fn write(&self, ph: &str, name: &str, args: Map<String, Value>) {
        // Taken before the lock: per thread the times stay in order, and waiting for the lock is not counted.
        let ts = self.start.elapsed().as_nanos() as f64 / 1000.0;
        let tid = taps::thread_number();
        let Ok(mut out) = self.out.lock() else { return };
        if out.finished {
            return;
        }
        let mut text = String::new();
        if !out.named.contains(&tid) {
            out.named.push(tid);
            let mut event = file::Event::thread_name(self.pid.into(), tid, &taps::thread_name());
            event.args.extend(taps::os_thread().map(|number| (file::OS_THREAD.into(), number.into())));
            text.push_str(&format!(",\n{}", json!(event)));
        }
        let mut event = file::Event::new(ph, name, self.pid.into(), tid, ts);
        event.args = args;
        if ph == "i" {
            event.more.insert("s".into(), "t".into());
        }
        text.push_str(&format!(",\n{}", json!(event)));
        let _ = out.file.write_all(text.as_bytes());
    }

    fn write_span(&self, ph: &str, id: &Id, context: &Context<'_, Registry>) {
        if let Some(span) = context.span(id) {
            let args = span.extensions().get::<Arguments>().map(|arguments| arguments.0.clone()).unwrap_or_default();
            self.write(ph, span.name(), args);
        }
    }
}

impl Layer<Registry> for DirectLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        if let Some(span) = context.span(id) {
            let mut arguments = Arguments::default();
            attributes.record(&mut arguments);
            span.extensions_mut().insert(arguments);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        if let Some(span) = context.span(id)
            && let Some(arguments) = span.extensions_mut().get_mut::<Arguments>()
        {
            values.record(arguments);
        }
    }

    fn on_enter(&self, id: &Id, context: Context<'_, Registry>) {
        self.write_span("B", id, &context);
    }

    fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        self.write_span("E", id, &context);
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, Registry>) {
        let mut arguments = Arguments::default();
        event.record(&mut arguments);
        self.write("i", event.metadata().name(), arguments.0);
    }
}

impl Visit for Arguments {
    // Exactly what tracing-chrome keeps, so that both files are typed back by one rule.
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), file::typed(&format!("{value:?}")));
    }
}
