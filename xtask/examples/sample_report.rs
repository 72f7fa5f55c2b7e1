//! Writes a made-up report, to look at while working on the page: `cargo run -p xtask --example sample_report -- FOLDER [CORES]`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::{env, path::Path};

use anyhow::Context;
use xtask::{page, results::write_whole};

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().context("name the folder to write to")?;
    let cores = arguments.next().map_or(Ok(2), |cores| cores.parse()).context("the number of cores is a number")?;
    let folder = Path::new(&folder);
    let (results, traces) = (sample::results(cores), sample::traces());
    write_whole(&folder.join("index.html"), page::render(&results, &traces).as_bytes())?;
    for (name, chart) in page::charts(&results, &traces) {
        write_whole(&folder.join("charts").join(name), chart.as_bytes())?;
    }
    Ok(())
}
