//! The losses as a person would say them: biggest first, each with its number and the spans it came from.

use super::{Account, Cores, InFlight, Kind, Losses, Term, ThreadUse};
use crate::chart::number::{self, percent, seconds, times};

/// Terms smaller than this share of `p * T_p` are told together.
const LEAST: f64 = 0.02;

/// Where threads waited for a core for more than this share of `p * T_p`, it disturbed everything else.
const BUSY: f64 = 0.1;

/// What stands over the sentences, and the sentences.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The speedup, and how much thread time is to be explained.
    pub headline: String,
    /// One for each loss worth a sentence.
    pub lines: Vec<String>,
    /// What the figures do not show, and the factors.
    pub notes: Vec<String>,
}

/// The sentences of a run.
pub fn tell(losses: &Losses) -> Told {
    match losses {
        Losses::Cores(cores) if cores.took_time() && cores.has_spans() => of_cores(cores),
        Losses::Cores(cores) if cores.took_time() => {
            nothing("No span tells of the work: open one with lab::span! around each piece of it, on one thread as on several.")
        }
        Losses::InFlight(flight) if flight.wall > 0.0 => of_requests(flight),
        _ => nothing("The run took no time that a clock could tell."),
    }
}

fn nothing(headline: &str) -> Told {
    Told { headline: headline.into(), lines: Vec::new(), notes: Vec::new() }
}

fn of_cores(cores: &Cores) -> Told {
    let (terms, rest) = ranked(cores);
    let mut lines: Vec<String> = terms.iter().map(|term| sentence(cores, term)).collect();
    if let Some(rest) = rest {
        lines.push(format!("{}: everything else, in parts of less than 2 % each", amount(rest)));
    }
    Told { headline: headline(cores), lines, notes: notes(cores) }
}

/// The terms worth a sentence or a bar of their own, losses before gains and the biggest first, and the sum of the others.
pub fn ranked(cores: &Cores) -> (Vec<Term>, Option<f64>) {
    let least = LEAST * cores.thread_time();
    let (mut terms, small): (Vec<_>, Vec<_>) = cores.terms().into_iter().partition(|term| term.seconds.abs() >= least);
    terms.sort_by(|a, b| {
        let gain = |term: &Term| term.seconds < 0.0;
        gain(a).cmp(&gain(b)).then(b.seconds.abs().total_cmp(&a.seconds.abs()))
    });
    // Parts that are exactly nothing are no rest.
    let rest = small.iter().any(|term| term.seconds != 0.0).then(|| small.iter().map(|term| term.seconds).sum());
    (terms, rest)
}

fn headline(cores: &Cores) -> String {
    let Cores { threads, parallel, .. } = cores;
    let (lanes, wall) = (parallel.lanes.len(), seconds(parallel.wall));
    let took = if lanes == 1 { wall } else { format!("{lanes} \u{d7} {wall}") };
    let more = if lanes > *threads { format!(", though it was given {threads}") } else { String::new() };
    let missing = cores.missing();
    let verdict = if missing >= 0.0 {
        format!("Of {took} of thread time, {} went missing", seconds(missing))
    } else {
        format!("{took} of thread time is {} less than the sequential program takes", seconds(-missing))
    };
    format!("The speedup is {} of {lanes}{more}. {verdict}:", times(cores.speedup()))
}

/// `58 ms`, `58 ms gained`.
fn amount(time: f64) -> String {
    if time < 0.0 { format!("{} gained", seconds(-time)) } else { seconds(time) }
}

/// What a bar or a title calls a loss.
pub fn name(kind: &Kind) -> String {
    match kind {
        Kind::MoreWork => "more work than the sequential program".into(),
        Kind::CostsMore => "the same work costs more side by side".into(),
        Kind::Waits(span) => format!("waiting in {span}"),
        Kind::NotLet { .. } => "ready, but no core free".into(),
        Kind::NoSpan => "on a core, in no span".into(),
        Kind::StoodStill => "standing still inside spans".into(),
        Kind::NothingToDo { .. } => "nothing to do".into(),
        Kind::Idle => "idle".into(),
    }
}

/// What a bar or a title calls a term: gains have names of their own.
pub fn name_of(term: &Term) -> String {
    match &term.kind {
        _ if term.seconds >= 0.0 => name(&term.kind),
        Kind::MoreWork => "less work than the sequential program".into(),
        Kind::CostsMore => "the same work costs less side by side".into(),
        kind => format!("less {}", name(kind)),
    }
}

/// The biggest loss as the title of a picture says it: `loses most to threads with nothing to do while merge runs alone: 54 of
/// 80 ms`.
pub fn biggest(cores: &Cores) -> String {
    let (terms, _) = ranked(cores);
    let Some(term) = terms.first().filter(|term| term.seconds > 0.0) else { return "loses no time worth naming".into() };
    let what = match &term.kind {
        Kind::MoreWork => "work that the sequential program does not do".into(),
        Kind::CostsMore => "work that costs more side by side".into(),
        Kind::Waits(span) => format!("waits in {span}"),
        Kind::NotLet { .. } => "threads that are ready and have no core".into(),
        Kind::NoSpan => "time on a core outside of any span".into(),
        Kind::StoodStill => "threads that stand still inside spans".into(),
        Kind::NothingToDo { .. } => format!("threads with nothing to do{}", while_alone(&cores.parallel, term.seconds)),
        Kind::Idle => format!("idle threads{}", while_alone(&cores.parallel, term.seconds)),
    };
    let of = if cores.missing() > term.seconds { format!(" of {}", seconds(cores.missing())) } else { String::new() };
    format!("loses most to {what}: {}{of}", seconds(term.seconds))
}

/// What runs alone, where most of the idle time is lost while one does.
fn while_alone(account: &Account, idle: f64) -> String {
    let others = account.lanes.len().saturating_sub(1) as f64;
    let alone = account.at_work.get(1).map_or(0.0, |time| time * others);
    let alone = account.alone.as_ref().filter(|_| alone >= 0.5 * idle);
    alone.map_or_else(String::new, |alone| format!(" while {} runs alone", alone.name))
}

fn sentence(cores: &Cores, term: &Term) -> String {
    let why = match &term.kind {
        Kind::MoreWork => more_work(cores, term.seconds),
        Kind::CostsMore => costs_more(cores, term.seconds),
        Kind::NoSpan if term.seconds < 0.0 => {
            "threads were on a core outside of any span for less time than one thread is".into()
        }
        Kind::Idle if term.seconds < 0.0 => "threads were outside of any span for less time than one thread is".into(),
        Kind::Waits(span) => format!("threads waited in {span}"),
        Kind::NotLet { outside } => {
            let most = most(&cores.parallel, |thread| thread.waited);
            let part = if *outside >= 0.1 * term.seconds {
                format!("; {} of it outside of spans, just woken or looking for work", seconds(*outside))
            } else {
                String::new()
            };
            format!("threads were ready and had no core{most}{part}")
        }
        Kind::NoSpan => {
            let outside = |thread: &ThreadUse| thread.ran.map(|ran| ran - thread.in_work);
            let most = most(&cores.parallel, outside);
            format!("threads were on a core outside of any span (forking, looking for work, code without spans){most}")
        }
        Kind::StoodStill => {
            let still = |thread: &ThreadUse| Some(thread.in_work - thread.ran? - thread.waited?);
            let most = most(&cores.parallel, still);
            format!("threads stood still inside spans of work (a lock, a channel or a read that no span marks){most}")
        }
        Kind::NothingToDo { imbalance, serialisation } => nothing_to_do(cores, *imbalance, *serialisation),
        Kind::Idle => format!("threads were idle, and this system does not tell why: {}", alone(&cores.parallel)),
    };
    format!("{}: {why}", amount(term.seconds))
}

fn more_work(cores: &Cores, more: f64) -> String {
    let (one, sequential) = (cores.t_1(), cores.t_seq());
    let does = if more < 0.0 { "less" } else { "more" };
    let lanes = cores.one.lanes.len();
    let on = if lanes == 1 { String::new() } else { format!(" of {lanes} threads") };
    let (ratio, one, sequential) = (times(one / sequential), seconds(one), seconds(sequential));
    format!(
        "the parallel program does {does} work than the sequential one: given one thread it takes {ratio} its time \
         ({one}{on} against {sequential})"
    )
}

fn costs_more(cores: &Cores, more: f64) -> String {
    let ratio = times(cores.parallel.useful() / cores.one.useful());
    // Time in spans holds time without a core; the useful part of all of it is taken to be that of each name.
    let [one, all] = [&cores.one, &cores.parallel].map(|run| run.useful() / run.spans.values().sum::<f64>());
    let growth = |(name, time): (&String, &f64)| Some((name.clone(), time * all - cores.one.spans.get(name)? * one));
    let grown = cores.parallel.spans.iter().filter_map(growth).max_by(|a, b| (a.1 * more).total_cmp(&(b.1 * more)));
    let at = match grown {
        Some((name, time)) if time / more >= 0.1 => {
            let sign = if more < 0.0 { "\u{2212}" } else { "+" };
            format!(", most in {name} ({sign}{})", seconds(time.abs()))
        }
        _ => String::new(),
    };
    let why = if more < 0.0 { "" } else { " (caches, memory bandwidth, spinning)" };
    format!("the same work costs {ratio} as much side by side as on one thread{why}{at}")
}

/// Which thread had the most of it, where there are several.
fn most(account: &Account, of: impl Fn(&ThreadUse) -> Option<f64>) -> String {
    let found = account.threads.iter().filter_map(|thread| Some((of(thread)?, thread))).max_by(|a, b| a.0.total_cmp(&b.0));
    match found {
        Some((time, thread)) if account.threads.len() > 1 && time > 0.0 => {
            format!(", most of all {} ({})", place(account, thread), seconds(time))
        }
        _ => String::new(),
    }
}

/// A thread's name, with its process where there are several.
fn place(account: &Account, thread: &ThreadUse) -> String {
    if account.threads.iter().all(|other| other.process == thread.process) {
        thread.thread.clone()
    } else {
        format!("{} of {}", thread.thread, thread.process)
    }
}

fn nothing_to_do(cores: &Cores, imbalance: f64, serialisation: f64) -> String {
    let parts = if cores.parallel.lanes.len() == 1 {
        String::new()
    } else {
        format!("; load imbalance is {} of it, serialisation {}", seconds(imbalance), seconds(serialisation))
    };
    format!("threads had nothing to do: {}{parts}", alone(&cores.parallel))
}

/// Time at concurrency 0 and 1, and the longest time alone.
fn alone(account: &Account) -> String {
    let share = |lanes: usize| account.at_work.get(lanes).map_or(0.0, |time| time / account.wall);
    let none = format!("for {} of the time no thread was in a span", percent(share(0)));
    match &account.alone {
        Some(alone) if account.lanes.len() > 1 && share(1) > 0.0 => {
            let only = format!("for {} of the time only one thread worked", percent(share(1)));
            let longest = format!("{only}, longest in {} ({} alone)", alone.name, seconds(alone.seconds));
            if share(0) >= 0.005 { format!("{longest}, and {none}") } else { longest }
        }
        _ => none,
    }
}

fn notes(cores: &Cores) -> Vec<String> {
    let mut notes = Vec::new();
    if let Some(factors) = cores.factors() {
        let figure = |value: f64| format!("{value:.2}");
        notes.push(format!(
            "As a product: {} = {} \u{d7} load balance {} \u{d7} serialisation {} \u{d7} computation {} \u{d7} T_1/W_1 {} \
             \u{d7} T_seq/T_1 {}.",
            figure(cores.speedup()),
            factors.lanes,
            figure(factors.load_balance),
            figure(factors.serialisation),
            figure(factors.computation),
            figure(factors.one_thread),
            figure(factors.sequential),
        ));
    }
    if !(cores.one.told() && cores.parallel.told()) {
        notes.push(
            "This system does not tell when a thread had no core or was on one outside of spans: that is part of idle, and spans \
             of work count in full."
                .into(),
        );
    }
    let not_let: f64 = cores.parallel.lanes.iter().filter_map(|lane| lane.told).map(|told| told.not_let).sum();
    if not_let > BUSY * cores.thread_time() {
        notes.push("Threads waited for a core, which disturbs all figures: the machine was busy, or has fewer cores than the run had threads.".into());
    }
    if cores.parallel.unseen > 0.0 {
        notes.push(format!(
            "Threads ended before the last look at them: of {} of thread time it is not known whether a core was there for it.",
            seconds(cores.parallel.unseen)
        ));
    }
    notes.push("Waiting for a lock or a channel has a name only inside spans marked waits = true.".into());
    notes
}

/// What the title of a timeline says of requests; `None` where the trace does not tell what one is.
pub fn in_flight(flight: &InFlight) -> Option<String> {
    flight.span.as_ref().filter(|_| flight.wall > 0.0)?;
    Some(format!("{} requests in flight on average, of {} allowed", number::mean(flight.mean()), flight.allowed))
}

fn of_requests(flight: &InFlight) -> Told {
    let share = |time: f64| percent(time / flight.wall);
    let wall = seconds(flight.wall);
    let Some(span) = &flight.span else {
        let headline = "Requests wait for a network, so time on cores explains no speedup:".into();
        let line =
            format!("no span of the trace was entered again and again, so it does not tell how many were in flight in {wall}");
        return Told { headline, lines: vec![line], notes: Vec::new() };
    };
    let headline = format!(
        "In {wall}, {} ({span}) were {} in flight on average, of {} allowed:",
        number::counted(flight.requests, "request", "requests"),
        number::mean(flight.mean()),
        flight.allowed,
    );
    let full: f64 = flight.at_a_time.iter().skip(flight.allowed).sum();
    let at = |count: usize| flight.at_a_time.get(count).copied().unwrap_or(0.0);
    let mut lines = vec![
        (
            flight.waiting,
            "requests were in flight and no thread was in a span: they waited for the server, or threads for a core".to_owned(),
        ),
        (full, format!("as many were in flight as allowed ({})", flight.allowed)),
        (flight.working, "some thread worked".to_owned()),
        (at(0), "nothing was in flight".to_owned()),
    ];
    if flight.allowed > 1 {
        lines.push((at(1), "only one was in flight".to_owned()));
    }
    lines.retain(|(time, _)| *time >= LEAST * flight.wall);
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines = lines.into_iter().map(|(time, what)| format!("{}, {} of the time: {what}", seconds(time), share(time))).collect();
    let notes = "A request is in flight from the first to the last moment that a thread is in its span; spans with the same \
                 arguments count as one request. The times overlap: they are no parts of a sum.";
    Told { headline, lines, notes: vec![notes.into()] }
}
