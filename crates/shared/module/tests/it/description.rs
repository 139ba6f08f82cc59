use expect_test::expect;
use module::{Module, assemble};

use crate::shop::{Clerk, Delivery, Receipt, Sell, Sold, Till, infrastructure, options, shop};

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
    let description = assemble(vec![shop, stock], infrastructure(), options()).unwrap().description;
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
              ],
              "permissions": [
                "shop:sell"
              ],
              "settings": [],
              "health_checks": [],
              "jobs": [],
              "provides": [
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
    .assert_eq(&serde_json::to_string_pretty(&description).unwrap());
}
