//! What a resolution allocates once everything it needs is there: it may only become less.

use std::sync::Arc;

use container::Builder;

struct Clock;
struct Cache;
struct Ledger;
struct Report(#[expect(dead_code, reason = "is kept alive")] (Arc<Clock>, Arc<Cache>, Arc<Ledger>));
struct Session(#[expect(dead_code, reason = "is kept alive")] Arc<Clock>);

fn allocations<T>(operation: impl Fn() -> T) -> u64 {
    // The first on a thread makes the place where the thread counts.
    operation();
    allocation_counter::measure(|| drop(operation())).count_total
}

#[test]
fn of_each_kind_of_resolution() {
    let mut b = Builder::new();
    b.value(Clock).singleton(|| Cache).singleton(|| Ledger).scoped(Session);
    b.transient(|clock, cache, ledger| Report((clock, cache, ledger)));
    let container = b.build().unwrap();
    let scope = container.scope();
    assert_eq!(allocations(|| container.get::<Clock>()), 0);
    assert_eq!(allocations(|| container.get::<Cache>()), 0);
    assert_eq!(allocations(|| scope.get::<Session>()), 0);
    assert_eq!(allocations(|| container.get::<Report>()), 1, "the value");
    assert_eq!(allocations(|| container.scope()), 1, "the cells");
    assert_eq!(allocations(|| container.scope().get::<Session>()), 3, "the cells, the value, where it is kept");
}
