//! What a pool of processes promises, checked with real processes.
//!
//! The worker is the suite's own program around your `serve`; its tasks are words such as `square 7` (see `handle` in
//! workload.rs).

mod signatures;

mod common;

use std::{
    collections::BTreeSet,
    io::{BufReader, Cursor, Read},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use common::{DEADLINE, attempts, file, in_time, program, tasks};
use process_pool::{
    Options, Outcome, Pool, TaskError,
    frame::{Answer, Request},
};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

const LOST: &str = "a task was lost, or a read waits for an answer that never comes";

fn pool(workers: usize, retries: u32) -> Pool {
    pool_of(&["worker"], workers, retries)
}

fn pool_of(arguments: &[&str], workers: usize, retries: u32) -> Pool {
    let arguments: Vec<String> = arguments.iter().copied().map(String::from).collect();
    let start = move || program(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    Pool::new(start, Options { workers, retries })
}

fn squares(numbers: impl IntoIterator<Item = u64>) -> Vec<Vec<u8>> {
    tasks(numbers.into_iter().map(|n| format!("square {n}")))
}

fn text(outcome: &Outcome) -> String {
    match outcome {
        Ok(result) => String::from_utf8_lossy(result).into_owned(),
        Err(error) => panic!("a task has no result: {error}"),
    }
}

/// Runs the tasks and counts how often each was committed.
fn commits(pool: &mut Pool, tasks: &[Vec<u8>]) -> (Vec<usize>, Vec<Option<Outcome>>) {
    let mut counts = vec![0; tasks.len()];
    let mut outcomes: Vec<Option<Outcome>> = vec![None; tasks.len()];
    pool.run(tasks, |index, outcome| {
        counts[index] += 1;
        outcomes[index] = Some(outcome);
    });
    (counts, outcomes)
}

fn raw(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed()).expect("process ids are positive")
}

fn kill(pid: u32) {
    kill_process(raw(pid), Signal::KILL).expect("the process is there");
}

/// Whether a process is in the process table still: alive, or dead and not waited for.
fn is_listed(pid: u32) -> bool {
    test_kill_process(raw(pid)).is_ok()
}

/// Looks until `there` returns something, at the most until the deadline.
fn wait_for<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = there() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}", DEADLINE.as_secs());
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn results_come_in_the_order_of_the_tasks() {
    let results = in_time(LOST, || pool(3, 0).map(&squares(0..50)));
    let expected: Vec<String> = (0..50_u64).map(|n| (n * n).to_string()).collect();
    assert_eq!(results.iter().map(text).collect::<Vec<_>>(), expected, "result n must belong to task n");
}

#[test]
fn no_tasks_are_no_work() {
    let results = in_time("a pool without tasks must not wait for anything", || pool(2, 1).map(&[]));
    assert_eq!(results.len(), 0);
}

#[test]
fn each_task_is_committed_once() {
    let (counts, _) = in_time(LOST, || commits(&mut pool(4, 1), &squares(0..100)));
    for (task, count) in counts.into_iter().enumerate() {
        assert_eq!(count, 1, "task {task} was committed {count} times");
    }
}

#[test]
fn two_workers_are_at_work_at_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (left, right) = (file(folder.path(), "left"), file(folder.path(), "right"));
    // Each of the two waits until the other has begun.
    let meeting = tasks([format!("meet {left} {right}"), format!("meet {right} {left}")]);
    let results = in_time(LOST, move || pool(2, 0).map(&meeting));
    for result in results {
        assert_eq!(
            result.as_deref(),
            Ok(b"met".as_slice()),
            "two workers never worked at the same time: does one wait, or hold a lock, while the other has a task?"
        );
    }
}

#[test]
fn workers_are_kept() {
    let pids = in_time(LOST, || {
        let mut pool = pool(2, 0);
        let mut pids = pool.map(&tasks(["pid"; 20]));
        pids.extend(pool.map(&tasks(["pid"; 20])));
        pids
    });
    let different: BTreeSet<String> = pids.iter().map(text).collect();
    assert!(different.len() <= 2, "{} processes were started for 2 workers that live: keep them", different.len());
}

#[test]
fn a_handlers_error_is_an_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let note = file(folder.path(), "attempts");
    let refused = tasks([format!("refuse {note} policy")]);
    let results = in_time(LOST, move || pool(1, 3).map(&refused));
    let [Err(TaskError::Remote(error))] = results.as_slice() else {
        panic!("the error of a handler must be TaskError::Remote, and the outcomes are {results:?}");
    };
    assert_eq!(error, "refused by policy");
    let times = attempts(&note).len();
    assert_eq!(times, 1, "the handler ran {times} times: an error is an answer, and sending the task again changes nothing");
}

#[test]
fn a_panic_is_an_error_and_not_a_death() {
    let results = in_time(LOST, || pool(1, 0).map(&tasks(["pid", "panic spilt-milk", "pid"])));
    let Err(TaskError::Remote(message)) = &results[1] else {
        panic!("a panicking handler must be TaskError::Remote, and was {:?}: catch the panic in `serve`", results[1]);
    };
    assert!(
        message.contains("the handler panics over spilt-milk"),
        "the error says {message:?} and not what the panic said: its payload is a &str or a String behind dyn Any"
    );
    assert_eq!(text(&results[0]), text(&results[2]), "the worker was replaced although it did not die");
}

#[test]
fn what_a_handler_prints_does_not_break_an_answer() {
    let results = in_time(LOST, || pool(1, 0).map(&tasks(["say hello", "square 3"])));
    let shown: Vec<Result<String, String>> = results
        .into_iter()
        .map(|outcome| outcome.map(|text| String::from_utf8_lossy(&text).into_owned()).map_err(|error| error.to_string()))
        .collect();
    assert_eq!(
        shown,
        [Ok("hello".into()), Ok("9".into())],
        "println! in a handler must not get into the pipe of the answers: set standard output aside first"
    );
}

#[test]
fn large_tasks_and_results_pass() {
    const SIZE: usize = 1 << 20;
    let large = |n: u8| {
        let mut task = b"reverse ".to_vec();
        task.extend((0..SIZE).map(|place| b'a' + ((place as u8) ^ n) % 26));
        task
    };
    let results = in_time("a pipe holds 64 KiB: whoever writes more waits until the other side reads", move || {
        pool(2, 0).map(&(0..8).map(large).collect::<Vec<_>>())
    });
    for (n, result) in (0..8).zip(results) {
        let result = result.expect("a result");
        let expected: Vec<u8> = large(n)[b"reverse ".len()..].iter().rev().copied().collect();
        assert!(result == expected, "result {n} is damaged: {} bytes of {SIZE} came back", result.len());
    }
}

#[test]
fn a_killed_worker_loses_no_task_and_commits_none_twice() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Every fifth task kills its worker once.
    let killers: Vec<String> = (0..4).map(|n| file(folder.path(), &format!("killer-{n}"))).collect();
    let mut mixed = squares(0..20);
    for (n, note) in killers.iter().enumerate() {
        mixed[n * 5] = format!("kill {note} 1").into();
    }
    let (counts, outcomes) = in_time(LOST, move || commits(&mut pool(2, 2), &mixed));
    for (task, (count, outcome)) in counts.into_iter().zip(outcomes).enumerate() {
        assert_eq!(count, 1, "task {task} was committed {count} times: a dead worker's task is sent again, and committed once");
        let expected = if task % 5 == 0 { "5133".into() } else { (task * task).to_string() };
        assert_eq!(text(&outcome.expect("committed")), expected, "task {task}");
    }
    for note in killers {
        assert_eq!(attempts(&note).len(), 2, "a task that killed its worker once must run twice");
    }
}

#[test]
fn a_worker_killed_from_outside_is_replaced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let note = file(folder.path(), "attempts");
    let mut mixed = squares(0..10);
    mixed.insert(3, format!("hang {note}").into());
    let killer = thread::spawn({
        let note = note.clone();
        move || kill(wait_for("the task to begin", || attempts(&note).first().copied()))
    });
    let results = in_time(LOST, move || pool(2, 1).map(&mixed));
    killer.join().expect("the worker was killed");
    assert_eq!(text(&results[3]), "survived");
    let pids = attempts(&note);
    assert_eq!(pids.len(), 2, "the task must be sent again, once");
    assert_ne!(pids[0], pids[1], "a killed process cannot have answered");
}

#[test]
fn a_poison_task_is_given_up_and_all_others_succeed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for retries in [0, 2] {
        let note = file(folder.path(), &format!("poison-{retries}"));
        let mut mixed = squares(0..10);
        mixed.insert(4, format!("kill {note} 1000000").into());
        let results =
            in_time("a task that kills every worker must be given up after its retries", move || pool(2, retries).map(&mixed));
        let times = attempts(&note).len();
        assert_eq!(times, retries as usize + 1, "with {retries} retries the task must run {} times", retries + 1);
        let Err(TaskError::GaveUp { attempts, last }) = &results[4] else {
            panic!("the poison task must be TaskError::GaveUp, and was {:?}", results[4]);
        };
        assert_eq!(*attempts, retries + 1);
        assert!(
            last.contains("signal: 9"),
            "`last` is {last:?} and does not say how the worker ended: its ExitStatus, from `wait`, prints as \"signal: 9 (SIGKILL)\""
        );
        let others = results.iter().enumerate().filter(|(index, _)| *index != 4);
        for (n, (index, result)) in (0..10_u64).zip(others) {
            assert_eq!(text(result), (n * n).to_string(), "task {index} suffers from the poison task");
        }
    }
}

#[test]
fn half_an_answer_is_no_answer() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let mut large = b"reverse ".to_vec();
    large.resize(200_000, b'x');
    let results = in_time(LOST, {
        let large = large.clone();
        move || pool_of(&["half", &path], 1, 1).map(&[large])
    });
    assert_eq!(text(&results[0]).len(), large.len() - b"reverse ".len(), "the first worker ended inside its answer");
}

#[test]
fn a_late_answer_is_not_taken_for_the_next_task() {
    // This worker sends every answer twice: the second one lies in the pipe when the next task is sent.
    let results = in_time(LOST, || {
        let mut pool = pool_of(&["twice"], 1, 0);
        let mut results = pool.map(&squares(0..1));
        results.extend(pool.map(&squares(1..20)));
        results
    });
    for (n, result) in (0..20_u64).zip(results) {
        let found = text(&result);
        assert_eq!(
            found,
            (n * n).to_string(),
            "{n} squared came out as {found}: an answer carries the number of its task, and no number is used twice, not even in the next run"
        );
    }
}

#[test]
fn a_worker_that_died_at_rest_is_replaced() {
    let results = in_time(LOST, || {
        let mut pool = pool(1, 1);
        let pid: u32 = text(&pool.map(&tasks(["pid"]))[0]).parse().expect("a pid");
        kill(pid);
        pool.map(&squares(0..5))
    });
    let expected = ["0", "1", "4", "9", "16"];
    assert_eq!(results.iter().map(text).collect::<Vec<_>>(), expected, "a pool outlives its workers from run to run");
}

#[test]
fn a_worker_that_cannot_be_started_is_no_reason_to_wait() {
    let results = in_time("no worker will ever answer", || {
        let nothing = || Command::new("/nowhere/no-such-program");
        Pool::new(nothing, Options { workers: 2, retries: 1 }).map(&squares(0..3))
    });
    for result in results {
        assert!(
            matches!(&result, Err(TaskError::GaveUp { attempts: 2, last }) if !last.is_empty()),
            "a failed start is a failed attempt, and says why: {result:?}"
        );
    }
}

#[test]
fn the_dead_are_reaped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let note = file(folder.path(), "attempts");
    let mixed = tasks([format!("kill {note} 2"), "square 2".into()]);
    // The pool is kept, so that dropping it cannot hide a zombie.
    let _pool = in_time(LOST, move || {
        let mut pool = pool(2, 2);
        pool.map(&mixed);
        pool
    });
    let pids = attempts(&note);
    assert_eq!(pids.len(), 3, "two attempts die, the third succeeds");
    for pid in &pids[..2] {
        assert!(!is_listed(*pid), "process {pid} is dead and nobody has waited for it: a zombie");
    }
}

#[test]
fn dropping_the_pool_ends_and_reaps_every_worker() {
    let pids = in_time("a worker ends when its standard input is closed", || {
        let mut pool = pool(3, 0);
        let pids: BTreeSet<u32> = pool.map(&tasks(["pid"; 30])).iter().map(|pid| text(pid).parse().expect("a pid")).collect();
        let alive = pids.iter().filter(|pid| is_listed(**pid)).count();
        assert_eq!(alive, pids.len(), "workers are kept until the pool is dropped");
        pids
    });
    for pid in pids {
        assert!(!is_listed(pid), "process {pid} is there after its pool was dropped: close its input, and wait for it");
    }
}

#[test]
fn a_worker_ends_with_its_input() {
    // `serve` on its own: two requests in one piece, then the end.
    let ended = in_time("`serve` must return when its input ends", || {
        let mut worker =
            program(&["worker"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the worker can be started");
        let mut requests = worker.stdin.take().expect("piped");
        for (task, payload) in [(7, "square 4"), (8, "square 5")] {
            let request = Request { task, attempt: 1, payload: payload.into() };
            request.write(&mut requests).expect("the worker reads");
        }
        drop(requests);
        let mut said = Vec::new();
        BufReader::new(worker.stdout.take().expect("piped")).read_to_end(&mut said).expect("readable");
        (worker.wait().expect("it ends"), said)
    });
    let mut said = Cursor::new(ended.1);
    let answers: Vec<Answer> = std::iter::from_fn(|| Answer::read(&mut said).expect("whole answers and nothing else")).collect();
    let told =
        answers.into_iter().map(|Answer { task, result }| (task, result.map(|text| String::from_utf8_lossy(&text).into_owned())));
    let told: Vec<(u64, Result<String, String>)> = told.collect();
    assert_eq!(told, [(7, Ok("16".into())), (8, Ok("25".into()))]);
    assert!(ended.0.success(), "the end of the input is the end of the work and no error: {}", ended.0);
}
