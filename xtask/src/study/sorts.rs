//! Work, span and forks of three merge sorts, counted again and again on a machine that is busy.

use std::path::Path;

use anyhow::Result;

use super::{Extent, Load, SortRun, Which, busy::Busy};

/// All runs, by 1 to 7 threads in turn, while one core is kept busy; `step` is told which comes next.
///
/// # Errors
/// If the load cannot be started.
pub fn runs(runner: &Path, extent: &Extent, seed: u64, mut step: impl FnMut(usize)) -> Result<Vec<SortRun>> {
    let mut runs = Vec::new();
    for which in Which::ALL {
        // A load has an end, so each sort has one of its own.
        let _busy = Busy::start(runner, Load::One, seed)?;
        for index in 0..extent.runs {
            step(runs.len());
            let threads = 1 + index % 7;
            let cost = crate::study_sorts::cost(which, extent.keys, seed, threads);
            runs.push(SortRun { sort: which.name().into(), threads, cost });
        }
    }
    Ok(runs)
}
