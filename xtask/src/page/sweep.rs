//! Two small sections of an exercise: run time over a parameter of its workload, and the main memory that each contender takes.

use std::fmt::Write;

use super::{
    TAKES, anchor, capital,
    html::{Cell, table},
};
use crate::{
    chart::{Layout, number, sweep, text::escape},
    results::{Memory, SweepResult},
};

/// Appends the sweep of an exercise that has one.
pub fn section(page: &mut String, path: &str, swept: Option<&SweepResult>) {
    let Some(swept) = swept else { return };
    let draw = |layout| sweep::draw(path, swept, layout);
    let (Some(wide), Some(narrow)) = (draw(Layout::Wide), draw(Layout::Narrow)) else { return };
    let id = format!("{}-sweep", anchor(path));
    write!(
        page,
        "<h3>By {}</h3>\n<figure>\n{}{}</figure>\n<details>\n<summary>The numbers of this chart</summary>\n{}</details>\n",
        escape(&swept.parameter),
        wide.inline(&id),
        narrow.inline(&id),
        numbers(swept),
    )
    .expect(TAKES);
}

fn numbers(swept: &SweepResult) -> String {
    let head = ["", &swept.unit, "time for each", "95 % interval"].map(str::to_owned);
    let rows = sweep::lines(swept).into_iter().rev().flat_map(|line| {
        let row = move |place: sweep::Place| {
            let interval = place.interval.map_or_else(
                || "too few processes".into(),
                |[low, high]| format!("{} to {}", number::seconds(low), number::seconds(high)),
            );
            vec![
                Cell::text(escape(&line.name)),
                Cell::number(number::count(place.at)),
                Cell::number(number::seconds(place.median)),
                Cell::number(interval),
            ]
        };
        line.places.into_iter().map(row)
    });
    table("numbers", &head, &rows.collect::<Vec<_>>())
}

/// Appends what the contenders take of the main memory, the least first.
pub fn memory(page: &mut String, memory: &[Memory]) {
    if memory.is_empty() {
        return;
    }
    let mut sorted: Vec<&Memory> = memory.iter().collect();
    sorted.sort_by_key(|memory| memory.peak.saturating_sub(memory.before));
    let head = ["", "threads", "before the run", "peak", "the run's own"].map(str::to_owned);
    let row = |memory: &&Memory| {
        let own = memory.peak.saturating_sub(memory.before);
        vec![
            Cell::text(escape(&capital(&memory.contender))),
            Cell::number(number::count(memory.threads as u64)),
            Cell::number(number::bytes(memory.before)),
            Cell::number(number::bytes(memory.peak)),
            Cell::number(number::bytes(own)),
        ]
    };
    let rows: Vec<_> = sorted.iter().map(row).collect();
    write!(
        page,
        "<details>\n<summary>Peak memory, each in a process of its own (children not counted)</summary>\n{}</details>\n",
        table("numbers", &head, &rows)
    )
    .expect(TAKES);
}
