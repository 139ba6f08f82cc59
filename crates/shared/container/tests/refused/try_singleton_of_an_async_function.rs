struct Ledger;

async fn connect() -> Result<Ledger, std::fmt::Error> {
    Ok(Ledger)
}

fn main() {
    container::Builder::new().try_singleton(connect);
}
