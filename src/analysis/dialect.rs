//! A dialect: the format one tool prints in.
//!
//! Each is one file under [`dialects`](super::dialects) with one [`Spec`]. The engine starts those whose
//! markers are in the sample and that recognise it, and gives each every line once.

use super::report::Report;
use super::sample::Sample;

/// How a dialect is found and begun.
pub struct Spec {
    /// The dialect's name, unique.
    pub name: &'static str,
    /// Texts of which one must be in the sample for the dialect to be asked at all. Upper and lower case
    /// differ; a marker may span the end of a line (`\n`).
    pub markers: &'static [&'static str],
    /// Whether the sample is worth reading with it. Taking a text that is not of this dialect costs time
    /// and should find nothing; missing one costs the answer.
    pub recognises: fn(&Sample) -> bool,
    /// Begins a reading.
    pub start: fn() -> Box<dyn Dialect>,
}

/// One reading of one text in one dialect.
pub trait Dialect: Send {
    /// The report this reading begins with.
    fn report(&self) -> Report;

    /// Reads the next line: cleaned, without line end and without trailing blanks.
    fn line(&mut self, line: &str, report: &mut Report);

    /// Ends the reading: what only the whole tells is put into the report here.
    fn finish(&mut self, _report: &mut Report) {}
}

/// Recognises whatever has one of the markers.
#[must_use]
pub fn always(_: &Sample) -> bool {
    true
}
