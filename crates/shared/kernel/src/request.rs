use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Access;

/// A question or an order that exactly one service answers.
pub trait Request: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// What it is answered with: a part of the contract as the request is.
    type Response: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// Wire name, `module.verb`.
    const NAME: &'static str;
    /// A query may be answered from what was kept; a command is committed and leaves an audit record.
    const KIND: RequestKind;
    /// No default: a request that forgets who may call it does not compile.
    const ACCESS: Access;

    /// What it is about, for the audit log: the id of an order, the name of a model. Never a secret.
    fn subject(&self) -> Option<String> {
        None
    }
}

/// Whether a request changes anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    /// Leaves its unit empty.
    Query,
    /// Commits its unit once, also when it is sent twice with the same idempotency key.
    Command,
}
