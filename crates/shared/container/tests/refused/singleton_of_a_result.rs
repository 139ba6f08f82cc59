//! The `Result` would be registered, not what is in it.
struct Ledger;

fn main() {
    container::Builder::new().singleton(|| Ok::<_, std::fmt::Error>(Ledger));
}
