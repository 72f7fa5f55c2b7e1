//! Why the speedup of an exercise is not higher: the chart, the sentences, and the threads they came from.

use std::fmt::Write;

use super::{
    TAKES, anchor,
    html::{Cell, table},
};
use crate::{
    chart::{Layout, losses::draw, number, text::escape},
    losses::{Cores, Losses, Sample, ThreadUse, sentences},
    results::TraceResult,
};

/// Appends the losses of the traced run; nothing where they are not known, for then a note has said why.
pub fn section(page: &mut String, path: &str, trace: Option<&TraceResult>) {
    let Some((trace, losses)) = trace.and_then(|trace| Some((trace, trace.losses.as_ref()?))) else { return };
    let heading = match losses {
        Losses::Cores(_) => "Why the speedup is not higher",
        Losses::InFlight(_) => "Where the time went",
    };
    writeln!(page, "<h3>{heading}</h3>").expect(TAKES);
    if let (Some(wide), Some(narrow)) = (draw(path, trace, Layout::Wide), draw(path, trace, Layout::Narrow)) {
        let id = format!("{}-losses", anchor(path));
        write!(page, "<figure>\n{}{}</figure>\n", wide.inline(&id), narrow.inline(&id)).expect(TAKES);
    }
    let told = sentences::tell(losses);
    writeln!(page, "<p class=\"losses\">{}</p>\n<ul class=\"losses\">", escape(&told.headline)).expect(TAKES);
    for line in &told.lines {
        writeln!(page, "<li>{}</li>", escape(line)).expect(TAKES);
    }
    page.push_str("</ul>\n");
    for note in &told.notes {
        writeln!(page, "<p class=\"note\">{}</p>", escape(note)).expect(TAKES);
    }
    if let Losses::Cores(cores) = losses {
        write!(page, "<details>\n<summary>The threads and times behind it</summary>\n{}</details>\n", behind(cores))
            .expect(TAKES);
    }
}

/// The runs and the threads as tables.
fn behind(cores: &Cores) -> String {
    let head = ["", "median", "all runs"].map(str::to_owned);
    let runs = |name: &str, median: f64, samples: &[Sample]| {
        let all: Vec<_> = samples.iter().map(|sample| number::seconds(sample.own)).collect();
        vec![Cell::text(name.into()), Cell::number(number::seconds(median)), Cell::text(all.join(", "))]
    };
    let times = [
        runs("the sequential program (T_seq)", cores.t_seq(), &cores.sequential),
        runs("the program on one thread (T_1)", cores.t_1(), &cores.one_thread),
    ];
    let threads: Vec<_> = cores.parallel.threads.iter().map(thread).collect();
    let columns = ["thread", "lane", "in spans of work", "in waits", "on a core", "ready, no core"].map(str::to_owned);
    format!("{}{}", table("numbers", &head, &times), table("numbers", &columns, &threads))
}

fn thread(thread: &ThreadUse) -> Vec<Cell> {
    let told = |time: Option<f64>| Cell::number(time.map_or_else(|| "not told".into(), number::seconds));
    vec![
        Cell::text(format!("{} <small>{}</small>", escape(&thread.thread), escape(&thread.process))),
        Cell::number(number::count(thread.lane as u64 + 1)),
        Cell::number(number::seconds(thread.in_work)),
        Cell::number(number::seconds(thread.in_waits)),
        told(thread.ran),
        told(thread.waited),
    ]
}
