//! One call of rustc within limits, and what it said.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde::Deserialize;

use crate::{
    check::NotBuilt,
    process::{Group, bare_command},
    results::Verdict,
    sandbox::{Excess, Prepared},
};

/// More words than these are a flood, in bytes.
const FLOOD: u64 = 16 << 20;

/// The largest file that a compiler may write, in bytes.
const LARGEST: u64 = 512 << 20;

/// Words of more errors than these help nobody, in bytes.
const MOST_WORDS: usize = 64 << 10;

/// What a machine says that cannot link anything: no code without `extern` and `#[link]` can make it say so.
const NOT_THE_CODES: [&str; 4] =
    ["No space left on device", "could not exec the linker", "linker `cc` not found", "cannot find -l"];

/// How rustc and the compiler driver tell that the linker was killed from outside.
const LINKER_KILLED: [&str; 2] = ["signal: 9 ", "terminated with signal 9 "];

/// What one call of the compiler may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time on all processors together. Code that takes more is to blame for it.
    pub processor: Duration,
    /// Wall-clock time. A compiler that was not given its time on the processors by then proves nothing about the code.
    pub wall: Duration,
    /// Address space, in bytes.
    pub memory: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { processor: Duration::from_secs(60), wall: Duration::from_secs(300), memory: 4 << 30 }
    }
}

/// What a call of the compiler needs of a sandbox. It needs no network.
#[derive(Debug)]
pub struct Call<'a> {
    /// rustc itself.
    pub program: &'a Path,
    /// Folders that it reads, beside those of the system that hold the linker.
    pub reads: Vec<&'a Path>,
    /// The folder that it writes to.
    pub writes: &'a Path,
    /// What it may take.
    pub limits: Limits,
}

/// Makes the command for a call; arguments, folder and variables are added by the caller.
pub type Runner<'a> = &'a (dyn Fn(&Call<'_>) -> Result<Ready> + Sync);

/// A compiler, ready to be told what to compile.
#[derive(Debug)]
pub enum Ready {
    /// With nothing around it.
    Bare(Command),
    /// Behind walls.
    Within(Prepared),
}

impl Ready {
    /// To tell it the rest.
    pub fn command(&mut self) -> &mut Command {
        match self {
            Self::Bare(command) | Self::Within(Prepared { command, .. }) => command,
        }
    }

    fn start(self) -> Result<Group> {
        match self {
            Self::Bare(mut command) => Group::spawn(&mut command),
            Self::Within(prepared) => Group::spawn_within(prepared),
        }
    }
}

/// The runner of no sandbox: the environment is cleared, and the limits are set on the process itself.
///
/// # Errors
/// Never.
pub fn unconfined(call: &Call<'_>) -> Result<Ready> {
    Ok(Ready::Bare(bare_command(call.program)))
}

/// Where in a file something stands.
#[derive(Debug, Clone, Deserialize)]
pub struct Span {
    /// As rustc was told it.
    pub file_name: String,
    /// From one.
    pub line_start: usize,
    /// From one, in characters.
    pub column_start: usize,
    /// Whether this is what it is about.
    pub is_primary: bool,
    /// From which macro call it stems.
    pub expansion: Option<Box<Expansion>>,
}

/// The call of a macro.
#[derive(Debug, Clone, Deserialize)]
pub struct Expansion {
    /// Where.
    pub span: Span,
}

/// By what `rustc --explain` knows a message.
#[derive(Debug, Clone, Deserialize)]
pub struct Code {
    /// `E0432`, or the name of a lint.
    pub code: String,
}

/// One message of rustc.
#[derive(Debug, Clone, Deserialize)]
pub struct Diagnostic {
    /// The sentence.
    pub message: String,
    /// `E0432`, where it has one.
    pub code: Option<Code>,
    /// `error`, `warning`, ..
    pub level: String,
    /// As on a terminal without colours.
    pub rendered: Option<String>,
    /// What it is about.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Notes.
    #[serde(default)]
    pub children: Vec<Self>,
}

impl Diagnostic {
    /// Whether it keeps the code from compiling.
    pub fn is_error(&self) -> bool {
        self.level.starts_with("error")
    }

    /// Whether it cannot be the code's fault: a library of the course does not fit, or the disk is full. No code can bring about
    /// such a message by itself: what `compile_error!` says has a place in a file, and no number.
    fn is_courses(&self) -> bool {
        const CRATES: [&str; 3] = ["E0460", "E0461", "E0514"];
        let number = self.code.as_ref().map_or("", |code| code.code.as_str());
        // `extern crate nothing` has the same number as a library that a library of the course wants.
        let of_dependency = number == "E0463" && self.message.contains("which `");
        CRATES.contains(&number) || of_dependency || self.is_of_machine(&NOT_THE_CODES)
    }

    /// Whether it stands nowhere in the code and has one of these words. The linker names symbols, and in none of them is a
    /// space.
    fn is_of_machine(&self, words: &[&str]) -> bool {
        self.spans.is_empty() && words.iter().any(|words| self.words().contains(words))
    }

    /// Whether it counts the others, and no more.
    pub fn is_count(&self) -> bool {
        self.spans.is_empty() && (self.message.starts_with("aborting due to") || self.message.ends_with("warnings emitted"))
    }

    /// Its words as they are shown.
    pub fn words(&self) -> &str {
        self.rendered.as_deref().unwrap_or(&self.message)
    }
}

/// What came of a call.
#[derive(Debug)]
pub struct Said {
    /// In rustc's order.
    pub diagnostics: Vec<Diagnostic>,
    /// Why nothing was built, where nothing was.
    pub stopped: Option<Stopped>,
    /// What else was printed: by the linker, or by a compiler that broke.
    pub rest: String,
}

/// Why nothing was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// There are errors.
    Errors,
    /// The time on the processors was used up.
    Processor,
    /// The memory was.
    Memory,
    /// Somebody else has killed it: mostly the system, because its memory ran out.
    Killed,
    /// It broke, mostly because its stack was used up.
    Broke,
    /// It wrote too much, into a file or as messages.
    Flooded,
    /// It did not get its time on the processors.
    Wall,
}

impl Said {
    /// The warnings of code that compiles.
    pub fn warnings(&self) -> String {
        words(self.diagnostics.iter().filter(|diagnostic| !diagnostic.is_error() && !diagnostic.is_count()))
    }

    /// The errors.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error() && !diagnostic.is_count())
    }

    /// Why nothing was built, as a verdict.
    pub fn not_built(&self, limits: &Limits) -> Option<NotBuilt> {
        let stopped = self.stopped?;
        let limit = match stopped {
            Stopped::Errors => None,
            Stopped::Processor => Some(format!(
                "the compiler was stopped: it had computed for {} s; look for a constant that takes for ever to compute, or a macro or \
                 a type that doubles itself",
                limits.processor.as_secs()
            )),
            Stopped::Memory => Some(format!(
                "the compiler was stopped: it asked for more than {} MiB of memory; look for a large array that is written out, or \
                 a macro or a type that doubles itself",
                limits.memory >> 20
            )),
            Stopped::Killed => Some(
                "the compiler was killed from outside, as a system does whose memory has run out; grade with fewer jobs"
                    .to_owned(),
            ),
            Stopped::Broke => Some("the compiler broke; look for code that is nested very deeply".to_owned()),
            Stopped::Flooded => Some("the compiler was stopped: it wrote more than any code here needs".to_owned()),
            Stopped::Wall => Some(format!(
                "the compiler was stopped after {} s without having had its time on the processors: this machine is too busy",
                limits.wall.as_secs()
            )),
        };
        let errors = words(self.errors());
        let spoke = limit.is_some() || !errors.is_empty();
        let blameless = matches!(stopped, Stopped::Wall | Stopped::Killed) || !spoke || self.errors().any(Diagnostic::is_courses);
        let verdict = if blameless { Verdict::Error } else { Verdict::Fail };
        let rest = if errors.is_empty() { self.rest.as_str() } else { "" };
        let parts = [limit.unwrap_or_default(), errors, rest.trim().to_owned()];
        let words = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        Some(NotBuilt { words, verdict })
    }
}

/// The words of several messages, as many as anybody reads.
pub fn words<'d>(diagnostics: impl Iterator<Item = &'d Diagnostic>) -> String {
    let mut text = String::new();
    let mut left_out = 0;
    for diagnostic in diagnostics {
        if text.len() + diagnostic.words().len() > MOST_WORDS {
            left_out += 1;
        } else {
            text.push_str(diagnostic.words());
        }
    }
    if left_out > 0 {
        text.push_str(&format!("[.. {left_out} more are left out ..]\n"));
    }
    text
}

/// What a call is made of beside what its sandbox needs.
#[derive(Debug)]
pub struct Line<'a> {
    /// The arguments.
    pub arguments: &'a [String],
    /// The variables.
    pub environment: &'a [(String, String)],
    /// The folder in which names of files begin.
    pub folder: &'a Path,
    /// The beginnings of paths that nobody is to read.
    pub hidden: &'a [String],
}

/// Calls rustc and waits for its end.
///
/// # Errors
/// If it cannot be started or waited for.
pub fn call(runner: Runner<'_>, call: &Call<'_>, line: &Line<'_>) -> Result<Said> {
    let started = Instant::now();
    let temporary = call.writes.join("temporary");
    fs::create_dir_all(&temporary).with_context(|| format!("cannot make {}", temporary.display()))?;
    let mut ready = runner(call)?;
    let command = ready.command();
    command.args(line.arguments).current_dir(line.folder).envs(line.environment.iter().map(|(name, value)| (name, value)));
    command.env("TMPDIR", &temporary);
    // A file has no reader that could be kept waiting, and nobody but this process has its name.
    let words = tempfile::tempfile().context("cannot make a file for what rustc says")?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(words.try_clone().context("cannot open a file twice")?);
    let mut group = ready.start()?;
    limit(group.id(), &call.limits);
    let (status, flooded) = wait(&mut group, &words, started + call.limits.wall)?;
    let excess = group.excess();
    drop(group);
    remove_folder(&temporary)?;
    let (diagnostics, rest) = read(words, line.hidden)?;
    let stopped = match excess {
        Some(Excess::Memory) => Some(Stopped::Memory),
        Some(Excess::Disk) => Some(Stopped::Flooded),
        None if flooded => Some(Stopped::Flooded),
        None => why(status, &diagnostics, &rest),
    };
    Ok(Said { diagnostics, stopped, rest })
}

fn remove_folder(folder: &Path) -> Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}

/// Sets the limits from outside: what is not started yet inherits them. A sandbox sets its own as well.
fn limit(id: u32, limits: &Limits) {
    let Some(id) = Pid::from_raw(id.cast_signed()) else { return };
    let seconds = limits.processor.as_secs().max(1);
    let all = [
        // The first signal can be told from other ends, the second one cannot be caught.
        (Resource::Cpu, seconds, seconds + 5),
        (Resource::As, limits.memory, limits.memory),
        (Resource::Fsize, LARGEST, LARGEST),
        (Resource::Core, 0, 0),
    ];
    for (resource, current, maximum) in all {
        // It fails where the process has ended already, or where a sandbox has set a lower limit.
        let _set = prlimit(Some(id), resource, Rlimit { current: Some(current), maximum: Some(maximum) });
    }
}

fn wait(group: &mut Group, words: &File, deadline: Instant) -> Result<(Option<ExitStatus>, bool)> {
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = group.poll().context("cannot wait for rustc")? {
            return Ok((Some(status), false));
        }
        if words.metadata().is_ok_and(|about| about.len() > FLOOD) {
            return Ok((None, true));
        }
        if Instant::now() >= deadline {
            return Ok((None, false));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

fn read(mut words: File, hidden: &[String]) -> Result<(Vec<Diagnostic>, String)> {
    use std::io::{Read, Seek};
    words.rewind().context("cannot read what rustc said")?;
    let mut bytes = Vec::new();
    words.take(FLOOD).read_to_end(&mut bytes).context("cannot read what rustc said")?;
    let mut diagnostics = Vec::new();
    let mut rest = String::new();
    let text = String::from_utf8_lossy(&bytes);
    let text = hidden.iter().fold(text.into_owned(), |text, start| text.replace(start, ""));
    for line in text.lines() {
        match serde_json::from_str::<Diagnostic>(line) {
            Ok(diagnostic) => diagnostics.push(diagnostic),
            Err(_) if rest.len() < MOST_WORDS => {
                rest.push_str(line);
                rest.push('\n');
            }
            Err(_) => {}
        }
    }
    Ok((diagnostics, rest))
}

/// Why a compiler that has ended, or that was ended at its deadline, has built nothing.
fn why(status: Option<ExitStatus>, diagnostics: &[Diagnostic], rest: &str) -> Option<Stopped> {
    const ABORTED: i32 = 6;
    const KILLED: i32 = 9;
    const FAULT: i32 = 11;
    const PROCESSOR: i32 = 24;
    const FILE_SIZE: i32 = 25;
    let Some(status) = status else { return Some(Stopped::Wall) };
    if status.success() {
        return None;
    }
    // Not what stands in the code: a message shows the line that it is about.
    let of_machine = |words: &[&str]| diagnostics.iter().any(|one| one.is_error() && one.is_of_machine(words));
    let says = |words: &str| rest.contains(words) || of_machine(&[words]);
    // A shell or a sandbox in between tells a signal as 128 and its number.
    let signal = status.signal().or_else(|| status.code().filter(|code| *code > 128).map(|code| code - 128));
    let out_of_memory = ["memory allocation of", "out of memory", "Cannot allocate memory", "bad_alloc"].into_iter().any(says);
    Some(match signal {
        Some(PROCESSOR) => Stopped::Processor,
        Some(FILE_SIZE) => Stopped::Flooded,
        _ if out_of_memory => Stopped::Memory,
        Some(KILLED) => Stopped::Killed,
        Some(ABORTED | FAULT) => Stopped::Broke,
        _ if of_machine(&LINKER_KILLED) => Stopped::Killed,
        _ if says("signal: 24") => Stopped::Processor,
        _ if says("signal: 25") => Stopped::Flooded,
        _ => Stopped::Errors,
    })
}

/// Where rustc itself is, and all that belongs to it: behind a wrapper such as rustup's, which needs a home.
///
/// # Errors
/// If rustc cannot be asked.
pub fn toolchain() -> Result<PathBuf> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(program).args(["--print", "sysroot"]).stdin(Stdio::null()).output();
    let output = output.context("cannot start rustc; see: cargo xtask doctor")?;
    let folder = PathBuf::from(String::from_utf8(output.stdout).context("the folder of rustc is not UTF-8")?.trim());
    anyhow::ensure!(folder.join("bin/rustc").is_file(), "{} holds no rustc; see: cargo xtask doctor", folder.display());
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str, in_code: bool) -> Diagnostic {
        let span = Span { file_name: "src/lib.rs".into(), line_start: 1, column_start: 1, is_primary: true, expansion: None };
        Diagnostic {
            message: message.into(),
            code: None,
            level: "error".into(),
            rendered: None,
            spans: if in_code { vec![span] } else { Vec::new() },
            children: Vec::new(),
        }
    }

    /// What it comes to that rustc ends with code 1 and says this.
    fn verdict(message: &str, in_code: bool) -> Verdict {
        let diagnostics = vec![said(message, in_code)];
        let stopped = why(Some(ExitStatus::from_raw(1 << 8)), &diagnostics, "");
        let said = Said { diagnostics, stopped, rest: String::new() };
        said.not_built(&Limits::default()).expect("it is not built").verdict
    }

    #[test]
    fn a_machine_that_cannot_link_is_not_the_codes_fault_and_words_about_it_are_not_the_machines() {
        for message in [
            "linker `cc` not found",
            "linking with `cc` failed: signal: 9 (SIGKILL)",
            "linking with `cc` failed: exit status: 1: collect2: fatal error: ld terminated with signal 9 [Killed]",
            "linking with `cc` failed: exit status: 1: /usr/bin/ld: cannot find -lc: No such file or directory",
            "linking with `cc` failed: exit status: 1: /usr/bin/ld: final link failed: No space left on device",
        ] {
            assert_eq!(verdict(message, false), Verdict::Error, "{message}");
            assert_eq!(verdict(message, true), Verdict::Fail, "{message}, by `compile_error!`");
        }
        let large = "linking with `cc` failed: exit status: 1: relocation truncated to fit: R_X86_64_PC32 against `_ZN5large'";
        assert_eq!(verdict(large, false), Verdict::Fail);
        // A line of code that a message shows may hold such words; what the compiler itself printed may not be doubted.
        let failed = Some(ExitStatus::from_raw(1 << 8));
        assert_eq!(why(failed, &[said("out of memory", true)], ""), Some(Stopped::Errors));
        assert_eq!(why(failed, &[], "rustc-LLVM ERROR: out of memory"), Some(Stopped::Memory));
    }
}
