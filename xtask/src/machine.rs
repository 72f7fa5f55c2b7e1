//! What a result was measured on, and from which state of the course.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};

use crate::{
    catalog::Catalog,
    check::cores,
    results::{ExerciseResult, FORMAT_VERSION, Machine, Results},
};

/// This machine.
pub fn here() -> Machine {
    let line = |file: &str, key: &str| {
        let text = fs::read_to_string(file).ok()?;
        let line = text.lines().find(|line| line.starts_with(key))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let memory = line("/proc/meminfo", "MemTotal").and_then(|value| value.trim_end_matches(" kB").parse::<u64>().ok());
    let governor = fs::read_to_string("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").ok();
    Machine {
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processor: line("/proc/cpuinfo", "model name"),
        cores: cores(),
        memory: memory.map(|kilobytes| kilobytes * 1024),
        governor: governor.map(|text| text.trim().to_owned()),
        rustc: first_line(Command::new("rustc").arg("--version")).unwrap_or_else(|| "unknown".into()),
        schedstat: fs::read_to_string("/proc/thread-self/schedstat").is_ok(),
    }
}

/// The commit of `root`, with `+` where the tree has changes (but for the reports themselves); `None` outside a repository.
pub fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| first_line(Command::new("git").arg("-C").arg(root).args(arguments));
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed =
        git(&["status", "--porcelain", "--untracked-files=no", "--", ".", ":!reports"]).is_some_and(|line| !line.is_empty());
    Some(if changed { commit + "+" } else { commit })
}

/// When a command began that will have results.
#[derive(Debug)]
pub struct Begun {
    clock: Instant,
    date: jiff::Timestamp,
}

impl Begun {
    /// It begins.
    pub fn now() -> Self {
        Self { clock: Instant::now(), date: jiff::Timestamp::now() }
    }

    /// Its results.
    pub fn results(self, command: &str, catalog: &Catalog, seed: u64, exercises: Vec<ExerciseResult>) -> Results {
        let started = self.date.round(jiff::Unit::Second).unwrap_or(self.date).to_string();
        Results {
            format_version: FORMAT_VERSION,
            command: command.to_owned(),
            started,
            seconds: self.clock.elapsed().as_secs_f64(),
            commit: commit(&catalog.root),
            machine: here(),
            seed,
            exercises,
            ceilings: None,
            submission: None,
        }
    }
}

/// The runner itself, to be started or copied. Its file may be gone: cargo replaces it while it runs, for one in `ci`. What Linux
/// keeps under this name is there all the same.
///
/// # Errors
/// If this system does not tell.
pub fn this_program() -> Result<PathBuf> {
    let kept = PathBuf::from("/proc/self/exe");
    if kept.exists() { Ok(kept) } else { std::env::current_exe().context("cannot find this program") }
}

/// The first line that a command prints, if it can be run and succeeds.
pub fn first_line(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned())
}
