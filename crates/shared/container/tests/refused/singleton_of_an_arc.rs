//! It would be found as `Arc<Arc<Ledger>>` only.
use std::sync::Arc;

struct Ledger;

fn main() {
    container::Builder::new().singleton(|| Arc::new(Ledger));
}
