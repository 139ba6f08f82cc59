//! The future would be registered, not what it gives.
struct Ledger;

async fn connect() -> Result<Ledger, std::fmt::Error> {
    Ok(Ledger)
}

fn main() {
    container::Builder::new().singleton(connect);
}
