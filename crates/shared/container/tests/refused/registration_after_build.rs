struct Ledger;

fn main() {
    let container = container::Builder::new().build().expect("nothing is registered");
    container.singleton(|| Ledger);
}
