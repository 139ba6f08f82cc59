struct Ledger;

fn main() {
    container::Builder::new().singleton_async(async || Ledger);
}
