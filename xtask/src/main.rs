//! The runner: parses the command line and hands over to the command.

use std::process::ExitCode;

use clap::Parser;
use xtask::{
    commands::{Cli, run},
    process::end_children_on_signals,
    recipe,
    sandbox::within,
    screen,
    study::spinning,
};

fn main() -> ExitCode {
    // First of all: whoever is to be put behind walls must not have opened anything by then.
    if let Some(code) = within::main() {
        return code;
    }
    if std::env::var_os(spinning::VARIABLE).is_some() {
        return spinning::main();
    }
    if std::env::var_os(recipe::record::VARIABLE).is_some() {
        return recipe::record::main();
    }
    // Clap ends the process with code 2 where it was used wrongly.
    let cli = Cli::parse();
    let outcome = end_children_on_signals().and_then(|()| run(cli));
    match outcome {
        Ok(code) => code,
        Err(error) => {
            screen::warn(format!("error: {error:#}"));
            let used_wrongly = error.chain().any(|cause| cause.is::<xtask::commands::Usage>());
            ExitCode::from(if used_wrongly { 2 } else { 3 })
        }
    }
}
