//! `cargo xtask new`: a new exercise, and what its author does next.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::{Usage, code};
use crate::{
    catalog::Catalog,
    new::{Kind, named, write},
    screen::{self, bold, say},
    tidy::{Fault, look},
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told {
    written: Vec<String>,
    /// What is left to the author.
    to_write: Vec<Fault>,
}

/// Writes the exercise and tells what is left to its author.
pub fn new(catalog: &Catalog, path: &str, kind: Kind, json: bool) -> Result<ExitCode> {
    let (_, name) = named(catalog, path).map_err(|error| Usage(format!("{error:#}")))?;
    let written = write(catalog, path, kind)?;
    let to_write: Vec<Fault> =
        look(&catalog.root)?.into_iter().filter(|fault| fault.file.contains(&format!("/{name}/"))).collect();
    if json {
        screen::json(&Told { written, to_write });
        return Ok(code(true));
    }
    written.iter().for_each(|file| say(format!("written: {file}")));
    say(bold("\nleft to you"));
    to_write.iter().for_each(say);
    say(bold("\nnext"));
    let name_and = |command: &str| format!("  cargo xtask {command} {name}");
    say(format!("{:44} # holds already: everything is proven of a small example", name_and("verify")));
    say(format!("{:44} # of the reference, while you change it, its tests and its model", name_and("check --solution")));
    say(format!("{:44} # after each change of the reference: makes its patches again", name_and("patch")));
    say(format!("{:44} # what is still to be written", "  cargo xtask tidy --fix"));
    say("The whole way is told in exercises/README.md.");
    Ok(code(true))
}
