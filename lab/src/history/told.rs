//! A history that no order explains, in sentences and as a table.

use std::fmt;

use super::{Entry, Specification, Unexplained};

/// How many events a table shows: the last ones.
const ROWS: usize = 30;

/// How many operations a sentence names.
const NAMES: usize = 6;

/// The most threads that get a column.
const COLUMNS: usize = 8;

/// How wide all columns are together.
const WIDTH: usize = 66;

impl<S: Specification> fmt::Display for Unexplained<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let culprit = &self.entries[self.culprit];
        writeln!(
            out,
            "not linearizable: no order of the operations explains that {} has returned {}.\n",
            name(culprit),
            given(culprit)
        )?;
        self.table(out)?;
        let (before, beside) = self.around();
        if !beside.is_empty() {
            // Under weak memory the table may show them one after the other.
            let how = if self.weak { "Nothing orders it with" } else { "It overlapped" };
            write!(out, "\n{how} {}.", listed(&beside))?;
        }
        if !before.is_empty() {
            write!(out, "\nIt came after {}.", listed(&before))?;
        }
        if self.weak {
            let rule = "one operation comes before another only where its return happens before the other's call";
            write!(out, "\nThis is the pass for weak memory: {rule}.")?;
        }
        let instead: Vec<String> = self.instead.iter().take(NAMES).map(|outcome| format!("{outcome:?}")).collect();
        // Last, since a model says the place of the assertion after it.
        write!(out, "\nIn every order that explains the others it would have returned {}.", instead.join(" or "))
    }
}

impl<S: Specification> Unexplained<S> {
    /// The operations just before the culprit, and those beside it.
    fn around(&self) -> (Vec<&Entry<S>>, Vec<&Entry<S>>) {
        let culprit = &self.entries[self.culprit];
        let mut place = vec![0; self.entries.iter().map(|entry| entry.lane + 1).max().unwrap_or(0)];
        let (mut before, mut beside): (Vec<Option<&Entry<S>>>, _) = (vec![None; place.len()], Vec::new());
        for (index, entry) in self.entries.iter().enumerate() {
            place[entry.lane] += 1;
            let is_before = culprit.after.get(entry.lane).is_some_and(|count| place[entry.lane] <= *count);
            if is_before || (entry.lane == culprit.lane && entry.called < culprit.called) {
                before[entry.lane] = Some(entry);
            } else if index != self.culprit {
                beside.push(entry);
            }
        }
        (before.into_iter().flatten().collect(), beside)
    }

    /// A row an event, a column a thread.
    fn table(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.entries.iter().map(|entry| entry.thread + 1).max().unwrap_or(0).min(COLUMNS);
        let column = WIDTH / threads.max(1);
        let mut events: Vec<(usize, &Entry<S>)> = Vec::new();
        for entry in &self.entries {
            events.push((entry.called, entry));
            events.extend(entry.returned.map(|moment| (moment, entry)));
        }
        events.sort_by_key(|(moment, _)| *moment);
        let head: String = (0..threads).map(|thread| format!("{:<column$}", format!("T{thread}"))).collect();
        if self.weak {
            writeln!(out, "(drawn in the order of execution)")?;
        }
        writeln!(out, "event  {}", head.trim_end())?;
        let hidden = events.len().saturating_sub(ROWS);
        if hidden > 0 {
            writeln!(out, "..     {hidden} earlier events")?;
        }
        for (moment, entry) in &events[hidden..] {
            let row: String = (0..threads).map(|thread| self.cell(thread, *moment, entry, column)).collect();
            let note = if *moment == self.entries[self.culprit].returned.unwrap_or(usize::MAX) { " <- why?" } else { "" };
            writeln!(out, "{:<5}  {}{note}", moment + 1, row.trim_end())?;
        }
        Ok(())
    }

    /// What `thread` does at the moment of an event: it calls, it returns, or it has something running.
    fn cell(&self, thread: usize, moment: usize, event: &Entry<S>, column: usize) -> String {
        let running = |entry: &&Entry<S>| {
            entry.thread == thread && entry.called < moment && entry.returned.is_none_or(|returned| returned > moment)
        };
        let text = if event.thread == thread {
            if event.called == moment { format!("{:?} ..", event.operation) } else { format!("= {}", given(event)) }
        } else if self.entries.iter().any(|entry| running(&entry)) {
            "|".to_owned()
        } else {
            String::new()
        };
        let cut: String = text.chars().take(column.saturating_sub(1)).collect();
        format!("{cut:<column$}")
    }
}

fn name<S: Specification>(entry: &Entry<S>) -> String {
    format!("T{}'s {:?}", entry.thread, entry.operation)
}

fn given<S: Specification>(entry: &Entry<S>) -> String {
    entry.outcome.as_ref().map_or_else(|| "nothing yet".to_owned(), |outcome| format!("{outcome:?}"))
}

/// The last of these operations, and what each has returned.
fn listed<S: Specification>(entries: &[&Entry<S>]) -> String {
    let hidden = entries.len().saturating_sub(NAMES);
    let told = |entry: &&Entry<S>| match &entry.outcome {
        Some(outcome) => format!("{} = {outcome:?}", name(entry)),
        None => format!("{}, which was still running", name(entry)),
    };
    let named = entries[hidden..].iter().map(told).collect::<Vec<_>>().join("; ");
    if hidden > 0 { format!("{hidden} operations, of these the last: {named}") } else { named }
}
