//! A transient is made each time.
struct Ledger(String);

fn main() {
    let name = String::from("main");
    container::Builder::new().transient(move || Ledger(name));
}
