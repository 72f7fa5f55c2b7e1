//! Every wall of the sandbox, with each of the others on and off: what is refused by it, and what remains open without it.
//!
//! What is attacked is made for it in a temporary folder; nothing is sent anywhere. What a machine cannot show is skipped
//! in words.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use xtask::{
    driver::{Fault, Workload},
    process::{End, Finished, Run},
    sandbox::{Excess, Policy, Sandbox},
};

/// The layers that are switched off, each for itself and together.
const COMBINATIONS: [&[&str]; 10] = [
    &[],
    &["bwrap"],
    &["landlock"],
    &["cgroup"],
    &["user"],
    &["bwrap", "user"],
    &["bwrap", "cgroup"],
    &["bwrap", "landlock"],
    &["bwrap", "landlock", "cgroup"],
    &["bwrap", "landlock", "cgroup", "user"],
];

struct Walls {
    without: String,
    sandbox: Sandbox,
}

impl Walls {
    fn without(layers: &[&str]) -> Self {
        let sandbox = Sandbox::detect_without(Path::new(env!("CARGO_BIN_EXE_xtask")), layers);
        Self { without: layers.join(","), sandbox }
    }

    fn has(&self, name: &str) -> bool {
        self.sandbox.layers().iter().any(|layer| layer.name == name && layer.active)
    }

    /// Runs the attack, which is over after ten seconds.
    fn run(&self, policy: &Policy, arguments: &[&str]) -> Finished {
        self.run_for(Duration::from_secs(10), policy, arguments)
    }

    fn run_for(&self, limit: Duration, policy: &Policy, arguments: &[&str]) -> Finished {
        let finished = Run {
            program: attack(),
            arguments: arguments.iter().map(Into::into).collect(),
            folder: Path::new("/"),
            environment: Vec::new(),
            limit,
            stdin: Vec::new(),
            within: Some((&self.sandbox, policy)),
        };
        finished.finish().unwrap_or_else(|error| panic!("without {:?}: {arguments:?}: {error:#}", self.without))
    }

    /// Whether it was done; otherwise it was refused.
    fn does(&self, policy: &Policy, arguments: &[&str]) -> bool {
        let finished = self.run(policy, arguments);
        match finished.stdout.trim() {
            "done" => true,
            said if said.starts_with("refused") => false,
            _ => panic!("without {:?}: {arguments:?}: {finished:?}", self.without),
        }
    }
}

fn each() -> impl Iterator<Item = Walls> {
    COMBINATIONS.into_iter().map(Walls::without)
}

/// The attacking program, compiled once: outside of every sandbox, for the compiler has a test of its own.
fn attack() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/attack.rs");
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("attack");
        let when = |file: &Path| fs::metadata(file).and_then(|about| about.modified()).ok();
        if when(&program) < when(&source) {
            let status = Command::new("rustc").args(["--edition", "2024", "-o"]).arg(&program).arg(&source).status().unwrap();
            assert!(status.success(), "{} does not compile", source.display());
        }
        program
    })
}

/// Says what this machine lacks where no test's output is captured, so that `ci` counts it.
fn skipped(why: &str) {
    xtask::screen::say(format!("\nskipped: {why}"));
}

fn program() -> Policy {
    Policy::program([], [])
}

/// A folder that every user may look into, so that what is refused in it is refused by a wall.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn every_layer_is_told_and_says_why_it_is_off() {
    for walls in each() {
        let layers = walls.sandbox.layers();
        for name in ["process group", "rlimits", "environment", "namespaces", "landlock", "cgroup"] {
            assert!(layers.iter().any(|layer| layer.name == name), "{name} is missing in {layers:?}");
        }
        for off in walls.without.split(',').filter(|off| !off.is_empty() && *off != "user") {
            let name = if off == "bwrap" { "namespaces" } else { off };
            let layer = layers.iter().find(|layer| layer.name == name).unwrap();
            assert!(!layer.active && layer.detail.contains("switched off by RACECOURSE_SANDBOX"), "{layer:?}");
        }
    }
    for layer in Walls::without(&[]).sandbox.layers().iter().filter(|layer| !layer.active) {
        skipped(&format!("{} is not tested here: {}", layer.name, layer.detail));
    }
}

#[test]
fn an_honest_program_finds_what_it_needs() {
    for walls in each() {
        let finished = walls.run(&program(), &["about"]);
        let cores = std::thread::available_parallelism().unwrap();
        let expected = format!("{} {cores} 28 x", attack().canonicalize().unwrap().display());
        assert_eq!(
            (finished.end, finished.stdout.trim()),
            (End::Exited(0), expected.as_str()),
            "{}: {finished:?}",
            walls.without
        );
    }
}

#[test]
fn a_code_a_signal_and_the_standard_input_pass_through() {
    for walls in each() {
        assert_eq!(walls.run(&program(), &["code", "7"]).end, End::Exited(7), "{}", walls.without);
        assert_eq!(walls.run(&program(), &["abort"]).end, End::Signalled(6), "{}", walls.without);
        let policy = program();
        let run = Run {
            program: attack(),
            arguments: vec!["stdin".into()],
            folder: Path::new("/"),
            environment: Vec::new(),
            limit: Duration::from_secs(10),
            stdin: b"said".to_vec(),
            within: Some((&walls.sandbox, &policy)),
        };
        assert_eq!(run.finish().unwrap().stdout, "said\n", "{}", walls.without);
    }
}

#[test]
fn only_listed_files_are_read_and_written() {
    let folder = open_folder();
    let [secret, listed, own] = ["secret", "listed", "own"].map(|name| folder.path().join(name));
    fs::write(&secret, "x").unwrap();
    fs::write(&listed, "x").unwrap();
    fs::create_dir(&own).unwrap();
    let policy = Policy::program([listed.clone()], [own.clone()]);
    for walls in each() {
        let out = walls.has("namespaces") || walls.has("landlock");
        assert_eq!(walls.does(&policy, &["read", text(&secret)]), !out, "a file that is not listed: {}", walls.without);
        assert_eq!(walls.does(&policy, &["list", text(folder.path())]), !walls.has("landlock"), "{}", walls.without);
        assert!(walls.does(&policy, &["read", text(&listed)]), "a listed file: {}", walls.without);
        let writes = walls.does(&policy, &["write", text(&listed)]);
        assert!(!writes || !(out || walls.has("user")), "writes what is listed for reading: {}", walls.without);
        assert!(walls.does(&policy, &["write", text(&own.join("file"))]), "its own folder: {}", walls.without);
        assert!(!walls.does(&policy, &["write", "/usr/racecourse"]) || walls.without.contains("user"), "{}", walls.without);
        let _only_without_walls = fs::remove_file("/usr/racecourse");
    }
}

#[test]
fn neither_the_home_folder_nor_what_is_closed_to_others_is_read() {
    let Some(home) = std::env::home_dir().filter(|home| home.is_dir()) else { return skipped("there is no home") };
    for walls in each() {
        let out = walls.has("namespaces") || walls.has("landlock") || (walls.has("user") && home == Path::new("/root"));
        assert!(!walls.does(&program(), &["list", text(&home)]) || !out, "{}", walls.without);
    }
}

#[test]
fn what_other_processes_are_stays_hidden() {
    let me = std::process::id().to_string();
    for walls in each() {
        let told = |file: &str| walls.does(&program(), &["read", &format!("/proc/{file}")]);
        assert_eq!(told("self/mem") || told("self/environ") || told("self/cmdline"), !walls.has("landlock"), "{}", walls.without);
        let out = ["namespaces", "landlock"].iter().any(|layer| walls.has(layer));
        assert_eq!(told(&format!("{me}/cmdline")), !out, "{}", walls.without);
        let out = out || walls.has("user");
        assert!(!told(&format!("{me}/environ")) || !out, "the runner's environment: {}", walls.without);
        let may_look = Policy { proc: true, ..program() };
        assert!(walls.does(&may_look, &["read", "/proc/self/cmdline"]), "{}", walls.without);
    }
}

#[test]
fn a_process_that_is_not_dumpable_keeps_its_memory_to_itself() {
    let folder = open_folder();
    // Who may execute a file and not read it gets a process that is not dumpable: what the course's own `main` asks for.
    let program = folder.path().join("attack");
    fs::copy(attack(), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o711)).unwrap();
    if !rustix::process::getuid().is_root() {
        return skipped("a program that its own user may not read can be made by root alone");
    }
    let policy = Policy { proc: true, ..Policy::program([folder.path().to_owned()], []) };
    for walls in each() {
        for file in ["/proc/self/mem", "/proc/self/environ", "/proc/self/fd/0"] {
            let run = Run {
                program: &program,
                arguments: vec!["read".into(), file.into()],
                folder: Path::new("/"),
                environment: Vec::new(),
                limit: Duration::from_secs(10),
                stdin: b"key".to_vec(),
                within: Some((&walls.sandbox, &policy)),
            };
            let said = run.finish().unwrap().stdout;
            // Root owns it all the same. (The first page of `mem` is not there: a read of it fails when it is open.)
            let open = said.contains("done") || said.contains("os error 5");
            assert_eq!(open, !walls.has("user"), "{file}: {}: {said}", walls.without);
        }
    }
}

#[test]
fn there_is_no_network_but_the_loopback_interface_of_its_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = listener.local_addr().unwrap().to_string();
    for walls in each() {
        let (own, rules) = (walls.has("namespaces"), walls.has("landlock"));
        let with_loopback = program().with_loopback();
        assert!(walls.does(&with_loopback, &["loopback"]), "{}", walls.without);
        assert_eq!(walls.does(&program(), &["loopback"]), !rules, "the loopback interface, unasked: {}", walls.without);
        assert_eq!(walls.does(&program(), &["connect", &ours]), !(own || rules), "the runner's server: {}", walls.without);
        assert_eq!(walls.does(&with_loopback, &["connect", &ours]), !own, "the runner's server: {}", walls.without);
        if own {
            // An address for documentation, in a network that has no way to it.
            assert!(!walls.does(&with_loopback, &["udp", "192.0.2.1:9"]), "{}", walls.without);
            assert!(!walls.does(&with_loopback, &["connect", "192.0.2.1:9"]), "{}", walls.without);
        }
    }
}

#[test]
fn the_runner_cannot_be_signalled() {
    let me = std::process::id().to_string();
    for walls in each() {
        let out = ["namespaces", "landlock", "user"].iter().any(|layer| walls.has(layer));
        assert_eq!(walls.does(&program(), &["signal", &me]), !out, "{}", walls.without);
    }
}

#[test]
fn the_environment_is_its_own() {
    for walls in each() {
        let said = walls.run(&program(), &["environment"]).stdout;
        let mut names: Vec<&str> = said.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        names.retain(|name| *name != "PWD");
        names.sort_unstable();
        assert_eq!(names, ["HOME", "PATH", "RUST_BACKTRACE", "TMPDIR"], "{}", walls.without);
        let home = said.lines().find_map(|line| line.strip_prefix("HOME=")).unwrap();
        // In memory; and otherwise gone by now.
        assert!(home == "/racecourse-home" || !Path::new(home).exists(), "{home} is left: {}", walls.without);
    }
}

#[test]
fn a_fork_bomb_is_bounded() {
    let policy = Policy { processes: 12, ..program() };
    for walls in each() {
        let bounded = walls.has("cgroup") || walls.has("user") || !rustix::process::getuid().is_root();
        if !bounded {
            let layers = walls.sandbox.layers();
            let told = layers.iter().find(|layer| layer.name == "rlimits").unwrap();
            assert!(told.detail.contains("NOT limited"), "{told:?}");
            continue;
        }
        // Forty are no danger to anybody, and more than a user on two cores is granted.
        let most = 12 * std::thread::available_parallelism().unwrap().get() + 16;
        let finished = walls.run(&policy, &["fork", &most.to_string()]);
        assert!(finished.stdout.contains("refused"), "{}: {finished:?}", walls.without);
        assert!(processes_with("attack\0sleep").is_empty() || other_test_sleeps(), "{}", walls.without);
    }
}

#[test]
fn a_fork_bomb_keeps_no_other_program_from_its_start() {
    let policy = Policy { processes: 12, ..program() };
    for walls in each() {
        if !(walls.has("cgroup") || walls.has("user") || !rustix::process::getuid().is_root()) {
            // Nothing counts processes then.
            continue;
        }
        let most = 12 * std::thread::available_parallelism().unwrap().get() + 16;
        std::thread::scope(|scope| {
            scope.spawn(|| walls.run_for(Duration::from_secs(3), &policy, &["fork-and-hang", &most.to_string()]));
            let deadline = Instant::now() + Duration::from_secs(3);
            while processes_with("attack\0sleep").len() < 8 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::thread::sleep(Duration::from_millis(200));
            assert_eq!(walls.run(&policy, &["code", "0"]).end, End::Exited(0), "{}", walls.without);
        });
    }
}

#[test]
fn what_was_taken_back_cannot_be_closed_by_who_wrote_it() {
    let folder = open_folder();
    let file = folder.path().join("file");
    for walls in each() {
        assert!(walls.does(&Policy::program([], [folder.path().to_owned()]), &["write", text(&file)]), "{}", walls.without);
        walls.sandbox.take_back(folder.path()).unwrap();
        let closes = walls.does(&Policy::program([folder.path().to_owned()], []), &["close", text(&file)]);
        assert!(!closes || !(walls.has("user") || walls.has("namespaces")), "{}", walls.without);
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn a_workload_that_cannot_be_started_has_done_nothing_wrong() {
    let folder = open_folder();
    let file = folder.path().join("file");
    fs::write(&file, "nothing that runs").unwrap();
    let policy = Policy::program([folder.path().to_owned()], []);
    for walls in each() {
        let started = Workload::start_within((&walls.sandbox, &policy), &file, Path::new("/"), &[], Duration::from_secs(10));
        let error = started.unwrap_err();
        assert!(error.downcast_ref::<Fault>().is_none(), "{}: {error:#}", walls.without);
        assert!(format!("{error:#}").contains("could not be run in the sandbox: cannot start"), "{}: {error:#}", walls.without);
    }
}

/// Other tests of this file start sleepers, too; those end with their own runs.
fn other_test_sleeps() -> bool {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if processes_with("attack\0sleep").is_empty() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_memory_bomb_is_ended() {
    let policy = Policy { memory: 64 << 20, ..program() };
    for walls in each() {
        // Untouched, so that nobody who looks on sees it: the limit on data alone refuses it.
        assert!(walls.does(&policy, &["reserve", "32"]) && !walls.does(&policy, &["reserve", "128"]), "{}", walls.without);
        let finished = walls.run(&policy, &["memory", "128", "end"]);
        assert!(!finished.stdout.contains("done"), "{}: {finished:?}", walls.without);
        // Four of forty: each is within its own limit.
        let finished = walls.run(&policy, &["memory-of-many", "4", "40"]);
        let ended = finished.end == End::TookTooMuch(Excess::Memory) || finished.end == End::Signalled(9);
        // The kernel may choose one of the children; then what is left is within the limit.
        assert!(ended || walls.has("cgroup"), "{}: {finished:?}", walls.without);
    }
}

#[test]
fn the_disk_is_not_filled() {
    let folder = open_folder();
    let policy = Policy { file_size: 4 << 20, ..Policy::program([], [folder.path().to_owned()]) };
    for walls in each() {
        let one_file = walls.run(&policy, &["disk", text(folder.path()), "1", "8"]);
        let ended = one_file.end == End::Signalled(25) || one_file.stdout.contains("refused");
        assert!(ended, "one file that is too large: {}: {one_file:?}", walls.without);
        for file in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let many = walls.run(&policy, &["disk", text(folder.path()), "40", "3"]);
        assert_eq!(many.end, End::TookTooMuch(Excess::Disk), "many files: {}: {many:?}", walls.without);
        for file in fs::read_dir(folder.path()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn a_daemon_is_dead_when_its_program_is_said_to_have_ended() {
    let folder = open_folder();
    let policy = Policy::program([], [folder.path().to_owned()]);
    for (number, walls) in each().enumerate() {
        for how in ["daemon", "daemon-and-hang"] {
            let note = folder.path().join(format!("note-{number}-{how}"));
            let word = format!("racecourse-{}-{number}-{how}", std::process::id());
            let finished = walls.run_for(Duration::from_secs(2), &policy, &[how, text(&note), &word]);
            let expected = if how == "daemon" { End::Exited(0) } else { End::TimedOut };
            assert_eq!(finished.end, expected, "{}: {finished:?}", walls.without);
            assert!(note.exists(), "the daemon never lived: {}", walls.without);
            assert_eq!(processes_with(&word), Vec::<String>::new(), "{how}: {}", walls.without);
        }
    }
}

/// A command in a process-id namespace of its own, as in a container: its session's leader stands outside. `None` where such a
/// namespace cannot be made.
fn in_namespace(options: &[&str], program: &Path) -> Option<Command> {
    let unshare = |program: &Path| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork"]).args(options).arg(program);
        command
    };
    let tried = unshare(Path::new("true")).output();
    tried.is_ok_and(|output| output.status.success()).then(|| unshare(program))
}

#[test]
fn a_session_whose_leader_stands_outside_is_the_runners_too() {
    let Some(mut tests) = in_namespace(&["--mount-proc"], &std::env::current_exe().unwrap()) else {
        return skipped("no process-id namespace can be made here");
    };
    let names = ["a_daemon_is_dead_when_its_program_is_said_to_have_ended", "two_runs_at_a_time_do_not_end_each_other"];
    let output = tests.arg("--exact").args(names).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("2 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn where_processes_cannot_be_seen_nothing_is_graded() {
    let Some(mut runner) = in_namespace(&[], Path::new(env!("CARGO_BIN_EXE_xtask"))) else {
        return skipped("no process-id namespace can be made here");
    };
    let course = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    runner.args(["grade", "--exercise", "spin_lock", "--submission", "solutions/threads/spin_lock", "--out"]);
    let output = runner.arg(open_folder().path()).current_dir(course).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && said.contains("/proc does not show this process"), "{:?}: {said}", output.status);
}

/// The processes on this machine whose command line holds `word`, zombies not counted.
fn processes_with(word: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| fs::read_to_string(process.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(word)).collect()
}

#[test]
fn nobody_is_left_when_the_runner_itself_is_killed() {
    let folder = open_folder();
    let policy = Policy::program([], [folder.path().to_owned()]);
    for (number, walls) in each().enumerate() {
        let note = folder.path().join(format!("note-{number}"));
        let word = format!("racecourse-{}-{number}-killed", std::process::id());
        let within = walls.sandbox.command(&policy, attack()).unwrap();
        // A shell in the place of the runner.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "\"$0\" \"$@\" & wait"]).arg(within.get_program()).args(within.get_args());
        command.args(["daemon-and-hang", text(&note), &word]).env_clear();
        command.envs(within.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdout(std::process::Stdio::null());
        let mut runner = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !note.exists() {
            assert!(Instant::now() < deadline, "the daemon never lived: {}", walls.without);
            std::thread::sleep(Duration::from_millis(5));
        }
        runner.kill().unwrap();
        runner.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while !processes_with(&word).is_empty() {
            assert!(Instant::now() < deadline, "{}: {:?}", walls.without, processes_with(&word));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_wall_that_cannot_be_put_up_is_the_runners_fault_and_words_about_it_are_not() {
    for walls in each() {
        let finished = walls.run(&program(), &["like-bwrap"]);
        assert_eq!((finished.end, finished.stderr.as_str()), (End::Exited(1), "bwrap: no luck\n"), "{}", walls.without);
        let finished = walls.run(&program(), &["like-a-stage"]);
        assert_eq!(finished.end, End::Exited(125), "{}", walls.without);

        // Nothing can be started within it.
        let nothing = Policy { memory: 1 << 10, ..program() };
        let run = |policy| {
            let run = Run {
                program: attack(),
                arguments: vec!["about".into()],
                folder: Path::new("/"),
                environment: Vec::new(),
                limit: Duration::from_secs(10),
                stdin: Vec::new(),
                within: Some((&walls.sandbox, policy)),
            };
            run.finish()
        };
        let absent = Policy::program([], [PathBuf::from("/nonexistent/racecourse")]);
        let error = run(&absent).unwrap_err().to_string();
        assert!(error.contains("/nonexistent/racecourse is not there"), "{error}");
        let broken = Policy { file_size: 0, ..program() };
        if walls.has("namespaces") {
            let error = format!("{:#}", run(&broken).unwrap_err());
            assert!(error.contains("could not be run in the sandbox: bwrap: "), "{error}");
        }
        // Its own memory, not the walls': the program is what cannot live in it.
        assert!(run(&nothing).is_ok_and(|finished| finished.end != End::Exited(0)), "{}", walls.without);
    }
}

#[test]
fn a_program_that_ends_what_stands_around_it_has_ended_and_is_nobody_elses_fault() {
    for walls in each() {
        for _ in 0..5 {
            // That it is no error is what counts; how it ends depends on whether it can.
            let finished = walls.run(&program(), &["end-the-parent"]);
            assert!(
                [End::Exited(0), End::Exited(143), End::Signalled(9)].contains(&finished.end),
                "{}: {finished:?}",
                walls.without
            );
        }
    }
}

#[test]
fn a_hang_is_stopped_and_told_what_the_program_did() {
    for walls in each() {
        let finished = walls.run_for(Duration::from_millis(500), &program(), &["sleep"]);
        assert_eq!(finished.end, End::TimedOut, "{}", walls.without);
        assert_eq!(finished.doing, ["thread `attack` slept"], "{}", walls.without);
    }
}

#[test]
fn two_runs_at_a_time_do_not_end_each_other() {
    for walls in each() {
        let slow = || walls.run(&program(), &["memory", "200", "end"]).stdout;
        let quick = || (0..5).all(|_| walls.run(&program(), &["code", "3"]).end == End::Exited(3));
        let (slow, quick) = std::thread::scope(|scope| {
            let slow = scope.spawn(slow);
            (scope.spawn(quick).join().unwrap(), slow.join().unwrap())
        });
        assert!(slow && quick == "done 200\n", "{}: {quick}", walls.without);
    }
}

#[test]
fn nothing_of_a_run_is_left_on_disk_or_among_the_cgroups() {
    for walls in each() {
        walls.run(&program(), &["about"]);
        drop(walls);
    }
    let mine = format!("racecourse-{}-", std::process::id());
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (names, path) = (parts.next().unwrap(), parts.next().unwrap());
        let folder = Path::new("/sys/fs/cgroup").join(names).join(path.trim_start_matches('/'));
        let left = || fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.file_name().into_string().unwrap());
        // Those of tests that run at the same time are in use: whoever is in none and stays is left over.
        let deadline = Instant::now() + Duration::from_secs(30);
        while left().any(|name| name.starts_with(&mine)) {
            assert!(Instant::now() < deadline, "left in {}: {:?}", folder.display(), left().collect::<Vec<_>>());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn rustc_and_the_linker_work_behind_every_wall() {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output();
    let Some(sysroot) = sysroot.ok().filter(|output| output.status.success()) else {
        return skipped("rustc cannot be run by this user");
    };
    let sysroot = PathBuf::from(String::from_utf8(sysroot.stdout).unwrap().trim());
    let folder = open_folder();
    let source = folder.path().join("main.rs");
    fs::write(&source, "fn main() { println!(\"{}\", (1..=4).product::<u32>()) }").unwrap();
    for walls in each() {
        let out = folder.path().join(format!("out-{}", walls.without));
        fs::create_dir(&out).unwrap();
        let policy = Policy { memory: 6 << 30, ..Policy::program([sysroot.clone(), source.clone()], [out.clone()]) };
        let program = out.join("main");
        let run = Run {
            program: &sysroot.join("bin/rustc"),
            arguments: ["-o".into(), program.clone().into(), source.clone().into()].to_vec(),
            folder: &out,
            environment: Vec::new(),
            limit: Duration::from_secs(60),
            stdin: Vec::new(),
            within: Some((&walls.sandbox, &policy)),
        };
        let finished = run.finish().unwrap();
        assert_eq!(finished.end, End::Exited(0), "{}: {finished:?}", walls.without);
        let layers = walls.sandbox.layers();
        let user = layers.iter().find(|layer| layer.name == "user" && walls.without.is_empty());
        println!("{}", user.map_or_else(|| "no other user".to_owned(), |layer| layer.detail.clone()));
        assert_eq!(Command::new(&program).output().unwrap().stdout, b"24\n", "{}", walls.without);
    }
}

#[test]
fn what_the_driver_reads_of_a_workload_is_the_programs() {
    let xtask = Path::new(env!("CARGO_BIN_EXE_xtask"));
    for walls in each() {
        let environment = [(xtask::study::spinning::VARIABLE, "1".into())];
        let limit = Duration::from_secs(30);
        let policy = program();
        let mut workload = Workload::start_within((&walls.sandbox, &policy), xtask, Path::new("/"), &environment, limit).unwrap();
        let line = fs::read_to_string(format!("/proc/{}/cmdline", workload.id())).unwrap();
        assert_eq!(line.trim_end_matches('\0'), text(&xtask.canonicalize().unwrap()), "{}", walls.without);
        let resident = workload.memory().unwrap();
        assert!(resident.now > 1 << 20, "{}: {resident:?}", walls.without);
        let setup = lab::workload::Setup { seed: 1, size: 400, threads: 1, at: None };
        let timed = workload.run("submission", setup).unwrap();
        // The thread that computes is on a core or waits for one all the time; it is in a process that is not the runner's child.
        let busy = timed.threads.values().map(|thread| thread.ran + thread.waited).fold(0.0, f64::max);
        let all = timed.seconds;
        assert!((0.8 * all - 0.05..1.1 * all).contains(&busy), "{}: {busy} s busy of {all} s", walls.without);
        workload.quit().unwrap();
    }
}

#[test]
fn what_the_walls_add_to_a_start_is_told() {
    for walls in each() {
        let begun = Instant::now();
        let mut times: Vec<f64> = (0..21).map(|_| walls.run(&program(), &["code", "0"]).seconds).collect();
        times.sort_by(f64::total_cmp);
        println!("a start without [{}]: {:.1} ms, the fastest {:.1} ms", walls.without, times[10] * 1e3, times[0] * 1e3);
        println!("  and with all that is before and after it: {:.1} ms", begun.elapsed().as_secs_f64() / 21.0 * 1e3);
        assert!(times[0] < 2.0, "{}: a start takes {} s", walls.without, times[0]);
    }
}
