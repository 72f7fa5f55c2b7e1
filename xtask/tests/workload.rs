//! Workloads that lie, die or hang: each is named for what it did, gives no figure, and leaves no process behind.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lab::workload::{Axis, Setup};
use tempfile::TempDir;
use xtask::{
    catalog::{Catalog, find_root},
    curves::{Failure, Sampling, Scaling, Series},
    driver::{Fault, Workload},
    measure::{Blame, Contender, Plan, compare, seed_of_pair},
    results::Speed,
    sweep::Field,
};

/// No answer may take longer.
const LIMIT: Duration = Duration::from_secs(3);

const RIGHT: &str = "00000000000000aa";

const SETUP: Setup = Setup { size: 10, seed: 1, threads: 1, at: None };

/// A shell program that speaks the protocol, but for what a test changes of it: what it does at each request.
struct Fake {
    hello: String,
    prepare: String,
    go: String,
    quit: String,
}

impl Fake {
    fn right() -> Self {
        Self {
            hello: format!("say '{}'", hello(r#""fake""#, 10)),
            prepare: r#"say '{"prepared":{"pid":1}}'"#.into(),
            go: format!(r#"say '{{"done":{{}}}}'; say '{{"output":{{"digest":"{RIGHT}"}}}}'"#),
            quit: "exit 0".into(),
        }
    }

    fn at_hello(script: impl Into<String>) -> Self {
        Self { hello: script.into(), ..Self::right() }
    }

    fn at_prepare(script: impl Into<String>) -> Self {
        Self { prepare: script.into(), ..Self::right() }
    }

    fn at_go(script: impl Into<String>) -> Self {
        Self { go: script.into(), ..Self::right() }
    }

    /// Writes it to where its path has a space in it.
    fn written(&self) -> Program {
        let folder = tempfile::Builder::new().prefix("a fake ").tempdir().unwrap();
        let path = folder.path().join("the workload");
        let Self { hello, prepare, go, quit } = self;
        // A child that only waits: it has to go with its parent.
        let script = format!(
            r#"#!/bin/sh
cd "$(dirname "$0")"
sleep 1000 >/dev/null 2>&1 & echo $$ $! > pids
say() {{ printf '%s %s\n' "$key" "$1"; }}
while read -r request; do
  case "$request" in
    *hello*) key=${{request##*'"key":"'}}; key=${{key%%\"*}}; {hello};;
    *prepare*) {prepare};;
    *go*) {go};;
    *quit*) {quit};;
  esac
done
"#
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        Program { folder, path }
    }
}

struct Program {
    folder: TempDir,
    path: PathBuf,
}

impl Program {
    fn start(&self) -> anyhow::Result<Workload> {
        Workload::start(&self.path, None, &[], LIMIT)
    }

    /// That neither it nor its child is there any more; a zombie of init's is gone.
    fn assert_gone(&self) {
        let pids = fs::read_to_string(self.folder.path().join("pids")).unwrap();
        assert_eq!(pids.split_whitespace().count(), 2);
        for pid in pids.split_whitespace() {
            let state = || fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
            // It was sent the signal, and needs a moment to die of it.
            let gone = (0..100_000).any(|_| {
                std::thread::yield_now();
                state().is_empty() || state().contains(") Z ")
            });
            assert!(gone, "process {pid} lives on: {}", state());
        }
    }
}

fn hello(name: &str, quick: u64) -> String {
    format!(
        r#"{{"hello":{{"protocol":1,"spec":{{"name":{name},"size_unit":"keys","cost_unit":null,"axis":"threads","quick":{quick},"full":20}},"contenders":["baseline","submission"]}}}}"#
    )
}

/// What it is blamed for, by itself from hello to quit.
fn blamed_for(fake: &Fake) -> String {
    let program = fake.written();
    let whole = || -> anyhow::Result<()> {
        let mut workload = program.start()?;
        workload.run("submission", SETUP)?;
        workload.quit()
    };
    let error = whole().expect_err("a fault is found");
    program.assert_gone();
    let fault = error.downcast::<Fault>().unwrap().to_string();
    assert!(!fault.chars().any(|c| c.is_control() && c != '\n'), "a command to the terminal is left: {fault:?}");
    assert!(fault.len() < 1_000, "{} bytes of it are shown", fault.len());
    fault
}

fn assert_blamed(fake: &Fake, start: &str) {
    let blame = blamed_for(fake);
    assert!(blame.starts_with(start), "blamed for: {blame}\nand not for: {start}");
}

#[test]
fn a_right_one_is_timed() {
    let program = Fake::right().written();
    let mut workload = program.start().unwrap();
    for _ in 0..3 {
        let run = workload.run("submission", SETUP).unwrap();
        assert_eq!(run.digest, RIGHT);
        assert!(run.seconds > 0.0 && run.digesting >= 0.0);
    }
    workload.quit().unwrap();
    program.assert_gone();
}

/// What code is blamed for that answers a `go` in the place of its workload.
const NO_KEY: &str = "something in it answered go in place of the workload, without the key: ";

#[test]
fn the_right_answers_without_the_key_are_none() {
    let forged = format!(r#"echo '{{"done":{{}}}}'; echo '{{"output":{{"digest":"{RIGHT}"}}}}'"#);
    assert_blamed(&Fake::at_go(&forged), &format!(r#"{NO_KEY}{{"done":{{}}}}"#));
    let wrong_key = format!("key=00112233445566778899aabbccddeeff; {}", Fake::right().go);
    assert_blamed(&Fake::at_go(wrong_key), &format!("{NO_KEY}00112233445566778899aabbccddeeff {{"));
    // After a right `done`, too.
    let digest = format!(r#"say '{{"done":{{}}}}'; echo '{{"output":{{"digest":"{RIGHT}"}}}}'"#);
    assert_blamed(&Fake::at_go(digest), NO_KEY);
}

#[test]
fn rubbish_is_no_answer() {
    assert_blamed(&Fake::at_go("say rubbish"), "it answered go with what is not an answer: rubbish");
    let bytes = Fake::at_hello(r#"say "$(printf '\377\376')""#);
    assert_blamed(&bytes, "it answered hello with what is not an answer: \u{fffd}\u{fffd}");
    assert_blamed(&Fake::at_prepare("say ''"), "it answered prepare with what is not an answer: ");
    assert_blamed(&Fake::at_prepare("say '{\"prepared\":{\"pid\":1}} {}'"), "it answered prepare with what is not an answer: ");
}

#[test]
fn what_it_says_cannot_command_a_terminal() {
    assert_blamed(&Fake::at_go(r"printf '\033]0;owned\007\033[2Jred\n'"), NO_KEY);
    let error = Fake::at_go(r#"say '{"error":"no\u001b[2Jthing\nhere"}'"#);
    assert_blamed(&error, "it could not serve go: nothing here");
    assert_blamed(&Fake::at_go(r"printf 'last \033[31mwords' >&2; exit 3"), "it ended with exit status: 3 during go\nlast words");
}

#[test]
fn an_output_without_an_end_fills_no_memory() {
    assert_blamed(&Fake::at_go("exec tr '\\0' x < /dev/zero"), "it answered go with a line that has no end");
    assert_blamed(&Fake::at_go("exec yes"), &format!("{NO_KEY}y"));
    // The right answers, and then without end: found before the next question.
    // The first line of it is there with the last answer, however busy the machine is.
    let last = format!("{{\"output\":{{\"digest\":\"{RIGHT}\"}}}}\ny");
    let flood = Fake::at_go(format!("say '{{\"done\":{{}}}}'; say '{last}'; exec yes"));
    assert_blamed(&flood, "it answered before it was asked to quit: ");
}

#[test]
fn a_death_is_told_by_how_and_when() {
    assert_blamed(&Fake::at_hello("exit 7"), "it ended with exit status: 7 during hello");
    assert_blamed(&Fake::at_go("exit 0"), "it ended with exit status: 0 during go");
    assert_blamed(&Fake::at_go("kill -SEGV $$"), "it ended with signal: 11 (SIGSEGV)");
    assert_blamed(&Fake::at_go("say '{\"done\":{}}'; exit 5"), "it ended with exit status: 5 during go");
    assert_blamed(&Fake::at_prepare("exec >&-; sleep 1000"), "it closed its output during prepare");
    assert_blamed(&Fake { quit: "exit 9".into(), ..Fake::right() }, "it ended with exit status: 9 after quit");
}

#[test]
fn a_hang_is_stopped_wherever_it_is() {
    assert_blamed(&Fake::at_hello("sleep 1000"), "it did not answer hello within 3 s\n");
    assert_blamed(&Fake::at_prepare("sleep 1000"), "it did not answer prepare within 3 s\n");
    assert_blamed(&Fake::at_go("sleep 1000"), "it did not answer go within 3 s\n");
    assert_blamed(&Fake::at_go("say '{\"done\":{}}'; sleep 1000"), "it did not answer go within 3 s\n");
    assert_blamed(&Fake { quit: "sleep 1000".into(), ..Fake::right() }, "it did not end after quit");
    // Byte by byte: what comes in time is no answer until it is whole.
    assert_blamed(&Fake::at_go("while :; do printf x; sleep 0.2; done"), "it did not answer go within 3 s\n");
}

#[test]
fn a_digest_is_sixteen_hexadecimal_digits() {
    let output = |digest: &str| Fake::at_go(format!(r#"say '{{"done":{{}}}}'; say '{{"output":{{"digest":"{digest}"}}}}'"#));
    assert_blamed(&output("x"), "its digest is not of 16 hexadecimal digits: x");
    assert_blamed(&output("00000000000000AA"), "its digest is not of 16 hexadecimal digits: 00000000000000AA");
    assert_blamed(&output(r"\u001b[2J0000000000"), "its digest is not of 16 hexadecimal digits: 0000000000");
    assert_blamed(
        &output(r#"$(head -c 900000 /dev/zero | tr "\\0" 0)"#.replace('$', "'\"$").replace(')', ")\"'").as_str()),
        "its digest is not of",
    );
}

#[test]
fn answers_out_of_order_are_faults() {
    let output = format!(r#"say '{{"output":{{"digest":"{RIGHT}"}}}}'"#);
    let done = r#"say '{"done":{}}'"#;
    assert_blamed(&Fake::at_go(format!("{output}; {done}")), r#"it answered go with {"output":"#);
    assert_blamed(&Fake::at_go(format!("{done}; {done}; {output}")), r#"it answered go with {"done":{}}"#);
    assert_blamed(&Fake::at_prepare(done), r#"it answered prepare with {"done":{}}"#);
}

#[test]
fn a_claimed_time_is_refused_by_its_name() {
    let start = "it answered go with what is not an answer: ";
    for claim in [r#"{"done":{"seconds":0.001}}"#, r#"{"done":{},"seconds":0.001}"#, r#"{"done":[0.001]}"#, r#"{"done":0.001}"#] {
        assert_blamed(&Fake::at_go(format!("say '{claim}'")), &format!("{start}{claim} ("));
    }
    let blame = blamed_for(&Fake::at_go(r#"say '{"done":{"seconds":0.001}}'"#));
    assert!(blame.contains("unknown field `seconds`"), "{blame}");
    let output = format!(r#"say '{{"done":{{}}}}'; say '{{"output":{{"digest":"{RIGHT}","seconds":1}}}}'"#);
    assert!(blamed_for(&Fake::at_go(output)).contains("unknown field `seconds`"));
    let spec = hello(r#""fake","seconds":1"#, 10);
    assert!(blamed_for(&Fake::at_hello(format!("say '{spec}'"))).contains("unknown field `seconds`"));
}

#[test]
fn an_answer_before_its_question_is_found() {
    // In one write with the answer to prepare: it is there when `go` is to be sent.
    let answers = format!(r#"'{{"prepared":{{"pid":1}}}}' '{{"done":{{}}}}' '{{"output":{{"digest":"{RIGHT}"}}}}'"#);
    let early = format!(r#"printf "$key"' %s\n' {answers}"#);
    let fake = Fake { prepare: early, go: ":".into(), ..Fake::right() };
    assert_blamed(&fake, r#"it answered before it was asked to go: {"done":{}} {"output":"#);
    // Half an answer is one, too.
    let half = Fake::at_prepare(r#"printf "$key"' %s\n{"do' '{"prepared":{"pid":1}}'"#);
    assert_blamed(&half, r#"it answered before it was asked to go: {"do"#);
}

#[test]
fn an_answer_that_waits_in_the_pipe_is_found() {
    let hello = Fake::right().hello;
    let early = r#"say '{"prepared":{"pid":1}}'; : > written"#;
    let program = Fake::at_hello(format!("{hello}; while ! [ -e greeted ]; do :; done; {early}")).written();
    // Its hello is read alone by then, so the rest stays in the pipe.
    let mut workload = program.start().unwrap();
    fs::write(program.folder.path().join("greeted"), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !program.folder.path().join("written").exists() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    let blame = workload.prepare("submission", SETUP).unwrap_err().downcast::<Fault>().unwrap().to_string();
    assert_eq!(blame, r#"it answered before it was asked to prepare: {"prepared":{"pid":1}}"#);
}

#[test]
fn a_hello_has_to_make_sense() {
    let says = |hello: String| Fake::at_hello(format!("say '{hello}'"));
    let start = "its hello makes no sense: ";
    assert_blamed(&says(hello(r#""fake""#, 0)), &format!("{start}a first look of size 0, and a full report of size 20"));
    assert_blamed(&says(hello(r#""fake""#, 21)), &format!("{start}a first look of size 21"));
    assert_blamed(&says(hello(r#""""#, 10)), &format!("{start}a name of 0 characters"));
    assert_blamed(&says(hello(r#""a\u001b[31mb""#, 10)), &format!("{start}a name of 7 characters"));
    assert_blamed(&says(hello(&format!("\"{}\"", "n".repeat(5_000)), 10)), &format!("{start}a name of 5000 characters"));
    let right = hello(r#""fake""#, 10);
    assert_blamed(&says(right.replace(r#""baseline","submission""#, "")), &format!("{start}it has nobody to run"));
    assert_blamed(&says(right.replace("baseline", "submission")), &format!("{start}two contenders are called submission"));
    assert_blamed(&says(right.replace(r#""protocol":1"#, r#""protocol":2"#)), "it speaks protocol 2, and this runner protocol 1");
    assert_blamed(&says(right.replace("10", "-1")), "it answered hello with what is not an answer: ");
}

/// A hello with a sweep of these values by these contenders.
fn with_sweep(values: &str, contenders: &str) -> String {
    let sweep = format!(r#","sweep":{{"parameter":"distance","unit":"bytes","values":{values},"contenders":{contenders}}}"#);
    hello(r#""fake""#, 10).replace(r#""submission"]"#, &format!(r#""submission"]{sweep}"#))
}

const VALUES: &str = r#"[{"at":8,"quick":3,"full":6},{"at":16,"quick":4,"full":8}]"#;

#[test]
fn a_sweep_has_to_make_sense() {
    let says = |values: &str, contenders: &str| Fake::at_hello(format!("say '{}'", with_sweep(values, contenders)));
    let start = "its hello makes no sense: ";
    assert_blamed(&says("[]", r#"["submission"]"#), &format!("{start}the values of its sweep do not rise"));
    assert_blamed(&says(&VALUES.replace("16", "8"), r#"["submission"]"#), &format!("{start}the values of its sweep do not rise"));
    assert_blamed(&says(&VALUES.replace("3", "7"), r#"["submission"]"#), &format!("{start}at 8, a first look of size 7"));
    assert_blamed(&says(VALUES, "[]"), &format!("{start}nobody heeds its sweep"));
    assert_blamed(&says(VALUES, r#"["std"]"#), &format!("{start}its sweep names std, and it has no such contender"));
    let program = says(VALUES, r#"["submission"]"#).written();
    assert_eq!(program.start().unwrap().sweep.unwrap().values.len(), 2, "a right one is taken");
    program.assert_gone();
}

#[test]
fn a_sweep_runs_everybody_at_each_value_and_its_own_size_and_drops_who_is_wrong() {
    let catalog = Catalog::read(&find_root().unwrap()).unwrap();
    let exercise = catalog.find("spin_lock").unwrap();
    let hello = format!("say '{}'", with_sweep(VALUES, r#"["submission"]"#));
    let prepare = r#"printf '%s\n' "$request" >> asked; say '{"prepared":{"pid":1}}'"#;
    let right = Fake { hello, prepare: prepare.into(), ..Fake::right() };
    let wrong = Fake { go: r#"say '{"done":{}}'; say '{"output":{"digest":"00000000000000bb"}}'"#.into(), ..Fake::right() };
    let programs = [("reference", right.written()), ("yours", wrong.written())];
    let named = programs.each_ref().map(|(name, program)| ((*name).to_owned(), program.path.clone()));
    let field = Field { exercise, programs: &named, seed: 1, quick: true };
    let (sweep, failures) = field.sweep().unwrap().expect("it has a sweep");
    let points: Vec<_> = sweep.contenders["reference"].iter().map(|point| (point.at, point.size, point.samples.len())).collect();
    assert_eq!(points, [(8, 3, 7), (16, 4, 7)]);
    assert_eq!(sweep.contenders.len(), 1);
    let failure = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(failure.contains("yours was not timed: its output is wrong: digest 00000000000000bb"), "{failure}");
    let asked = fs::read_to_string(programs[0].1.folder.path().join("asked")).unwrap();
    assert!(asked.contains(r#""size":4"#) && asked.contains(r#""at":16"#), "{asked}");
    programs.iter().for_each(|(_, program)| program.assert_gone());
}

#[test]
fn everybodys_memory_is_told_by_who_it_is() {
    let catalog = Catalog::read(&find_root().unwrap()).unwrap();
    let program = Fake::right().written();
    let programs = [("reference".to_owned(), program.path.clone())];
    let field = Field { exercise: catalog.find("spin_lock").unwrap(), programs: &programs, seed: 1, quick: true };
    let memory = field.memory().unwrap();
    assert_eq!(memory.iter().map(|memory| memory.contender.as_str()).collect::<Vec<_>>(), ["baseline", "reference"]);
    assert!(memory.iter().all(|memory| memory.before > 0 && memory.peak >= memory.before), "{memory:?}");
    program.assert_gone();
}

/// Compares two, the processes gone afterwards.
fn compared(subject: &Fake, opponent: &Fake) -> Result<Speed, Blame> {
    compared_on(subject, opponent, RIGHT)
}

/// As [`compared`], where the baseline's digest for the seed of [`SETUP`] is this one.
fn compared_on(subject: &Fake, opponent: &Fake, digest: &str) -> Result<Speed, Blame> {
    let programs = [subject.written(), opponent.written()];
    let [mut subject, mut opponent] = programs.each_ref().map(|program| program.start().unwrap());
    let plan = Plan { threshold: 1.2, least: 6, most: 12, budget: Duration::from_secs(60), patience: Duration::ZERO };
    let outcome = compare(
        Contender { process: &mut subject, entry: "submission" },
        Contender { process: &mut opponent, entry: "submission" },
        "the other",
        SETUP,
        digest,
        plan,
    );
    drop((subject, opponent));
    programs.iter().for_each(Program::assert_gone);
    outcome
}

/// The right answers twice, and what `then` says at the third `go`.
fn third_go(then: &str) -> Fake {
    let right = Fake::right();
    Fake {
        hello: format!("runs=0; {}", right.hello),
        go: format!("runs=$((runs + 1)); if [ $runs = 3 ]; then {then}; else {}; fi", right.go),
        ..right
    }
}

#[test]
fn every_pair_is_stored_with_who_ran_first_and_when() {
    let speed = compared(&Fake::right(), &Fake::right()).unwrap();
    assert!(speed.pairs.len() >= 6 && speed.load.is_none());
    for couple in speed.pairs.chunks(2) {
        assert_eq!(couple[0].subject_first, couple[1].subject_first.map(|first| !first), "A B and then B A");
    }
    assert!(speed.pairs.is_sorted_by_key(|pair| pair.at.unwrap()));
    // A shell that only answers runs for no 20 ms.
    assert!(speed.caveats.iter().any(|caveat| caveat.starts_with("a run of the other took ")), "{:?}", speed.caveats);
}

/// Its output is the end of the seed, and `at_go` may change that.
fn seeded(at_go: &str) -> Fake {
    let prepare = r#"who=$request; seed=${request##*'"seed":'}; seed=${seed%%,*}; say '{"prepared":{"pid":1}}'"#;
    let go = format!(
        r#"output=$(printf '0000000000000000%s' "$seed" | tail -c 16); {at_go}; say '{{"done":{{}}}}'; say '{{"output":{{"digest":"'$output'"}}}}'"#
    );
    Fake { prepare: prepare.into(), go, ..Fake::right() }
}

/// What [`seeded`] makes of the seed of [`SETUP`].
const SEEDED: &str = "0000000000000001";

#[test]
fn every_pair_has_an_input_of_its_own_that_its_seed_tells() {
    let speed = compared_on(&seeded(":"), &seeded(":"), SEEDED).unwrap();
    let seeds: Vec<u64> = speed.pairs.iter().map(|pair| pair.seed.unwrap()).collect();
    assert!(seeds.iter().enumerate().all(|(pair, seed)| *seed == seed_of_pair(SETUP.seed, pair as u64)));
    assert!((1..seeds.len()).all(|pair| !seeds[..pair].contains(&seeds[pair])) && !seeds.contains(&SETUP.seed), "{seeds:?}");
}

#[test]
fn an_answer_that_was_kept_is_wrong_the_next_time() {
    let keeps = seeded("output=${kept:-$output}; kept=$output");
    let Err(Blame::Subject(error)) = compared_on(&keeps, &seeded(":"), SEEDED) else { panic!("the subject is to blame") };
    assert!(error.to_string().starts_with(&format!("its output is wrong: digest {SEEDED} where")), "{error}");
}

#[test]
fn where_two_outputs_differ_the_baseline_tells_who_is_wrong() {
    // Wrong in every pair, and right in the first run of all.
    let wrong = seeded(&format!("case $who in *submission*) [ $output = {SEEDED} ] || output=00000000000000bb;; esac"));
    let Err(Blame::Opponent(error)) = compared_on(&seeded(":"), &wrong, SEEDED) else { panic!("the opponent is to blame") };
    assert!(error.to_string().starts_with("its output is wrong: digest 00000000000000bb where"), "{error}");
    let Err(Blame::Subject(error)) = compared_on(&wrong, &seeded(":"), SEEDED) else { panic!("the subject is to blame") };
    assert!(error.to_string().starts_with("its output is wrong: digest 00000000000000bb where"), "{error}");
}

#[test]
fn who_works_between_its_runs_is_found_out() {
    // From the answer to prepare on, until it is asked to go. Several, of which some get a core on a busy machine, too.
    let ahead = Fake {
        prepare: r#"say '{"prepared":{"pid":1}}'; workers=; for _ in 1 2 3 4 5 6 7 8; do (while :; do :; done) & workers="$workers $!"; done"#.into(),
        go: format!("kill $workers; {}", Fake::right().go),
        ..Fake::right()
    };
    let slow = Fake { go: format!("sleep 0.05; {}", Fake::right().go), ..Fake::right() };
    let Err(Blame::Subject(error)) = compared(&ahead, &slow) else { panic!("the subject is to blame") };
    assert!(error.to_string().starts_with("it keeps "), "{error}");
}

#[test]
fn the_output_of_every_run_is_checked_and_who_failed_is_to_blame() {
    let wrong = third_go(r#"say '{"done":{}}'; say '{"output":{"digest":"00000000000000bb"}}'"#);
    let expected = format!("its output is wrong: digest 00000000000000bb where the baseline's is {RIGHT}");
    for (fake, expected) in [(wrong, expected.as_str()), (third_go("exit 3"), "it ended with exit status: 3 during go")] {
        let subject = compared(&fake, &Fake::right()).unwrap_err();
        assert!(matches!(&subject, Blame::Subject(error) if error.to_string() == expected), "{subject:?}");
        let opponent = compared(&Fake::right(), &fake).unwrap_err();
        assert!(matches!(&opponent, Blame::Opponent(error) if error.to_string() == expected), "{opponent:?}");
    }
}

#[test]
fn a_workload_of_another_exercise_is_not_compared() {
    let other = Fake::at_hello(format!("say '{}'", hello(r#""another""#, 10)));
    let Err(Blame::Subject(error)) = compared(&other, &Fake::right()) else { panic!("the subject is to blame") };
    let expected = "it says that it is the workload another in keys, Threads, and the course's is fake in keys, Threads";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn who_says_done_before_the_work_is_found_out() {
    let lazy = Fake::at_go(format!(r#"say '{{"done":{{}}}}'; sleep 0.1; say '{{"output":{{"digest":"{RIGHT}"}}}}'"#));
    let Err(Blame::Subject(error)) = compared(&lazy, &Fake::right()) else { panic!("the subject is to blame") };
    assert!(error.to_string().starts_with("it goes on working after it has said that it is done"), "{error}");
}

#[test]
fn a_curve_has_no_point_of_a_wrong_run_and_its_failure_names_the_contender() {
    let sample = |fake: &Fake| {
        let program = fake.written();
        let series = Series {
            exercise: "fake".into(),
            scaling: Scaling::Strong,
            contender: "yours".into(),
            program: program.path.clone(),
            entry: "submission".into(),
            size: 10,
            seed: 1,
            threads: vec![1],
            axis: Axis::Threads,
            sampling: Sampling::REPORT,
            digest: RIGHT.into(),
            limit: LIMIT,
        };
        let sampled = program.start().and_then(|mut workload| series.sample(&mut workload, 1));
        program.assert_gone();
        sampled
    };
    assert!(sample(&Fake::right()).unwrap() > Duration::ZERO);
    let wrong = Fake::at_go(r#"say '{"done":{}}'; say '{"output":{"digest":"00000000000000bb"}}'"#);
    for (fake, what) in [
        (wrong, "its output is wrong: digest 00000000000000bb"),
        (Fake::at_go("sleep 1000"), "it did not answer go within 3 s"),
        (Fake::at_go("exit 1"), "it ended with exit status: 1 during go"),
        (Fake::at_go(r#"say '{"done":{"seconds":0.001}}'"#), "it answered go with what is not an answer"),
    ] {
        let failure = Failure::new("yours", &sample(&fake).unwrap_err());
        assert!(failure.own);
        let said = failure.to_string();
        assert!(said.starts_with(&format!("yours was not timed: {what}")), "{said}");
    }
}
