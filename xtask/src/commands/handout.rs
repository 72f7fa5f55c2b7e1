//! `cargo xtask handout`: the learner's repository.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use serde::Serialize;

use super::{Usage, code, select};
use crate::{
    catalog::Catalog,
    handout::{self, Updated},
    screen::{self, bold, say},
};

/// What the command line says.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder to write to: not there yet, or empty; with --update, the handout.
    folder: PathBuf,
    /// The exercises; without any, all, or with --update those that the handout has.
    exercises: Vec<String>,
    /// Make it a git repository of one commit.
    #[arg(long, conflicts_with = "update")]
    git: bool,
    /// Bring a handout that is there to the state of the course; a learner's work is left as it is.
    #[arg(long)]
    update: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    folder: &'a PathBuf,
    exercises: Vec<String>,
    files: usize,
}

/// Writes a handout, or brings one up to date.
pub fn handout(catalog: &Catalog, options: &Options, json: bool) -> Result<ExitCode> {
    let exercises = select(catalog, &options.exercises)?;
    let date = jiff::Zoned::now().date().to_string();
    if options.update {
        handout::course_in(&options.folder).map_err(|error| Usage(format!("{error:#}")))?;
        let updated = handout::update(catalog, &options.exercises, &options.folder, &date)?;
        show(&updated, json);
        return Ok(code(true));
    }
    handout::free(catalog, &options.folder).map_err(|error| Usage(format!("{error:#}")))?;
    let files = handout::write(catalog, &exercises, &options.folder, &date, options.git)?;
    if json {
        let exercises = exercises.iter().map(|exercise| exercise.path()).collect();
        screen::json(&Told { folder: &options.folder, exercises, files: files.len() });
        return Ok(code(true));
    }
    let folder = options.folder.display();
    say(format!("{} {} files, {} exercises, nothing of a solution: {folder}", bold("handout:"), files.len(), exercises.len()));
    say(format!("try it:     cd {folder} && cargo xtask"));
    say("publish it: xtask/graders/README.md");
    Ok(code(true))
}

fn show(updated: &Updated, json: bool) {
    if json {
        screen::json(updated);
        return;
    }
    updated.written.iter().for_each(|file| say(format!("written: {file}")));
    updated.kept.iter().for_each(|file| say(format!("kept:    {file} is a learner's work, and its starter is another one now")));
    updated.left.iter().for_each(|path| say(format!("left:    exercises/{path} is not handed out any more")));
    say(match updated.written.len() {
        0 => "nothing to write: it is of this state of the course".to_owned(),
        1 => "1 file written".to_owned(),
        count => format!("{count} files written"),
    });
}
