//! Peers in Rust: what others' crates do best on the exercises. `peers EXERCISE NAME` is one of them.
//!
//! They speak the protocol of `lab::workload` as any program of another language does: the input comes in a file, the output
//! goes into one, and the exercise's own workload judges it.

use std::{
    env, fs,
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::ExitCode,
};

use lab::workload::{Answer, PROTOCOL, Request, Setup, take_standard_output};

mod crawler;
mod merge_sort;
mod process_pool;
mod spin_lock;
mod word_count;

/// A way to do an exercise. One stands for each setup; what it takes to make it is not timed.
trait Contender {
    /// Makes the input of the next run, and gives up the output of the last. Not timed.
    fn ready(&mut self);

    /// The work: what the parent's clock counts. The output stays inside.
    fn run(&mut self);

    /// The output of the last run, as the exercise's workload reads it. Not timed.
    fn output(&self) -> Vec<u8>;
}

/// Makes a contender for a setup, out of the file with its input.
type Make = fn(&Setup, &Path) -> io::Result<Box<dyn Contender>>;

/// Who can be run: exercise, name, the crates that it is made of.
const CONTENDERS: [(&str, &str, &[&str], Make); 5] = [
    ("spin_lock", "spin", &["spin"], spin_lock::spin),
    ("process_pool", "rayon", &["rayon"], process_pool::rayon),
    ("crawler", "FuturesUnordered", &["futures", "tokio", "reqwest", "scraper"], crawler::futures_unordered),
    ("merge_sort", "chili", &["chili"], merge_sort::chili),
    ("word_count", "rayon + hashbrown", &["rayon", "hashbrown"], word_count::hashbrown),
];

/// What cargo has built this program from.
const LOCK: &str = include_str!("../../Cargo.lock");

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let wanted = |exercise: &str, name: &str| arguments.iter().map(String::as_str).eq([exercise, name]);
    let Some((_, _, made_of, make)) = CONTENDERS.into_iter().find(|(exercise, name, ..)| wanted(exercise, name)) else {
        eprintln!("no peer is called {arguments:?}; run them with: cargo xtask report --peers");
        return ExitCode::from(2);
    };
    match serve(made_of, make) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peer {arguments:?}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// `chili 0.2.1`
fn with_version(name: &str) -> String {
    let package =
        LOCK.split("[[package]]").find_map(|package| package.strip_prefix(&format!("\nname = \"{name}\"\nversion = \"")));
    let version = package.and_then(|rest| rest.split_once('"')).map_or("of an unknown version", |(version, _)| version);
    format!("{name} {version}")
}

fn serve(made_of: &[&str], make: Make) -> io::Result<()> {
    let mut answers = take_standard_output()?;
    let mut standing: Option<(Setup, Box<dyn Contender>)> = None;
    let mut written_to = None;
    for line in BufReader::new(io::stdin()).lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::Hello => {
                let version = made_of.iter().map(|name| with_version(name)).collect::<Vec<_>>().join(", ");
                Answer::Peer { protocol: PROTOCOL, version }
            }
            Request::Prepare { setup, input: Some(input), output, .. } => {
                if standing.as_ref().is_none_or(|(made_for, _)| *made_for != setup) {
                    drop(standing.take());
                    standing = Some((setup, make(&setup, &input)?));
                }
                standing.iter_mut().for_each(|(_, contender)| contender.ready());
                written_to = output;
                Answer::Prepared { pid: std::process::id() }
            }
            Request::Go => match (&mut standing, written_to.take()) {
                (Some((_, contender)), Some(file)) => {
                    contender.run();
                    send(&mut answers, &Answer::Done {})?;
                    fs::write(file, contender.output())?;
                    Answer::Written {}
                }
                _ => Answer::Error("go without a prepare of its own".into()),
            },
            Request::Quit => break,
            other => Answer::Error(format!("a peer cannot serve {other:?}")),
        };
        send(&mut answers, &answer)?;
    }
    Ok(())
}

fn send(answers: &mut fs::File, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_string(answer)?;
    line.push('\n');
    answers.write_all(line.as_bytes())
}
