//! How every request refuses, called by its name; `requests.json` has a row for each.

use kernel::Problem;
use testing::requests::{Served, refusals};

use crate::home::Home;

#[test]
fn every_request_refuses_strangers_and_whatever_is_wrong() {
    let home = Home::new();
    home.write("borough.toml", "[access.grants]\nnobody = []\n");
    let served: Vec<Served> = serde_json::from_value(home.json(&["requests", "--json"])).unwrap();
    for refusal in refusals(include_str!("requests.json"), &served) {
        let payload = refusal.payload.to_string();
        let call = |user: &str| home.run(&["call", &refusal.name, &payload, "--as", user]);
        let called = call(if refusal.permitted { "local" } else { "nobody" });
        assert_eq!(called.code, Some(2), "{refusal:?}: {}", called.stderr);
        let problem: Problem = serde_json::from_str(&called.stdout).unwrap();
        refusal.check(&problem);
        if !refusal.permitted {
            let anonymous = call("anybody");
            assert_eq!((anonymous.code, anonymous.stdout.as_str()), (Some(2), ""), "{refusal:?}");
            assert!(anonymous.stderr.contains("grant nothing to `anybody`"), "{}", anonymous.stderr);
        }
    }
}
