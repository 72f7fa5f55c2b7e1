//! `cargo xtask tidy`: what is out of step in the course, a line each.

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use serde::Serialize;

use super::code;
use crate::{
    screen::{self, say},
    tidy::{Fault, fix, look},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told {
    written: Vec<String>,
    faults: Vec<Fault>,
}

/// Mends what can be derived if that is wanted, and prints what is out of step then.
pub fn tidy(root: &Path, mend: bool, json: bool) -> Result<ExitCode> {
    let written = if mend { fix(root)? } else { Vec::new() };
    let faults = look(root)?;
    let exit = code(faults.is_empty());
    if json {
        screen::json(&Told { written, faults });
        return Ok(exit);
    }
    written.iter().for_each(|file| say(format!("written: {file}")));
    faults.iter().for_each(say);
    say(match faults.len() {
        0 => "everything is in step".to_owned(),
        1 => "1 fault".to_owned(),
        count => format!("{count} faults"),
    });
    Ok(exit)
}
