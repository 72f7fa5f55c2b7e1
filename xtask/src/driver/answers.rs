//! The answers of a workload process, a line each, with the time at which it was there.

use std::{
    io::Read,
    process::ChildStdout,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

/// The longest answer, in bytes: a line without an end must not fill the memory.
const LONGEST: usize = 1 << 20;

/// What came of waiting for an answer.
pub enum Heard {
    /// A line without its end, and when the last byte of it was read.
    Line(Vec<u8>, Instant),
    /// More than [`LONGEST`] bytes, and no end of the line.
    Endless,
    /// Nothing, or no whole line, in the time that it had.
    Silence,
    /// The output is closed.
    Closed,
}

/// What a process prints, read only while an answer to a question is due.
///
/// No thread reads ahead: what a process prints unasked stays where it is, in the pipe, and is found there before the next
/// question. So an answer can never be older than the question that it is taken for, and a flood blocks whoever makes it.
#[derive(Debug)]
pub struct Answers {
    pipe: ChildStdout,
    /// What was read and not yet heard. Read by an answer's end, so all of it came after the last question.
    read: Vec<u8>,
    /// When the last of it was read.
    when: Instant,
}

impl Answers {
    /// Of a process that was just started.
    pub fn of(pipe: ChildStdout) -> Self {
        Self { pipe, read: Vec::new(), when: Instant::now() }
    }

    /// The next line, waiting for it no longer than `limit`.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    pub fn next(&mut self, limit: Duration) -> Result<Heard> {
        let deadline = Instant::now() + limit;
        let mut searched = 0;
        loop {
            if let Some(end) = self.read[searched..].iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(searched + end + 1);
                let mut line = std::mem::replace(&mut self.read, rest);
                line.pop();
                return Ok(Heard::Line(line, self.when));
            }
            searched = self.read.len();
            if searched > LONGEST {
                return Ok(Heard::Endless);
            }
            match self.read_within(deadline.saturating_duration_since(Instant::now()))? {
                None => return Ok(Heard::Silence),
                Some(0) => return Ok(Heard::Closed),
                Some(_) => {}
            }
        }
    }

    /// The beginning of what the process has printed and nobody has asked for, if anything.
    ///
    /// # Errors
    /// If the pipe cannot be read.
    pub fn unasked(&mut self) -> Result<Option<&[u8]>> {
        if self.read.is_empty() {
            self.read_within(Duration::ZERO)?;
        }
        Ok((!self.read.is_empty()).then_some(&self.read))
    }

    /// Reads what is there, waiting for it if need be: how many bytes, 0 at the end of the output, `None` when time is up.
    fn read_within(&mut self, limit: Duration) -> Result<Option<usize>> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).context("a limit is too long to wait for")?;
            match poll(&mut [PollFd::new(&self.pipe, PollFlags::IN)], Some(&timeout)) {
                // A signal came in between; what asks for an end is handled elsewhere.
                Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for an answer of a workload"),
                Ok(0) => return Ok(None),
                Ok(_) => break,
            }
        }
        let mut buffer = [0; 16 * 1024];
        let read = self.pipe.read(&mut buffer).context("cannot read an answer of a workload")?;
        self.when = Instant::now();
        self.read.extend_from_slice(&buffer[..read]);
        Ok(Some(read))
    }
}
