//! What the options say about the slots of subscribers, over what their modules say.

use std::collections::BTreeMap;

use event_bus::{BusOptions, DeliveryClass, EventBus, Ports, Subscription};
use expect_test::expect;
use module::{Application, AssemblyError, Infrastructure, Module, Options, assemble};

use crate::shop::{Clerk, Sold, infrastructure, shop};

async fn assembled(slots: &[(&str, u32)]) -> Result<Application, AssemblyError> {
    let inline = |subscription: Subscription| subscription.with_class(DeliveryClass::Inline { order: 0 });
    let shop: Module = shop()
        .publishes::<Sold>()
        .subscribes::<Sold, Clerk>("shop.whole")
        .subscribes_with::<Sold, Clerk>("shop.parts", |subscription| subscription.in_slots(2))
        .subscribes_with::<Sold, Clerk>("shop.inline", inline);
    let slots: BTreeMap<String, u32> = slots.iter().map(|(name, slots)| ((*name).to_owned(), *slots)).collect();
    assemble(vec![shop], infrastructure(), Options { slots, ..Options::default() }).await
}

#[tokio::test(start_paused = true)]
async fn the_options_divide_subscribers() {
    for (slots, wanted) in [
        (&[][..], [("shop.parts", 2), ("shop.whole", 1)]),
        (&[("shop.whole", 4)], [("shop.parts", 2), ("shop.whole", 4)]),
        (&[("shop.whole", 256), ("shop.parts", 1)], [("shop.parts", 1), ("shop.whole", 256)]),
    ] {
        let application = assembled(slots).await.unwrap();
        let Infrastructure { store, clock, ids, .. } = infrastructure();
        let ports = Ports { store: Some(store), clock, ids };
        let bus = EventBus::start(application.subscriptions, ports, BusOptions::default()).await.unwrap();
        let mut divided: Vec<_> =
            bus.status().await.unwrap().into_iter().map(|status| (status.name, status.slots.len())).collect();
        divided.sort_unstable();
        assert_eq!(divided, wanted, "{slots:?}");
        bus.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn slots_that_cannot_be_are_found() {
    let slots = [("shop.inline", 2), ("shop.parts", 257), ("shop.part", 3), ("shop.whole", 0)];
    let found = assembled(&slots).await.err().unwrap();
    expect![[r#"
        the modules do not fit together:
          module `settings`: `shop.part` is to be divided into slots, and no subscriber is named so: did you mean `shop.parts`?
          module `shop`: subscriber `shop.inline`: only a durable subscriber has slots: leave the class, and let its name be without `#`, which numbers the slots
          module `shop`: subscriber `shop.parts`: 257 slots: divide its keys into 1 to 256
          module `shop`: subscriber `shop.whole`: 0 slots: divide its keys into 1 to 256"#]].assert_eq(&found.to_string());
}
