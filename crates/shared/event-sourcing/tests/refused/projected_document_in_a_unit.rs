use event_sourcing::{Events, Expected, Projected, Projection, Unit};

#[derive(Clone, Copy, Default)]
struct Sales;

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

fn write(unit: &mut Unit) {
    unit.put("all", &Count, Expected::Any);
}

fn main() {}
