//! Writes a made-up report, to look at while working on the page: `cargo run -p xtask --example sample_report -- FOLDER [CORES]`.

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::{env, path::Path};

use anyhow::Context;
use xtask::{
    chart::{Layout, interleaving},
    page,
    results::write_whole,
};

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
    for failure in sample::failures::all() {
        for layout in [Layout::Wide, Layout::Narrow] {
            let chart = interleaving::draw(&failure, layout).context("every failure of the sample has steps")?;
            let name = format!("{}-{layout:?}.svg", failure.name).to_lowercase();
            write_whole(&folder.join("interleavings").join(name), chart.file().as_bytes())?;
        }
    }
    Ok(())
}
