use std::sync::Arc;

struct Ledger;
type N = Arc<u8>;

fn seventeen(_: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N, _: N) -> Ledger {
    Ledger
}

fn main() {
    container::Builder::new().singleton(seventeen);
}
