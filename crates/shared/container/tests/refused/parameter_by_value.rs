struct Pool;
struct Ledger(Pool);

fn main() {
    container::Builder::new().singleton(Ledger);
}
