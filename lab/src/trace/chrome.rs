//! The Chrome trace file of this process.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Instant, SystemTime},
};

use serde_json::{Map, Value, json};
use tracing::{
    Event,
    span::{Attributes, Id, Record},
};
use tracing_chrome::{ChromeLayer, ChromeLayerBuilder, FlushGuard};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer},
};

use super::{direct::DirectLayer, file, path, taps};
use crate::par::Clocked;

/// The environment variable that names the folder into which [`chrome_from_environment`] writes.
pub const TRACE_FOLDER_VARIABLE: &str = "RACECOURSE_TRACE_DIR";

/// Makes the trace file whole when dropped.
#[must_use = "the trace file is complete only when this is dropped"]
pub struct Chrome {
    finish: Finish,
    /// Whose critical paths are drawn.
    runs: Vec<Clocked>,
}

impl Chrome {
    fn new(finish: Finish) -> Self {
        Self { finish, runs: Vec::new() }
    }

    /// Has the critical path of a run drawn, in a row of its own, once the file is made whole.
    pub fn add_run(&mut self, run: Clocked) {
        self.runs.push(run);
    }
}

enum Finish {
    /// tracing-chrome's file is complete once its guard is dropped, and is then written anew as [`file`] has it.
    Rewrite {
        path: PathBuf,
        guard: Option<FlushGuard>,
    },
    Foot,
}

/// Writes every span of this process to a Chrome trace file, through tracing-chrome.
///
/// One for each process, kept until the end of `main`: leave `main` by returning or panicking, never by
/// `std::process::exit`, or the file ends in mid-word ([`file::read`] still reads it).
///
/// # Errors
/// If the file cannot be written, this process has or had another trace, or a `tracing` subscriber of its own.
pub fn chrome(path: &Path) -> io::Result<Chrome> {
    let process = std::env::current_exe()?.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    start(|| {
        let mut file = File::create(path)?;
        let (layer, guard) =
            ChromeLayerBuilder::new().writer(file.try_clone()?).include_args(true).include_locations(false).build();
        // tracing-chrome starts its clock at the end of `build`. Nothing has been written: it keeps 8 KiB back.
        let mut other = other_data(&process.unwrap_or_default());
        other.insert(file::RAW.into(), file::RAW_TRACING_CHROME.into());
        file.write_all(file::head(&other).as_bytes())?;
        Ok((Writer::Buffered(Box::new(layer)), Chrome::new(Finish::Rewrite { path: path.into(), guard: Some(guard) })))
    })
}

/// Writes every span of this process to `<folder>/<name>-<pid>.json` if `RACECOURSE_TRACE_DIR` names a folder: for the child
/// processes of a traced run. The file holds what the process did until its death, even by SIGKILL.
///
/// # Errors
/// As [`chrome`].
pub fn chrome_from_environment(name: &str) -> io::Result<Option<Chrome>> {
    let Some(folder) = std::env::var_os(TRACE_FOLDER_VARIABLE).filter(|folder| !folder.is_empty()) else { return Ok(None) };
    fs::create_dir_all(&folder)?;
    let pid = std::process::id();
    let path = Path::new(&folder).join(format!("{name}-{pid}.json"));
    let chrome = start(|| {
        let mut file = File::create(&path)?;
        let mut other = other_data(name);
        other.insert(file::RAW.into(), "direct".into());
        let head = file::head(&other);
        let (start, named) = (Instant::now(), json!(file::Event::process_name(pid.into(), name)));
        file.write_all(format!("{head}[\n{named}").as_bytes())?;
        Ok((Writer::Direct(DirectLayer::new(file, start)), Chrome::new(Finish::Foot)))
    })?;
    Ok(Some(chrome))
}

/// Who this is and what time it is: the moment to which the file's times count.
fn other_data(process: &str) -> Map<String, Value> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let values = [
        ("process", process.into()),
        ("pid", std::process::id().into()),
        (file::CLOCK_BASE, (now.as_nanos() as f64 / 1000.0).into()),
    ];
    values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

static CLAIMED: AtomicBool = AtomicBool::new(false);
static ACTIVE: AtomicBool = AtomicBool::new(false);
static WRITER: OnceLock<Writer> = OnceLock::new();

fn start(make: impl FnOnce() -> io::Result<(Writer, Chrome)>) -> io::Result<Chrome> {
    // tracing-chrome keeps its sender and thread numbers in thread-locals: a second one in a process would lose events.
    if CLAIMED.swap(true, Ordering::Relaxed) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a process writes one trace, and this one has begun its own"));
    }
    taps::install().map_err(io::Error::other)?;
    let (writer, chrome) = make()?;
    WRITER.set(writer).unwrap_or_else(|_| unreachable!("claimed once"));
    ACTIVE.store(true, Ordering::Release);
    Ok(chrome)
}

/// The trace that is being written, if one is.
pub(super) fn writer() -> Option<&'static Writer> {
    if ACTIVE.load(Ordering::Acquire) { WRITER.get() } else { None }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        ACTIVE.store(false, Ordering::Release);
        match &mut self.finish {
            Finish::Rewrite { path, guard } => {
                drop(guard.take());
                if let Err(error) = rewrite(path, &self.runs) {
                    eprintln!("cannot complete the trace {}: {error}", path.display());
                }
            }
            Finish::Foot => {
                if let Some(Writer::Direct(layer)) = WRITER.get() {
                    layer.finish();
                }
            }
        }
    }
}

fn rewrite(path: &Path, runs: &[Clocked]) -> io::Result<()> {
    File::options().append(true).open(path)?.write_all(b"}\n")?;
    let mut trace = file::read(path)?;
    path::draw(&mut trace, runs);
    file::write(&trace, path)
}

/// Whichever layer writes the trace.
pub(super) enum Writer {
    Buffered(Box<ChromeLayer<Registry>>),
    Direct(DirectLayer),
}

impl Writer {
    fn layer(&self) -> &dyn Layer<Registry> {
        match self {
            Self::Buffered(layer) => layer,
            Self::Direct(layer) => layer,
        }
    }

    pub(super) fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        self.layer().on_new_span(attributes, id, context);
    }

    pub(super) fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, Registry>) {
        self.layer().on_record(id, values, context);
    }

    pub(super) fn on_enter(&self, id: &Id, context: Context<'_, Registry>) {
        if matches!(self, Self::Buffered(_)) {
            taps::tell_os_thread();
        }
        self.layer().on_enter(id, context);
    }

    pub(super) fn on_exit(&self, id: &Id, context: Context<'_, Registry>) {
        self.layer().on_exit(id, context);
    }

    pub(super) fn on_event(&self, event: &Event<'_>, context: Context<'_, Registry>) {
        self.layer().on_event(event, context);
    }
}
