//! Makes the machine busy: processes that compute for nothing, and the account of who used the cores.

use std::{
    fs,
    hint::black_box,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::Load;
use crate::process::Group;

/// No load lasts longer than this, whoever forgets it.
pub const LONGEST: Duration = Duration::from_secs(600);

/// A burst, and a rest, lasts from so many milliseconds to so many: half of the time in the mean.
const BURST: [u64; 2] = [50, 500];

/// Times in `/proc` count in hundredths of a second, whatever the kernel's own clock (`USER_HZ`).
const TICKS_A_SECOND: f64 = 100.0;

/// The processes of a load. They end when this is dropped, and also where this process is killed.
#[derive(Debug)]
pub struct Busy {
    groups: Vec<Group>,
}

impl Busy {
    /// Starts them, of the runner's own program `runner`, and waits until each of them computes.
    ///
    /// # Errors
    /// If one cannot be started.
    pub fn start(runner: &Path, load: Load, seed: u64) -> Result<Self> {
        let count = load.cores().ceil() as u64;
        let groups = (0..count).map(|index| start_one(runner, load == Load::Half, seed.wrapping_add(index)));
        Ok(Self { groups: groups.collect::<Result<_>>()? })
    }

    /// Their process ids.
    pub fn ids(&self) -> Vec<u32> {
        self.groups.iter().map(Group::id).collect()
    }
}

fn start_one(runner: &Path, bursts: bool, seed: u64) -> Result<Group> {
    let mut command = Command::new(runner);
    command.args(["study", "busy", "--seed", &seed.to_string()]);
    if bursts {
        command.arg("--bursts");
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut group = Group::spawn(&mut command)?;
    let output = group.child().stdout.take().context("a child has a standard output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).context("cannot read from a load")?;
    if line.trim() != "busy" {
        bail!("a process that was to keep a core busy ended at once");
    }
    Ok(group)
}

/// What a process of a load does: says so, and computes until it is ended.
///
/// # Errors
/// If it cannot be tied to its parent, or not say that it has begun.
pub fn compute(bursts: bool, seed: u64, longest: Duration) -> Result<()> {
    // A load that outlives the study would spoil whatever comes after it.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("cannot tie this process to its parent")?;
    let mut output = std::io::stdout();
    output.write_all(b"busy\n").and_then(|()| output.flush()).context("cannot tell that it has begun")?;
    let end = Instant::now() + longest;
    let mut lot = Pcg64Mcg::seed_from_u64(seed);
    let mut phase = || Duration::from_millis(BURST[0] + lot.next_u64() % (BURST[1] - BURST[0] + 1));
    // Whether it begins with a burst or a rest is drawn as well.
    if bursts && phase().as_millis() % 2 == 0 {
        thread::sleep(phase());
    }
    while Instant::now() < end {
        spin_until(if bursts { end.min(Instant::now() + phase()) } else { end });
        if bursts {
            thread::sleep(phase());
        }
    }
    Ok(())
}

/// Computes for nothing, without ever giving the core away.
pub fn spin_until(end: Instant) {
    let mut value = 1_u64;
    while Instant::now() < end {
        for _ in 0..1000 {
            value = black_box(value.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (value >> 31));
        }
    }
}

/// The time on cores so far, in ticks: of the whole machine, of this process, and of its children that have ended.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    when: Instant,
    machine: f64,
    own: f64,
    children: f64,
}

impl Account {
    /// Up to now; `None` where the system does not tell.
    pub fn now() -> Option<Self> {
        let all = fs::read_to_string("/proc/stat").ok()?;
        let fields = |line: &str| line.split_whitespace().filter_map(|field| field.parse::<f64>().ok()).collect::<Vec<_>>();
        // user, nice, system, idle, iowait, irq, softirq, steal; guests are in user already.
        let cpu = fields(all.lines().find_map(|line| line.strip_prefix("cpu "))?);
        let machine = [0, 1, 2, 5, 6, 7].iter().filter_map(|field| cpu.get(*field)).sum();
        let own = fs::read_to_string("/proc/self/stat").ok()?;
        // The name, in parentheses, may hold anything. Behind it the state, then utime, stime, cutime, cstime from the 12th on.
        let times = own.rsplit_once(')')?.1.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
        let [user, system, childrens_user, childrens_system] = times.take(4).collect::<Vec<_>>().try_into().ok()?;
        Some(Self { when: Instant::now(), machine, own: user + system, children: childrens_user + childrens_system })
    }

    /// Cores that others than this process and its children have used since `before`.
    pub fn others_since(&self, before: &Self) -> f64 {
        let ours = (self.own + self.children) - (before.own + before.children);
        ((self.machine - before.machine - ours) / TICKS_A_SECOND / self.seconds_since(before)).max(0.0)
    }

    /// Cores that those children have used that ended since `before`, spread over the time since `begin`.
    pub fn children_since(&self, before: &Self, begin: &Self) -> f64 {
        (self.children - before.children) / TICKS_A_SECOND / self.seconds_since(begin)
    }

    fn seconds_since(&self, before: &Self) -> f64 {
        self.when.saturating_duration_since(before.when).as_secs_f64().max(1e-3)
    }
}
