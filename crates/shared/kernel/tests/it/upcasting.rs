//! Events of earlier versions are brought to the present one, step by step, before they are read.

use expect_test::{Expect, expect};
use kernel::{Contract, DecodeError, Envelope, Error, Event, Json, UpcastError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A price of euros, then of cents, then of cents in some currency.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Priced {
    item: String,
    amount: u64,
    currency: String,
}

impl Event for Priced {
    const NAME: &'static str = "shop.priced";
    const VERSION: u32 = 4;

    fn key(&self) -> String {
        self.item.clone()
    }

    fn upcast(from: u32, data: &Json) -> Result<Json, UpcastError> {
        #[derive(Serialize, Deserialize)]
        struct InEuros {
            item: String,
            euros: u64,
        }
        #[derive(Serialize, Deserialize)]
        struct InCents {
            item: String,
            cents: u64,
        }
        match from {
            2 => {
                let InEuros { item, euros } = data.read()?;
                Ok(Json::of(&InCents { item, cents: euros * 100 })?)
            }
            3 => {
                let InCents { item, cents } = data.read()?;
                Ok(Json::of(&Priced { item, amount: cents, currency: "EUR".into() })?)
            }
            _ => Err(UpcastError::Unknown),
        }
    }
}

fn stored(version: u32, data: &serde_json::Value) -> Envelope {
    let mut envelope = super::envelope();
    envelope.event_type = Priced::NAME.into();
    envelope.metadata.schema_version = version;
    envelope.data = Json::of(data).unwrap();
    envelope
}

fn read(version: u32, data: &serde_json::Value) -> Result<Priced, DecodeError> {
    stored(version, data).decode()
}

#[test]
fn each_version_passes_through_the_steps_after_it() {
    let priced = || Priced { item: "rose".into(), amount: 300, currency: "EUR".into() };
    assert_eq!(read(4, &json!({ "item": "rose", "amount": 300, "currency": "EUR" })).unwrap(), priced());
    assert_eq!(read(3, &json!({ "item": "rose", "cents": 300 })).unwrap(), priced());
    assert_eq!(read(2, &json!({ "item": "rose", "euros": 3 })).unwrap(), priced());
    assert_eq!(Contract::of_event::<Priced>().unread, [1]);
}

/// What is stored stays as it was written.
#[test]
fn what_is_decoded_is_not_changed() {
    let envelope = stored(2, &json!({ "item": "rose", "euros": 3 }));
    let before = envelope.clone();
    envelope.decode::<Priced>().unwrap();
    assert_eq!(envelope, before);
}

#[test]
fn what_cannot_be_read_says_why_and_what_to_do() {
    let check = |version, data, code: &str, expected: Expect| {
        let error = Error::from(read(version, &data).unwrap_err());
        assert_eq!(error.code(), code);
        expected.assert_eq(&error.message);
    };
    check(
        5,
        json!({ "item": "rose", "amount": 300, "currency": "EUR" }),
        "event.newer_version",
        expect!["`shop.priced` is of version 5, this program understands up to 4: upgrade it"],
    );
    let unknown = "event.unknown_version";
    check(
        1,
        json!({ "item": "rose" }),
        unknown,
        expect![
            "`shop.priced` is of version 1, and nothing brings version 1 to the one after it: add that step to its `upcast`"
        ],
    );
    check(
        0,
        json!({}),
        unknown,
        expect![
            "`shop.priced` is of version 0, and nothing brings version 0 to the one after it: add that step to its `upcast`"
        ],
    );
    let unfit = "event.undecodable";
    check(
        2,
        json!({ "item": "rose", "cents": 3 }),
        unfit,
        expect![
            "`shop.priced` 00000000-0000-0000-0000-000000000001 of version 2 does not fit its contract: missing field `euros` at line 1 column 25; publish what has changed as a new version"
        ],
    );
    check(
        4,
        json!({ "item": "rose", "cents": 3 }),
        unfit,
        expect![
            "`shop.priced` 00000000-0000-0000-0000-000000000001 does not fit its contract: missing field `amount` at line 1 column 25; publish what has changed as a new version"
        ],
    );
}

/// A price whose second version nobody has thought through.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Brittle {
    item: String,
}

impl Event for Brittle {
    const NAME: &'static str = "shop.brittle";
    const VERSION: u32 = 2;

    fn key(&self) -> String {
        self.item.clone()
    }

    fn upcast(_: u32, data: &Json) -> Result<Json, UpcastError> {
        let item = data.text().split('"').nth(3).expect("an item");
        Ok(Json::of(&Self { item: item.to_owned() })?)
    }
}

/// Whoever reads it is not taken with it.
#[test]
fn an_upcaster_that_panics_is_an_event_that_cannot_be_read() {
    assert_eq!(stored(1, &json!({ "name": "rose" })).decode::<Brittle>().unwrap().item, "rose");
    let error = Error::from(stored(1, &json!({ "rose": 1 })).decode::<Brittle>().unwrap_err());
    assert_eq!(error.code(), "event.undecodable");
    expect!["`shop.brittle` 00000000-0000-0000-0000-000000000001 cannot be read, for its `upcast` or `Deserialize` panics (an item): let it return an error"]
        .assert_eq(&error.message);
    assert_eq!(Contract::of_event::<Brittle>().unread, [0; 0], "it is there, though it panics without data");
}
