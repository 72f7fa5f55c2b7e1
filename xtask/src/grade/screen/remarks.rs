//! What an instructor may want to look at in a submission. It costs nothing: each of these has honest uses.

use std::collections::BTreeSet;

use super::{
    File, names_of, read,
    tokens::{Kind, Token},
};
use crate::{
    catalog::{Exercise, Need},
    results::Remark,
    stage::Sources,
};

/// What is remarkable in `sources`, by file and line.
pub fn remarks(exercise: &Exercise, sources: &Sources) -> Vec<Remark> {
    let files = read(sources, &mut BTreeSet::new());
    let names = names_of(&files);
    let mut found: BTreeSet<(&str, usize, String)> = BTreeSet::new();
    for file in &files {
        for at in 0..file.tokens.len() {
            let said = of_token(&file.tokens, at).map(str::to_owned);
            found.extend(said.map(|what| (file.name, file.tokens[at].line, what)));
        }
        for written in &file.written {
            let said = names.targets(&written.segments).iter().find_map(|target| of_path(exercise, target));
            found.extend(said.map(|what| (file.name, written.line, what)));
        }
    }
    found.extend(unseen_cells(exercise, &files));
    let remark =
        |(file, line, what): (&str, usize, String)| Remark { exercise: exercise.path(), place: format!("{file}:{line}"), what };
    found.into_iter().map(remark).collect()
}

fn of_token(tokens: &[Token], at: usize) -> Option<&'static str> {
    let word = |at: usize| tokens.get(at).and_then(Token::ident);
    match &tokens[at].kind {
        Kind::Literal(text) if text.contains("/proc/") => Some("a string names /proc"),
        Kind::Literal(text) if text.contains("GITHUB_") => Some("a string names a variable of GitHub Actions"),
        Kind::Literal(text) if text.contains("::error") || text.contains("stop-commands") => {
            Some("a string is a command of GitHub Actions")
        }
        Kind::Ident(name) => match name.as_str() {
            "transmute" | "transmute_copy" => Some("it transmutes"),
            "as" if word(at + 2) == Some("const") && tokens.get(at + 3).is_some_and(|token| token.is('(')) => {
                Some("it casts to a pointer to nothing, as functions are")
            }
            "debug_assertions" => Some("it is other code in a test than in a timed run"),
            "type_name" => Some("it asks for the name of a type"),
            _ => None,
        },
        _ => None,
    }
}

fn of_path(exercise: &Exercise, target: &[String]) -> Option<String> {
    let segments: Vec<&str> = target.iter().map(String::as_str).collect();
    let needs = |need| exercise.about.needs.contains(&need);
    let processes = needs(Need::Processes);
    let does = match segments.as_slice() {
        ["std", "process", "exit"] => "ends the process",
        ["std", "process", "Command", ..] if !processes => "starts a process",
        ["std", "env", "var" | "var_os" | "vars" | "vars_os" | "args" | "args_os" | "current_exe"] => {
            "asks for the environment or the arguments"
        }
        ["std", "env", "set_var" | "remove_var"] => "changes the environment",
        ["std", "fs", ..] => "uses files",
        ["std", "net", ..] if !needs(Need::Loopback) => "uses the network",
        ["std", "os", ..] if !processes => "uses what only this system has",
        ["std", "thread", "current"] => "asks which thread it runs on",
        ["std", "backtrace", ..] => "asks who has called it",
        ["std", "panic", "Location", ..] => "asks for a place in the source, perhaps its caller's",
        ["std", "panic", "set_hook" | "take_hook"] => "changes what a panic does",
        ["std", "io", "stdin", ..] if !processes => "reads standard input",
        ["lab", "par", "is_counting"] => "asks whether it is being counted",
        ["std", "any", "type_name" | "type_name_of_val"] => "asks for the name of a type",
        _ => return None,
    };
    Some(format!("it {does} (`{}`)", target.join("::")))
}

/// A `Cell` that is said to be `Sync`: no model sees what is done to it.
fn unseen_cells<'a>(exercise: &Exercise, files: &[File<'a>]) -> Option<(&'a str, usize, String)> {
    if !exercise.about.points.contains_key("model") {
        return None;
    }
    let names = names_of(files);
    let is_cell = |target: &Vec<String>| target.len() > 2 && target[..2] == ["std", "cell"];
    let cells = files.iter().any(|file| file.written.iter().any(|written| names.targets(&written.segments).iter().any(is_cell)));
    let promise = files.iter().find_map(|file| {
        let at = (0..file.tokens.len()).find(|at| {
            let word = |at: usize| file.tokens.get(at).and_then(Token::ident);
            word(*at) == Some("unsafe") && word(at + 1) == Some("impl")
        })?;
        Some((file.name, file.tokens[at].line))
    });
    let (file, line) = promise.filter(|_| cells)?;
    Some((file, line, "it has a Cell and says of a type that threads may share it: no model would see that cell".to_owned()))
}
