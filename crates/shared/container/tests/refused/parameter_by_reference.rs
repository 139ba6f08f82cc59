struct Pool;
struct Ledger;

fn main() {
    container::Builder::new().singleton(|_: &Pool| Ledger);
}
