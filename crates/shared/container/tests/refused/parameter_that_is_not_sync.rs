use std::{cell::Cell, sync::Arc};

struct Ledger;

fn main() {
    container::Builder::new().singleton(|_: Arc<Cell<u8>>| Ledger);
}
