//! A shop that sells, whose sales a ledger hears of and has booked by the till.

use std::sync::Arc;

use event_bus::Subscriber;
use event_sourcing::Unit;
use kernel::{Access, Context, Error, ErrorKind, Event, Request, RequestKind};
use module::Module;
use request::{Client, Service};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Sell;

impl Request for Sell {
    type Response = ();
    const NAME: &'static str = "shop.sell";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Book;

impl Request for Book {
    type Response = ();
    const NAME: &'static str = "till.book";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Sold;

impl Event for Sold {
    const NAME: &'static str = "shop.sold";

    fn key(&self) -> String {
        String::new()
    }
}

struct Clerk;

impl Service<Sell> for Clerk {
    async fn execute(&self, _: &Context, unit: &mut Unit, _: Sell) -> Result<(), Error> {
        unit.publish(&Sold);
        Ok(())
    }
}

struct Till;

impl Service<Book> for Till {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Book) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Rejected, "it is full").with_code("till.full"))
    }
}

struct Ledger(Arc<Client>);

impl Subscriber<Sold> for Ledger {
    async fn handle(&self, cx: &Context, _: &Sold, _: &mut Unit) -> Result<(), Error> {
        // It lives with a till that is full.
        let _refused = self.0.ask(cx, Book).await;
        Ok(())
    }
}

pub fn modules() -> Vec<Module> {
    let shop = Module::new("shop", "sells").serves::<Sell, Clerk>().publishes::<Sold>();
    let till = Module::new("till", "books").serves::<Book, Till>();
    let ledger = Module::new("ledger", "hears of sales").subscribes::<Sold, Ledger>("ledger.sold").asks::<Book>();
    vec![
        shop.provides(|c| {
            c.singleton(|| Clerk);
        }),
        till.provides(|c| {
            c.singleton(|| Till);
        }),
        ledger.provides(|c| {
            c.singleton(Ledger);
        }),
    ]
}
