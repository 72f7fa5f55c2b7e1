//! `cargo xtask hint`: one hint at a time, from a nudge to nearly the answer.

use std::{fs, process::ExitCode};

use anyhow::{Context, Result, bail};

use super::{code, find};
use crate::{
    catalog::Catalog,
    results::write_whole,
    screen::{self, faint, say},
};

/// Prints the next hint of the exercise; after the last one, all of them are to be read in the file.
pub fn hint(catalog: &Catalog, name: &str, json: bool) -> Result<ExitCode> {
    let exercise = find(catalog, name)?;
    let path = catalog.exercise_folder(exercise).join("hints.md");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let hints = sections(&text);
    if hints.is_empty() {
        bail!("{} holds no `## Hint 1`", path.display());
    }
    // How many were given before; forgotten with cargo's folder, which does no harm.
    let memory = catalog.scratch().join("hints").join(&exercise.name);
    let given = fs::read_to_string(&memory).ok().and_then(|text| text.trim().parse::<usize>().ok()).unwrap_or(0);
    let number = given.min(hints.len() - 1);
    write_whole(&memory, (number + 1).to_string().as_bytes())?;
    if json {
        screen::json(
            &serde_json::json!({ "exercise": exercise.path(), "hint": number + 1, "of": hints.len(), "text": hints[number] }),
        );
        return Ok(code(true));
    }
    say(hints[number]);
    let rest = match hints.len() - number - 1 {
        0 => format!("the last hint; all of them: exercises/{}/hints.md", exercise.path()),
        left => format!("{left} more: cargo xtask hint {}", exercise.name),
    };
    say(faint(format!("\n({rest})")));
    Ok(code(true))
}

/// The sections that begin with `## Hint`.
fn sections(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = text.match_indices("## Hint").map(|(at, _)| at).collect();
    starts.push(text.len());
    starts.windows(2).map(|pair| text[pair[0]..pair[1]].trim()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_told_apart_by_their_headings() {
        assert_eq!(
            sections("# Hints\n\n## Hint 1\nlook\n\n## Hint 2\nlook there\n"),
            ["## Hint 1\nlook", "## Hint 2\nlook there"]
        );
    }
}
