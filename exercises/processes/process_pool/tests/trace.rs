//! One trace across processes: the parent's row and a row for each worker, the killed one included.
//!
//! All tests look at one traced run: twelve tasks on two workers, of which one task kills its worker once.

mod common;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::OnceLock,
};

use common::{attempts, file, in_time, program, tasks};
use lab::{
    evidence,
    trace::{
        self,
        file::{REAPED, Slice, ThreadRow, Trace},
    },
};
use process_pool::{Options, Pool};
use serde_json::Value;

/// Which task kills its worker, by index; in a pool's first run that is its number's distance from the first task's.
const KILLER: usize = 5;
const TASKS: usize = 12;

struct Run {
    merged: Trace,
    rows: Vec<ThreadRow>,
    /// The worker that was killed, and the one that did its task then.
    attempts: Vec<u32>,
}

/// A process writes one trace, so the run is made once for all tests of this program.
fn run() -> &'static Run {
    static RUN: OnceLock<Run> = OnceLock::new();
    RUN.get_or_init(|| {
        in_time("a traced run must end as any other", || {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let (traces, note) = (folder.path().join("traces"), file(folder.path(), "attempts"));
            let own = folder.path().join("parent.json");
            let mut mixed = tasks((0..TASKS).map(|n| format!("primes {} {}", n * 1000, (n + 1) * 1000)));
            mixed[KILLER] = format!("kill {note} 1").into();
            let trace = trace::chrome(&own).expect("the trace can be written");
            {
                let traces = traces.clone();
                let worker = move || {
                    let mut command = program(&["worker"]);
                    command.env(trace::TRACE_FOLDER_VARIABLE, &traces);
                    command
                };
                let mut pool = Pool::new(worker, Options { workers: 2, retries: 2 });
                for outcome in pool.map(&mixed) {
                    outcome.expect("every task succeeds in the end");
                }
            }
            drop(trace);
            let mut paths: Vec<PathBuf> = vec![own];
            paths.extend(fs::read_dir(&traces).expect("the workers have written").flatten().map(|entry| entry.path()));
            let merged = trace::file::merge(&paths).expect("traces of one machine can be merged");
            Run { rows: merged.threads(), attempts: attempts(&note), merged }
        })
    })
}

impl Run {
    fn parent(&self) -> u64 {
        std::process::id().into()
    }

    /// The slices of that name in the parent's rows or in the workers', with their process.
    fn slices(&self, name: &str, in_parent: bool) -> Vec<(u64, &Slice)> {
        let rows = self.rows.iter().filter(|row| (row.pid == self.parent()) == in_parent);
        let slices = rows.flat_map(|row| row.slices.iter().map(move |slice| (row.pid, slice)));
        slices.filter(|(_, slice)| slice.name == name).collect()
    }

    /// How many slices of that name each task has, by the argument `task`.
    fn by_task(&self, name: &str, in_parent: bool) -> BTreeMap<u64, Vec<(u64, &Slice)>> {
        let mut found: BTreeMap<u64, Vec<_>> = BTreeMap::new();
        for (pid, slice) in self.slices(name, in_parent) {
            let Some(task) = slice.args.get("task").and_then(Value::as_u64) else {
                panic!("a span {name:?} has no argument `task`: write lab::span!({name:?}, task, ..)");
            };
            found.entry(task).or_default().push((pid, slice));
        }
        found
    }
}

fn assert_each_task_has(found: &BTreeMap<u64, Vec<(u64, &Slice)>>, name: &str, whose: &str) {
    assert_eq!(found.len(), TASKS, "{} of {TASKS} tasks have a span {name:?} in {whose}", found.len());
}

#[test]
fn the_merged_trace_is_valid_and_has_a_row_for_each_process() {
    let run = run();
    assert_eq!(trace::file::check(&run.merged), Vec::<String>::new());
    let pids: BTreeSet<u64> = run.rows.iter().filter(|row| !row.slices.is_empty()).map(|row| row.pid).collect();
    assert!(pids.contains(&run.parent()), "the parent has no span: open them in `run`");
    for pid in &run.attempts {
        assert!(pids.contains(&u64::from(*pid)), "worker {pid} has no span: open one around the handler in `serve`");
    }
    // Two workers to begin with, one of which is replaced. One of them may be too late to get a task.
    let workers = pids.len() - 1;
    assert!((2..=3).contains(&workers), "{workers} workers have rows; two were wanted, and one of them died");
    let spans: usize = run.rows.iter().map(|row| row.slices.len()).sum();
    let shown = serde_json::json!({ "processes": pids.len(), "tasks": TASKS, "killed": run.attempts[0], "spans": spans });
    evidence::record("trace", &shown);
}

#[test]
fn each_task_has_its_span_in_a_workers_row() {
    let found = run().by_task("task", false);
    assert_each_task_has(&found, "task", "a worker's row");
    for (task, slices) in &found {
        let finished = slices.iter().filter(|(_, slice)| !slice.unfinished()).count();
        assert_eq!(finished, 1, "task {task} was finished {finished} times");
        for (_, slice) in slices {
            assert!(slice.args.get("attempt").is_some_and(Value::is_u64), "the span of task {task} has no argument `attempt`");
        }
    }
}

#[test]
fn the_handler_runs_inside_its_tasks_span() {
    let run = run();
    let handlers = run.slices("handler", false);
    assert!(!handlers.is_empty(), "no handler ran");
    for (pid, handler) in handlers {
        let around = run
            .slices("task", false)
            .into_iter()
            .any(|(of, task)| of == pid && task.start_us <= handler.start_us && handler.end_us <= task.end_us);
        assert!(
            around,
            "a handler ran in worker {pid} outside of any span \"task\": is the guard dropped too early? `let _ = ..` drops it at once, `let _span = ..` does not"
        );
    }
}

#[test]
fn the_retried_task_appears_in_two_workers() {
    let run = run();
    let retried: Vec<_> = run.by_task("task", false).into_values().filter(|slices| slices.len() > 1).collect();
    let [slices] = &retried[..] else { panic!("{} tasks were sent more than once, and one killed its worker", retried.len()) };
    let mut slices = slices.clone();
    slices.sort_by(|a, b| a.1.start_us.total_cmp(&b.1.start_us));
    let shown: Vec<_> =
        slices.iter().map(|(pid, slice)| (*pid, slice.args.get("attempt").and_then(Value::as_u64), slice.unfinished())).collect();
    let [killed, second] = run.attempts[..] else { panic!("the task ran {} times", run.attempts.len()) };
    assert_eq!(shown, [(killed.into(), Some(1), true), (second.into(), Some(2), false)], "(worker, attempt, unfinished)");
}

#[test]
fn the_parent_shows_what_it_dispatched_and_committed() {
    let run = run();
    let dispatched = run.by_task("dispatch", true);
    assert_each_task_has(&dispatched, "dispatch", "the parent's rows");
    let done = run.by_task("task", false);
    for (task, slices) in &dispatched {
        let attempts = done.get(task).map_or(0, Vec::len);
        assert_eq!(slices.len(), attempts, "task {task} has {} spans \"dispatch\" for {attempts} attempts", slices.len());
        let workers: BTreeSet<Option<u64>> =
            slices.iter().map(|(_, slice)| slice.args.get("worker").and_then(Value::as_u64)).collect();
        let expected: BTreeSet<Option<u64>> = done[task].iter().map(|(pid, _)| Some(*pid)).collect();
        assert_eq!(workers, expected, "task {task}: the argument `worker` of a span \"dispatch\" is the worker's pid");
    }
    let committed = run.by_task("commit", true);
    assert_each_task_has(&committed, "commit", "the parent's rows");
    for (task, slices) in committed {
        assert_eq!(slices.len(), 1, "task {task} has {} spans \"commit\"", slices.len());
    }
}

#[test]
fn the_killed_workers_row_lasts_until_its_death_was_seen() {
    let run = run();
    let killed = u64::from(run.attempts[0]);
    let reaped = run.slices("reap", true);
    let reaped: Vec<_> =
        reaped.iter().filter(|(_, slice)| slice.args.get(REAPED).and_then(Value::as_u64) == Some(killed)).collect();
    let [(_, reap)] = reaped[..] else {
        panic!("{} spans \"reap\" say `reaped` = {killed}, the pid of the worker that died", reaped.len());
    };
    let unfinished = run.slices("task", false).into_iter().find(|(pid, slice)| *pid == killed && slice.unfinished());
    let (_, task) = unfinished.expect("the killed worker has an unfinished task");
    assert_eq!(task.end_us, reap.start_us, "open the span when you know of the death and before you wait");
}
