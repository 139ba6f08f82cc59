//! What `[[except]]` excuses.

use expect_test::expect;

use crate::configuration::{LAYERS, check_rules};
use crate::fixture::check;

#[test]
fn exceptions_excuse_what_they_name() {
    check(
        r#"
//- boundaries.toml
version = 1
[[layer]]
name = "low"
members = ["low/*"]
[[layer]]
name = "high"
members = ["high"]
[[except]]
from = "low/forever"
to = "high"
reason = "decided in 2024"
[[except]]
from = "low/today"
to = "high"
reason = "until the contract moves"
until = 2026-11-21
[[except]]
from = "low/yesterday"
to = "high"
reason = "until the contract moves"
until = 2026-11-20
[[except]]
from = "low/tests"
to = "high"
kinds = ["dev"]
reason = "its tests start the binary"
//- low/forever
[dependencies]
high = { path = "../../high" }
//- low/today
[dependencies]
high = { path = "../../high" }
//- low/yesterday
[dependencies]
high = { path = "../../high" }
//- low/tests
[build-dependencies]
high = { path = "../../high" }
[dev-dependencies]
high = { path = "../../high" }
//- high
"#,
        expect![[r#"
            low/tests (layer `low`): 1 violation

            error[may-use]: `tests` must not depend on `high`
             --> low/tests/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ build-dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `tests` may use no other crate of this workspace
              = note: no path in its sources names it
              = help: delete the line; what both need belongs into a layer before `low`

            low/yesterday (layer `low`): 1 violation

            error[may-use]: `yesterday` must not depend on `high`
             --> low/yesterday/Cargo.toml:7:1
              |
            7 | high = { path = "../../high" }
              | ^^^^ normal dependency on high
              |
             ::: boundaries.toml:3:8
              |
            3 | name = "low"
              |        ^^^^^ layer `low` may use the layers that stand before it
              = note: `yesterday` may use no other crate of this workspace
              = note: no path in its sources names it
              = note: the exception in boundaries.toml:17 held until 2026-11-20
              = help: delete the line; what both need belongs into a layer before `low`

            checked 5 crates, 5 edges, 0 external dependencies, 5 files, 4 exceptions: 2 violations
        "#]],
    );
}

#[test]
fn an_exception_that_excuses_nothing() {
    let exception = r#"
[[except]]
from = "high"
to = "low"
reason = "it is allowed anyway"
[[except]]
from = "low"
to = "high"
reason = "it is gone"
until = 2020-01-01
[[except]]
from = "high"
to = "serde"
reason = "this one is needed"
[[external]]
name = "serde"
only = []
reason = "r"
"#;
    check_rules(
        &format!("{LAYERS}{exception}"),
        expect![[r#"
        error[matches-nothing]: the exception from `high` to `low` excuses no dependency
         --> boundaries.toml:9:1
          |
        9 | [[except]]
          | ^^^^^^^^^^
          = help: delete the entry: the dependency is gone, or no rule forbids it

        error[matches-nothing]: the exception from `low` to `high` excuses no dependency
          --> boundaries.toml:13:1
           |
        13 | [[except]]
           | ^^^^^^^^^^
           = help: delete the entry: the dependency is gone, or no rule forbids it

        could not check the boundaries: 2 problems
    "#]],
    );
}
