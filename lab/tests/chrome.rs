//! Trace files of whole processes: this program starts itself again in several roles and reads what they leave behind.
//!
//! Not an ordinary `#[test]` binary, because a process writes one trace.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use lab::{
    par::{self, Pool},
    trace::{
        self,
        file::{self, Slice, ThreadRow, Trace},
    },
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [role, path] = &arguments[..]
        && let Some(role) = role.strip_prefix("role:")
    {
        return play(role, Path::new(path));
    }
    // With feature `model` there are no spans to write.
    if cfg!(feature = "model") {
        return;
    }
    a_finished_trace_is_in_order();
    a_trace_whose_process_exits_early_is_salvaged();
    a_killed_process_shows_what_it_did();
    a_process_writes_one_trace();
    the_critical_path_has_a_row_of_its_own();
    println!("chrome: 5 checks of trace files passed");
}

/// What a child does. `killed` and `exits` never come to an orderly end.
fn play(role: &str, path: &Path) {
    match role {
        "finishes" => {
            let _trace = trace::chrome(path).expect("a trace file");
            // Leaves its span open: the trace ends before this thread does.
            let (entered, enter) = std::sync::mpsc::channel();
            thread::spawn(move || {
                let _open = lab::span!("open");
                entered.send(()).expect("the main thread waits");
                thread::park();
            });
            enter.recv().expect("the thread enters its span");
            let _outer = lab::span!("outer", n = 4_000_000, share = 0.5, text = "4", shown = %"plain");
            thread::scope(|scope| {
                scope.spawn(|| drop(lab::span!("nameless")));
                let named = thread::Builder::new().name("pool-1".into());
                named.spawn_scoped(scope, || drop(lab::span!("work"))).expect("a thread");
            });
        }
        "exits" => {
            let _trace = trace::chrome(path).expect("a trace file");
            for n in 0..1000 {
                let _span = lab::span!("work", n);
            }
            // The writer has a thread of its own: until it has written its first buffers there is nothing to save.
            let deadline = Instant::now() + Duration::from_secs(20);
            while path.metadata().is_ok_and(|file| file.len() < 50_000) && Instant::now() < deadline {
                thread::yield_now();
            }
            std::process::exit(0);
        }
        "killed" => {
            let _trace = trace::chrome_from_environment("worker").expect("a trace file").expect("a folder for it");
            drop(lab::span!("done", n = 1));
            let _outer = lab::span!("task", n = 2);
            let _inner = lab::span!("step");
            println!("ready");
            let _ = io::stdin().read(&mut [0]);
        }
        "twice" => {
            let _trace = trace::chrome(path).expect("a trace file");
            let error = trace::chrome(path).err().expect("a second trace must be refused");
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
            // The recorder works beside the file.
            let ((), recording) = trace::record(|| drop(lab::span!("both")));
            assert_eq!(recording.named("both").count(), 1);
        }
        "forks" => {
            let mut trace = trace::chrome(path).expect("a trace file");
            // The strands' clock starts much later than the trace's, and must be put on it.
            thread::sleep(Duration::from_millis(20));
            for forks in [true, false] {
                let pool = Pool::new(2);
                let ((), run) = par::record_moments(|| pool.install(|| if forks { forked() } else { drop(lab::span!("alone")) }));
                trace.add_run(run.expect("it is small"));
            }
        }
        _ => panic!("no role is called {role:?}"),
    }
}

/// A span that begins before another, on another thread, and ends after it; then one more.
fn forked() {
    let forked = Instant::now();
    let (begun, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let wait_for = |flag: &AtomicBool| {
        while !flag.load(Ordering::Acquire) {
            thread::yield_now();
        }
    };
    let longer = || {
        let _longer = lab::span!("longer");
        begun.store(true, Ordering::Release);
        wait_for(&ended);
        // Longer than the other closure, however long that one has waited for a thief or for a core.
        thread::sleep(forked.elapsed() + Duration::from_millis(50));
    };
    let shorter = || {
        wait_for(&begun);
        drop(lab::span!("shorter"));
        ended.store(true, Ordering::Release);
    };
    // The closure that is stolen is the longer one, so that the path changes threads, there and back or only there.
    par::join(shorter, longer);
    let _last = lab::span!("last");
    thread::sleep(Duration::from_millis(1));
}

fn start(role: &str, path: &Path) -> (Child, ChildStdin) {
    let mut command = Command::new(env::current_exe().expect("this program"));
    command.args([&format!("role:{role}"), path.to_str().expect("a path in UTF-8")]);
    command.env(trace::TRACE_FOLDER_VARIABLE, path.parent().expect("a folder")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("this program starts again");
    let stdin = child.stdin.take().expect("piped");
    (child, stdin)
}

fn run(role: &str, path: &Path) -> u32 {
    let (mut child, stdin) = start(role, path);
    drop(stdin);
    assert!(child.wait().expect("it ends").success(), "{role}");
    child.id()
}

fn slices<'a>(rows: &'a [ThreadRow], name: &str) -> Vec<(&'a ThreadRow, &'a Slice)> {
    rows.iter().flat_map(|row| row.slices.iter().map(move |slice| (row, slice))).filter(|(_, slice)| slice.name == name).collect()
}

fn assert_valid(trace: &Trace) {
    assert_eq!(file::check(trace), Vec::<String>::new());
}

fn a_finished_trace_is_in_order() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("finished.json");
    let pid = u64::from(run("finishes", &path));
    let trace = file::read(&path).expect("a trace");
    assert!(!trace.cut());
    assert_valid(&trace);
    assert_eq!(trace.other["pid"], pid);
    assert!(trace.other["process"].as_str().is_some_and(|name| name.starts_with("chrome")), "{:?}", trace.other);
    assert!(trace.other[file::CLOCK_BASE].as_f64().is_some_and(|base| base > 1.6e15), "{:?}", trace.other);

    let rows = trace.threads();
    let expected: BTreeMap<&str, &str> = [("outer", "main"), ("work", "pool-1")].into();
    for (name, thread) in expected {
        let found = slices(&rows, name);
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!((found[0].0.thread.as_str(), found[0].0.pid), (thread, pid));
    }
    // Every thread tells another number of the system's; that of the main thread is the process's.
    let numbers: Vec<u64> = rows.iter().filter_map(|row| row.os_thread).collect();
    if Path::new("/proc/thread-self").exists() {
        assert_eq!(numbers.iter().collect::<std::collections::BTreeSet<_>>().len(), rows.len(), "{rows:?}");
        assert_eq!(slices(&rows, "outer")[0].0.os_thread, Some(pid));
    }
    assert!(trace.events.iter().all(|event| event.ph != "i"), "the instants that told the numbers are gone");
    let (nameless, _) = slices(&rows, "nameless")[0];
    assert_eq!(nameless.thread, format!("thread {}", nameless.tid));
    let (_, outer) = slices(&rows, "outer")[0];
    assert_eq!(serde_json::json!(outer.args), serde_json::json!({"n": 4_000_000, "share": 0.5, "text": "4", "shown": "plain"}));
    let (_, open) = slices(&rows, "open")[0];
    assert!(open.unfinished() && open.end_us >= outer.end_us, "{open:?} {outer:?}");
}

fn a_trace_whose_process_exits_early_is_salvaged() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("exited.json");
    let pid = run("exits", &path);
    let trace = file::read(&path).expect("a trace");
    assert!(trace.cut());
    assert_valid(&trace);
    // The last 8 KiB were never written; what was is this process's and typed.
    let rows = trace.threads();
    let found = slices(&rows, "work");
    assert!(found.len() > 100, "only {} of 1000 spans were saved", found.len());
    assert_eq!((found[7].0.pid, &found[7].1.args["n"]), (pid.into(), &serde_json::json!(7)));
}

fn a_killed_process_shows_what_it_did() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut child, _stdin) = start("killed", &folder.path().join("unused.json"));
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("the child speaks");
    assert_eq!(line, "ready\n");
    child.kill().expect("SIGKILL");
    child.wait().expect("it is dead");

    let path = folder.path().join(format!("worker-{}.json", child.id()));
    let merged = file::merge(&[path]).expect("one trace");
    assert_valid(&merged);
    let rows = merged.threads();
    assert_eq!(rows.iter().map(|row| (row.process.as_str(), row.pid)).collect::<Vec<_>>(), [("worker", child.id().into())]);
    if Path::new("/proc/thread-self").exists() {
        assert_eq!(rows[0].os_thread, Some(child.id().into()));
    }
    let shown: Vec<_> = rows[0].slices.iter().map(|slice| (slice.name.as_str(), slice.depth, slice.unfinished())).collect();
    assert_eq!(shown, [("done", 0, false), ("task", 0, true), ("step", 1, true)]);
    assert_eq!(rows[0].slices[1].args["n"], 2);
}

fn a_process_writes_one_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("one.json");
    run("twice", &path);
    let trace = file::read(&path).expect("a trace");
    assert_valid(&trace);
    assert_eq!(slices(&trace.threads(), "both").len(), 1);
}

fn the_critical_path_has_a_row_of_its_own() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("forks.json");
    run("forks", &path);
    let trace = file::read(&path).expect("a trace");
    assert_valid(&trace);
    // The run that did not fork has none.
    let [critical] = &trace.critical_paths()[..] else { panic!("one path: {:?}", trace.critical_paths()) };
    let names: Vec<&str> = critical.stretches.iter().map(|stretch| stretch.name.as_str()).collect();
    let at = |name: &str| names.iter().position(|other| *other == name);
    assert!(at("longer").is_some() && at("longer") < at("last"), "{names:?}");
    assert_eq!((at("shorter"), at("alone")), (None, None), "{names:?}");
    assert!(critical.path_us() > 3000.0 && critical.path_us() <= critical.wall_us + 1.0, "{critical}");
    assert!(critical.to_string().contains("longest stretch: longer ("), "{critical}");
    for pair in critical.stretches.windows(2) {
        assert!(pair[1].start_us >= pair[0].end_us - 0.002, "a path is one thing after another: {pair:?}");
    }

    let rows = trace.threads();
    assert_eq!(rows.iter().filter(|row| row.is_critical_path()).count(), 1);
    assert!(rows.iter().any(|row| row.slices.is_empty()), "a thread that only waited has a row, and no mark of its strands");
    let threads: Vec<ThreadRow> = rows.into_iter().filter(|row| !row.is_critical_path()).collect();
    for (name, on_it) in [("longer", true), ("last", true), ("shorter", false)] {
        let (row, slice) = slices(&threads, name)[0];
        assert_eq!(slice.args.get(file::CRITICAL).is_some(), on_it, "{name}");
        // Both clocks tell the same time, to within what a span costs.
        if let Some(stretch) = critical.stretches.iter().find(|stretch| stretch.name == name) {
            assert_eq!(stretch.args["thread"], row.tid);
            assert!(
                stretch.start_us >= slice.start_us - 0.002 && stretch.end_us <= slice.end_us + 0.002,
                "{stretch:?} {slice:?}"
            );
        }
    }
    let arrows = |ph: &str| trace.events.iter().filter(|event| event.ph == ph).map(|event| event.more["id"].clone()).collect();
    let (tails, heads): (Vec<_>, Vec<_>) = (arrows("s"), arrows("f"));
    let changes = critical.stretches.windows(2).filter(|pair| pair[0].args["thread"] != pair[1].args["thread"]).count();
    assert_eq!((tails.len(), &tails), (changes, &heads), "an arrow for each change of threads");
    assert!(changes > 0, "the path begins on the main thread");
}
