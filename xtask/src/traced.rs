//! One traced run of a workload, over all its processes, in one Chrome trace file.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use lab::{
    trace::{
        TRACE_FOLDER_VARIABLE,
        file::{self, Trace},
    },
    workload::Setup,
};

use crate::{
    catalog::Exercise,
    driver::{Fault, Workload},
};

/// Runs the submission of `program` once, and writes the merged trace of all its processes to `out`.
///
/// # Errors
/// A [`Fault`] if the program fails, or if its trace is not valid: viewers would drop or misplace events without a word.
pub fn traced_run(program: &Path, exercise: &Exercise, setup: Setup, out: &Path) -> Result<Trace> {
    let folder = tempfile::tempdir().context("cannot make a folder for the trace")?;
    let own = folder.path().join("workload.json");
    let children = folder.path().join("children");
    let limit = exercise.limit("speed");
    let mut workload = Workload::start(program, Some(&own), &[(TRACE_FOLDER_VARIABLE, children.clone().into())], limit)?;
    workload.run("submission", setup)?;
    workload.quit()?;
    let mut parts = vec![own];
    if let Ok(entries) = fs::read_dir(&children) {
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        parts.extend(files);
    }
    let trace = file::merge(&parts).context("cannot read the trace of the run")?;
    let faults = file::check(&trace);
    if !faults.is_empty() {
        let what = format!("its trace is not valid:\n  {}", faults.join("\n  "));
        return Err(Fault { what, stderr: String::new() }.into());
    }
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    file::write(&trace, out).with_context(|| format!("cannot write {}", out.display()))?;
    Ok(trace)
}
