//! What is granted to modules.

use std::{sync::Arc, time::Duration};

use event_bus::{BusOptions, DeadLetter, Drain, EventBus, Ports, RetryPolicy, Subscriber};
use event_sourcing::{StoreExt, Unit};
use expect_test::expect;
use kernel::{Context, Error, ErrorKind};
use module::{Infrastructure, Module, Options, assemble};
use request::{Client, CommandRecorded, Outcome};

use crate::shop::{Clerk, Sell, Sold, infrastructure, shop};

fn to(grantee: &str) -> Options {
    Options { grants: [(grantee.into(), ["shop:sell".to_owned()].into())].into(), ..Options::default() }
}

/// Buys again whatever was sold.
struct Buyer(Arc<Client>);

impl Subscriber<Sold> for Buyer {
    async fn handle(&self, cx: &Context, _: &Sold, _: &mut Unit) -> Result<(), Error> {
        self.0.ask(cx, Sell {}).await
    }
}

fn stock() -> Module {
    let stock = Module::new("stock", "buys").provides(|c| {
        c.singleton(Buyer);
    });
    stock.asks::<Sell>().subscribes::<Sold, Buyer>("stock.buyer")
}

/// `tester` has caused the event; what counts is whether the subscriber's module may sell.
#[tokio::test(start_paused = true)]
async fn a_subscriber_asks_with_what_is_granted_to_its_module() {
    let cases = [("module:stock", Outcome::Done), ("module:shop", Outcome::Refused), ("tester", Outcome::Refused)];
    for (grantee, expected) in cases {
        let Infrastructure { store, clock, ids, .. } = infrastructure();
        let infrastructure = Infrastructure { store: Arc::clone(&store), ..infrastructure() };
        let modules = vec![shop().serves::<Sell, Clerk>().publishes::<Sold>(), stock()];
        let application = assemble(modules, infrastructure, to(grantee)).await.unwrap().answering();
        let mut unit = Unit::new(testing::origin("shop"));
        unit.publish(&Sold {});
        store.commit(unit).await.unwrap();

        let retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
        let ports = Ports { store: Some(Arc::clone(&store)), clock, ids };
        let options = BusOptions { retry, ..BusOptions::default() };
        let bus = EventBus::start(application.subscriptions, ports, options).await.unwrap();
        assert_eq!(bus.drain(Duration::from_secs(60)).await.unwrap(), Drain::Complete);
        let audit = testing::Published::to(&*store).await.of::<CommandRecorded>();
        let [CommandRecorded { user, acting, outcome, .. }] = &audit[..] else { panic!("{audit:?}") };
        assert_eq!((user.as_str(), acting.as_deref()), ("tester", Some("module:stock")));
        assert_eq!(*outcome, expected, "{grantee}");
        let letters = store.list::<DeadLetter>(None, 10).await.unwrap();
        let errors: Vec<ErrorKind> = letters.iter().map(|letter| letter.value.error.kind).collect();
        let denied: &[ErrorKind] = if expected == Outcome::Done { &[] } else { &[ErrorKind::Denied] };
        assert_eq!(errors, denied, "{grantee}");
        for letter in letters {
            let said = letter.value.error.message;
            assert!(said.contains("which `module:stock`, which acts for `tester`, does not have"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_grant_to_a_module_that_there_is_not() {
    let modules = || vec![shop().serves::<Sell, Clerk>().publishes::<Sold>(), stock()];
    assert!(assemble(modules(), infrastructure(), to("module:stock")).await.is_ok());
    let findings = assemble(modules(), infrastructure(), to("module:stocks")).await.map(drop).unwrap_err();
    expect![[r#"
        the modules do not fit together:
          module `settings`: permissions are granted to `module:stocks`, and there is no module `stocks`: did you mean `stock`?"#]].assert_eq(&findings.to_string());
}
