//! `cargo xtask patch`: the patches of mutants and variants, made and made again.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;

use super::{code, find};
use crate::{
    catalog::Catalog,
    patch::{Made, Patches},
    screen::{self, say},
};

/// What `--json` prints of each.
#[derive(Debug, Serialize)]
struct Told {
    name: String,
    said: String,
    conflicts: usize,
}

/// Makes the patch `name`, or all that do not fit.
pub fn patch(catalog: &Catalog, exercise: &str, name: Option<&str>, variant: bool, json: bool) -> Result<ExitCode> {
    let exercise = find(catalog, exercise)?;
    let patches = Patches::of(catalog, exercise)?;
    let made = match name {
        Some(name) => vec![(name.to_owned(), patches.turn(name, variant)?)],
        None => patches.again()?,
    };
    let told: Vec<Told> = made.into_iter().map(|(name, made)| tell(&exercise.name, name, made)).collect();
    let exit = code(told.iter().all(|told| told.conflicts == 0));
    if json {
        screen::json(&told);
        return Ok(exit);
    }
    told.iter().for_each(|told| say(format!("{}: {}", told.name, told.said)));
    Ok(exit)
}

fn tell(exercise: &str, name: String, made: Made) -> Told {
    let finish = format!("then: cargo xtask patch {exercise} {name}");
    let (said, conflicts) = match made {
        Made::Fits => ("fits".into(), 0),
        Made::Written(path) => (format!("written: {}; verify it: cargo xtask verify {exercise}", path.display()), 0),
        Made::Opened(folder, 0) => (format!("edit {}, {finish}", folder.display()), 0),
        Made::Opened(folder, count) => {
            (format!("{count} of its changes did not fit; choose between the sides in {}, {finish}", folder.display()), count)
        }
    };
    Told { name, said, conflicts }
}
