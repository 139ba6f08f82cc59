//! A transfer between two accounts, each behind a request, passes the driver of all sagas.

use std::sync::Arc;

use async_trait::async_trait;
use event_sourcing::{Document, Expected, Store, StoreExt, Unit};
use kernel::{Access, Context, Error, Permission, Request, RequestKind};
use request::{Service, ServiceTable};
use saga::{Saga, Step, StepContext, Undo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use testing::saga::{SagaCase, completes, crash_at_every_commit, every_step_idempotent, unwind_from_every_step};

#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Book {
    pub account: String,
    pub amount: i64,
}

impl Request for Book {
    type Response = i64;
    const NAME: &'static str = "accounts.book";
    const KIND: RequestKind = RequestKind::Command;
    const ACCESS: Access = Access::Requires(Permission::new("accounts:book"));
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Account {
    balance: i64,
}

impl Document for Account {
    const COLLECTION: &'static str = "accounts.accounts";
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    text: String,
}

impl Document for Note {
    const COLLECTION: &'static str = "accounts.notes";
}

struct Accounts {
    store: Arc<dyn Store>,
}

impl Service<Book> for Accounts {
    async fn execute(&self, _: &Context, unit: &mut Unit, request: Book) -> Result<i64, Error> {
        let found = self.store.get::<Account>(&request.account).await?;
        let expected = found.as_ref().map_or(Expected::Absent, |found| Expected::Exact(found.revision));
        let balance = found.map_or(0, |found| found.value.balance) + request.amount;
        unit.put(request.account, &Account { balance }, expected);
        Ok(balance)
    }
}

/// Books on one account; undone by booking the opposite.
struct BookStep {
    name: &'static str,
    account: &'static str,
    amount: i64,
}

#[async_trait]
impl Step<Value> for BookStep {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn run(&self, cx: &StepContext<'_>, state: &mut Value, _: &mut Unit) -> Result<(), Error> {
        let balance = cx.ask(Book { account: self.account.into(), amount: self.amount }).await?;
        state[self.name] = json!(balance);
        Ok(())
    }

    async fn undo(&self, cx: &StepContext<'_>, _: &Value, _: &mut Unit) -> Result<Undo, Error> {
        if cx.answered::<Book>().await?.is_none() {
            return Ok(Undo::Nothing);
        }
        cx.ask(Book { account: self.account.into(), amount: -self.amount }).await?;
        Ok(Undo::Done)
    }
}

/// Writes in the unit of its own step.
struct NoteStep;

#[async_trait]
impl Step<Value> for NoteStep {
    fn name(&self) -> &'static str {
        "note"
    }

    async fn run(&self, _: &StepContext<'_>, _: &mut Value, unit: &mut Unit) -> Result<(), Error> {
        unit.put("transfer", &Note { text: "done".into() }, Expected::Absent);
        Ok(())
    }
}

pub struct Transfer;

impl Saga for Transfer {
    type State = Value;
    const NAME: &'static str = "bank.transfer";
    const VERSION: u32 = 1;

    fn steps(&self) -> Vec<Box<dyn Step<Value>>> {
        vec![
            Box::new(BookStep { name: "debit", account: "a", amount: -10 }),
            Box::new(BookStep { name: "credit", account: "b", amount: 10 }),
            Box::new(NoteStep),
        ]
    }
}

struct Bank;

#[async_trait]
impl SagaCase for Bank {
    type Saga = Transfer;

    fn saga(&self, _: Arc<dyn Store>) -> Transfer {
        Transfer
    }

    fn services(&self, store: Arc<dyn Store>, table: &mut ServiceTable) {
        table.serve::<Book>("accounts", Accounts { store });
    }

    fn state(&self) -> Value {
        json!({})
    }

    fn permissions(&self) -> &[&str] {
        &["accounts:book"]
    }

    async fn effects(&self, store: &dyn Store) -> Value {
        let accounts = store.list::<Account>(None, 100).await.unwrap();
        let balances: Value =
            accounts.iter().map(|a| (a.key.clone(), json!(a.value.balance))).collect::<serde_json::Map<_, _>>().into();
        let moved = balances.as_object().unwrap().values().any(|balance| balance != 0);
        let notes = store.list::<Note>(None, 100).await.unwrap().len();
        if moved || notes > 0 { json!({ "balances": balances, "notes": notes }) } else { Value::Null }
    }
}

#[tokio::test(start_paused = true)]
async fn a_transfer_moves_the_money_once() {
    assert_eq!(completes(|| Bank).await, json!({ "balances": { "a": -10, "b": 10 }, "notes": 1 }));
}

#[tokio::test(start_paused = true)]
async fn repeating_any_step_changes_nothing() {
    every_step_idempotent(|| Bank).await;
}

#[tokio::test(start_paused = true)]
async fn failing_any_step_takes_everything_back() {
    unwind_from_every_step(|| Bank, &Value::Null).await;
}

#[tokio::test(start_paused = true)]
async fn dying_at_any_commit_loses_and_doubles_nothing() {
    crash_at_every_commit(|| Bank).await;
}
