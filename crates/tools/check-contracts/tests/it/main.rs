//! What breaks whom, and what the command says of it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod cases;
mod folder;
mod made_up;
mod planted;

use contracts::{Change, Side, changes};
use serde_json::Value;

/// The changes that break one side.
fn breaking(side: Side, before: &Value, after: &Value) -> Vec<Change> {
    let all = changes(before, after).unwrap_or_else(|unknown| panic!("{unknown}\n{before}\n{after}"));
    all.into_iter().filter(|change| side.is_broken_by(change.effect)).collect()
}
