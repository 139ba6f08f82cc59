//! A shop with a clerk, an office that orders from it, and what can be said to them.

use std::sync::Arc;

use event_bus::Subscriber;
use event_sourcing::{Document, MemoryBlobs, MemoryStore, Unit};
use kernel::{Access, Context, Error, Event, ManualClock, Permission, Request, RequestKind, SequentialIds};
use module::{Grants, Infrastructure, Module, Options};
use request::{Cached, Client, Service};
use saga::{Saga, Step, StepContext};
use serde::{Deserialize, Serialize};
use settings::{Settings, Sources};

/// With these defaults, which are all there is.
pub fn settings(defaults: &str) -> Settings {
    let sources = Sources { defaults, file: None.into(), environment: Vec::new(), flags: Vec::new(), open: &[] };
    Settings::load(sources).unwrap()
}

/// For a test that has nothing else to wait for.
pub fn now<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

macro_rules! message {
    ($($name:ident = $wire:literal),*) => {
        $(
            #[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
            pub struct $name {}
            impl Request for $name {
                type Response = ();
                const NAME: &'static str = $wire;
                const KIND: RequestKind = RequestKind::Command;
                const ACCESS: Access = Access::Requires(Permission::new("shop:sell"));
            }
            impl Event for $name {
                const NAME: &'static str = $wire;
                fn key(&self) -> String {
                    String::new()
                }
            }
            impl Service<$name> for Clerk {
                async fn execute(&self, _: &Context, _: &mut Unit, _: $name) -> Result<(), Error> {
                    Ok(())
                }
            }
            impl Subscriber<$name> for Clerk {
                async fn handle(&self, _: &Context, _: &$name, _: &mut Unit) -> Result<(), Error> {
                    Ok(())
                }
            }
        )*
    };
}

message!(
    Sell = "shop.sell",
    SellAgain = "shop.sell",
    Sold = "shop.sold",
    SoldAgain = "shop.sold",
    Chimed = "time.hour_passed"
);

pub struct Clerk;

pub struct Till;

impl Subscriber<SoldAgain> for Till {
    async fn handle(&self, _: &Context, _: &SoldAgain, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
pub struct Receipt {}

impl Document for Receipt {
    const COLLECTION: &'static str = "shop.receipts";
}

pub struct Delivery;

pub struct Pack;

#[async_trait::async_trait]
impl Step<()> for Pack {
    fn name(&self) -> &'static str {
        "pack"
    }

    async fn run(&self, _: &StepContext<'_>, (): &mut (), _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

impl Saga for Delivery {
    type State = ();
    const NAME: &'static str = "shop.delivery";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<()>>> {
        vec![Box::new(Pack)]
    }
}

pub fn infrastructure() -> Infrastructure {
    Infrastructure {
        store: Arc::new(MemoryStore::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
    }
}

pub fn grants() -> Grants {
    Grants::from([("local".into(), ["shop:sell".to_owned()].into())])
}

pub fn shop() -> Module {
    Module::new("shop", "sells").provides(|c| {
        c.singleton(|| Clerk);
    })
}

pub fn options() -> Options {
    Options { grants: grants(), ..Options::default() }
}

/// Asks the clerk of another module.
pub struct Boss(Arc<Client>);

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
pub struct Order;

impl Request for Order {
    type Response = ();
    const NAME: &'static str = "office.order";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

impl Service<Order> for Boss {
    async fn execute(&self, cx: &Context, _: &mut Unit, _: Order) -> Result<(), Error> {
        self.0.ask(cx, Sell {}).await
    }
}

pub fn office() -> Module {
    Module::new("office", "orders").provides(|c| {
        c.singleton(Boss);
    })
}

impl Cached for Sell {
    const STALE_AFTER: &'static [&'static str] = &["shop.nothing"];

    fn key(&self, _: &Context) -> String {
        String::new()
    }
}
