//! Finds in a submission the files that are taken of it, and which exercises they are for.

pub mod intake;
pub mod quiet;
pub mod screen;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    catalog::{Catalog, Exercise},
    stage::Sources,
};

/// A learner's file may not be larger, in bytes: a limit on accidents, not on work.
const LARGEST: u64 = 1 << 20;

/// The files handed in for one exercise.
#[derive(Debug)]
pub struct HandedIn<'a> {
    /// Which exercise.
    pub exercise: &'a Exercise,
    /// The learner's files, and no other.
    pub sources: Sources,
}

/// What of `submission` is graded: every exercise of which a file differs from the starter, or just `only`.
///
/// A submission is a folder that is laid out as the course (`exercises/<track>/<name>/src`), or one exercise's own folder
/// (`src`) where `only` names that exercise.
///
/// # Errors
/// If nothing in it is to be graded, or a file cannot be taken; the message names it.
pub fn handed_in<'a>(catalog: &'a Catalog, submission: &Path, only: &[&'a Exercise]) -> Result<Vec<HandedIn<'a>>> {
    if !submission.is_dir() {
        bail!("{} is not a folder; name the folder of the submission", submission.display());
    }
    let mut all = Vec::new();
    for exercise in &catalog.exercises {
        let wanted = only.iter().any(|other| other.name == exercise.name);
        if !only.is_empty() && !wanted {
            continue;
        }
        let Some(folder) = folder_of(submission, exercise, only.len() == 1) else {
            if wanted {
                bail!("{} holds no exercises/{}/src", submission.display(), exercise.path());
            }
            continue;
        };
        let sources = take(&folder, exercise, &catalog.exercise_folder(exercise))?;
        if wanted || differs(catalog, exercise, &sources)? {
            all.push(HandedIn { exercise, sources });
        }
    }
    if all.is_empty() {
        bail!(
            "{} holds nothing to grade: no file of exercises/<track>/<name>/src in it differs from the starter; \
             name an exercise with --exercise to grade it all the same",
            submission.display()
        );
    }
    Ok(all)
}

fn folder_of(submission: &Path, exercise: &Exercise, alone: bool) -> Option<PathBuf> {
    let laid_out = submission.join("exercises").join(&exercise.track).join(&exercise.name);
    let own = submission.to_owned();
    [Some(laid_out), alone.then_some(own)].into_iter().flatten().find(|folder| folder.join("src").is_dir())
}

/// Reads the listed files; what a submission leaves out is taken from the starter.
fn take(folder: &Path, exercise: &Exercise, starter: &Path) -> Result<Sources> {
    let mut sources = Sources::new();
    for file in &exercise.about.files {
        let path = folder.join(file);
        let content = match fs::symlink_metadata(&path) {
            Ok(about) if !about.is_file() => bail!("{} is not a plain file: links and folders are not taken", path.display()),
            Ok(about) if about.len() > LARGEST => bail!("{} is larger than {LARGEST} bytes", path.display()),
            Ok(_) => fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?,
            Err(_) => {
                let given = starter.join(file);
                fs::read(&given).with_context(|| format!("cannot read {}", given.display()))?
            }
        };
        if std::str::from_utf8(&content).is_err() {
            bail!("{} is not UTF-8 text", path.display());
        }
        sources.insert(file.clone(), content);
    }
    Ok(sources)
}

fn differs(catalog: &Catalog, exercise: &Exercise, sources: &Sources) -> Result<bool> {
    let starter = crate::stage::sources_in(&catalog.exercise_folder(exercise), exercise)?;
    Ok(starter != *sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::find_root;

    /// A submission that holds `content` as the first learner's file of the first exercise.
    fn submission(content: &[u8]) -> (Catalog, tempfile::TempDir) {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let exercise = &catalog.exercises[0];
        let file = folder.path().join("exercises").join(exercise.path()).join(&exercise.about.files[0]);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
        (catalog, folder)
    }

    #[test]
    fn only_what_differs_from_the_starter_is_graded() {
        let (catalog, folder) = submission(b"//! changed");
        let taken = handed_in(&catalog, folder.path(), &[]).unwrap();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].sources.values().next().unwrap(), b"//! changed");
    }

    #[test]
    fn what_is_no_text_or_too_large_or_a_link_is_refused_by_name() {
        let (catalog, folder) = submission(b"\xff\xfe");
        let error = handed_in(&catalog, folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains("lib.rs is not UTF-8"), "{error}");

        let (catalog, folder) = submission(&vec![b' '; (1 << 20) + 1]);
        let error = handed_in(&catalog, folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains("is larger than"), "{error}");

        let (catalog, folder) = submission(b"");
        let exercise = &catalog.exercises[0];
        let file = folder.path().join("exercises").join(exercise.path()).join(&exercise.about.files[0]);
        fs::remove_file(&file).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", &file).unwrap();
        let error = handed_in(&catalog, folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains("is not a plain file"), "{error}");
    }

    #[test]
    fn a_submission_with_nothing_in_it_says_so() {
        let catalog = Catalog::read(&find_root().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = handed_in(&catalog, folder.path(), &[]).unwrap_err().to_string();
        assert!(error.contains("nothing to grade"), "{error}");
    }
}
