//! Every way in which modules do not fit together, and the description of those that do.

mod grants;

use std::sync::Arc;

use event_bus::Subscriber;
use event_sourcing::{Document, MemoryBlobs, MemoryStore, Unit};
use expect_test::{Expect, expect};
use kernel::{Access, Context, Error, Event, ManualClock, Permission, Request, RequestKind, SequentialIds};
use module::{Grants, Infrastructure, Module, assemble};
use request::{Cached, Client, Regulation, Requirement, Service, Verdict};
use saga::{Saga, Step, StepContext};
use serde::{Deserialize, Serialize};

macro_rules! message {
    ($($name:ident = $wire:literal),*) => {
        $(
            #[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
            struct $name {}
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

message!(Sell = "shop.sell", SellAgain = "shop.sell", Sold = "shop.sold");

struct Clerk;

struct Till;

#[derive(Serialize, Deserialize)]
struct Receipt {}

impl Document for Receipt {
    const COLLECTION: &'static str = "shop.receipts";
}

struct Delivery;

struct Pack;

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

fn infrastructure() -> Infrastructure {
    Infrastructure {
        store: Arc::new(MemoryStore::default()),
        blobs: Arc::new(MemoryBlobs::default()),
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
    }
}

fn grants() -> Grants {
    Grants::from([("local".into(), ["shop:sell".to_owned()].into())])
}

fn shop() -> Module {
    Module::new("shop", "sells").provides(|c| {
        c.singleton(|| Clerk);
    })
}

fn check(modules: Vec<Module>, expected: Expect) {
    check_with(modules, grants(), expected);
}

fn check_with(modules: Vec<Module>, grants: Grants, expected: Expect) {
    let text = match assemble(modules, infrastructure(), &grants) {
        Ok(application) => {
            let warnings: Vec<String> = application.warnings.iter().map(ToString::to_string).collect();
            format!("fits together\n{}", warnings.join("\n"))
        }
        Err(findings) => findings.to_string(),
    };
    expected.assert_eq(&without_lines(&text));
}

/// Where something is registered moves with every edit of this file.
fn without_lines(text: &str) -> String {
    let mut parts = text.split("tests/it/main.rs:");
    let mut neutral = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        neutral.push_str("tests/it/main.rs");
        neutral.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':'));
    }
    neutral
}

#[test]
fn modules_that_fit() {
    let till = Module::new("till", "listens").provides(|c| {
        c.singleton(|| Till);
    });
    check(
        vec![shop().serves::<Sell, Clerk>(), till],
        expect![[r#"
        fits together
    "#]],
    );
    check(
        vec![shop().serves::<Sell, Clerk>().publishes::<Sold>()],
        expect![[r#"
        fits together
        module `shop`: publishes event `shop.sold`, to which nobody subscribes: fine if it is for the log only"#]],
    );
}

#[test]
fn a_request_without_a_service() {
    check(
        vec![shop().serves::<Sell, Clerk>().asks::<Sold>()],
        expect![[r#"
        the modules do not fit together:
          module `shop`: asks `shop.sold`, which no module serves: add the module that serves it to the composition root"#]],
    );
}

#[test]
fn a_request_with_two_services() {
    let other = Module::new("other", "sells too");
    check(
        vec![shop().serves::<Sell, Clerk>(), other.serves::<Sell, Clerk>()],
        expect![[r#"
        the modules do not fit together:
          module `other`: request `shop.sell` is also served by module `shop`: a request has exactly one service: remove one"#]],
    );
}

#[test]
fn two_requests_of_one_name() {
    check(
        vec![shop().serves::<Sell, Clerk>().serves::<SellAgain, Clerk>()],
        expect![[r#"
        the modules do not fit together:
          module `shop`: `it::Sell` and `it::SellAgain` are both named `shop.sell`: rename one"#]],
    );
}

#[test]
fn an_event_that_nobody_publishes() {
    check(
        vec![shop().serves::<Sell, Clerk>().subscribes::<Sold, Clerk>("shop.stock")],
        expect![[r#"
        the modules do not fit together:
          module `shop`: subscriber `shop.stock` waits for event `shop.sold`, which no module publishes: declare it with `.publishes` in the module that does"#]],
    );
}

#[test]
fn an_event_that_two_publish() {
    let other = Module::new("other", "sells too").publishes::<Sold>();
    check(
        vec![shop().serves::<Sell, Clerk>().publishes::<Sold>(), other],
        expect![[r#"
        the modules do not fit together:
          module `other`: event `shop.sold` (`it::Sold`) is also published by module `shop` (`it::Sold`): an event has one publisher: rename one
          module `other`: publishes event `shop.sold`, to which nobody subscribes: fine if it is for the log only
          module `shop`: publishes event `shop.sold`, to which nobody subscribes: fine if it is for the log only"#]],
    );
}

#[test]
fn names_that_are_used_twice() {
    let again = || shop().publishes::<Sold>().subscribes::<Sold, Clerk>("shop.stock").keeps::<Receipt>();
    check(
        vec![again(), again()],
        expect![[r#"
        the modules do not fit together:
          module `container`: duplicate `it::Clerk`: registered at crates/shared/module/tests/it/main.rs and at crates/shared/module/tests/it/main.rs; keep one: mend the registrations in `.provides`
          module `settings`: user `local` is granted `shop:sell`, which no module declares: remove it
          module `shop`: collection `shop.receipts` is also declared by module `shop`: give one of them another name
          module `shop`: event `shop.sold` (`it::Sold`) is also published by module `shop` (`it::Sold`): an event has one publisher: rename one
          module `shop`: module `shop` is also declared by module `shop`: give one of them another name
          module `shop`: subscriber `shop.stock` is also declared by module `shop`: give one of them another name"#]],
    );
}

#[test]
fn a_permission_that_nobody_has_and_one_that_nobody_declares() {
    let typo = Grants::from([("local".into(), ["shop:sel".to_owned()].into())]);
    check_with(
        vec![shop().serves::<Sell, Clerk>()],
        typo,
        expect![[r#"
        the modules do not fit together:
          module `settings`: user `local` is granted `shop:sel`, which no module declares: did you mean shop:sell?
          module `shop`: permission `shop:sell` is granted to nobody: grant it under [access.grants] in the settings"#]],
    );
}

#[test]
fn a_type_that_is_not_registered() {
    let bare = Module::new("shop", "sells").serves::<Sell, Clerk>().publishes::<Sold>();
    check(
        vec![bare.subscribes::<Sold, Clerk>("shop.stock").runs::<Delivery>()],
        expect![[r#"
        the modules do not fit together:
          module `shop`: request `shop.sell` needs `it::Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`
          module `shop`: saga `shop.delivery` needs `it::Delivery`, which is not registered: register it with `.provides(|c| c.singleton(..))`
          module `shop`: subscriber `shop.stock` needs `it::Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`"#]],
    );
}

#[test]
fn a_container_graph_that_cannot_be_built() {
    let shop = shop().serves::<Sell, Clerk>().provides(|c| {
        c.singleton(|_: Arc<Till>| Delivery);
    });
    check(
        vec![shop],
        expect![[r#"
            the modules do not fit together:
              module `container`: missing `it::Till`: needed by it::Delivery (crates/shared/module/tests/it/main.rs); register or bind it: mend the registrations in `.provides`"#]],
    );
}

#[test]
fn everything_at_once() {
    let shop = Module::new("shop", "sells").serves::<Sell, Clerk>().asks::<Sold>();
    check_with(
        vec![shop],
        Grants::new(),
        expect![[r#"
        the modules do not fit together:
          module `shop`: asks `shop.sold`, which no module serves: add the module that serves it to the composition root
          module `shop`: permission `shop:sell` is granted to nobody: grant it under [access.grants] in the settings
          module `shop`: request `shop.sell` needs `it::Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`"#]],
    );
}

#[test]
fn the_description_of_modules() {
    let shop = shop()
        .provides(|c| {
            c.singleton(|| Delivery);
        })
        .serves::<Sell, Clerk>()
        .publishes::<Sold>()
        .runs::<Delivery>()
        .keeps::<Receipt>();
    let stock = Module::new("stock", "counts")
        .provides(|c| {
            c.value(Till);
        })
        .asks::<Sell>()
        .subscribes::<Sold, Clerk>("stock.count");
    let description = assemble(vec![shop, stock], infrastructure(), &grants()).unwrap().description;
    expect![[r#"
        {
          "modules": [
            {
              "name": "shop",
              "about": "sells",
              "serves": [
                {
                  "name": "shop.sell",
                  "kind": "command",
                  "permission": "shop:sell"
                }
              ],
              "asks": [],
              "publishes": [
                "shop.sold"
              ],
              "subscribes": [],
              "sagas": [
                {
                  "name": "shop.delivery",
                  "steps": [
                    "pack"
                  ]
                }
              ],
              "collections": [
                "shop.receipts"
              ]
            },
            {
              "name": "stock",
              "about": "counts",
              "serves": [],
              "asks": [
                "shop.sell"
              ],
              "publishes": [],
              "subscribes": [
                {
                  "subscriber": "stock.count",
                  "event": "shop.sold"
                }
              ],
              "sagas": [],
              "collections": []
            }
          ],
          "links": [
            {
              "from": "stock",
              "to": "shop",
              "how": "asks",
              "message": "shop.sell"
            },
            {
              "from": "stock",
              "to": "shop",
              "how": "listens to",
              "message": "shop.sold"
            }
          ]
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&description).unwrap());
}

/// Asks the clerk of another module.
struct Boss(Arc<Client>);

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Order;

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

fn office() -> Module {
    Module::new("office", "orders").provides(|c| {
        c.singleton(Boss);
    })
}

#[tokio::test]
async fn a_service_asks_another_module_that_its_own_has_named() {
    let cx = testing::context(&["shop:sell"]);
    let shop = || shop().serves::<Sell, Clerk>();
    let application = |office: Module| assemble(vec![shop(), office], infrastructure(), &grants()).unwrap();
    let named = application(office().serves::<Order, Boss>().asks::<Sell>());
    named.requests.ask(&cx, Order).await.unwrap();
    let unnamed = application(office().serves::<Order, Boss>());
    assert_eq!(unnamed.requests.ask(&cx, Order).await.unwrap_err().code(), "request.undeclared");
}

impl Cached for Sell {
    const STALE_AFTER: &'static [&'static str] = &["shop.nothing"];

    fn key(&self, _: &Context) -> String {
        String::new()
    }
}

#[test]
fn what_is_cached_and_regulated() {
    let regulated = || Requirement::<Sell>::new(Regulation::GDPR, |_, _| Verdict::Allow);
    check(
        vec![shop().serves::<Sell, Clerk>().caches::<Sell>().complies(regulated()), office().complies(regulated())],
        expect![[r#"
            the modules do not fit together:
              module `office`: `shop.sell` is cached or regulated here and not served here: say it in the module that serves it
              module `shop`: answers of `shop.sell` are kept until `shop.nothing`, which no module publishes: declare it with `.publishes` in the module that does"#]],
    );
}
