use std::{io, sync::Arc};

use container::{Builder, Keyed};
use expect_test::expect;

use crate::text::shortened;

trait Store: Send + Sync {}
struct Sqlite;
struct Memory;
impl Store for Sqlite {}
impl Store for Memory {}
enum Replica {}
struct Ledger;
struct Session;
struct Job;
struct Cache<T>(T);

fn wired() -> Builder {
    let mut b = Builder::new();
    b.singleton_async(async || Ok::<_, io::Error>(Sqlite))
        .bind::<dyn Store, Sqlite>(|s| s)
        .instance::<dyn Store>(Arc::new(Memory))
        .singleton(|_: Vec<Arc<dyn Store>>, _: Keyed<Replica, Memory>| Ledger)
        .value(Keyed::<Replica, _>::of(Memory))
        .scoped(|_: Arc<Ledger>, _: Option<Arc<Cache<u8>>>| Session)
        .transient(|_: Arc<Session>, _: Option<Arc<Cache<Ledger>>>| Job)
        .value(Cache(5_u8));
    b
}

#[test]
fn mermaid() {
    assert_eq!(wired().blueprint(), *wired().build().unwrap().blueprint());
    expect![[r#"
        flowchart LR
          n0["Sqlite"]
          n1{{"dyn Store"}}
          n2["dyn Store"]
          n3["Ledger"]
          n4["Keyed#lt;Replica, Memory#gt;"]
          n5("Session")
          n6[/"Job"/]
          n7["Cache#lt;u8#gt;"]
          n1 -.-> n0
          n3 -->|all| n1
          n3 -->|all| n2
          n3 --> n4
          n5 --> n3
          n5 -->|if any| n7
          n6 --> n5
    "#]]
    .assert_eq(&wired().blueprint().to_mermaid());
}

#[test]
fn mermaid_of_what_cannot_be_built() {
    let mut b = Builder::new();
    b.singleton(|_: Arc<Cache<Job>>| Ledger).scoped(|_: Arc<Ledger>, _: Arc<Cache<Job>>| Session);
    expect![[r#"
        flowchart LR
          n0["Ledger"]
          n1("Session")
          m0["Cache#lt;Job#gt; is missing"]:::missing
          n0 --> m0
          n1 --> n0
          n1 --> m0
          classDef missing stroke-dasharray: 5 5
    "#]]
    .assert_eq(&b.blueprint().to_mermaid());
}

#[test]
fn json() {
    let mut b = Builder::new();
    b.bind::<dyn Store, Sqlite>(|s| s).singleton_async(async |_: Option<Arc<Ledger>>| Ok::<_, io::Error>(Sqlite));
    expect![[r#"
        {
          "registrations": [
            {
              "provides": "dyn Store",
              "lifetime": "bound",
              "is_async": false,
              "registered_at": "blueprint.rs",
              "needs": [
                {
                  "of": "Sqlite",
                  "count": "one",
                  "met_by": [
                    1
                  ]
                }
              ]
            },
            {
              "provides": "Sqlite",
              "lifetime": "singleton",
              "is_async": true,
              "registered_at": "blueprint.rs",
              "needs": [
                {
                  "of": "Ledger",
                  "count": "at most one",
                  "met_by": []
                }
              ]
            }
          ]
        }"#]]
    .assert_eq(&shortened(&b.blueprint().to_json()));
}
