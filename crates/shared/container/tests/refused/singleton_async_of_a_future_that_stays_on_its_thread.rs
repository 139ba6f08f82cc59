use std::rc::Rc;

struct Ledger;

async fn connect() -> Result<Ledger, std::fmt::Error> {
    let local = Rc::new(5);
    std::future::ready(()).await;
    drop(local);
    Ok(Ledger)
}

fn main() {
    container::Builder::new().singleton_async(connect);
}
