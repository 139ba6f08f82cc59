//! What `given`, `when` and `then` say of an aggregate.

use std::panic::{AssertUnwindSafe, catch_unwind};

use event_sourcing::{Aggregate, event_set};
use expect_test::{Expect, expect};
use kernel::Event;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use testing::given;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Lent {
    title: String,
    to: String,
}

impl Event for Lent {
    const NAME: &'static str = "library.lent";

    fn key(&self) -> String {
        self.title.clone()
    }
}

/// What is in it for nobody's eyes is not stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Returned {
    title: String,
    #[serde(skip)]
    by: String,
}

impl Event for Returned {
    const NAME: &'static str = "library.returned";

    fn key(&self) -> String {
        self.title.clone()
    }
}

event_set! {
    #[derive(Debug, Clone, PartialEq)]
    enum BookEvent {
        Lent(Lent),
        Returned(Returned),
    }
}

#[derive(Debug, Default)]
struct Book {
    reader: Option<String>,
}

impl Aggregate for Book {
    type Id = String;
    type Event = BookEvent;
    const STREAM: &'static str = "book";

    fn apply(&mut self, event: BookEvent) {
        self.reader = match event {
            BookEvent::Lent(lent) => Some(lent.to),
            BookEvent::Returned(_) => None,
        };
    }
}

#[derive(Debug, PartialEq)]
enum Refusal {
    LentTo(String),
}

impl Book {
    fn lend(&self, to: &str) -> Result<BookEvent, Refusal> {
        match &self.reader {
            Some(reader) => Err(Refusal::LentTo(reader.clone())),
            None => Ok(lent(to)),
        }
    }

    /// A book that is there is not returned.
    fn take_back(&self) -> Result<Vec<BookEvent>, Refusal> {
        Ok(self.reader.iter().map(|reader| returned(reader)).collect())
    }
}

fn lent(to: &str) -> BookEvent {
    Lent { title: "Emma".into(), to: to.into() }.into()
}

fn returned(by: &str) -> BookEvent {
    Returned { title: "Emma".into(), by: by.into() }.into()
}

#[test]
fn a_command_comes_to_events_or_is_refused() {
    given::<Book>([]).when(|book| book.lend("Ada")).then([lent("Ada")]);
    given::<Book>([lent("Ada")]).when(|book| book.lend("Cleo")).then_refused(Refusal::LentTo("Ada".into()));
    given::<Book>([]).when(Book::take_back).then([]);
    let story = given::<Book>([]).when(|book| book.lend("Ada")).then([lent("Ada")]);
    let story = story.when(|book| book.lend("Cleo")).then_refused(Refusal::LentTo("Ada".into()));
    assert_eq!(story.state().reader.as_deref(), Some("Ada"));
}

#[test]
fn a_difference_is_shown_line_by_line() {
    let check = |case: fn(), expected: Expect| {
        let panic = catch_unwind(AssertUnwindSafe(case)).unwrap_err();
        expected.assert_eq(panic.downcast_ref::<String>().unwrap());
    };
    check(
        || _ = given::<Book>([]).when(|book| book.lend("Cleo")).then([lent("Ada")]),
        expect![[r#"
        after 0 events the command came to something else: `-` was expected, `+` came instead
          Lent(
              Lent {
                  title: "Emma",
        -         to: "Ada",
        +         to: "Cleo",
              },
          )"#]],
    );
    check(
        || _ = given::<Book>([lent("Ada")]).when(|book| book.lend("Cleo")).then([lent("Cleo")]),
        expect![[r#"
        after 1 event the command came to something else: `-` was expected, `+` came instead
        - Lent(
        -     Lent {
        -         title: "Emma",
        -         to: "Cleo",
        -     },
        + refused: LentTo(
        +     "Ada",
          )"#]],
    );
    check(
        || _ = given::<Book>([]).when(|book| book.lend("Cleo")).then_refused(Refusal::LentTo("Ada".into())),
        expect![[r#"
            after 0 events the command came to something else: `-` was expected, `+` came instead
            - refused: LentTo(
            -     "Ada",
            + Lent(
            +     Lent {
            +         title: "Emma",
            +         to: "Cleo",
            +     },
              )"#]],
    );
    check(
        || _ = given::<Book>([]).when(Book::take_back).then([returned("")]),
        expect![[r#"
        after 0 events the command came to something else: `-` was expected, `+` came instead
        - Returned(
        -     Returned {
        -         title: "Emma",
        -         by: "",
        -     },
        - )
        + no event"#]],
    );
    // It is told what a store would have told much later.
    check(
        || _ = given::<Book>([lent("Ada")]).when(Book::take_back).then([returned("Ada")]),
        expect![[r#"
        an event is not what it was when it is read back
        was  Returned(
            Returned {
                title: "Emma",
                by: "Ada",
            },
        )
        is   Returned(
            Returned {
                title: "Emma",
                by: "",
            },
        )"#]],
    );
}
