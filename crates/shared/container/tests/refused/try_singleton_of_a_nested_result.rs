struct Ledger;

fn main() {
    container::Builder::new().try_singleton(|| Ok::<_, std::fmt::Error>(Ok::<_, std::fmt::Error>(Ledger)));
}
