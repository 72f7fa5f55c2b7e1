//! Grades every submission of a folder that has no result yet, several at a time, beside whoever else does.

use std::{
    any::Any,
    collections::{BTreeSet, VecDeque},
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result};

use super::{
    GradeOne, alike,
    claim::{self, Claim, Tried},
    folders::{self, Entry, Shard},
    overrides,
    store::{Key, Store, Stored, not_graded},
    written,
};
use crate::{
    catalog::Catalog,
    machine, process,
    results::{Machine, Results, State},
    screen,
};

/// How often one looks again at what somebody else grades.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// What is graded, and where to.
#[derive(Debug)]
pub struct Options<'a> {
    /// The folder that holds one folder for each student.
    pub submissions: &'a Path,
    /// Where the results go.
    pub out: &'a Path,
    /// How many at a time.
    pub jobs: usize,
    /// The share of them that is graded here; all without one.
    pub shard: Option<Shard>,
    /// Points that are given by hand.
    pub overrides: Option<&'a Path>,
    /// The course: by it a submission's files are found, and what is still the starter's is not told as the same source twice.
    pub catalog: &'a Catalog,
    /// The command that goes on after an interruption, for the user.
    pub again: &'a str,
}

/// What came of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Graded now, by id.
    pub graded: Vec<String>,
    /// Those that had a result already, or got it from another batch meanwhile.
    pub kept: Vec<String>,
    /// Those that could not be graded, by no fault of their own; they are among the others, too, and tried again the next time.
    pub errors: Vec<String>,
    /// Of other shards: they have no result yet. Without any, the class is complete, and what is [`written`](Self::written)
    /// is about all of it.
    pub missing: Vec<String>,
    /// Results of nobody who is in the folder of submissions any more. They are kept and counted.
    pub gone: Vec<String>,
    /// The files over the whole class.
    pub written: Vec<PathBuf>,
}

impl Outcome {
    /// What is to be said of it, a line each: what was done, what was not, and what to do next.
    pub fn told(&self, out: &Path) -> Vec<String> {
        let some = |ids: &[String]| {
            let more = if ids.len() > 10 { format!(" and {} more", ids.len() - 10) } else { String::new() };
            ids.iter().take(10).cloned().collect::<Vec<_>>().join(", ") + &more
        };
        let mut lines = vec![format!("{} graded, {} had a result already", self.graded.len(), self.kept.len())];
        if !self.errors.is_empty() {
            let ids = some(&self.errors);
            lines.push(format!("not graded, by no fault of their own: {ids}; mend what their results say, and run it again"));
        }
        if !self.gone.is_empty() {
            let folder = out.join("submissions");
            lines.push(format!(
                "no longer handed in, and still counted: {}; their results are in {}",
                some(&self.gone),
                folder.display()
            ));
        }
        if self.missing.is_empty() {
            lines.extend(self.written.iter().map(|path| format!("written: {}", path.display())));
        } else {
            let count = self.missing.len();
            lines.push(format!(
                "{count} of other shards have no result in {} yet; when all have ended: cargo xtask grade merge OUT.. --into OUT",
                out.display()
            ));
        }
        lines
    }
}

/// Grades the batch, and writes what is written over the class when it is complete.
///
/// # Errors
/// If the submissions cannot be read, the results cannot be written, or an override is about nothing. What has been graded
/// until then stays graded.
pub fn batch(grader: &dyn GradeOne, options: &Options<'_>) -> Result<Outcome> {
    let store = Store::new(options.out);
    apart(options.submissions, options.out)?;
    fs::create_dir_all(options.out).with_context(|| format!("cannot make {}", options.out.display()))?;
    let entries = folders::entries(options.submissions)?;
    let again = options.again.to_owned();
    process::when_interrupted(move || {
        claim::end();
        screen::warn(format!("what is graded stays graded; go on with: {again}"));
    });
    let course = grader.course();
    let (ours, others): (Vec<Entry>, Vec<Entry>) =
        entries.into_iter().partition(|entry| options.shard.is_none_or(|shard| shard.holds(&entry.id)));
    let known: BTreeSet<String> = ours.iter().chain(&others).map(|entry| entry.id.clone()).collect();
    if let Some(path) = options.overrides {
        let mut students = known.clone();
        students.extend(store.ids()?);
        overrides::look(path, &students)?;
    }
    let run = Run::new(grader, options, &store, course, ours.len());
    let mut outcome = run.all(ours)?;
    outcome.missing = others.iter().filter(|entry| !run.is_done(entry)).map(|entry| entry.id.clone()).collect();
    outcome.gone = store.ids()?.into_iter().filter(|id| !known.contains(id)).collect();
    if outcome.missing.is_empty() {
        outcome.written = written::write(&store, options.overrides)?;
    }
    Ok(outcome)
}

/// Results among the submissions would be taken for one the next time.
fn apart(submissions: &Path, out: &Path) -> Result<()> {
    let told = || format!("cannot read {}; name the folder that holds one folder for each student", submissions.display());
    let inside = submissions.canonicalize().with_context(told)?;
    // What is not there yet is in the nearest folder above it that is.
    let out = std::path::absolute(out).with_context(|| format!("{} is no path", out.display()))?;
    let there = out.ancestors().find_map(|folder| folder.canonicalize().ok()).unwrap_or_default();
    anyhow::ensure!(!there.starts_with(&inside), "{} is within the submissions; name a folder beside them", out.display());
    Ok(())
}

/// A batch that runs.
struct Run<'a> {
    grader: &'a dyn GradeOne,
    options: &'a Options<'a>,
    store: &'a Store,
    course: String,
    machine: Machine,
    /// When it began, by the clock of whoever keeps the results.
    began: Option<SystemTime>,
    clock: Instant,
    all: usize,
    over: AtomicUsize,
    graded: AtomicUsize,
    outcome: Mutex<Outcome>,
    waiting: Mutex<BTreeSet<String>>,
}

/// What came of one attempt.
enum Came {
    Graded(State),
    Kept(State),
    /// Somebody else grades it.
    Held(String),
}

impl<'a> Run<'a> {
    fn new(grader: &'a dyn GradeOne, options: &'a Options<'a>, store: &'a Store, course: String, all: usize) -> Self {
        Self {
            grader,
            options,
            store,
            course,
            machine: machine::here(),
            began: claim::now(options.out),
            clock: Instant::now(),
            all,
            over: AtomicUsize::new(0),
            graded: AtomicUsize::new(0),
            outcome: Mutex::default(),
            waiting: Mutex::default(),
        }
    }

    fn all(&self, entries: Vec<Entry>) -> Result<Outcome> {
        let jobs = self.options.jobs.clamp(1, entries.len().max(1));
        let queue: Mutex<VecDeque<(Entry, Option<Instant>)>> =
            Mutex::new(entries.into_iter().map(|entry| (entry, None)).collect());
        let (stop, stopped) = mpsc::channel::<()>();
        let outcome = thread::scope(|scope| {
            scope.spawn(move || {
                while stopped.recv_timeout(claim::TOUCH) == Err(mpsc::RecvTimeoutError::Timeout) {
                    claim::touch();
                }
            });
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(|| self.work(&queue))).collect();
            let ended: Result<Vec<()>> =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| Err(told(&*panic)))).collect();
            drop(stop);
            ended
        });
        screen::status_over();
        outcome?;
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).clone();
        [&mut outcome.graded, &mut outcome.kept, &mut outcome.errors].into_iter().for_each(|ids| ids.sort());
        Ok(outcome)
    }

    /// Takes one after the other until none is left.
    fn work(&self, queue: &Mutex<VecDeque<(Entry, Option<Instant>)>>) -> Result<()> {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((entry, not_before)) = next else { return Ok(()) };
            if let Some(wait) = not_before.and_then(|time| time.checked_duration_since(Instant::now())) {
                thread::sleep(wait);
            }
            match self.one(&entry) {
                Ok(Came::Held(who)) => {
                    self.wait_for(&entry.id, &who);
                    let later = Some(Instant::now() + LOOK_AGAIN);
                    queue.lock().unwrap_or_else(PoisonError::into_inner).push_back((entry, later));
                }
                Ok(came) => self.count(&entry.id, &came),
                Err(error) => {
                    // Nothing more can be written: the others stop, too.
                    queue.lock().unwrap_or_else(PoisonError::into_inner).clear();
                    return Err(error);
                }
            }
        }
    }

    fn key(&self, entry: &Entry) -> Key {
        let files = entry.folder.as_ref().map_or_else(|why| folders::no_files(why), |folder| folders::files(folder));
        Key { files, course: self.course.clone() }
    }

    /// Whether a submission of another shard has its result.
    fn is_done(&self, entry: &Entry) -> bool {
        self.store.made_of(&entry.id, &self.key(entry)).is_some()
    }

    fn one(&self, entry: &Entry) -> Result<Came> {
        let key = self.key(entry);
        let folder = self.store.folder(&entry.id);
        if let Some(kept) = self.kept(&entry.id, &key) {
            tidy(&folder);
            return Ok(kept);
        }
        let claim = match Claim::take(&folder)? {
            Tried::Ours(claim) => claim,
            Tried::Held(who) => return Ok(Came::Held(who)),
        };
        // Whoever had it before may have ended it just now.
        if let Some(kept) = self.kept(&entry.id, &key) {
            return Ok(kept);
        }
        sweep(&folder);
        let stored = self.graded(entry, key);
        if !claim.holds() {
            return Ok(Came::Held("another batch, which thought this one dead".into()));
        }
        let state = stored.state();
        self.store.write(&stored)?;
        Ok(Came::Graded(state))
    }

    /// The result that it has already. An error is tried again, once for each batch.
    fn kept(&self, id: &str, key: &Key) -> Option<Came> {
        let state = self.store.made_of(id, key)?.state();
        let new = || {
            let written = fs::metadata(self.store.folder(id).join("results.json")).and_then(|about| about.modified());
            self.began.zip(written.ok()).is_some_and(|(began, written)| written > began)
        };
        (!matches!(state, State::Error(_)) || new()).then_some(Came::Kept(state))
    }

    fn graded(&self, entry: &Entry, key: Key) -> Stored {
        let id = entry.id.as_str();
        let folder = match &entry.folder {
            Ok(folder) => folder,
            Err(why) => return self.stored(id, not_graded(id, why.clone(), &self.machine), key),
        };
        let result = catch_unwind(AssertUnwindSafe(|| self.grader.grade(id, folder)));
        let results = match result {
            Ok(mut results) => match &mut results.submission {
                Some(submission) => {
                    id.clone_into(&mut submission.id);
                    results
                }
                None => not_graded(id, "the grader's own fault: its result says nothing of a submission".into(), &self.machine),
            },
            Err(panic) => not_graded(id, format!("the grader's own fault: {:#}", told(&*panic)), &self.machine),
        };
        let found = catch_unwind(AssertUnwindSafe(|| alike::of(self.options.catalog, folder, &results)));
        Stored { alike: found.unwrap_or_default(), ..self.stored(id, results, key) }
    }

    fn stored(&self, id: &str, results: Results, key: Key) -> Stored {
        Stored { id: id.to_owned(), results, key: Some(key), alike: Default::default() }
    }

    fn count(&self, id: &str, came: &Came) {
        let (state, new) = match came {
            Came::Graded(state) => (state, true),
            Came::Kept(state) => (state, false),
            Came::Held(_) => return,
        };
        let over = self.over.fetch_add(1, Ordering::Relaxed) + 1;
        let graded = self.graded.fetch_add(usize::from(new), Ordering::Relaxed) + usize::from(new);
        {
            let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
            if new { &mut outcome.graded } else { &mut outcome.kept }.push(id.to_owned());
            if matches!(state, State::Error(_)) {
                outcome.errors.push(id.to_owned());
            }
        }
        if new {
            let what = match state {
                State::Graded => "graded".to_owned(),
                State::Rejected(why) => format!("rejected: {}", one_line(why)),
                State::Error(why) => format!("not graded: {}", one_line(why)),
            };
            screen::status(&format!("[{over}/{}] {id}: {what}{}", self.all, self.left(over, graded)));
        }
    }

    /// How long the rest will take, by what those took that were graded now.
    fn left(&self, over: usize, graded: usize) -> String {
        let left = self.all.saturating_sub(over);
        if left == 0 || graded == 0 {
            return String::new();
        }
        let each = self.clock.elapsed().as_secs_f64() / graded as f64;
        format!(", about {} left", screen::seconds(each * left as f64))
    }

    /// Says once for whom is waited.
    fn wait_for(&self, id: &str, who: &str) {
        if self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            screen::status(&format!("{id} is being graded by {who}"));
        }
    }
}

/// The first line of a message, short enough for a terminal.
fn one_line(text: &str) -> String {
    let line: String = text.lines().next().unwrap_or_default().chars().map(crate::chart::text::legal).collect();
    if line.chars().count() > 100 { line.chars().take(99).chain(['\u{2026}']).collect() } else { line }
}

fn told(panic: &(dyn Any + Send)) -> anyhow::Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    anyhow::anyhow!("it panicked: {}", text.unwrap_or("without a word"))
}

/// Takes away what a batch has left beside a result that was killed just after it had written that.
fn tidy(folder: &Path) {
    if claim::is_any(folder)
        && let Ok(Tried::Ours(_given_back)) = Claim::take(folder)
    {
        sweep(folder);
    }
}

/// Takes away what a batch that was killed left half written. Only the holder of the claim writes here.
fn sweep(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".tmp")) {
        // Somebody who just asks whether the claim is dead makes such a file, too, and takes it away.
        let _gone = fs::remove_file(entry.path());
    }
}
