//! Who starts before whom.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::shop::now;
use crate::town::{Diary, NAMES, built, town};

fn started(ways: &str) -> String {
    let diary = Diary::default();
    let modules = town(ways).into_iter().map(|module| diary.of(module)).collect();
    let order = now(async {
        let mut application = built(modules).await;
        application.start().await.unwrap();
        let order = diary.take();
        application.stop().await.unwrap();
        order
    });
    let mut reverse: Vec<String> = order.split(", ").map(|start| start.replace('+', "-")).collect();
    reverse.reverse();
    assert_eq!(diary.take(), reverse.join(", "), "they stop in reverse");
    order.replace('+', "")
}

#[test]
fn those_that_are_needed_start_first_and_else_the_list_decides() {
    assert_eq!(started(""), "m0, m1, m2, m3, m4, m5");
    assert_eq!(started("m0 asks m1, m1 asks m5"), "m2, m3, m4, m5, m1, m0");
    assert_eq!(started("m0 hears m2, m2 asks m1"), "m1, m2, m0, m3, m4, m5");
    assert_eq!(started("m0 asks m0, m1 hears m1"), "m0, m1, m2, m3, m4, m5", "nobody waits for itself");
}

#[test]
fn in_a_circle_those_that_are_asked_start_first_and_then_the_list_decides() {
    assert_eq!(started("m0 hears m1, m1 hears m0"), "m0, m1, m2, m3, m4, m5");
    assert_eq!(started("m0 hears m1, m1 asks m0"), "m0, m1, m2, m3, m4, m5");
    assert_eq!(started("m0 asks m1, m1 hears m0"), "m1, m0, m2, m3, m4, m5");
    assert_eq!(started("m0 asks m1, m1 asks m0"), "m0, m1, m2, m3, m4, m5");
    assert_eq!(
        started("m0 hears m4, m4 hears m5, m5 hears m4"),
        "m1, m2, m3, m4, m5, m0",
        "who hears a circle waits for it"
    );
}

/// From each module to all that it reaches over these edges.
fn reached(edges: &BTreeSet<(usize, usize)>) -> BTreeMap<usize, BTreeSet<usize>> {
    let mut reached: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
    for _ in NAMES {
        for &(from, to) in edges {
            let further = reached.get(&to).cloned().unwrap_or_default();
            let from = reached.entry(from).or_default();
            from.insert(to);
            from.extend(further);
        }
    }
    reached
}

proptest! {
    #[test]
    fn nobody_starts_before_whom_it_needs_unless_they_need_each_other(
        ways in proptest::collection::btree_set((0..6_usize, any::<bool>(), 0..6_usize), 0..12)
    ) {
        let way = |&(from, asks, to): &(usize, bool, usize)| {
            format!("{} {} {}", NAMES[from], if asks { "asks" } else { "hears" }, NAMES[to])
        };
        let order = started(&ways.iter().map(way).collect::<Vec<_>>().join(", "));
        let place = |module: usize| order.split(", ").position(|name| name == NAMES[module]).unwrap();
        let all = reached(&ways.iter().map(|&(from, _, to)| (from, to)).collect());
        let asked = reached(&ways.iter().filter(|way| way.1).map(|&(from, _, to)| (from, to)).collect());
        // In a circle of both kinds, those that are asked still come first, unless they ask back.
        for reached in [all, asked] {
            for (&from, needed) in &reached {
                let needs_back = |to: &&usize| reached.get(to).is_some_and(|back| back.contains(&from));
                for &to in needed.iter().filter(|to| !needs_back(to)) {
                    prop_assert!(place(to) < place(from), "{order}: {} needs {}", NAMES[from], NAMES[to]);
                }
            }
        }
    }
}
