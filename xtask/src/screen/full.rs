//! The whole terminal for one program: keys in, lines out. Whatever ends it, the terminal is left as it was.

use std::{
    io::{self, Write},
    panic,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result};
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers},
    execute, queue,
    style::Print,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};

use super::painted;

/// Set while the terminal is ours.
static OURS: AtomicBool = AtomicBool::new(false);

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter or a sign.
    Char(char),
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Escape, and Ctrl-C.
    Escape,
}

/// How a text stands out. Each means the same without colour, by the words or signs that it is used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Not at all.
    Plain,
    /// A heading, or what matters.
    Strong,
    /// What is there to be looked up.
    Faint,
    /// Where one is.
    Here,
    /// What went wrong.
    Wrong,
    /// What would mend it.
    Mending,
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Without control characters.
    pub text: String,
    /// How it stands out.
    pub look: Look,
}

/// A line of the screen, its parts from left to right.
pub type Line = Vec<Span>;

/// What has the whole terminal.
pub trait Program {
    /// The lines of a screen of so many columns and rows.
    fn draw(&mut self, columns: usize, rows: usize) -> Vec<Line>;

    /// A key was pressed; false to end.
    fn press(&mut self, key: Key) -> bool;
}

/// Gives the terminal to a program until that ends.
///
/// # Errors
/// If the terminal cannot be read or written.
pub fn run(program: &mut impl Program) -> Result<()> {
    let taken = Taken::new().context("cannot take the terminal")?;
    let ended = turn(program).context("cannot read or write the terminal");
    drop(taken);
    ended
}

fn turn(program: &mut impl Program) -> io::Result<()> {
    loop {
        show(program)?;
        let goes_on = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => known(key).is_none_or(|key| program.press(key)),
            // The window has another size: drawn again.
            _ => true,
        };
        if !goes_on {
            return Ok(());
        }
    }
}

fn known(key: KeyEvent) -> Option<Key> {
    match key.code {
        // No signal in raw mode.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Key::Escape),
        KeyCode::Char(letter) => Some(Key::Char(letter)),
        KeyCode::Left => Some(Key::Left),
        KeyCode::Right => Some(Key::Right),
        KeyCode::Home => Some(Key::Home),
        KeyCode::End => Some(Key::End),
        KeyCode::Esc => Some(Key::Escape),
        _ => None,
    }
}

fn show(program: &mut impl Program) -> io::Result<()> {
    let (columns, rows) = terminal::size()?;
    let mut out = io::stdout().lock();
    for (row, line) in program.draw(columns.into(), rows.into()).iter().take(rows.into()).enumerate() {
        queue!(out, MoveTo(0, row as u16))?;
        let mut room = usize::from(columns);
        for Span { text, look } in line {
            let text: String = text.chars().take(room).collect();
            room -= text.chars().count();
            queue!(out, Print(look.paint(&text)))?;
        }
        queue!(out, Clear(ClearType::UntilNewLine))?;
    }
    queue!(out, Clear(ClearType::FromCursorDown))?;
    out.flush()
}

impl Look {
    fn paint(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Strong => painted("1", text),
            Self::Faint => painted("2", text),
            Self::Here => painted("7", text),
            Self::Wrong => painted("1;31", text),
            Self::Mending => painted("32", text),
        }
    }
}

/// The terminal while it is ours.
struct Taken;

impl Taken {
    fn new() -> io::Result<Self> {
        // A panic prints its message before anything is dropped: the terminal must be back by then.
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            usual(info);
        }));
        OURS.store(true, Ordering::SeqCst);
        let taken = Self;
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        give_back();
    }
}

/// Leaves the terminal as it was, where it is ours; also called on the way out of a signal.
pub fn give_back() {
    if OURS.swap(false, Ordering::SeqCst) {
        // There is nobody left to tell if the terminal is gone.
        let _gone = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _gone = terminal::disable_raw_mode();
    }
}
