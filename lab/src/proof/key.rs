//! The secret that tells what the course's own code says from what code under test says in the same process.

use std::{
    fmt,
    hash::Hasher,
    hint::black_box,
    io::{self, Write},
};

/// How many digits a key has.
const DIGITS: usize = 32;

/// A key of 128 bits, as 32 hexadecimal digits. It is never copied, and nothing of it is left where it was.
pub struct Key([u8; DIGITS]);

impl Key {
    /// The key that these two numbers make up.
    pub fn of(numbers: [u64; 2]) -> Self {
        let mut digits = [0; DIGITS];
        let nibbles = numbers.into_iter().flat_map(|number| (0..16).rev().map(move |place| number >> (4 * place) & 0xf));
        for (digit, nibble) in digits.iter_mut().zip(nibbles) {
            *digit = b"0123456789abcdef"[nibble as usize];
        }
        Self(digits)
    }

    /// The key at the beginning of `text`, and what follows it; `None` where there is none.
    pub fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (digits, rest) = text.split_first_chunk::<DIGITS>()?;
        let right = digits.iter().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit));
        right.then(|| (Self(*digits), rest))
    }

    /// Its digits.
    pub fn digits(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The rest of a line that begins with this key and a space.
    pub fn strip<'a>(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        line.strip_prefix(&self.0)?.strip_prefix(b" ")
    }

    /// What seals records in this key's name, without telling the key: made from it by a function that cannot be turned round.
    pub fn seal(&self) -> Seal {
        let number = |half: &[u8]| half.iter().fold(0, |number, digit| number << 4 | u64::from(hexadecimal(*digit)));
        let own = Seal([number(&self.0[..16]), number(&self.0[16..])]);
        Seal([own.of(0, "first half"), own.of(0, "second half")])
    }
}

fn hexadecimal(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
}

/// Fills it with zeros, and the compiler may not leave that out.
pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    black_box(bytes);
}

impl Drop for Key {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl fmt::Debug for Key {
    /// Without its digits: whatever is printed may be read by those that it is kept from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// A key for message authentication by SipHash-2-4.
pub struct Seal([u64; 2]);

impl Seal {
    /// The seal on the record of this number.
    #[expect(deprecated, reason = "`DefaultHasher` cannot be given a key, and is free to change from release to release")]
    pub fn of(&self, number: u64, text: &str) -> u64 {
        let [first, second] = self.0;
        let mut hasher = std::hash::SipHasher::new_with_keys(first, second);
        hasher.write(&number.to_le_bytes());
        hasher.write(text.as_bytes());
        hasher.finish()
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(..)")
    }
}

/// The next line of standard input without its end, as far as it goes into `buffer`. Reads nothing of what comes after it, and
/// leaves nothing of it anywhere but in `buffer`.
///
/// # Errors
/// If it cannot be read, or is longer than `buffer`.
pub(crate) fn line_into(buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let Some(place) = buffer.get_mut(length..=length) else {
            return Err(io::Error::other("the first line is too long"));
        };
        match rustix::io::read(io::stdin(), &mut *place) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Ok(length),
            Ok(_) if place == b"\n" => return Ok(length),
            Ok(_) => length += 1,
        }
    }
}

/// Makes this process one that no other, and no file below `/proc` of its own, can be used to look into, unless by root; and
/// one that does not outlive its parent.
///
/// # Errors
/// If the system refuses it.
pub(crate) fn close_this_process() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal};
        set_parent_process_death_signal(Some(Signal::KILL))?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    Ok(())
}

/// Puts nothing in the place of standard input.
///
/// # Errors
/// If there is no `/dev/null`.
pub(crate) fn close_standard_input() -> io::Result<()> {
    Ok(rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?)
}

/// Writes `parts` at once, so that nothing comes between them, from memory that is wiped afterwards.
///
/// # Errors
/// If they cannot be written.
pub(crate) fn write_once<const N: usize>(file: &mut std::fs::File, parts: [&[u8]; N]) -> io::Result<()> {
    let mut line = [0; 128];
    let mut length = 0;
    for part in parts {
        let place = line.get_mut(length..length + part.len()).ok_or_else(|| io::Error::other("the line is too long"))?;
        place.copy_from_slice(part);
        length += part.len();
    }
    let written = file.write_all(&line[..length]);
    wipe(&mut line);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = Key::of([0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210]);
        assert_eq!(key.digits(), "0123456789abcdeffedcba9876543210");
        let (read, rest) = Key::read(b"0123456789abcdeffedcba9876543210\"}").unwrap();
        assert_eq!((read.digits(), rest), (key.digits(), b"\"}".as_slice()));
        assert!(Key::read(b"0123456789abcdeffedcba987654321").is_none(), "too short");
        assert!(Key::read(b"0123456789ABCDEFfedcba9876543210").is_none(), "not as they are written");
        assert!(!format!("{key:?}{:?}", key.seal()).contains("0123"), "a key is not printed");
    }

    #[test]
    fn only_a_line_with_the_key_is_taken() {
        let key = Key::of([1, 2]);
        assert_eq!(key.strip(format!("{} {{}}", key.digits()).as_bytes()), Some(b"{}".as_slice()));
        assert_eq!(key.strip(format!("{} {{}}", Key::of([1, 3]).digits()).as_bytes()), None);
        assert_eq!(key.strip(b"{}"), None);
    }

    #[test]
    fn a_seal_is_of_the_key_and_the_number_and_the_text() {
        let seal = Key::of([1, 2]).seal();
        assert_eq!(seal.of(3, "text"), Key::of([1, 2]).seal().of(3, "text"));
        let others = [Key::of([1, 3]).seal().of(3, "text"), seal.of(4, "text"), seal.of(3, "tex")];
        assert!(others.iter().all(|other| *other != seal.of(3, "text")));
    }
}
