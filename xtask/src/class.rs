//! The grading of a class: a folder of submissions, graded by as many processes and machines as there are, and what is written
//! over all of it.
//!
//! The files are the state: what has a whole result for the same files and the same course is done, whoever graded it and
//! whenever; there is no journal, no server and no database. So a batch is resumed by the command that began it, and two
//! batches may share a folder. What one submission's points are is no matter of this module: that is [`GradeOne`].

pub mod alike;
pub mod batch;
pub mod causes;
pub mod claim;
pub mod folders;
pub mod jplag;
pub mod marks;
pub mod merge;
pub mod overrides;
pub mod page;
pub mod store;
pub mod written;

use std::path::Path;

use crate::results::Results;

/// Grades one submission.
pub trait GradeOne: Sync {
    /// Grades the files of `folder` and says so under the name `id`. It never fails: what could not be graded has
    /// [`State::Error`](crate::results::State::Error). The results have a [`Submission`](crate::results::Submission).
    fn grade(&self, id: &str, folder: &Path) -> Results;

    /// What the results depend on beside the submission's files, as a short text: the course, the toolchain, the options. A
    /// result that was made by another one is made again.
    fn course(&self) -> String;
}
