//! Effective cores, read off the time that threads wait, beside the time that they are on a core.

use std::{ffi::OsString, path::Path, time::Duration};

use anyhow::{Context, Result};
use lab::workload::Setup;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{Load, Round, busy::Busy, spinning};
use crate::{check::cores, driver::Workload, measure::effective_cores};

/// How long the threads of a round compute, in milliseconds: many times the slices of time that a scheduler gives.
const LENGTH: u64 = 400;

/// One round with as many threads and under the load that the lot gives; `None` where the system does not tell of waits.
///
/// # Errors
/// If the workload cannot be run.
pub fn round(runner: &Path, seed: u64, index: usize) -> Result<Option<Round>> {
    let mut lot = Pcg64Mcg::seed_from_u64(seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let load = Load::ALL[(lot.next_u64() % 4) as usize];
    let threads = 1 + (lot.next_u64() % (2 * cores() as u64)) as usize;
    let serves: [(&str, OsString); 1] = [(spinning::VARIABLE, "1".into())];
    let mut workload = Workload::start(runner, None, &serves, Duration::from_secs(30))?;
    workload.prepare("submission", Setup { size: LENGTH, seed, threads, at: None })?;
    let busy = Busy::start(runner, load, lot.next_u64())?;
    let run = workload.go()?;
    drop(busy);
    let on_cores = u64::from_str_radix(&run.digest, 16).context("the time on a core is no number")? as f64 * 1e-9;
    let effective = effective_cores(threads as f64, run.waited, run.seconds);
    Ok(effective.map(|effective| Round { threads, load, seconds: run.seconds, effective, truth: on_cores / run.seconds }))
}
