//! The planted submissions of a solution.

use anyhow::Result;

use super::{Finder, manifest};
use crate::{
    catalog::{Catalog, Exercise},
    planted::{Fate, Planted, paths, read_one},
    stage::sources_in,
};

/// The least that an exercise is proven with.
const LEAST: [(&str, usize); 2] = [("mutants", 4), ("variants", 2)];

pub(super) fn look(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise) -> Result<()> {
    let folder = catalog.solution_folder(exercise);
    // Without a reference nothing can be said of them, and that is told already.
    let Ok(reference) = sources_in(&folder, exercise) else { return Ok(()) };
    for (kind, least) in LEAST {
        let paths = paths(&folder, kind);
        if paths.len() < least {
            let mend = format!("plant more; `cargo xtask patch {} <name>` makes the patch", exercise.name);
            finder.add(kind, format!("there are {} and must be {least} or more", paths.len()), mend);
        }
        for path in paths {
            let file = format!("{kind}/{}", path.file_name().unwrap_or_default().display());
            match read_one(&path, kind == "mutants") {
                Err(error) => {
                    finder.add(&file, format!("{error:#}"), "correct its header; exercises/README.md tells what it says")
                }
                Ok(planted) => {
                    if planted.title.contains("TODO") {
                        finder.add(&file, "its header says TODO", "write what the mistake is, and how it is seen");
                    }
                    if let Err(error) = planted.sources(exercise, &reference) {
                        let why = error.root_cause().to_string();
                        let mend = format!("cargo xtask patch {}", exercise.name);
                        finder.add(&file, format!("it does not fit the reference: {why}"), mend);
                    }
                    fate(finder, catalog, exercise, &file, &planted)?;
                }
            }
        }
    }
    Ok(())
}

/// The check and the test that a mutant names must be there.
fn fate(finder: &mut Finder, catalog: &Catalog, exercise: &Exercise, file: &str, planted: &Planted) -> Result<()> {
    let Fate::Fails { check, case, .. } = &planted.fate else { return Ok(()) };
    if !exercise.about.points.contains_key(check) {
        finder.add(file, format!("it must fail {check}, which is not made"), "name another check in `Fails:`");
        return Ok(());
    }
    let tests = manifest::TEST_FILES.into_iter().find(|(of, _)| of == check);
    if let (Some((_, tests)), Some(case)) = (tests, case)
        && !manifest::holds_test(catalog, exercise, tests, case)?
    {
        finder.add(file, format!("no test of {tests} is called {case:?}"), "correct `Case:`");
    }
    Ok(())
}
