//! Where things lie on the machine that grades is nothing to a learner, and stands in no result.

use std::path::Path;

use serde_json::Value;

use crate::results::Results;

/// The folders whose names are taken out, and what stands for each.
#[derive(Debug, Clone, Default)]
pub struct MachinePaths(Vec<(String, &'static str)>);

impl MachinePaths {
    /// Those of a course in `root`, with its programs in `target`, on this machine.
    pub fn of(root: &Path, target: &Path) -> Self {
        let mut all = Self::default();
        for (folder, instead) in [(target, "target/"), (root, "")] {
            all.add(folder, instead);
            // Code knows itself by the one, what runs by the other.
            folder.canonicalize().iter().for_each(|folder| all.add(folder, instead));
        }
        std::env::home_dir().iter().for_each(|home| all.add(home, "~/"));
        all
    }

    fn add(&mut self, folder: &Path, instead: &'static str) {
        // Of a relative path, and of the root of the file system, nothing could be told apart.
        if folder.is_absolute() && folder.parent().is_some() {
            self.0.push((format!("{}/", folder.display()), instead));
        }
    }

    fn plain(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (folder, instead)| text.replace(folder, instead))
    }

    /// The same results, in which every text is without them.
    pub fn taken_out_of(&self, results: Results) -> Results {
        let Ok(mut value) = serde_json::to_value(&results) else { return results };
        self.take_out_of(&mut value);
        // What cannot be read back could not be read from its file, either.
        serde_json::from_value(value).unwrap_or(results)
    }

    fn take_out_of(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.plain(text),
            Value::Array(all) => all.iter_mut().for_each(|value| self.take_out_of(value)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.take_out_of(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_panics_in_the_library_is_told_by_the_courses_own_paths() {
        let paths = MachinePaths::of(Path::new("/srv/ada/course"), Path::new("/srv/ada/course/target"));
        let said = "at /srv/ada/course/lab/src/par.rs:3:9:\nno such file: /srv/ada/course/target/racecourse/x (/srv/other)";
        assert_eq!(paths.plain(said), "at lab/src/par.rs:3:9:\nno such file: target/racecourse/x (/srv/other)");
        let mut value = serde_json::json!({ "cases": [{ "message": "/srv/ada/course/lab/a.rs" }], "seconds": 0.25 });
        paths.take_out_of(&mut value);
        assert_eq!(value, serde_json::json!({ "cases": [{ "message": "lab/a.rs" }], "seconds": 0.25 }));
    }

    #[test]
    fn the_root_of_the_file_system_is_no_folder_to_take_out() {
        let mut paths = MachinePaths::default();
        paths.add(Path::new("/"), "");
        paths.add(Path::new("course"), "");
        assert_eq!(paths.plain("at /course/lab/src/par.rs"), "at /course/lab/src/par.rs");
    }
}
