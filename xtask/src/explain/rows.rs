//! Which steps of a failing execution are shown: the rule of the text table of [`lab::finding`].

use lab::finding::StepTold;

/// How many steps are shown: the last ones.
const ROWS: usize = 40;

/// How often a group of steps must come again to be shown once.
const AGAIN: usize = 3;

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub enum Row<'a> {
    /// A step.
    Step(&'a StepTold),
    /// What is left out.
    Gap(String),
}

/// The last steps; of an execution that goes round and round, how it got there and one round.
pub fn rows(steps: &[StepTold]) -> Vec<Row<'_>> {
    let gap = |hidden: usize, what: &str| (hidden > 0).then(|| Row::Gap(format!("{hidden} {what}")));
    if let Some((start, round)) = rounds(steps) {
        let before = &steps[..start];
        let hidden = before.len().saturating_sub(ROWS / 2);
        let times = (steps.len() - start) / round;
        let again = Row::Gap(format!("and so on: these {round} steps {times} times"));
        return gap(hidden, "earlier steps")
            .into_iter()
            .chain(before[hidden..].iter().map(Row::Step))
            .chain(steps[start..start + round].iter().map(Row::Step))
            .chain([again])
            .chain(steps[start + round..].iter().filter(|step| !step.finished).map(Row::Step))
            .collect();
    }
    let hidden = steps.len().saturating_sub(ROWS);
    gap(hidden, "earlier steps").into_iter().chain(steps[hidden..].iter().map(Row::Step)).collect()
}

/// Where the steps begin to repeat, and how many make one round; `None` if they do not, or only now and then.
fn rounds(steps: &[StepTold]) -> Option<(usize, usize)> {
    let same = |a: &StepTold, b: &StepTold| (a.thread, a.line, a.brief()) == (b.thread, b.line, b.brief());
    // Where each thread stands is no part of a round.
    let whole = steps.iter().rposition(|step| step.finished)? + 1;
    let steps = &steps[..whole];
    if whole <= ROWS {
        return None;
    }
    let comes_again = |round: &usize| (whole - AGAIN * round..whole - round).all(|at| same(&steps[at], &steps[at + round]));
    let round = (1..=ROWS / 2).take_while(|round| AGAIN * round <= whole).find(comes_again)?;
    let mut start = whole - AGAIN * round;
    while start > 0 && same(&steps[start - 1], &steps[start - 1 + round]) {
        start -= 1;
    }
    Some((start, round))
}
