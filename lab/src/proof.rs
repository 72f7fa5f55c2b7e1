//! The `main` of a graded test program: it proves to the parent that the body of one test has ended.
//!
//! An exit code proves nothing, for code under test can call `exit(0)`, and neither do words, for it can print them. So the
//! parent says a key first, and what counts is that the key comes back:
//!
//! | | |
//! | --- | --- |
//! | the parent says, on standard input | `{"key":"<32 hexadecimal digits>","test":"name"}` |
//! | this says, on what was standard output, when the body has ended as it should | `<the key> ended <number of records>` |
//! | in every other case | nothing. The key never leaves a process whose test has not passed |
//!
//! The exit code (0; 101 after a panic; 2 where the parent spoke nonsense) is for whoever reads the process's last words, and
//! no verdict rests on it.
//!
//! # Where the key is, and who can reach it
//!
//! It lies on the stack of [`main`], below every frame of the test: no static holds it, and what it was read into is wiped. The
//! [`evidence`](crate::evidence) is sealed with another key that is made from it.
//!
//! | what code in safe Rust may try | why it fails |
//! | --- | --- |
//! | `exit`, `abort`, a panic hook that exits, `CommandExt::exec` | none of them returns from the body |
//! | to print what a passing test prints | descriptor 1 is standard error from before the test on; and it takes the key |
//! | to read standard input again | it is `/dev/null` by then, and only one line was ever read |
//! | to write to the descriptor of the proof by `/proc/self/fd` | it takes the key |
//! | to read `/proc/self/mem`, or another process to trace this one | the process is not dumpable, so these are root's; see below |
//! | to call [`main`] again | it finds no key, and can prove nothing |
//! | a destructor that runs when the body has ended and the proof was given | the process ends from a thread that has none |
//! | `thread::current`, `env::args`, the environment, to know which test runs | the same for all tests: the main thread, without arguments |
//!
//! What stays open, and has to be shut elsewhere:
//!
//! - **`unsafe` code** can search the stack for the key. No process can keep a secret from code that may read all its memory.
//!   Exercises that need no `unsafe` are compiled with `-F unsafe_code`; in those that do, a forger has to mean it, and the
//!   source is there to be read.
//! - **A grader that runs as root** in a sandbox that does not shut `/proc` leaves `/proc/self/mem` open to safe code. (Root may
//!   open what belongs to root.) Landlock or another user shuts it.
//! - A function that is `#[track_caller]`, and `std::backtrace` where the program has symbols, tell which test is calling. That
//!   forges no proof, but code may answer one test otherwise than another.
//!
//! # Without a key
//!
//! Some tests start their own program again to see it abort, with the arguments of libtest. With arguments this does what
//! libtest does with these, and proves nothing.

use std::{
    any::Any,
    convert::Infallible,
    env,
    fmt::Debug,
    fs::File,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use crate::{evidence, workload::take_standard_output};

pub use key::{Key, Seal};
pub(crate) use key::{close_standard_input, close_this_process, line_into, wipe};

mod key;

/// What a test process ends with where its test has panicked, as libtest's do.
const PANICKED: u8 = 101;

/// The longest first line, in bytes.
const LONGEST: usize = 1024;

/// One test.
#[derive(Debug, Clone, Copy)]
pub struct Test {
    /// Its name, with the modules that it is in: `s1_right::messages_come_out_in_order`.
    pub name: &'static str,
    /// Runs it, and says why it failed where it says so itself.
    pub body: fn() -> Result<(), String>,
    /// Whether it is meant to panic, and what is in the message then.
    pub panics: Option<&'static str>,
}

/// Makes a test of each of these functions for each of these types, in a module for each type:
/// `lab::tests_of_each! { s1_right: Right, s2_fast: Fast; [messages_come_out_in_order] }` makes
/// `s1_right::messages_come_out_in_order`, which calls `messages_come_out_in_order::<Right>()`.
///
/// Here, and not in the exercise that needs it, because the runner has to know the tests of a file by reading it.
#[macro_export]
macro_rules! tests_of_each {
    (@of $module:ident: $type:ident; [$($test:ident),* $(,)?]) => {
        mod $module {
            $(
                #[test]
                fn $test() {
                    super::$test::<super::$type>();
                }
            )*
        }
    };
    ($($module:ident: $type:ident),+; $tests:tt) => {
        $($crate::tests_of_each!(@of $module: $type; $tests);)+
    };
}

/// What a test may return.
pub trait Outcome {
    /// Why it failed, if it did.
    ///
    /// # Errors
    /// Just that.
    fn told(self) -> Result<(), String>;
}

impl Outcome for () {
    fn told(self) -> Result<(), String> {
        Ok(())
    }
}

impl<T: Outcome, E: Debug> Outcome for Result<T, E> {
    fn told(self) -> Result<(), String> {
        self.map_err(|error| format!("Error: {error:?}"))?.told()
    }
}

/// Runs the test that the parent names and proves that its body has ended; see the [module](self).
pub fn main(tests: &[Test]) -> ExitCode {
    if env::args_os().len() > 1 {
        return as_libtest(tests);
    }
    match prove(tests) {
        Ok(never) => match never {},
        Err(why) => {
            eprintln!("this program proves its tests to a parent that says a key, and runs them by name without one: {why}");
            ExitCode::from(2)
        }
    }
}

/// Returns only where no test was run.
fn prove(tests: &[Test]) -> Result<Infallible, String> {
    let told = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    close_this_process().map_err(told("cannot shut this process"))?;
    let (key, test) = question(tests)?;
    close_standard_input().map_err(told("cannot shut standard input"))?;
    let mut answers = take_standard_output().map_err(told("cannot set standard output aside"))?;
    evidence::seal_with(key.seal());
    match run(test) {
        Ok(()) => {
            let records = evidence::sealed().to_string();
            // Where it cannot be written nobody learns that the test has passed: there is nothing else to be done.
            let _unheard = say(&mut answers, &key, &records);
            drop(key);
            leave(0)
        }
        Err(why) => {
            drop(key);
            if let Some(why) = why {
                eprintln!("{why}");
            }
            leave(PANICKED)
        }
    }
}

/// On a line of its own whatever was printed before it.
fn say(answers: &mut File, key: &Key, records: &str) -> io::Result<()> {
    key::write_once(answers, [b"\n", key.digits().as_bytes(), b" ended ", records.as_bytes(), b"\n"])
}

/// Reads the parent's one line: the key, and which test.
fn question(tests: &[Test]) -> Result<(Key, Test), String> {
    let mut line = [0; LONGEST];
    let length = line_into(&mut line).map_err(|error| format!("cannot read the first line: {error}"))?;
    let read = || {
        let (key, rest) = Key::read(line[..length].strip_prefix(br#"{"key":""#)?)?;
        let name = rest.strip_prefix(br#"","test":""#)?.strip_suffix(br#""}"#)?;
        Some((key, tests.iter().find(|test| test.name.as_bytes() == name).copied()))
    };
    let read = read();
    wipe(&mut line);
    match read {
        Some((key, Some(test))) => Ok((key, test)),
        Some((_, None)) => Err("it has no such test".into()),
        None => Err("the first line of standard input holds no key".into()),
    }
}

/// Whether the body did what it is meant to; `Err(None)` where its panic has said it all.
fn run(test: Test) -> Result<(), Option<String>> {
    match (catch_unwind(AssertUnwindSafe(test.body)), test.panics) {
        (Ok(told), None) => told.map_err(Some),
        (Ok(_), Some(_)) => Err(Some("it was meant to panic, and did not".into())),
        (Err(payload), None) => {
            forget(payload);
            Err(None)
        }
        (Err(payload), Some(expected)) => {
            let words = payload.downcast_ref::<&str>().copied();
            let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
            let as_expected = words.contains(expected);
            forget(payload);
            if as_expected { Ok(()) } else { Err(Some(format!("it was meant to panic with {expected:?} in its message"))) }
        }
    }
}

/// It may be of a type of the code under test, whose destructor is that code again.
fn forget(payload: Box<dyn Any + Send>) {
    mem::forget(payload);
}

/// Ends the process, whatever other threads do. From a thread of its own, for this one may have thread-local values of the code
/// under test, whose destructors an exit would run.
fn leave(code: u8) -> ! {
    let ends = std::thread::Builder::new().spawn(move || std::process::exit(code.into()));
    if ends.is_err() {
        let _dead = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    loop {
        std::thread::park();
    }
}

/// As much of libtest as a test needs that starts its own program again: a name or a part of it, `--exact`, and whatever else
/// begins with two dashes, without effect.
fn as_libtest(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let named = |test: &Test| {
        let mut names = arguments.iter().filter(|argument| !argument.starts_with("--")).peekable();
        names.peek().is_none() || names.any(|name| if exact { test.name == name } else { test.name.contains(name.as_str()) })
    };
    let chosen: Vec<&Test> = tests.iter().filter(|test| named(test)).collect();
    println!("\nrunning {} tests", chosen.len());
    let (mut passed, mut failed) = (0, 0);
    for test in chosen {
        let outcome = run(*test);
        if let Err(Some(why)) = &outcome {
            eprintln!("{why}");
        }
        println!("test {} ... {}", test.name, if outcome.is_ok() { "ok" } else { "FAILED" });
        *(if outcome.is_ok() { &mut passed } else { &mut failed }) += 1;
    }
    println!("\ntest result: {}. {passed} passed; {failed} failed", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(PANICKED) }
}
