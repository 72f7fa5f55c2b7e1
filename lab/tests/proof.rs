//! A test process that is told a key, and what code in safe Rust may try in it: no proof is given but by a body that ended.
//!
//! It has no harness, for its own program is the test program that is attacked: it starts itself once for each of [`TESTS`].

use std::{
    cell::Cell,
    env, fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    panic,
    path::Path,
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{
    evidence,
    proof::{self, Key, Outcome, Test},
};

/// Set in the processes that are attacked.
const CHILD: &str = "PROOF_CHILD";

/// What has not ended by then never would.
const LIMIT: Duration = Duration::from_secs(60);

const fn test(name: &'static str, body: fn() -> Result<(), String>) -> Test {
    Test { name, body, panics: None }
}

/// What is meant to pass.
const HONEST: [Test; 10] = [
    test("returns", || Ok(())),
    test("returns a right result", || Outcome::told(Ok::<(), String>(()))),
    Test { panics: Some("power of two"), ..test("panics as it should", || panic!("3 is no power of two")) },
    Test { panics: Some(""), ..test("panics as it likes", || panic::resume_unwind(Box::new(7))) },
    test("leaves a thread behind", || {
        thread::spawn(|| {
            loop {
                std::hint::spin_loop();
            }
        });
        Ok(())
    }),
    test("leaves a destructor behind that never ends", || {
        struct Endless;
        impl Drop for Endless {
            fn drop(&mut self) {
                thread::sleep(Duration::from_secs(1000));
            }
        }
        thread_local!(static LEFT: Cell<Option<Endless>> = const { Cell::new(None) });
        LEFT.set(Some(Endless));
        Ok(())
    }),
    test("prints", || {
        print!("no end of the line");
        Ok(())
    }),
    test("records", || {
        evidence::record("trace", &1);
        evidence::record("trace", &2);
        Ok(())
    }),
    test("looks for what tells the tests apart", || {
        assert_eq!(thread::current().name(), Some("main"));
        assert_eq!(env::args_os().len(), 1);
        assert!(env::vars().all(|(_, value)| !value.contains("tells the tests apart")));
        Ok(())
    }),
    test("looks for the key", || {
        let mut left = String::new();
        std::io::stdin().read_to_string(&mut left).map_err(|error| error.to_string())?;
        assert_eq!(left, "", "nothing is left of what the parent said");
        // Root may open what belongs to root: see the module.
        if env::var_os("PROOF_AS_ROOT").is_none() {
            for file in ["mem", "environ", "fd/3", "fd/4", "fd/5"] {
                assert!(fs::File::open(Path::new("/proc/self").join(file)).is_err(), "/proc/self/{file} can be opened");
            }
        }
        Ok(())
    }),
];

/// What must prove nothing.
const ATTACKS: [Test; 14] = [
    test("fails", || panic!("no")),
    test("returns a wrong result", || Outcome::told(Err::<(), _>("no"))),
    Test { panics: Some("power of two"), ..test("panics otherwise than it should", || panic!("no")) },
    Test { panics: Some(""), ..test("does not panic as it should", || Ok(())) },
    test("exits", || std::process::exit(0)),
    test("aborts", || std::process::abort()),
    test("exits in its panic hook", || {
        panic::set_hook(Box::new(|_| std::process::exit(0)));
        panic!("no");
    }),
    test("exits while a panic is dropped", || {
        struct Exits;
        impl Drop for Exits {
            fn drop(&mut self) {
                std::process::exit(0);
            }
        }
        panic::panic_any(Exits)
    }),
    test("becomes another program", || Err(Command::new("true").exec().to_string())),
    test("says what libtest says", || {
        println!("running 1 test\ntest x ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored");
        std::process::exit(0);
    }),
    test("says what a proof says", || {
        forge("ended 0");
        std::process::exit(0);
    }),
    test("says it with a key of its own", || {
        forge(&format!("{} ended 0", Key::of([1, 2]).digits()));
        std::process::exit(0);
    }),
    test("calls main again", || {
        let _code = proof::main(&[test("calls main again", || Ok(()))]);
        std::process::exit(0);
    }),
    test("is not there", || Ok(())),
];

/// On every descriptor that it can open.
fn forge(line: &str) {
    println!("\n{line}");
    for number in 0..10 {
        if let Ok(mut file) = fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}")) {
            let _refused = writeln!(file, "\n{line}");
        }
    }
}

/// What a test does to the records of its program, beside which an honest one is made.
const FORGERIES: [Test; 3] = [
    test("forges a record", || {
        evidence::record("trace", &1);
        let forged = r#"{"kind":"model","data":"all is well"}"#;
        append(&format!("{forged}\n0123456789abcdef {forged}\n"));
        Ok(())
    }),
    test("changes a record", || {
        evidence::record("trace", &1);
        let file = env::var_os(evidence::FILE_VARIABLE).ok_or("no file")?;
        let changed = fs::read_to_string(&file).unwrap().replace(":1", ":2");
        fs::write(&file, changed).map_err(|error| error.to_string())
    }),
    test("takes a record away", || {
        evidence::record("trace", &1);
        fs::write(env::var_os(evidence::FILE_VARIABLE).ok_or("no file")?, "").map_err(|error| error.to_string())
    }),
];

fn append(text: &str) {
    let file = env::var_os(evidence::FILE_VARIABLE).unwrap();
    fs::OpenOptions::new().append(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

/// The program, where anybody may run it, and a file for its evidence.
struct Place {
    folder: tempfile::TempDir,
    /// Whether it is run as somebody else than root.
    as_nobody: bool,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
        fs::copy(env::current_exe().unwrap(), folder.path().join("tests")).unwrap();
        Self { folder, as_nobody: rustix::process::geteuid().is_root() }
    }

    fn evidence(&self) -> std::path::PathBuf {
        self.folder.path().join("evidence")
    }

    fn run(&self, arguments: &[&str], said: &str) -> Output {
        fs::write(self.evidence(), "").unwrap();
        fs::set_permissions(self.evidence(), PermissionsExt::from_mode(0o666)).unwrap();
        let mut command = Command::new(self.folder.path().join("tests"));
        command.args(arguments).env(CHILD, "1").env(evidence::FILE_VARIABLE, self.evidence()).env("RUST_BACKTRACE", "0");
        if self.as_nobody {
            command.uid(65_534);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may have ended without a look at it.
        let _unread = child.stdin.take().unwrap().write_all(said.as_bytes());
        let deadline = Instant::now() + LIMIT;
        while child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        let ended = child.try_wait().unwrap().is_some();
        if !ended {
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        assert!(ended, "{said} has not ended within {} s", LIMIT.as_secs());
        output
    }

    /// How many records it says to have made, if it has given a proof; and everything that it printed.
    fn proved(&self, test: &str, key: &Key) -> (Option<usize>, Output) {
        let output = self.run(&[], &format!("{{\"key\":\"{}\",\"test\":\"{test}\"}}\nnobody is to read this\n", key.digits()));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let proof = printed.lines().find_map(|line| line.strip_prefix(&format!("{} ended ", key.digits()))?.parse().ok());
        assert!(proof.is_some() || !printed.contains(key.digits()), "{test}: a key without a proof");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(key.digits()), "{test}: the key on standard error");
        (proof, output)
    }
}

fn main() -> ExitCode {
    if env::var_os(CHILD).is_some() {
        let all: Vec<Test> =
            HONEST.into_iter().chain(ATTACKS).chain(FORGERIES).filter(|test| test.name != "is not there").collect();
        return proof::main(&all);
    }
    let place = Place::new();
    if !cfg!(target_os = "linux") {
        println!("skipped: that a process is not dumpable is Linux's");
    }
    let mut number = 0;
    let mut next = || {
        number += 1;
        Key::of([0x0123_4567_89ab_cdef, number])
    };
    for test in HONEST {
        let (proof, output) = place.proved(test.name, &next());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(proof.is_some() && output.status.success(), "{}: {} {errors}", test.name, output.status);
    }
    for test in ATTACKS {
        let (proof, output) = place.proved(test.name, &next());
        assert!(proof.is_none(), "{} has passed: {output:?}", test.name);
        let told = !test.name.contains("while a panic is dropped") || output.status.code() == Some(101);
        assert!(told, "{}: what a panic carries was dropped: {output:?}", test.name);
    }
    let sealed = |test: &str, key: &Key| {
        let (proof, _) = place.proved(test, key);
        (proof, evidence::authentic(&fs::read_to_string(place.evidence()).unwrap(), key).len())
    };
    assert_eq!(sealed("records", &next()), (Some(2), 2));
    assert_eq!(sealed("forges a record", &next()), (Some(1), 1), "claims are left out");
    assert_eq!(sealed("changes a record", &next()), (Some(1), 0), "and shows");
    assert_eq!(sealed("takes a record away", &next()), (Some(1), 0));
    without_a_key(&place);
    println!("{} honest, {} attacks, {} forgeries", HONEST.len(), ATTACKS.len(), FORGERIES.len());
    ExitCode::SUCCESS
}

/// As a test calls its own program again, which by then has nothing to read.
fn without_a_key(place: &Place) {
    let key = Key::of([3, 4]);
    let line = format!("{{\"key\":\"{}\",\"test\":\"returns\"}}\n", key.digits());
    let output = place.run(&["returns", "--exact", "--nocapture"], &line);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("test result: ok. 1 passed; 0 failed"), "{printed}");
    assert!(!printed.contains(key.digits()), "what is run by its name proves nothing");
    let output = place.run(&["fails", "--exact"], "");
    assert_eq!(output.status.code(), Some(101));
    for nonsense in ["", "\n", "{\"key\":\"12\",\"test\":\"returns\"}\n", &line.replace("returns", "nobody")] {
        let output = place.run(&[], nonsense);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{nonsense}");
    }
}
