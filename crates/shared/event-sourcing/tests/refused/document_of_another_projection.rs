use event_sourcing::{Events, Projected, Projection, View};

#[derive(Clone, Copy, Default)]
struct Sales;

#[derive(Clone, Copy, Default)]
struct Stock;

#[derive(serde::Serialize, serde::Deserialize)]
struct Count;

impl Projected for Count {
    type By = Sales;
    const COLLECTION: &'static str = "shop.counts";
}

impl Projection for Sales {
    const NAME: &'static str = "shop.sales";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[Count::COLLECTION];

    fn events() -> Events<Self> {
        Events::default()
    }
}

impl Projection for Stock {
    const NAME: &'static str = "shop.stock";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[];

    fn events() -> Events<Self> {
        Events::default()
    }
}

fn write(view: &mut View<'_, Stock>) {
    view.put("all", &Count);
}

fn main() {}
