//! Chrome trace files: read, merge those of several processes, check, draw, write.
//!
//! The format is Google's Trace Event Format. Of its phases the course writes `B` and `E` (a span begins and ends on its
//! thread), `X` (a whole slice), `i` (an instant) and `M` (names); whatever else a file holds is kept and passed on.
//! Times are microseconds.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt, fs, io,
    path::Path,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// In `otherData`: the Unix time of the file's time zero, in microseconds.
pub const CLOCK_BASE: &str = "clock_base_unix_us";
/// In `otherData`: the file ends in mid-word, because its process was killed.
pub const CUT: &str = "cut";
/// Among the arguments of a span: its process or the trace ended before it did, and it was closed by the reader.
pub const UNFINISHED: &str = "unfinished";
/// Among the arguments of any event: the pid of a process that its parent knows to be dead at that time. [`merge`] lets the
/// open spans of a process that was killed last until then.
pub const REAPED: &str = "reaped";

/// Among the arguments of a thread's name: its number in the operating system, where that tells one. A file of tracing-chrome
/// has it as an instant of the thread until it is [`read`].
pub const OS_THREAD: &str = "os_thread";
/// The name of the row that shows the critical path of a run, which is no thread.
pub const CRITICAL_PATH: &str = "critical path";
/// Among the arguments of a span: it lies on the critical path. All slices of the path's own row have it.
pub const CRITICAL: &str = "critical";

/// In `otherData`, by whom the file was written and not yet brought into order; [`read`] does that.
pub(super) const RAW: &str = "raw";
pub(super) const RAW_TRACING_CHROME: &str = "tracing-chrome";
/// What makes a file whole that begins with [`head`], `[` and events.
pub(super) const FOOT: &str = "\n]}\n";

/// A trace: what a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trace {
    /// In the order of the file; written in order of time.
    pub events: Vec<Event>,
    /// `otherData`. Of one process: `process`, `pid`, [`CLOCK_BASE`], and [`CUT`] if it was. Of a merged trace: [`CLOCK_BASE`]
    /// and `processes`, a list of the former.
    pub other: Map<String, Value>,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Phase: `B`, `E`, `X`, `i`, `M`, ..
    pub ph: String,
    /// What is going on.
    #[serde(default)]
    pub name: String,
    /// Process.
    #[serde(default)]
    pub pid: u64,
    /// Thread in the process, from 1.
    #[serde(default)]
    pub tid: u64,
    /// When, in microseconds; 0 for names.
    #[serde(default)]
    pub ts: f64,
    /// How long, in microseconds, for `X`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dur: Option<f64>,
    /// Arguments.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub args: Map<String, Value>,
    /// All that this library has no use for: `cat`, `id`, `s`, `bp`, ..
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Event {
    /// An event without arguments.
    pub fn new(ph: &str, name: &str, pid: u64, tid: u64, ts: f64) -> Self {
        Self { ph: ph.into(), name: name.into(), pid, tid, ts, dur: None, args: Map::new(), more: Map::new() }
    }

    /// Names a thread.
    pub fn thread_name(pid: u64, tid: u64, name: &str) -> Self {
        Self { args: Map::from_iter([("name".into(), name.into())]), ..Self::new("M", "thread_name", pid, tid, 0.0) }
    }

    /// Names a process.
    pub fn process_name(pid: u64, name: &str) -> Self {
        Self { args: Map::from_iter([("name".into(), name.into())]), ..Self::new("M", "process_name", pid, 0, 0.0) }
    }

    fn thread(&self) -> (u64, u64) {
        (self.pid, self.tid)
    }

    fn is_metadata(&self) -> bool {
        self.ph == "M"
    }

    fn named(&self, kind: &str) -> Option<&str> {
        (self.is_metadata() && self.name == kind).then(|| self.args.get("name")?.as_str()).flatten()
    }
}

/// One row of a timeline.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadRow {
    /// Its process's name; empty if it has none.
    pub process: String,
    /// Its process's id.
    pub pid: u64,
    /// Its name; empty if it has none.
    pub thread: String,
    /// Its number.
    pub tid: u64,
    /// Its number in the operating system, if the trace tells; see [`OS_THREAD`].
    pub os_thread: Option<u64>,
    /// In order of their start; those of depth 0 do not overlap.
    pub slices: Vec<Slice>,
}

/// What a thread did for a while.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Its name.
    pub name: String,
    /// Microseconds of the trace's clock.
    pub start_us: f64,
    /// Microseconds of the trace's clock.
    pub end_us: f64,
    /// Within how many other slices of its thread it lies.
    pub depth: usize,
    /// Arguments of its begin and its end.
    pub args: Map<String, Value>,
}

impl Slice {
    /// Whether it says of itself, by the argument `waits = true`, that its thread waits for another one.
    pub fn waits(&self) -> bool {
        self.args.get("waits").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether its process or the trace ended before it did.
    pub fn unfinished(&self) -> bool {
        self.args.get(UNFINISHED).and_then(Value::as_bool).unwrap_or(false)
    }
}

impl ThreadRow {
    /// Whether it is the row of critical paths, and no thread at all.
    pub fn is_critical_path(&self) -> bool {
        let critical = |slice: &Slice| slice.args.get(CRITICAL).and_then(Value::as_bool) == Some(true);
        self.thread == CRITICAL_PATH && !self.slices.is_empty() && self.slices.iter().all(critical)
    }
}

/// The longest chain, by time, of strands that had to wait for each other in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct CriticalPath {
    /// From the start of the run to its end, in microseconds.
    pub wall_us: f64,
    /// In order of time; none overlaps another. `args["thread"]` is the `tid` of the thread that it ran on.
    pub stretches: Vec<Slice>,
}

impl CriticalPath {
    /// All stretches together, in microseconds. What is missing to the wall is time in which what was ready waited for a
    /// thread.
    pub fn path_us(&self) -> f64 {
        self.stretches.iter().map(|stretch| stretch.end_us - stretch.start_us).sum()
    }

    /// The longest stretch; the first of several.
    pub fn longest(&self) -> Option<&Slice> {
        let length = |slice: &Slice| slice.end_us - slice.start_us;
        self.stretches.iter().reduce(|longest, next| if length(next) > length(longest) { next } else { longest })
    }
}

impl fmt::Display for CriticalPath {
    /// `critical path: 310 ms of 420 ms; longest stretch: merge (72.1 ms)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: f64| if us < 99_950.0 { format!("{:.1} ms", us / 1e3) } else { format!("{:.0} ms", us / 1e3) };
        write!(f, "{CRITICAL_PATH}: {} of {}", ms(self.path_us()), ms(self.wall_us))?;
        match self.longest() {
            Some(slice) => write!(f, "; longest stretch: {} ({})", slice.name, ms(slice.end_us - slice.start_us)),
            None => Ok(()),
        }
    }
}

impl Trace {
    /// The critical path of each run that forked through `lab::par`, in order of time.
    pub fn critical_paths(&self) -> Vec<CriticalPath> {
        let mut paths: Vec<CriticalPath> = Vec::new();
        for row in self.threads().into_iter().filter(ThreadRow::is_critical_path) {
            for slice in row.slices {
                match (slice.depth, paths.last_mut()) {
                    (0, _) => paths.push(CriticalPath { wall_us: slice.end_us - slice.start_us, stretches: Vec::new() }),
                    (_, Some(path)) => path.stretches.push(slice),
                    (_, None) => {}
                }
            }
        }
        paths
    }

    /// The rows of its timeline, by process in the order of the trace, then by thread number: every thread that has a name or
    /// a slice. Slices that are open at the end of the trace end there.
    pub fn threads(&self) -> Vec<ThreadRow> {
        let mut places: HashMap<(u64, u64), usize> = HashMap::new();
        let mut rows: Vec<ThreadRow> = Vec::new();
        for event in self.events.iter().filter(|event| event.named("thread_name").is_some() || is_slice(event)) {
            let place = *places.entry(event.thread()).or_insert_with(|| {
                let process = self.process_name(event.pid).unwrap_or_default().into();
                let (thread, slices) = (String::new(), Vec::new());
                rows.push(ThreadRow { process, pid: event.pid, thread, tid: event.tid, os_thread: None, slices });
                rows.len() - 1
            });
            if let Some(name) = event.named("thread_name") {
                rows[place].thread = name.into();
                rows[place].os_thread = event.args.get(OS_THREAD).and_then(Value::as_u64);
            }
        }
        let last = self.last_time(None);
        let order = by_time(&self.events);
        for row in &mut rows {
            row.slices = slices(order.iter().copied().filter(|event| event.thread() == (row.pid, row.tid)), last);
        }
        let mut pids: Vec<u64> = Vec::new();
        for pid in self.events.iter().map(|event| event.pid) {
            if !pids.contains(&pid) {
                pids.push(pid);
            }
        }
        rows.sort_by_key(|row| (pids.iter().position(|pid| *pid == row.pid), row.tid));
        rows
    }

    /// What a process is called, if it is named.
    pub fn process_name(&self, pid: u64) -> Option<&str> {
        self.events.iter().filter(|event| event.pid == pid).find_map(|event| event.named("process_name"))
    }

    /// Whether the file ended in mid-word; see [`CUT`].
    pub fn cut(&self) -> bool {
        self.other.get(CUT).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The time of the last event, of that process or of all.
    fn last_time(&self, pid: Option<u64>) -> f64 {
        let of_it = self.events.iter().filter(|event| !event.is_metadata() && pid.is_none_or(|pid| event.pid == pid));
        of_it.map(|event| event.ts + event.dur.unwrap_or(0.0)).fold(0.0, f64::max)
    }

    /// The spans in which a process was killed lasted until its parent saw it dead, if it says when; see [`REAPED`].
    fn last_until_reaped(&mut self, pid: u64, renamed: u64) {
        let last = self.last_time(Some(renamed));
        let says = |event: &&Event| event.ph != "E" && event.args.get(REAPED).and_then(Value::as_u64) == Some(pid);
        let reaped = self.events.iter().filter(says).map(|event| event.ts).filter(|ts| *ts >= last).reduce(f64::min);
        let Some(reaped) = reaped else { return };
        for event in self.events.iter_mut().filter(|event| event.pid == renamed && event.args.contains_key(UNFINISHED)) {
            event.ts = reaped;
        }
    }

    /// What tracing-chrome writes in its own way: process ids, thread numbers from 0, arguments as text.
    fn translate(&mut self) {
        let pid = self.other.get("pid").and_then(Value::as_u64).unwrap_or(1);
        for event in &mut self.events {
            // Threads without a name are called by their number, counted from 0.
            if event.named("thread_name") == Some(event.tid.to_string().as_str()) {
                *event = Event::thread_name(pid, event.tid, &format!("thread {}", event.tid + 1));
            }
            event.pid = pid;
            event.tid += 1;
            let is_metadata = event.is_metadata();
            for (_, value) in event.args.iter_mut().filter(|_| !is_metadata) {
                if let Some(typed) = value.as_str().map(typed) {
                    *value = typed;
                }
            }
        }
        let name = self.other.get("process").and_then(Value::as_str).unwrap_or("process");
        self.events.insert(0, Event::process_name(pid, name));
        self.take_os_threads();
    }

    /// Moves the numbers that threads have told by an instant to the threads' names.
    fn take_os_threads(&mut self) {
        let mut told: HashMap<(u64, u64), Value> = HashMap::new();
        self.events.retain_mut(|event| match event.args.remove(OS_THREAD) {
            Some(number) if event.ph == "i" && event.name == OS_THREAD => {
                told.insert(event.thread(), number);
                false
            }
            other => {
                event.args.extend(other.map(|value| (OS_THREAD.into(), value)));
                true
            }
        });
        for event in self.events.iter_mut().filter(|event| event.named("thread_name").is_some()) {
            event.args.extend(told.remove(&event.thread()).map(|number| (OS_THREAD.into(), number)));
        }
    }

    /// Closes what is open at the end and drops the ends of what was open before the beginning.
    fn close(&mut self) {
        let mut open: BTreeMap<(u64, u64), Vec<String>> = BTreeMap::new();
        self.events.retain(|event| match event.ph.as_str() {
            "B" => {
                open.entry(event.thread()).or_default().push(event.name.clone());
                true
            }
            "E" => open.get_mut(&event.thread()).is_some_and(|stack| stack.pop().is_some()),
            _ => true,
        });
        for ((pid, tid), names) in open {
            let last = self.last_time(Some(pid));
            for name in names.into_iter().rev() {
                let mut event = Event::new("E", &name, pid, tid, last);
                event.args.insert(UNFINISHED.into(), true.into());
                self.events.push(event);
            }
        }
    }
}

/// Names first, then by time; events of the same time stay in order, so that a thread's begins and ends stay nested.
fn by_time(events: &[Event]) -> Vec<&Event> {
    let mut order: Vec<&Event> = events.iter().collect();
    order.sort_by(|a, b| (!a.is_metadata()).cmp(&!b.is_metadata()).then(a.ts.total_cmp(&b.ts)));
    order
}

fn is_slice(event: &Event) -> bool {
    matches!(event.ph.as_str(), "B" | "E" | "X")
}

/// The slices of one thread, whose events come in order of time.
fn slices<'a>(events: impl Iterator<Item = &'a Event>, last: f64) -> Vec<Slice> {
    let mut slices: Vec<Slice> = Vec::new();
    // Slices that were begun and not ended, and the ends of the whole slices around the present moment.
    let (mut open, mut whole): (Vec<usize>, Vec<f64>) = (Vec::new(), Vec::new());
    for event in events {
        whole.retain(|end| *end > event.ts);
        let mut begin = |end_us| {
            let (name, args) = (event.name.clone(), event.args.clone());
            slices.push(Slice { name, start_us: event.ts, end_us, depth: open.len() + whole.len(), args });
        };
        match event.ph.as_str() {
            "B" => {
                begin(last);
                open.push(slices.len() - 1);
            }
            "E" => {
                if let Some(place) = open.pop() {
                    slices[place].end_us = event.ts;
                    slices[place].args.extend(event.args.clone());
                }
            }
            "X" => {
                let end = event.ts + event.dur.unwrap_or(0.0);
                begin(end);
                whole.push(end);
            }
            _ => {}
        }
    }
    for place in open {
        slices[place].args.insert(UNFINISHED.into(), true.into());
    }
    slices
}

/// An argument that was text only because the writer knows nothing else.
pub(super) fn typed(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        // A whole number beyond 64 bits would lose digits as a float.
        Ok(Value::Number(number)) if !number.is_f64() || text.contains(['.', 'e', 'E']) => Value::Number(number),
        // A `&str` argument comes with its quotes, as `Debug` has it.
        Ok(value @ (Value::Bool(_) | Value::String(_))) => value,
        _ => text.into(),
    }
}

/// Everything before the list of events, so that a file is known for what it is however early it ends.
pub(super) fn head(other: &Map<String, Value>) -> String {
    format!("{{\"otherData\":{},\"traceEvents\":", json!(other))
}

/// Reads a trace file: an object with `traceEvents`, or a plain list.
///
/// It is lenient with files of processes that were killed: of a file that ends in mid-word every whole event is kept, spans
/// that are open are closed at its last event and marked [`UNFINISHED`], and the trace is marked [`CUT`]. An empty file is
/// such a file. A whole file of somebody else is taken as it is, for [`check`] to judge.
///
/// # Errors
/// If it cannot be read, or holds anything else.
pub fn read(path: &Path) -> io::Result<Trace> {
    let bytes = fs::read(path)?;
    parse(&bytes).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{} is not a trace in Chrome's format", path.display()))
    })
}

fn parse(bytes: &[u8]) -> Option<Trace> {
    #[derive(Deserialize)]
    struct Object {
        #[serde(rename = "traceEvents")]
        events: Vec<Event>,
        #[serde(rename = "otherData", default)]
        other: Map<String, Value>,
    }
    let whole = if bytes.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(bytes).map(|events| Trace { events, other: Map::new() })
    } else {
        serde_json::from_slice(bytes).map(|Object { events, other }| Trace { events, other })
    };
    let mut trace = match whole {
        Ok(trace) => trace,
        Err(error) if error.is_eof() => salvage(bytes)?,
        Err(_) => return None,
    };
    let raw = trace.other.remove(RAW);
    if raw.as_ref().and_then(Value::as_str) == Some(RAW_TRACING_CHROME) {
        trace.translate();
    }
    if raw.is_some() || trace.cut() {
        trace.close();
        trace.events = by_time(&trace.events).into_iter().cloned().collect();
    }
    Some(trace)
}

/// The whole events of a file that is not whole.
fn salvage(bytes: &[u8]) -> Option<Trace> {
    let mut trace = Trace::default();
    let mut rest = bytes.trim_ascii_start();
    if rest.first() == Some(&b'{') {
        if let Some(at) = after(rest, b"\"otherData\":") {
            let mut value = serde_json::Deserializer::from_slice(&rest[at..]).into_iter::<Map<String, Value>>();
            if let Some(Ok(other)) = value.next() {
                trace.other = other;
            }
        }
        rest = after(rest, b"\"traceEvents\":").map(|at| rest[at..].trim_ascii_start()).unwrap_or_default();
    }
    match rest.split_first() {
        Some((b'[', events)) => rest = events,
        Some(_) => return None,
        None => {}
    }
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest);
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Event>();
        let Some(Ok(event)) = values.next() else { break };
        trace.events.push(event);
        rest = &rest[values.byte_offset()..];
    }
    trace.other.insert(CUT.into(), true.into());
    Some(trace)
}

fn after(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted).map(|at| at + wanted.len())
}

/// Puts the traces of several processes of one machine on one clock, one group of rows for each process; the trace begins
/// when the first of them does.
///
/// The clocks are aligned by [`CLOCK_BASE`]: a trace without one is refused, for a guessed alignment would show causes after
/// their effects. Files without any event are left out. Where a later process was given the id of an earlier one, it gets
/// another one. See [`REAPED`] for processes that were killed.
///
/// # Errors
/// If a file cannot be read, or lacks its clock's base.
pub fn merge<P: AsRef<Path>>(paths: &[P]) -> io::Result<Trace> {
    let mut parts: Vec<(f64, Trace)> = Vec::new();
    for path in paths {
        let path = path.as_ref();
        let trace = read(path)?;
        if trace.events.iter().all(Event::is_metadata) {
            continue;
        }
        let Some(base) = trace.other.get(CLOCK_BASE).and_then(Value::as_f64) else {
            let why = format!("{} has no {CLOCK_BASE} and cannot be put on the clock of another trace", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        };
        parts.push((base, trace));
    }
    parts.sort_by(|a, b| a.0.total_cmp(&b.0));
    let zero = parts.first().map_or(0.0, |(base, _)| *base);
    let mut used: BTreeSet<u64> = parts.iter().flat_map(|(_, trace)| trace.events.iter().map(|event| event.pid)).collect();
    let mut taken: BTreeSet<u64> = BTreeSet::new();
    let mut merged = Trace::default();
    let mut processes: Vec<Value> = Vec::new();
    let mut killed: Vec<(u64, u64)> = Vec::new();
    for (base, mut trace) in parts {
        let pids: BTreeSet<u64> = trace.events.iter().map(|event| event.pid).collect();
        let mut renamed: BTreeMap<u64, u64> = BTreeMap::new();
        for pid in pids {
            let unused = if taken.contains(&pid) { used.last().map_or(1, |last| last + 1) } else { pid };
            used.insert(unused);
            taken.insert(unused);
            renamed.insert(pid, unused);
        }
        for event in &mut trace.events {
            event.pid = renamed[&event.pid];
            if !event.is_metadata() {
                event.ts += base - zero;
            }
        }
        processes.push(Value::Object(trace.other.clone()));
        if trace.cut() {
            killed.extend(renamed);
        }
        merged.events.append(&mut trace.events);
    }
    merged.other = Map::from_iter([("processes".into(), processes.into()), (CLOCK_BASE.into(), zero.into())]);
    for (pid, renamed) in killed {
        merged.last_until_reaped(pid, renamed);
    }
    merged.events = by_time(&merged.events).into_iter().cloned().collect();
    Ok(merged)
}

/// Writes it in order of time, one event a line, whole or not at all.
///
/// # Errors
/// If the folder cannot be written.
pub fn write(trace: &Trace, path: &Path) -> io::Result<()> {
    let lines: Vec<String> = by_time(&trace.events).into_iter().map(|event| json!(event).to_string()).collect();
    let text = format!("{{\"traceEvents\":[\n{}\n],\"otherData\":{}}}\n", lines.join(",\n"), json!(trace.other));
    let beside = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&beside, text)?;
    fs::rename(&beside, path)
}

/// What is wrong with a trace, in sentences; empty if nothing is. Viewers drop or misplace such events without a word.
///
/// Refused: a phase that the format does not know; a time or a length that is negative or no number; a thread numbered 0 or
/// without a name; of several processes, one without a name; times of a thread that go back; an end that is not that of the
/// innermost open span; a span without an end; whole slices of a thread that overlap without one holding the other.
pub fn check(trace: &Trace) -> Vec<String> {
    const MOST: usize = 50;
    let mut faults: Vec<String> = Vec::new();
    let names: BTreeSet<(u64, u64)> =
        trace.events.iter().filter(|event| event.named("thread_name").is_some()).map(Event::thread).collect();
    let mut threads: BTreeMap<(u64, u64), Vec<&Event>> = BTreeMap::new();
    for event in &trace.events {
        let shown = || format!("{:?} ({}) at {} us", event.name, event.ph, event.ts);
        if event.ph.len() != 1 || !"BEXIiCbnesftPNODMVvRcas".contains(&event.ph) {
            faults.push(format!("{}: the format has no such phase", shown()));
        }
        for time in [Some(event.ts), event.dur].into_iter().flatten() {
            if !(time.is_finite() && time >= 0.0) {
                faults.push(format!("{}: the time or length {time} is not one", shown()));
            }
        }
        if !event.is_metadata() {
            threads.entry(event.thread()).or_default().push(event);
        }
    }
    let pids: BTreeSet<u64> = threads.keys().map(|(pid, _)| *pid).collect();
    for pid in pids.iter().filter(|pid| pids.len() > 1 && trace.process_name(**pid).is_none()) {
        faults.push(format!("process {pid} has no name"));
    }
    for ((pid, tid), events) in threads {
        let thread = format!("process {pid}, thread {tid}");
        if tid == 0 {
            faults.push(format!("{thread}: threads are numbered from 1"));
        }
        if !names.contains(&(pid, tid)) {
            faults.push(format!("{thread} has no name"));
        }
        faults.extend(faults_of_thread(&events).into_iter().map(|fault| format!("{thread}: {fault}")));
    }
    if faults.len() > MOST {
        let more = faults.len() - MOST;
        faults.truncate(MOST);
        faults.push(format!("and {more} more"));
    }
    faults
}

fn faults_of_thread(events: &[&Event]) -> Vec<String> {
    let mut faults = Vec::new();
    for pair in events.windows(2).filter(|pair| pair[1].ts < pair[0].ts) {
        faults.push(format!("time goes back from {} us to {} us", pair[0].ts, pair[1].ts));
    }
    let mut open: Vec<&Event> = Vec::new();
    for event in events {
        match (event.ph.as_str(), open.last()) {
            ("B", _) => open.push(event),
            ("E", None) => faults.push(format!("{:?} ends at {} us and never began", event.name, event.ts)),
            ("E", Some(begin)) => {
                if !event.name.is_empty() && event.name != begin.name {
                    let (name, ts, inner) = (&event.name, event.ts, &begin.name);
                    faults.push(format!("{name:?} ends at {ts} us while {inner:?} inside it is open"));
                }
                open.pop();
            }
            _ => {}
        }
    }
    faults.extend(open.iter().map(|begin| format!("{:?} begins at {} us and never ends", begin.name, begin.ts)));
    faults.extend(overlaps(events));
    faults
}

/// Whole slices that cross another slice's end.
fn overlaps(events: &[&Event]) -> Vec<String> {
    // A start and a length that were rounded apart do not make an overlap.
    const ROUNDING_US: f64 = 0.002;
    let last = events.iter().map(|event| event.ts).fold(0.0, f64::max);
    let mut slices = slices(events.iter().copied(), last);
    // The longer first where two begin together: it holds the other.
    slices.sort_by(|a, b| a.start_us.total_cmp(&b.start_us).then(b.end_us.total_cmp(&a.end_us)));
    let mut faults = Vec::new();
    let mut around: Vec<Slice> = Vec::new();
    for slice in slices {
        around.retain(|outer| outer.end_us > slice.start_us + ROUNDING_US);
        if let Some(outer) = around.iter().find(|outer| slice.end_us > outer.end_us + ROUNDING_US) {
            let (a, b, at) = (&outer.name, &slice.name, slice.start_us);
            faults.push(format!("{a:?} and {b:?} overlap at {at} us, and neither holds the other"));
        }
        around.push(slice);
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(pid: u64, tid: u64) -> Event {
        Event::thread_name(pid, tid, "worker")
    }

    fn trace(events: &[Event]) -> Trace {
        Trace { events: events.to_vec(), other: Map::new() }
    }

    fn event(ph: &str, name: &str, ts: f64) -> Event {
        Event::new(ph, name, 7, 1, ts)
    }

    fn whole(name: &str, ts: f64, dur: f64) -> Event {
        Event { dur: Some(dur), ..event("X", name, ts) }
    }

    fn write_text(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
        let path = folder.join(name);
        fs::write(&path, text).expect("the temporary folder can be written");
        path
    }

    #[test]
    fn a_good_trace_has_no_faults() {
        let events = [
            named(7, 1),
            event("B", "outer", 1.0),
            event("B", "inner", 1.0),
            event("i", "moment", 1.5),
            event("E", "inner", 2.0),
            event("E", "outer", 2.0),
            whole("whole", 3.0, 2.0),
            whole("held", 3.5, 1.5),
        ];
        assert_eq!(check(&trace(&events)), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_found() {
        let cases: [(&str, &[Event]); 11] = [
            ("never ends", &[named(7, 1), event("B", "a", 1.0)]),
            ("never began", &[named(7, 1), event("E", "a", 1.0)]),
            (
                "while \"b\" inside it is open",
                &[named(7, 1), event("B", "a", 1.0), event("B", "b", 2.0), event("E", "a", 3.0), event("E", "b", 4.0)],
            ),
            ("time goes back", &[named(7, 1), event("i", "a", 2.0), event("i", "b", 1.0)]),
            ("has no name", &[event("i", "a", 2.0)]),
            ("numbered from 1", &[named(7, 0), Event::new("i", "a", 7, 0, 1.0)]),
            ("time or length -1 is not one", &[named(7, 1), event("i", "a", -1.0)]),
            ("time or length -2 is not one", &[named(7, 1), whole("a", 1.0, -2.0)]),
            ("overlap", &[named(7, 1), whole("a", 1.0, 2.0), whole("b", 2.0, 2.0)]),
            ("no such phase", &[named(7, 1), event("Z", "a", 1.0)]),
            (
                "process 8 has no name",
                &[
                    Event::process_name(7, "parent"),
                    named(7, 1),
                    event("i", "a", 1.0),
                    named(8, 1),
                    Event::new("i", "a", 8, 1, 1.0),
                ],
            ),
        ];
        for (fault, events) in cases {
            let found = check(&trace(events));
            assert!(found.iter().any(|text| text.contains(fault)), "{fault:?} was not found; found {found:?}");
        }
    }

    #[test]
    fn rows_have_nested_slices() {
        let mut end = event("E", "outer", 4.0);
        end.args.insert("n".into(), 3.into());
        let events = [
            Event::process_name(7, "pool"),
            named(7, 1),
            event("B", "outer", 1.0),
            whole("in", 2.0, 1.0),
            end,
            event("B", "cut", 5.0),
        ];
        let rows = trace(&events).threads();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].process.as_str(), rows[0].thread.as_str(), rows[0].pid, rows[0].tid), ("pool", "worker", 7, 1));
        let shown: Vec<_> =
            rows[0].slices.iter().map(|slice| (slice.name.as_str(), slice.start_us, slice.end_us, slice.depth)).collect();
        assert_eq!(shown, [("outer", 1.0, 4.0, 0), ("in", 2.0, 3.0, 1), ("cut", 5.0, 5.0, 0)]);
        assert_eq!(rows[0].slices[0].args["n"], 3);
        assert!(rows[0].slices[2].unfinished());
    }

    #[test]
    fn arguments_get_their_types_back() {
        assert_eq!(typed("4000000"), json!(4_000_000));
        assert_eq!(typed("-2.5"), json!(-2.5));
        assert_eq!(typed("true"), json!(true));
        assert_eq!(typed("\"42\""), json!("42"));
        assert_eq!(typed("00ff"), json!("00ff"));
        assert_eq!(typed("123456789012345678901234567890"), json!("123456789012345678901234567890"));
        assert_eq!(typed("[1, 2]"), json!("[1, 2]"));
    }

    #[test]
    fn a_file_cut_anywhere_is_salvaged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let events = [named(7, 1), event("B", "a", 1.0), event("B", "b\u{e9}", 2.0), event("E", "b\u{e9}", 3.0)];
        let other = Map::from_iter([("pid".into(), 7.into()), (CLOCK_BASE.into(), 5.0.into())]);
        let lines: Vec<String> = events.iter().map(|event| json!(event).to_string()).collect();
        let text = format!("{}[\n{}\n]}}", head(&other), lines.join(",\n"));
        for length in 0..text.len() {
            let path = folder.path().join("cut.json");
            fs::write(&path, &text.as_bytes()[..length]).expect("the temporary folder can be written");
            let read = read(&path).unwrap_or_else(|error| panic!("cut after {length} bytes: {error}"));
            assert!(read.cut(), "cut after {length} bytes");
            let balanced: Vec<String> = check(&read).into_iter().filter(|fault| !fault.contains("has no name")).collect();
            assert_eq!(balanced, Vec::<String>::new(), "cut after {length} bytes");
        }
        let path = write_text(folder.path(), "whole.json", text.strip_suffix("\n]}").expect("the end of the text"));
        let rows = read(&path).expect("a cut trace").threads();
        let shown: Vec<_> = rows[0].slices.iter().map(|slice| (slice.name.as_str(), slice.end_us, slice.unfinished())).collect();
        assert_eq!(shown, [("a", 3.0, true), ("b\u{e9}", 3.0, false)]);
    }

    #[test]
    fn what_is_no_trace_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for text in ["hello", "{\"points\":3}", "12", "{\"traceEvents\":7}"] {
            let path = write_text(folder.path(), "other.json", text);
            let error = read(&path).expect_err(text);
            assert!(error.to_string().contains("other.json is not a trace"), "{error}");
        }
    }

    #[test]
    fn a_written_trace_is_read_back_in_order_of_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("trace.json");
        let later = event("i", "later", 2.5);
        let mut flow = event("s", "flow", 1.25);
        flow.more.insert("id".into(), 3.into());
        write(&trace(&[later.clone(), flow.clone(), named(7, 1)]), &path).expect("written");
        assert_eq!(read(&path).expect("read").events, [named(7, 1), flow, later]);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "a temporary file was left behind");
    }

    #[test]
    fn merging_puts_processes_on_one_clock_and_keeps_them_apart() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let part = |name: &str, pid: u64, base: f64, events: &[Event], cut: bool| {
            let other = Map::from_iter([("pid".into(), pid.into()), (CLOCK_BASE.into(), base.into())]);
            let events: Vec<String> = events.iter().map(|event| json!(event).to_string()).collect();
            let foot = if cut { ",\n{\"ph\":\"B" } else { FOOT };
            write_text(folder.path(), name, &format!("{}[{}{foot}", head(&other), events.join(",")))
        };
        let mut reap = event("i", "reap", 500.0);
        reap.args.insert(REAPED.into(), 8.into());
        let paths = [
            part("killed", 8, 1_000_300.0, &[Event::process_name(8, "w"), named(8, 1), Event::new("B", "task", 8, 1, 1.0)], true),
            part("parent", 7, 1_000_000.0, &[Event::process_name(7, "parent"), named(7, 1), reap], false),
            part("later", 8, 1_000_600.0, &[Event::process_name(8, "w"), named(8, 1), Event::new("i", "a", 8, 1, 1.0)], false),
            part("idle", 9, 0.0, &[Event::process_name(9, "w")], false),
        ];
        let merged = merge(&paths).expect("merged");
        assert_eq!(check(&merged), Vec::<String>::new());
        let rows = merged.threads();
        assert_eq!(
            rows.iter().map(|row| (row.process.as_str(), row.pid)).collect::<Vec<_>>(),
            [("parent", 7), ("w", 8), ("w", 9)]
        );
        let task = &rows[1].slices[0];
        assert_eq!((task.start_us, task.end_us, task.unfinished()), (301.0, 500.0, true), "it lasts until its death is seen");
    }

    #[test]
    fn a_trace_without_a_clock_is_not_merged() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = write_text(folder.path(), "foreign.json", r#"[{"ph":"i","pid":1,"tid":1,"ts":3}]"#);
        let error = merge(&[path]).expect_err("no clock base");
        assert!(error.to_string().contains("foreign.json has no clock_base_unix_us"), "{error}");
    }
}
