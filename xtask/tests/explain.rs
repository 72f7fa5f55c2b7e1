//! A failing execution as a trace and as screens of the stepper.

#[path = "sample/failures.rs"]
mod failures;

use lab::trace::file;
use xtask::explain::{self, trace};

#[test]
fn traces_are_what_viewers_take() {
    for failure in failures::all() {
        let trace = trace::trace(&failure);
        assert_eq!(file::check(&trace), Vec::<String>::new(), "{}", failure.name);
        let slices: usize = trace.threads().iter().map(|row| row.slices.len()).sum();
        assert_eq!(slices, failure.steps.len(), "{}: a slice a step", failure.name);
        let ends = |ph: &str| trace.events.iter().filter(|event| event.ph == ph).count();
        let read = failure.steps.iter().filter(|step| step.reads_from.is_some()).count();
        assert_eq!((ends("s"), ends("f")), (read, read), "{}: an arrow a read", failure.name);
    }
}

#[test]
fn where_a_thread_stands_lasts_until_the_end() {
    let rows = trace::trace(&failures::deadlock()).threads();
    let last: Vec<_> = rows.iter().map(|row| row.slices.last().expect("a slice").end_us).collect();
    assert_eq!(last, [6000.0, 6000.0]);
    assert_eq!(rows.iter().map(|row| (row.thread.as_str(), row.tid)).collect::<Vec<_>>(), [("T0 (main)", 1), ("T1", 2)]);
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let failure = failures::relaxed_unlock();
    let written = explain::write(&failure, "module::mutual_exclusion", folder.path()).expect("written");
    let names: Vec<_> = written.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    let stem = "module--mutual_exclusion";
    assert_eq!(names, [format!("{stem}.svg"), format!("{stem}.trace.json"), format!("{stem}.json")]);
    assert_eq!(explain::read(&written[2]).expect("read"), failure);
    let error = explain::read(&written[1]).expect_err("a trace is no failure");
    assert!(error.to_string().contains("cargo xtask explain"), "{error}");
}
