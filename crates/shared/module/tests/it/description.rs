use event_bus::Subscriber;
use event_sourcing::Unit;
use expect_test::expect;
use kernel::{Access, Clock, Context, Error, Event, Request, RequestKind};
use module::{Description, Link, Module, Options, Selection, assemble};
use request::Service;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::shop::{Clerk, Delivery, Receipt, Sell, Sold, Till, infrastructure, now, options, settings, shop};

/// A shop, and a stock that asks and hears it.
fn shop_and_stock(options: Options) -> Description {
    let shop = shop()
        .provides(|c| {
            c.singleton(|| Delivery);
        })
        .serves::<Sell, Clerk>()
        .publishes::<Sold>()
        .runs::<Delivery>()
        .keeps::<Receipt>()
        .reads::<u32>("shop.till", "how much it holds")
        .checks("drawer", |_: std::sync::Arc<dyn Clock>| async { Ok(()) })
        .starts("count", |_: std::sync::Arc<dyn Clock>, _| async { Ok(()) });
    let stock = Module::new("stock", "counts")
        .provides(|c| {
            c.value(Till);
        })
        .asks::<Sell>()
        .subscribes::<Sold, Clerk>("stock.count");
    let options = Options { settings: Some(settings("[shop]\ntill = 7")), ..options };
    now(assemble(vec![shop, stock], infrastructure(), options)).unwrap().description
}

fn without_stock() -> Description {
    shop_and_stock(Options { selection: Selection::AllBut(vec!["stock".into()]), ..options() })
}

fn canvas(module: &str) -> module::Canvas {
    shop_and_stock(options()).canvas(module).unwrap()
}

#[test]
fn as_text() {
    expect![[r#"
        shop: sells
          serves      shop.sell (command, shop:sell)
          publishes   shop.sold
          runs        shop.delivery: pack
          keeps       shop.receipts
          reads       [shop.till]: how much it holds
          checks      drawer
          starts      count
          provides    u32
          provides    it::shop::Clerk
          provides    it::shop::Delivery

        stock: counts
          asks        shop.sell
          subscribes  shop.sold as stock.count
          provides    it::shop::Till

        context map
          stock  asks  shop  (shop.sell)
          stock  listens to  shop  (shop.sold)
    "#]]
    .assert_eq(&shop_and_stock(options()).to_text());
    expect![[r#"
        stock: counts
          asks        shop.sell
          subscribes  shop.sold as stock.count
          provides    it::shop::Till

        links
          stock  asks  shop  (shop.sell)
          stock  listens to  shop  (shop.sold)
    "#]]
    .assert_eq(&canvas("stock").to_text());
    expect![[r#"
        stock (left out): counts
          asks        shop.sell
          subscribes  shop.sold as stock.count

        links
          stock  asks  shop  (shop.sell)
          stock  listens to  shop  (shop.sold)
    "#]]
    .assert_eq(&without_stock().canvas("stock").unwrap().to_text());
}

#[test]
fn as_mermaid() {
    expect![[r#"
        flowchart LR
          subgraph frame["borough"]
            n0["<b>shop</b><br/>sells"]
            n1["<b>stock</b><br/>counts"]:::leftOut
          end
          n1 -->|"asks<br/>shop.sell"| n0
          n1 -.->|"listens to<br/>shop.sold"| n0
          classDef leftOut stroke-dasharray: 4 4
    "#]]
    .assert_eq(&without_stock().to_mermaid());
    expect![[r#"
        flowchart LR
          subgraph frame["shop"]
            n0["<b>shop.sell</b><br/>command<br/>shop:sell"]
            n1>"<b>shop.sold</b><br/>event"]
            n2{{"<b>shop.delivery</b><br/>saga<br/>pack"}}
            n3[("<b>shop.receipts</b><br/>collection")]
          end
          n4["<b>stock</b>"]
          n4 -->|"asks"| n0
          n4 -.->|"listens to"| n1
    "#]]
    .assert_eq(&canvas("shop").to_mermaid());
    expect![[r#"
        flowchart LR
          subgraph frame["stock"]
            n0(["<b>stock.count</b><br/>subscriber<br/>takes shop.sold"])
          end
          n1["<b>shop</b>"]
          frame -->|"asks<br/>shop.sell"| n1
          n0 -.->|"listens to<br/>shop.sold"| n1
    "#]]
    .assert_eq(&canvas("stock").to_mermaid());
}

#[test]
fn as_c4() {
    expect![[r#"
        @startuml
        !include <C4/C4_Component>
        Container_Boundary(frame, "borough") {
          Component(n0, "shop", "module", "sells")
          Component(n1, "stock", "module, left out", "counts")
        }
        Rel(n1, n0, "asks", "shop.sell")
        Rel(n1, n0, "listens to", "shop.sold")
        @enduml
    "#]]
    .assert_eq(&without_stock().to_c4());
    expect![[r#"
        @startuml
        !include <C4/C4_Component>
        Container_Boundary(frame, "shop") {
          Component(n0, "shop.sell", "command", "shop:sell")
          ComponentQueue(n1, "shop.sold", "event")
          Component(n2, "shop.delivery", "saga", "pack")
          ComponentDb(n3, "shop.receipts", "collection")
        }
        Component_Ext(n4, "stock", "module")
        Rel(n4, n0, "asks")
        Rel(n4, n1, "listens to")
        @enduml
    "#]]
    .assert_eq(&canvas("shop").to_c4());
    expect![[r#"
        @startuml
        !include <C4/C4_Component>
        Container_Boundary(frame, "stock") {
          Component(n0, "stock.count", "subscriber", "takes shop.sold")
        }
        Component_Ext(n1, "shop", "module")
        Rel(frame, n1, "asks", "shop.sell")
        Rel(n0, n1, "listens to", "shop.sold")
        @enduml
    "#]]
    .assert_eq(&canvas("stock").to_c4());
}

#[test]
fn as_json() {
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
              "projections": [],
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
              ],
              "permissions": [
                "shop:sell"
              ],
              "settings": [
                {
                  "section": "shop.till",
                  "about": "how much it holds"
                }
              ],
              "health_checks": [
                "drawer"
              ],
              "jobs": [
                "count"
              ],
              "provides": [
                "u32",
                "it::shop::Clerk",
                "it::shop::Delivery"
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
              "projections": [],
              "sagas": [],
              "collections": [],
              "permissions": [],
              "settings": [],
              "health_checks": [],
              "jobs": [],
              "provides": [
                "it::shop::Till"
              ]
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
    .assert_eq(&serde_json::to_string_pretty(&shop_and_stock(options())).unwrap());
}

#[test]
fn a_module_that_there_is_not() {
    let unknown = |name: &str| shop_and_stock(options()).canvas(name).unwrap_err().to_string();
    assert_eq!(unknown("stok"), "no module is named `stok`: did you mean `stock`?");
    assert_eq!(unknown("mlops"), "no module is named `mlops`: there are shop, stock");
}

/// No assembly has it; whoever makes a description of something else may.
const HOSTILE: &str = "a\"] --> <b>;\n%%{x}%% #quot; |`$!include{} \\end";

#[derive(Serialize, Deserialize, JsonSchema)]
struct Hostile;

impl Request for Hostile {
    type Response = ();
    const NAME: &'static str = "hostile";
    const KIND: RequestKind = RequestKind::Query;
    const ACCESS: Access = Access::Public { reason: "a test" };
}

impl Event for Hostile {
    const NAME: &'static str = "hostile";

    fn key(&self) -> String {
        String::new()
    }
}

impl Service<Hostile> for Clerk {
    async fn execute(&self, _: &Context, _: &mut Unit, _: Hostile) -> Result<(), Error> {
        Ok(())
    }
}

impl Subscriber<Hostile> for Clerk {
    async fn handle(&self, _: &Context, _: &Hostile, _: &mut Unit) -> Result<(), Error> {
        Ok(())
    }
}

/// Whatever a name is made of, each statement stands on its line, and between two quotes there is nothing but harmless text.
#[test]
fn no_name_breaks_a_picture() {
    let harmless = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || " .,:-_'()/#;<>+".contains(c));
    let hostile = Module::new("hostile", HOSTILE).serves::<Hostile, Clerk>().publishes::<Hostile>();
    let other = Module::new("other", "reaches it").asks::<Hostile>().subscribes::<Hostile, Clerk>("hostile");
    let modules = vec![hostile.provides(|c| _ = c.value(Clerk)), other];
    let mut description = now(assemble(modules, infrastructure(), Options::default())).unwrap().description;
    for module in &mut description.modules {
        let served = module.serves.iter_mut().map(|served| &mut served.name);
        let subscribed = module.subscribes.iter_mut().flat_map(|s| [&mut s.subscriber, &mut s.event]);
        let names = served.chain(subscribed).chain(&mut module.asks).chain(&mut module.publishes);
        names.chain([&mut module.name]).filter(|name| **name == "hostile").for_each(|name| *name = HOSTILE);
    }
    for Link { from, to, message, .. } in &mut description.links {
        [from, to, message].into_iter().filter(|name| **name == "hostile").for_each(|name| *name = HOSTILE);
    }
    let (hostile, other) = (description.canvas(HOSTILE).unwrap(), description.canvas("other").unwrap());
    for (picture, lines) in [
        (description.to_mermaid(), 7),
        (hostile.to_mermaid(), 8),
        (other.to_mermaid(), 7),
        (description.to_c4(), 9),
        (hostile.to_c4(), 10),
        (other.to_c4(), 9),
    ] {
        assert_eq!(picture.lines().count(), lines, "{picture}");
        for line in picture.lines() {
            let parts: Vec<&str> = line.split('"').collect();
            assert_eq!(parts.len() % 2, 1, "{line}");
            for quoted in parts.iter().skip(1).step_by(2) {
                assert!(harmless(quoted) && !quoted.contains("<b>;"), "{line}");
            }
        }
    }
}
