//! What travels between the pool and a worker. Given: there is nothing to do in this file, and it is worth reading.
//!
//! A pipe carries bytes without borders, so each message says first how long it is. All numbers are little-endian.
//!
//! | | length: 4 bytes | task: 8 bytes | | payload |
//! | --- | --- | --- | --- | --- |
//! | request | of all that follows | number of the task | attempt: 4 bytes, from 1 | the task |
//! | answer | of all that follows | the same number | outcome: 1 byte; 0 result, 1 error | the result, or a text in UTF-8 |

use std::io::{self, ErrorKind, Read, Write};

/// Longer messages are refused: four bytes of something else, such as a printed line, would be taken for a length.
pub const LONGEST: usize = 64 << 20;

/// What the pool sends to a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The number of the task, which the answer repeats.
    pub task: u64,
    /// How often this task has been sent, this time included.
    pub attempt: u32,
    /// The task.
    pub payload: Vec<u8>,
}

/// What a worker sends back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The number of the request.
    pub task: u64,
    /// What the handler returned, or why it did not.
    pub result: Result<Vec<u8>, String>,
}

impl Request {
    /// Writes it whole.
    ///
    /// # Errors
    /// If it is too long, or the other end of the pipe is closed ([`ErrorKind::BrokenPipe`]).
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write_frame(out, &[&self.task.to_le_bytes(), &self.attempt.to_le_bytes(), &self.payload])
    }

    /// Reads one; `None` where the input ends between two messages.
    ///
    /// # Errors
    /// If the input ends inside a message ([`ErrorKind::UnexpectedEof`]), or is none.
    pub fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(frame) = read_frame(input)? else { return Ok(None) };
        let (task, rest) = take_task(&frame)?;
        let (attempt, payload) = rest.split_first_chunk().ok_or(ErrorKind::InvalidData)?;
        Ok(Some(Self { task, attempt: u32::from_le_bytes(*attempt), payload: payload.to_vec() }))
    }
}

impl Answer {
    /// Writes it whole.
    ///
    /// # Errors
    /// If it is too long, or the other end of the pipe is closed ([`ErrorKind::BrokenPipe`]).
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let (outcome, payload) = match &self.result {
            Ok(result) => (0, result.as_slice()),
            Err(error) => (1, error.as_bytes()),
        };
        write_frame(out, &[&self.task.to_le_bytes(), &[outcome], payload])
    }

    /// Reads one; `None` where the input ends between two messages.
    ///
    /// # Errors
    /// If the input ends inside a message ([`ErrorKind::UnexpectedEof`]), or is none.
    pub fn read(input: &mut impl Read) -> io::Result<Option<Self>> {
        let Some(frame) = read_frame(input)? else { return Ok(None) };
        let (task, rest) = take_task(&frame)?;
        let result = match rest.split_first() {
            Some((0, result)) => Ok(result.to_vec()),
            Some((1, error)) => Err(String::from_utf8_lossy(error).into_owned()),
            _ => return Err(ErrorKind::InvalidData.into()),
        };
        Ok(Some(Self { task, result }))
    }
}

fn take_task(frame: &[u8]) -> io::Result<(u64, &[u8])> {
    let (task, rest) = frame.split_first_chunk().ok_or(ErrorKind::InvalidData)?;
    Ok((u64::from_le_bytes(*task), rest))
}

fn write_frame(out: &mut impl Write, parts: &[&[u8]]) -> io::Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidInput, format!("a message of {length} bytes is too long")));
    }
    let mut frame = Vec::with_capacity(4 + length);
    frame.extend_from_slice(&(length as u32).to_le_bytes());
    for part in parts {
        frame.extend_from_slice(part);
    }
    out.write_all(&frame)?;
    out.flush()
}

fn read_frame(input: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    // `read_exact` alone cannot tell the end of the input from the middle of a message.
    loop {
        match input.read(&mut length[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.read_exact(&mut length[1..])?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(ErrorKind::InvalidData, format!("this is no message: it would be {length} bytes long")));
    }
    let mut frame = vec![0; length];
    input.read_exact(&mut frame)?;
    Ok(Some(frame))
}
