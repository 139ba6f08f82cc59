struct Ledger(String);

fn main() {
    let name = String::from("main");
    container::Builder::new().singleton(|| Ledger(name.clone()));
}
