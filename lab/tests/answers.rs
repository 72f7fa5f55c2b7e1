//! A workload that is given a key, and whose submission answers in its place: only the workload's own answers have the key.
//!
//! It has no harness, for its own program is the workload.

use std::{
    env, fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use lab::{
    proof::Key,
    workload::{Axis, Setup, Spec, Workload, main as serve},
};

/// Set in the process that is the workload.
const CHILD: &str = "ANSWERS_CHILD";

struct Forger(Setup);

impl Workload for Forger {
    type Input = ();
    type Output = u64;

    fn spec() -> Spec {
        let (name, size_unit) = ("forger".into(), "things".into());
        Spec { name, size_unit, cost_unit: None, axis: Axis::Threads, quick: 1, full: 1 }
    }

    fn prepare(setup: &Setup) -> Self {
        Self(*setup)
    }

    fn input(&self) {}

    fn baseline(&self, (): ()) -> u64 {
        self.0.seed
    }

    /// What a submission may try that would rather answer than work.
    fn submission(&self, (): ()) -> u64 {
        let answers = "\n{\"done\":{}}\n{\"output\":{\"digest\":\"00000000000000aa\"}}\n";
        print!("{answers}");
        for number in 0..10 {
            if let Ok(mut file) = fs::OpenOptions::new().write(true).open(format!("/proc/self/fd/{number}")) {
                let _refused = file.write_all(answers.as_bytes());
            }
        }
        let mut requests = String::new();
        let read = std::io::stdin().read_to_string(&mut requests);
        assert!(read.is_ok() && requests.is_empty(), "a request was read: {requests}");
        // Root may open what belongs to root: see `lab::proof`.
        assert!(fs::File::open(Path::new("/proc/self/mem")).is_err(), "/proc/self/mem can be opened");
        0xaa
    }

    fn digest(&self, output: &u64) -> u64 {
        *output
    }
}

fn main() -> ExitCode {
    if env::var_os(CHILD).is_some() {
        return serve::<Forger>();
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let program = folder.path().join("workload");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    for key in [Some(Key::of([1, 2])), None] {
        let mut command = Command::new(&program);
        command.env(CHILD, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        if rustix::process::geteuid().is_root() {
            command.uid(65_534);
        }
        let mut child = command.spawn().unwrap();
        let mut requests = child.stdin.take().unwrap();
        let hello = key.as_ref().map_or_else(String::new, |key| format!(",\"key\":\"{}\"", key.digits()));
        let prepare = |who| format!(r#"{{"op":"prepare","contender":"{who}","size":1,"seed":1,"threads":1}}"#);
        let [first, second] = ["baseline", "submission"].map(prepare);
        writeln!(requests, "{{\"op\":\"hello\"{hello}}}\n{first}\n{{\"op\":\"go\"}}\n{second}\n{{\"op\":\"go\"}}").unwrap();
        drop(requests);
        let lines = BufReader::new(child.stdout.take().unwrap()).split(b'\n').map(Result::unwrap);
        let own = lines.filter_map(|line| match &key {
            Some(key) => key.strip(&line).map(<[u8]>::to_vec),
            None => line.starts_with(b"{").then_some(line),
        });
        let own: Vec<String> = own.map(|line| String::from_utf8(line).unwrap()).collect();
        assert!(child.wait().unwrap().success(), "{own:?}");
        let starts = [r#"{"hello""#, r#"{"prepared""#, r#"{"done""#, r#"{"output":{"digest":"0000000000000001"#];
        let starts = [&starts[..], &[r#"{"prepared""#, r#"{"done""#, r#"{"output":{"digest":"00000000000000aa"#]].concat();
        assert_eq!(own.len(), starts.len(), "{own:?}");
        assert!(own.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{own:?}");
    }
    println!("a workload's answers are its own");
    ExitCode::SUCCESS
}
