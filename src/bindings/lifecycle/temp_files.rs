//! Temporary files: what may block is done by the core's threads, and told by token.

use super::{BindingProblem, Failure, milliseconds, submit};
use crate::lifecycle::ledger::PathKind;
use crate::lifecycle::owner::Owner;
use crate::lifecycle::temp_files::TempFileError;
use napi_derive::napi;
use serde_json::{Value, json};
use std::error::Error;
use std::path::{Path, PathBuf};

/// A file or directory to be made.
#[napi(object)]
pub struct BindingTempRequest {
    /// `file` or `directory`.
    pub kind: String,
    pub prefix: String,
    /// None: the temporary directory of the system.
    pub directory: Option<String>,
    pub purpose: String,
    pub group: u32,
}

impl From<TempFileError> for Failure {
    fn from(error: TempFileError) -> Failure {
        Failure {
            code: error.code(),
            message: error.to_string(),
            cause: error.source().map(ToString::to_string),
        }
    }
}

fn kind_of(kind: &str) -> PathKind {
    if kind == "directory" { PathKind::Directory } else { PathKind::File }
}

/// Creates one; `token` hears `{ path }`.
#[napi(catch_unwind)]
pub fn temp_create(token: u32, request: BindingTempRequest) {
    submit(token, move |owner| {
        let BindingTempRequest { kind, prefix, directory, purpose, group } = request;
        let directory = directory.map(PathBuf::from);
        let files = owner.temp_files();
        let path = match kind_of(&kind) {
            PathKind::File => files.create_file(&prefix, &purpose, directory.as_deref(), group)?,
            PathKind::Directory => {
                files.create_directory(&prefix, &purpose, directory.as_deref(), group)?
            }
        };
        Ok(json!({ "path": path }))
    });
}

/// Registers one that somebody else made or will make; nothing, or why not.
#[napi(catch_unwind)]
pub fn temp_track(
    path: String,
    purpose: String,
    kind: String,
    group: u32,
) -> Option<BindingProblem> {
    let files = Owner::global().temp_files();
    let tracked = files.track(Path::new(&path), &purpose, kind_of(&kind), group);
    tracked.err().map(|error| BindingProblem::new(error.code(), error.to_string()))
}

/// Removes one.
#[napi(catch_unwind)]
pub fn temp_delete(token: u32, path: String) {
    submit(token, move |owner| {
        owner.temp_files().delete(Path::new(&path))?;
        Ok(Value::Null)
    });
}

/// Removes those registered so long ago; `token` hears `{ deleted, failures }`.
#[napi(catch_unwind)]
pub fn temp_cleanup(token: u32, max_age_ms: f64) {
    submit(token, move |owner| {
        let removed = owner.temp_files().cleanup_older_than(milliseconds(max_age_ms));
        let failures: Vec<Value> = removed
            .kept
            .iter()
            .map(|kept| json!({ "path": kept.path, "message": kept.reason }))
            .collect();
        Ok(json!({ "deleted": removed.count, "failures": failures }))
    });
}

/// Those that are registered, as JSON: `[{ path, purpose, createdMs, group, kind }]`.
#[napi(catch_unwind)]
pub fn temp_list() -> String {
    let files = Owner::global().temp_files().list();
    let shown = files.iter().map(|file| {
        json!({
            "path": file.path, "purpose": file.purpose, "createdMs": file.created_ms,
            "group": file.group,
            "kind": if file.kind == PathKind::Directory { "directory" } else { "file" },
        })
    });
    Value::from_iter(shown).to_string()
}
