//! Spans: a Chrome trace file of a whole process, or a recorder in memory to assert on.
//!
//! | | for |
//! | --- | --- |
//! | [`span!`](crate::span), [`task_span!`](crate::task_span), [`Instrument`] | to say what a thread or a future is doing |
//! | [`record`](record()) | to assert on it: what ran, on which threads, how much at a time |
//! | [`chrome`], [`chrome_from_environment`] | to look at it: a file for Perfetto or chrome://tracing |
//! | [`file`](mod@file) | to read such files, merge those of several processes, check and draw them |
//!
//! Without a listener a span costs a few nanoseconds; with one about a microsecond, so open them around 100 us of work and
//! more, never around one element. With feature `model` the macros do nothing.

mod chrome;
mod direct;
pub mod file;
mod path;
mod recorder;
mod taps;

pub use chrome::{Chrome, TRACE_FOLDER_VARIABLE, chrome, chrome_from_environment};
pub(crate) use path::{clock, mark_thread};
pub use recorder::{Recording, Span, record};
pub(crate) use taps::{listen_to_spans, thread_number};
pub use tracing::Instrument;

/// The crate behind the macros; not for direct use.
#[doc(hidden)]
pub use tracing as __tracing;

/// Opens a span on this thread until the guard is dropped: `let _span = lab::span!("merge", len = n);`.
#[cfg(not(feature = "model"))]
#[macro_export]
macro_rules! span {
    ($($arguments:tt)*) => { $crate::trace::__tracing::info_span!($($arguments)*).entered() };
}

/// A span for a future, to wrap it with: `fetch(url).instrument(lab::task_span!("fetch", url = %url))`.
#[cfg(not(feature = "model"))]
#[macro_export]
macro_rules! task_span {
    ($($arguments:tt)*) => { $crate::trace::__tracing::info_span!($($arguments)*) };
}

/// Does nothing under the model checker, and keeps its arguments used.
#[cfg(feature = "model")]
#[macro_export]
macro_rules! span {
    ($($arguments:tt)*) => { $crate::task_span!($($arguments)*).entered() };
}

/// Does nothing under the model checker, and keeps its arguments used.
#[cfg(feature = "model")]
#[macro_export]
macro_rules! task_span {
    ($($arguments:tt)*) => {{
        if false {
            let _ = $crate::trace::__tracing::info_span!($($arguments)*);
        }
        $crate::trace::__tracing::Span::none()
    }};
}
