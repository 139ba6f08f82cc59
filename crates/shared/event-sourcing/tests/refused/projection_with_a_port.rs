use std::sync::Arc;

use event_sourcing::{Events, Projection, Store};

#[derive(Clone, Copy, Default)]
struct Mailing {
    store: Option<Arc<dyn Store>>,
}

impl Projection for Mailing {
    const NAME: &'static str = "shop.mailing";
    const VERSION: u32 = 1;
    const COLLECTIONS: &'static [&'static str] = &[];

    fn events() -> Events<Self> {
        Events::default()
    }
}

fn main() {}
