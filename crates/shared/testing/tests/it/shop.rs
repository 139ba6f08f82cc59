//! A shop that takes orders, asks what things cost, and counts; a stock that reserves what was ordered.

use std::sync::Arc;

use event_bus::{HourPassed, Subscriber, Subscription};
use event_sourcing::{Document, Expected, Store, StoreExt, Unit};
use kernel::{Access, Clock, Context, Error, ErrorKind, Event, FieldError, Permission, Request, RequestKind};
use module::{Module, Shutdown};
use request::{Client, Service};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub const ORDER: Permission = Permission::new("shop:order");
pub const COUNT: Permission = Permission::new("shop:count");
pub const PRICE: Permission = Permission::new("prices:read");

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct PlaceOrder {
    pub item: String,
}

impl Request for PlaceOrder {
    type Response = u32;
    const NAME: &'static str = "shop.place-order";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(ORDER);
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CountReserved {}

impl Request for CountReserved {
    type Response = u64;
    const NAME: &'static str = "stock.count-reserved";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(COUNT);
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct GetPrice {
    pub item: String,
}

impl Request for GetPrice {
    type Response = u32;
    const NAME: &'static str = "prices.get-price";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Requires(PRICE);
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OrderPlaced {
    pub item: String,
}

impl Event for OrderPlaced {
    const NAME: &'static str = "shop.order_placed";
    fn key(&self) -> String {
        self.item.clone()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StockReserved {
    pub item: String,
}

impl Event for StockReserved {
    const NAME: &'static str = "stock.reserved";
    fn key(&self) -> String {
        self.item.clone()
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HourStruck {
    pub hour: i64,
}

impl Event for HourStruck {
    const NAME: &'static str = "clock.hour_struck";
    fn key(&self) -> String {
        String::new()
    }
}

#[derive(Debug, Clone, Deserialize)]
pub struct ShopSettings {
    longest: usize,
}

pub struct Shop {
    client: Arc<Client>,
    settings: Arc<ShopSettings>,
}

impl Service<PlaceOrder> for Shop {
    async fn execute(&self, cx: &Context, unit: &mut Unit, request: PlaceOrder) -> Result<u32, Error> {
        let item = request.item;
        unit.publish(&OrderPlaced { item: item.clone() });
        self.client.ask(cx, GetPrice { item }).await
    }

    fn validate(&self, request: &PlaceOrder) -> Result<(), Vec<FieldError>> {
        if request.item.len() <= self.settings.longest {
            return Ok(());
        }
        let message = format!("nothing has so long a name: choose one of {}", self.settings.longest);
        Err(vec![FieldError { pointer: "/item".into(), message }])
    }
}

/// Asks for prices of whoever has them.
pub fn shop() -> Module {
    Module::new("shop", "takes orders")
        .reads::<ShopSettings>("shop", "how long a name may be")
        .provides(|container| {
            container.singleton(|client, settings| Shop { client, settings });
        })
        .serves::<PlaceOrder, Shop>()
        .asks::<GetPrice>()
        .publishes::<OrderPlaced>()
}

pub const SETTINGS: &str = "[shop]\nlongest = 10";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reserved {
    pub count: u64,
}

impl Document for Reserved {
    const COLLECTION: &'static str = "stock.reserved";
}

pub struct Stock(pub Arc<dyn Store>);

impl Subscriber<OrderPlaced> for Stock {
    async fn handle(&self, _: &Context, event: &OrderPlaced, unit: &mut Unit) -> Result<(), Error> {
        if event.item == "ghost" {
            return Err(Error::new(ErrorKind::Rejected, "there are no ghosts"));
        }
        let found = self.0.get::<Reserved>("all").await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let count = found.map_or(0, |found| found.value.count) + 1;
        unit.put("all", &Reserved { count }, expected);
        unit.publish(&StockReserved { item: event.item.clone() });
        Ok(())
    }
}

impl Service<CountReserved> for Stock {
    async fn execute(&self, _: &Context, _: &mut Unit, _: CountReserved) -> Result<u64, Error> {
        Ok(self.0.get::<Reserved>("all").await?.map_or(0, |found| found.value.count))
    }
}

/// Takes what a shop publishes.
pub fn stock() -> Module {
    stock_with(|subscription| subscription)
}

pub fn stock_with(options: impl FnOnce(Subscription) -> Subscription) -> Module {
    Module::new("stock", "reserves what was ordered")
        .provides(|container| {
            container.singleton(Stock);
        })
        .subscribes_with::<OrderPlaced, Stock>("stock.reservations", options)
        .serves::<CountReserved, Stock>()
        .publishes::<StockReserved>()
        .keeps::<Reserved>()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryStarted {
    pub item: String,
}

impl Event for DeliveryStarted {
    const NAME: &'static str = "delivery.started";
    fn key(&self) -> String {
        self.item.clone()
    }
}

pub struct Delivery;

impl Subscriber<StockReserved> for Delivery {
    async fn handle(&self, _: &Context, event: &StockReserved, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&DeliveryStarted { item: event.item.clone() });
        Ok(())
    }
}

/// Delivers what is reserved: the step that follows when the one before it is completed.
pub fn delivery() -> Module {
    Module::new("delivery", "delivers what is reserved")
        .provides(|container| {
            container.singleton(|| Delivery);
        })
        .subscribes::<StockReserved, Delivery>("delivery.orders")
        .publishes::<DeliveryStarted>()
}

pub struct Belfry {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn kernel::Ids>,
}

impl Belfry {
    async fn strike(self: Arc<Self>, shutdown: Shutdown) -> Result<(), Error> {
        loop {
            tokio::select! {
                () = shutdown.begun() => return Ok(()),
                () = tokio::time::sleep(std::time::Duration::from_secs(3600)) => {}
            }
            let context = testing::context(&[]);
            let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
            let mut unit = Unit::new(event_sourcing::Origin { module: "belfry", context, clock, ids });
            unit.publish(&HourStruck { hour: self.clock.now().timestamp() / 3600 });
            self.store.commit(unit).await?;
        }
    }
}

/// Strikes every hour.
pub fn belfry() -> Module {
    Module::new("belfry", "strikes every hour")
        .provides(|container| {
            container.singleton(|store, clock, ids| Belfry { store, clock, ids });
        })
        .starts("strike every hour", Belfry::strike)
        .publishes::<HourStruck>()
}

pub struct Chimes;

impl Subscriber<HourPassed> for Chimes {
    async fn handle(&self, _: &Context, event: &HourPassed, unit: &mut Unit) -> Result<(), Error> {
        unit.publish(&HourStruck { hour: event.ended.timestamp() / 3600 });
        Ok(())
    }
}

/// Strikes when the bus says that an hour has passed.
pub fn chimes() -> Module {
    Module::new("chimes", "strikes when an hour has passed")
        .provides(|container| {
            container.singleton(|| Chimes);
        })
        .subscribes::<HourPassed, Chimes>("chimes.hours")
        .publishes::<HourStruck>()
}
