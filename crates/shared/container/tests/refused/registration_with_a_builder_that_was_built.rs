struct Ledger;

fn main() {
    let mut builder = container::Builder::new();
    let container = builder.build().expect("nothing is registered");
    builder.singleton(|| Ledger);
    drop(container);
}
