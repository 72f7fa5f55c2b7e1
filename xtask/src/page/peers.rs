//! Peers in the page: what the curve leaves out of them, and who has no curve.

use std::fmt::Write;

use super::{
    TAKES,
    html::{Cell, badge, table},
};
use crate::{
    chart::{
        measured::{Contender, Speedups},
        number, speedup,
        text::escape,
    },
    results::{Curves, PeerOutcome, PeerResult, Verdict},
};

/// Appends the table of peers that are not of this workspace; nothing where there are none.
pub fn section(page: &mut String, peers: &[PeerResult], curves: Option<&Curves>) {
    if peers.is_empty() {
        return;
    }
    page.push_str("<h3>Peers</h3>\n");
    let speedups = curves.and_then(|curves| Speedups::new(curves).ok());
    let measured: Vec<_> = peers
        .iter()
        .filter(|peer| peer.outcome == PeerOutcome::Measured)
        .filter_map(|peer| Some((peer, speedups.as_ref()?.contender(&peer.name)?)))
        .collect();
    if let Some(curves) = curves.filter(|_| !measured.is_empty()) {
        page.push_str(
            "<p class=\"note\">The same work by other means and in other languages. Their curves are above, from the same \
             input, the same clock and the same sequential program, with every interpreter started and every pool and session built \
             beforehand; what that leaves out stands here. The course's own program has judged every output.</p>\n",
        );
        let head = ["", "made of", "start-up", "preparation", "best run", "all three", "against sequential"].map(str::to_owned);
        let rows: Vec<_> = measured.iter().map(|(peer, contender)| row(peer, contender, curves)).collect();
        page.push_str(&table("numbers", &head, &rows));
    }
    for peer in peers {
        let (verdict, word, why) = match &peer.outcome {
            PeerOutcome::Measured => continue,
            PeerOutcome::Skipped(why) => (Verdict::NotMeasurable, "skipped", why),
            PeerOutcome::Error(why) => (Verdict::Error, "error", why),
        };
        let (first, rest) = why.split_once('\n').unwrap_or((why, ""));
        let what = format!("{} ({}): {first}", peer.name, peer.language);
        writeln!(page, "<p class=\"note\">{} {}</p>", badge(verdict, word), escape(&what)).expect(TAKES);
        if !rest.trim().is_empty() {
            writeln!(page, "<pre>{}</pre>", escape(rest)).expect(TAKES);
        }
    }
}

fn row(peer: &PeerResult, contender: &Contender, curves: &Curves) -> Vec<Cell> {
    let best = contender.points.iter().min_by(|a, b| a.time.median.total_cmp(&b.time.median));
    let best = best.expect("a contender has a point");
    let (start_up, prepare) = (median(&peer.start_up), median(&peer.prepare));
    let shown = |time: Option<f64>| Cell::number(time.map_or_else(|| "\u{2013}".into(), number::seconds));
    let place = speedup::place(curves.axis, best.threads);
    vec![
        Cell::text(escape(&peer.name)),
        Cell::text(escape(peer.version.as_deref().unwrap_or(&peer.language))),
        shown(start_up),
        shown(prepare),
        Cell::number(format!("{} {place}", number::seconds(best.time.median))),
        shown(start_up.zip(prepare).map(|(start_up, prepare)| start_up + prepare + best.time.median)),
        Cell::number(number::times(best.speedup)),
    ]
}

/// The middle value, or the upper of the two middle ones.
fn median(samples: &[f64]) -> Option<f64> {
    let mut samples = samples.to_vec();
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}
