//! What crates say to each other without depending on each other's code: events, requests, files.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::Edge;
use crate::query::member;
use crate::report::{Cause, Finding};
use crate::workspace::Workspace;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    from: String,
    to: String,
    what: String,
}

/// Reads a list of messages in JSON.
///
/// # Errors
/// The file cannot be read or is no such list, or names a crate that is none of the workspace.
pub(crate) fn read(file: &Path, workspace: &Workspace) -> Result<Vec<Edge>, Vec<Finding>> {
    let wrong = |reason: String| {
        let help = "write a list such as [{ \"from\": \"billing\", \"to\": \"orders\", \"what\": \"InvoicePaid\" }]";
        vec![Finding::new(Cause::Argument, format!("cannot read the messages in {}: {reason}", file.display()), help)]
    };
    let text = fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let messages: Vec<Message> = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let edge = |Message { from, to, what }: Message| {
        let (from, to) = (member(workspace, &from)?, member(workspace, &to)?);
        Ok(Edge { from, to, dev: false, broken: false, message: Some(what) })
    };
    messages.into_iter().map(edge).collect()
}
