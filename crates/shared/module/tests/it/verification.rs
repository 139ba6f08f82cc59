use std::sync::Arc;

use expect_test::{Expect, expect};
use module::{Grants, Module, Options, assemble};
use request::{Regulation, Requirement, Verdict};

use crate::shop::{
    Boss, Chimed, Clerk, Delivery, Receipt, Sell, SellAgain, Sold, SoldAgain, Till, infrastructure, now, office,
    options, settings, shop,
};

fn check(modules: Vec<Module>, expected: Expect) {
    check_with(modules, options(), expected);
}

fn check_with(modules: Vec<Module>, options: Options, expected: Expect) {
    let text = match now(assemble(modules, infrastructure(), options)) {
        Ok(application) => {
            let warnings: Vec<String> = application.warnings.iter().map(ToString::to_string).collect();
            format!("fits together\n{}", warnings.join("\n"))
        }
        Err(findings) => findings.to_string(),
    };
    expected.assert_eq(&without_lines(&text));
}

/// Where something is registered moves with every edit of these files.
fn without_lines(text: &str) -> String {
    let text = text.replace('\\', "/").replace("crates/shared/module/tests/it/", "").replace("it::shop::", "");
    let mut parts = text.split(".rs:");
    let mut neutral = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        neutral.push_str(".rs");
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
            module `till`: unused `Till` (verification.rs): nothing that is asked for needs it; remove it, or declare `root::<Till>()` if somebody gets it from the container: mend the registrations in `.provides`"#]],
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
              module `shop`: `Sell` and `SellAgain` are both named `shop.sell`: rename one"#]],
    );
}

#[test]
fn an_event_with_the_name_of_a_request() {
    let other = Module::new("other", "tells").publishes::<SellAgain>();
    check(
        vec![shop().serves::<Sell, Clerk>().subscribes::<SellAgain, Clerk>("shop.echo"), other],
        expect![[r#"
        the modules do not fit together:
          module `other`: event `shop.sell` (`SellAgain`) has the name of a request of module `shop` (`Sell`): rename one
          module `shop`: event `shop.sell` (`SellAgain`) has the name of a request of module `shop` (`Sell`): rename one"#]],
    );
}

#[test]
fn a_request_that_is_asked_as_another_type() {
    let other = Module::new("other", "asks").asks::<SellAgain>();
    check(
        vec![shop().serves::<Sell, Clerk>(), other],
        expect![[r#"
        the modules do not fit together:
          module `other`: asks `shop.sell` as `SellAgain`, module `shop` serves it as `Sell`: use one of them, that of the contracts, or rename the other"#]],
    );
}

#[test]
fn an_event_that_is_taken_as_another_type() {
    let stock = || {
        Module::new("stock", "counts").provides(|c| {
            c.value(Till);
        })
    };
    let taken = || stock().subscribes::<SoldAgain, Till>("stock.count");
    check(
        vec![shop().serves::<Sell, Clerk>().publishes::<Sold>(), taken()],
        expect![[r#"
        the modules do not fit together:
          module `stock`: subscriber `stock.count` takes event `shop.sold` as `SoldAgain`, for module `shop` it is `Sold`: use one of them, that of the contracts, or rename the other"#]],
    );
    let both = shop().serves::<Sell, Clerk>().subscribes::<Sold, Clerk>("shop.stock");
    check(
        vec![both, taken()],
        expect![[r#"
        the modules do not fit together:
          module `shop`: subscriber `shop.stock` waits for event `shop.sold`, which no module publishes: declare it with `.publishes` in the module that does
          module `stock`: subscriber `stock.count` takes event `shop.sold` as `SoldAgain`, for module `shop` it is `Sold`: use one of them, that of the contracts, or rename the other
          module `stock`: subscriber `stock.count` waits for event `shop.sold`, which no module publishes: declare it with `.publishes` in the module that does"#]],
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
              module `other`: event `shop.sold` (`Sold`) is also published by module `shop` (`Sold`): an event has one publisher: rename one"#]],
    );
}

/// What the framework publishes is its own, in name and type.
#[test]
fn an_event_of_the_framework() {
    let odd = Module::new("odd", "keeps the time").publishes::<Chimed>().subscribes::<Chimed, Clerk>("odd.chimes");
    check(
        vec![odd.provides(|c| {
            c.singleton(|| Clerk);
        })],
        expect![[r#"
            the modules do not fit together:
              module `odd`: event `time.hour_passed` (`Chimed`) is also published by the framework (`event_bus::passage::HourPassed`): an event has one publisher: rename one
              module `odd`: subscriber `odd.chimes` takes event `time.hour_passed` as `Chimed`, for the framework it is `event_bus::passage::HourPassed`: use one of them, that of the contracts, or rename the other
              module `settings`: user `local` is granted `shop:sell`, which no module declares: remove it"#]],
    );
}

#[test]
fn names_that_are_used_twice() {
    let again = || shop().publishes::<Sold>().subscribes::<Sold, Clerk>("shop.stock").keeps::<Receipt>();
    check(
        vec![again(), again()],
        expect![[r#"
            the modules do not fit together:
              module `settings`: user `local` is granted `shop:sell`, which no module declares: remove it
              module `shop`: collection `shop.receipts` is also declared by module `shop`: give one of them another name
              module `shop`: duplicate `Clerk`: registered at shop.rs and at shop.rs; keep one: mend the registrations in `.provides`
              module `shop`: event `shop.sold` (`Sold`) is also published by module `shop` (`Sold`): an event has one publisher: rename one
              module `shop`: module `shop` is also declared by module `shop`: give one of them another name
              module `shop`: subscriber `shop.stock` is also declared by module `shop`: give one of them another name"#]],
    );
}

#[test]
fn a_permission_that_nobody_has_and_one_that_nobody_declares() {
    let typo = Grants::from([("local".into(), ["shop:sel".to_owned()].into())]);
    check_with(
        vec![shop().serves::<Sell, Clerk>()],
        Options { grants: typo, ..options() },
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
              module `shop`: request `shop.sell` needs `Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`
              module `shop`: saga `shop.delivery` needs `Delivery`, which is not registered: register it with `.provides(|c| c.singleton(..))`
              module `shop`: subscriber `shop.stock` needs `Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`"#]],
    );
}

/// What hangs in the air, goes round, or keeps what is not to be kept; each in a module of its own.
#[test]
fn a_container_graph_that_cannot_be_built() {
    let shop = shop().serves::<Sell, Clerk>().provides(|c| {
        c.singleton(|_: Arc<Boss>| Delivery);
    });
    let round = Module::new("round", "goes round").provides(|c| {
        c.singleton(|_: Arc<String>| 0_u8).singleton(|_: Arc<u8>| String::new());
    });
    let keeps = Module::new("keeps", "keeps").provides(|c| {
        c.scoped(|| Till).singleton(|_: Arc<Till>| 0_i8);
    });
    let again = Module::new("again", "registers what is there").provides(|c| {
        c.value(Clerk);
    });
    check(
        vec![shop, round, keeps, again],
        expect![[r#"
            the modules do not fit together:
              module `again`: duplicate `Clerk`: registered at shop.rs and at verification.rs; keep one: mend the registrations in `.provides`
              module `keeps`: singleton captures a scoped value: i8 (verification.rs) -> Till (verification.rs); make the first scoped or the last a singleton: mend the registrations in `.provides`
              module `round`: cycle: u8 (verification.rs) -> alloc::string::String (verification.rs) -> u8 (verification.rs); let one of them take what it needs as an argument of its methods: mend the registrations in `.provides`
              module `shop`: missing `Boss`: needed by Delivery (verification.rs); register or bind it: mend the registrations in `.provides`"#]],
    );
}

#[test]
fn what_runs_beside_requests_needs_its_types_too() {
    let shop = shop()
        .serves::<Sell, Clerk>()
        .on_start("open", |_: Arc<Till>| async { Ok(()) })
        .on_stop("close", |_: Arc<Till>| async { Ok(()) })
        .checks("drawer", |_: Arc<Till>| async { Ok(()) })
        .starts("count", |_: Arc<Till>, _| async { Ok(()) });
    check(
        vec![shop],
        expect![[r#"
        the modules do not fit together:
          module `shop`: background job `count` needs `Till`, which is not registered: register it with `.provides(|c| c.singleton(..))`
          module `shop`: health check `drawer` needs `Till`, which is not registered: register it with `.provides(|c| c.singleton(..))`
          module `shop`: start hook `open` needs `Till`, which is not registered: register it with `.provides(|c| c.singleton(..))`
          module `shop`: stop hook `close` needs `Till`, which is not registered: register it with `.provides(|c| c.singleton(..))`"#]],
    );
}

/// What all requests share cannot be one for each scope, nor need such a one.
#[test]
fn a_service_that_lives_in_a_scope() {
    let counter = Module::new("counter", "counts").provides(|c| {
        c.scoped(|| 0_u8).transient(|_: Arc<u8>| Till);
    });
    let scoped = Module::new("shop", "sells").provides(|c| {
        c.scoped(|| Clerk);
    });
    let listens = scoped.serves::<Sell, Clerk>().publishes::<Sold>().subscribes::<Sold, Clerk>("shop.stock");
    check(
        vec![counter.checks("drawer", |_: Arc<Till>| async { Ok(()) }), listens],
        expect![[r#"
        the modules do not fit together:
          module `counter`: health check `drawer` needs `Till`, which lives in a scope and is shared by all here: register it, and what it needs, with `.provides(|c| c.singleton(..))`
          module `shop`: request `shop.sell` needs `Clerk`, which lives in a scope and is shared by all here: register it, and what it needs, with `.provides(|c| c.singleton(..))`
          module `shop`: subscriber `shop.stock` needs `Clerk`, which lives in a scope and is shared by all here: register it, and what it needs, with `.provides(|c| c.singleton(..))`"#]],
    );
}

/// Whose registration it is, not who needs it.
#[test]
fn a_factory_that_fails() {
    let broken = |register: fn(&mut container::Builder)| {
        let till = Module::new("till", "is jammed").provides(register);
        let shop = Module::new("shop", "sells").provides(|c| {
            c.singleton(|_: Arc<Till>| Clerk);
        });
        vec![shop.serves::<Sell, Clerk>(), till]
    };
    check(
        broken(|c| {
            c.singleton(|| -> Till { panic!("the drawer is jammed") });
        }),
        expect![[r#"
            the modules do not fit together:
              module `till`: making `Till`, registered at verification.rs, panicked with: the drawer is jammed: mend the factory, or what it is given"#]],
    );
    check(
        broken(|c| {
            c.try_transient(|| Err::<Till, _>("the drawer is jammed"));
        }),
        expect![[r#"
            the modules do not fit together:
              module `till`: making `Clerk`, registered at verification.rs, failed: `Clerk` needs `Till`: the factory of `Till`, registered at verification.rs, failed: the drawer is jammed: mend the factory, or what it is given"#]],
    );
}

#[test]
fn names_that_are_none() {
    let odd = Module::new("a b/\n\"x\"", "odd").keeps::<Receipt>();
    let nameless = Module::new("", "nameless").provides(|c| {
        c.singleton(|| Clerk);
    });
    check(
        vec![odd, nameless.subscribes::<Sold, Clerk>(" ").publishes::<Sold>().serves::<Sell, Clerk>()],
        expect![[r#"
            the modules do not fit together:
              module ``: module `` has no name that can be written everywhere: give it one of letters, digits, `-`, `_` and `.`
              module ``: subscriber ` `: its name cannot be written everywhere: give it one of letters, digits, `-`, `_`, `.` and `:`, such as `billing.invoices`
              module `a b//n/"x/"`: module `a b//n/"x/"` has no name that can be written everywhere: give it one of letters, digits, `-`, `_` and `.`"#]],
    );
}

#[test]
fn jobs_and_checks_of_one_module_have_names_of_their_own() {
    let busy = |module: Module| {
        let module = module.starts("count", |_: Arc<Clerk>, _| async { Ok(()) });
        module.checks("drawer", |_: Arc<Clerk>| async { Ok(()) })
    };
    let shop = busy(busy(shop().serves::<Sell, Clerk>()));
    check(
        vec![shop, busy(Module::new("other", "is busy too"))],
        expect![[r#"
        the modules do not fit together:
          module `shop`: background job `count` is also declared by module `shop`: give one of them another name
          module `shop`: health check `drawer` is also declared by module `shop`: give one of them another name"#]],
    );
}

#[test]
fn settings_that_there_are_not_or_do_not_fit() {
    let shop = || shop().serves::<Sell, Clerk>().reads::<u32>("till.drawre", "how much it holds");
    let with = |defaults: &str| Options { settings: Some(settings(defaults)), ..options() };
    check_with(
        vec![shop()],
        with("[till]\ndrawer = 7"),
        expect![[r#"
        the modules do not fit together:
          module `shop`: reads the settings [till.drawre], which there are not: did you mean `till.drawer`?"#]],
    );
    check_with(
        vec![shop()],
        with("[till]\ndrawre = 7"),
        expect![[r#"
        fits together
        module `shop`: unused `u32` (crates/shared/module/src/descriptor.rs): nothing that is asked for needs it; remove it, or declare `root::<u32>()` if somebody gets it from the container: mend the registrations in `.provides`"#]],
    );
    check_with(
        vec![shop()],
        with("[till]\ndrawre = 'much'"),
        expect![[r#"
        the modules do not fit together:
          module `settings`: defaults:2:1: `till.drawre`: invalid type: string "much", expected u32: mend it there"#]],
    );
    check(
        vec![shop()],
        expect![[r#"
        the modules do not fit together:
          module `shop`: reads the settings [till.drawre], which there are not: there is none"#]],
    );
}

#[test]
fn everything_at_once() {
    let shop = Module::new("shop", "sells").serves::<Sell, Clerk>().asks::<Sold>();
    check_with(
        vec![shop],
        Options::default(),
        expect![[r#"
            the modules do not fit together:
              module `shop`: asks `shop.sold`, which no module serves: add the module that serves it to the composition root
              module `shop`: permission `shop:sell` is granted to nobody: grant it under [access.grants] in the settings
              module `shop`: request `shop.sell` needs `Clerk`, which is not registered: register it with `.provides(|c| c.singleton(..))`"#]],
    );
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
