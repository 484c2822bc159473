//! ErrorAnalysisWorker's native half.

use crate::analysis::analyze;
use crate::analysis::status::Status;
use napi::{Error, Result};
use napi_derive::napi;

/// How the command ended, as far as known.
#[napi(object)]
pub struct BindingStatus {
    pub exit_code: Option<i32>,
    pub signal: Option<String>,
    pub timed_out: bool,
    pub cancelled: bool,
}

impl From<BindingStatus> for Status {
    fn from(status: BindingStatus) -> Self {
        let BindingStatus { exit_code, signal, timed_out, cancelled } = status;
        Status { exit_code, signal, timed_out, cancelled }
    }
}

/// Analyses a text on the calling thread; returns the analysis as JSON.
#[napi(catch_unwind)]
pub fn analysis_text(text: String, status: BindingStatus, problems: u32) -> Result<String> {
    let analysis = analyze(&text, &status.into(), None, problems as usize);
    serde_json::to_string(&analysis).map_err(|error| Error::from_reason(error.to_string()))
}
