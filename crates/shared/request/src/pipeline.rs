use std::{any::Any, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use event_sourcing::{Origin, Store, Unit};
use futures::FutureExt;
use kernel::{Access, Clock, Context, Error, ErrorKind, Ids, Request, RequestKind};
use serde_json::Value;
use tracing::Instrument;

use crate::{
    IdempotencyKey, RequestInfo, ServiceTable,
    idempotency::{self, Once},
    service::ErasedService,
};

/// What every request passes, in this order.
pub const STAGES: [&str; 7] = ["span", "access", "validation", "deadline", "idempotency", "service", "commit"];

/// Asks the services of this process.
#[derive(Clone)]
pub struct Requests {
    table: Arc<ServiceTable>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
}

impl Requests {
    pub fn new(table: ServiceTable, store: Arc<dyn Store>, clock: Arc<dyn Clock>, ids: Arc<dyn Ids>) -> Self {
        Self { table: Arc::new(table), store, clock, ids }
    }

    /// # Cancel safety
    /// Dropped before the commit, nothing happened; dropped during it, the command is done or not done as a whole, which a
    /// second try with the same [`IdempotencyKey`] finds out.
    pub async fn ask<R: Request>(&self, cx: &Context, request: R) -> Result<R::Response, Error> {
        self.dispatch(cx, None, request).await
    }

    /// A command that may be sent again under the same key.
    ///
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn send<R: Request>(&self, cx: &Context, key: &IdempotencyKey, request: R) -> Result<R::Response, Error> {
        self.dispatch(cx, Some(key), request).await
    }

    /// What a command that was sent under this key answered, if it was done.
    pub async fn answered<R: Request>(&self, key: &IdempotencyKey) -> Result<Option<R::Response>, Error> {
        idempotency::answered::<R>(&*self.store, key).await
    }

    /// By name, JSON in and out: what a port adapter has.
    ///
    /// # Cancel safety
    /// As [`Requests::ask`].
    pub async fn call(
        &self,
        cx: &Context,
        name: &str,
        key: Option<&IdempotencyKey>,
        request: Value,
    ) -> Result<Value, Error> {
        self.table.json(name)?(self, cx, key, request).await
    }

    pub fn requests(&self) -> Vec<RequestInfo> {
        self.table.requests()
    }

    pub(crate) async fn dispatch<R: Request>(
        &self,
        cx: &Context,
        key: Option<&IdempotencyKey>,
        request: R,
    ) -> Result<R::Response, Error> {
        let (info, service) = self.table.typed::<R>()?;
        let span = observability::message_span("request", info.module, info.name, cx);
        async {
            let result = self.stages(cx, key, info, service, request).await;
            match &result {
                Ok(_) => tracing::info!("answered"),
                // What the caller can mend is the caller's news; what only we can is ours.
                Err(error) if error.kind.is_of_the_caller() => tracing::info!(kind = ?error.kind, "{error}"),
                Err(error) => tracing::warn!(kind = ?error.kind, detail = error.detail.as_deref(), "{error}"),
            }
            result
        }
        .instrument(span)
        .await
    }

    async fn stages<R: Request>(
        &self,
        cx: &Context,
        key: Option<&IdempotencyKey>,
        info: &RequestInfo,
        service: &dyn ErasedService<R>,
        request: R,
    ) -> Result<R::Response, Error> {
        access(cx, info)?;
        service.validate(&request).map_err(Error::invalid_fields)?;
        let remaining = self.remaining(cx, info)?;
        let once = match (R::KIND, key) {
            (RequestKind::Command, Some(key)) => Some(Once::new(key, &request)?),
            (RequestKind::Command, None) | (RequestKind::Query, _) => None,
        };
        if let Some(once) = &once
            && let Some(answer) = once.earlier::<R>(&*self.store).await?
        {
            return Ok(answer);
        }
        let mut unit = self.unit(cx, info.module);
        let response = within(remaining, info, service.execute(cx, &mut unit, request)).await?;
        if let Some(once) = once {
            once.remember::<R>(&response, &mut unit)?;
        }
        self.commit(info, unit).await?;
        Ok(response)
    }

    fn unit(&self, cx: &Context, module: &'static str) -> Unit {
        let (clock, ids) = (Arc::clone(&self.clock), Arc::clone(&self.ids));
        Unit::new(Origin { module, context: cx.clone(), clock, ids })
    }

    fn remaining(&self, cx: &Context, info: &RequestInfo) -> Result<Option<Duration>, Error> {
        let Some(deadline) = cx.deadline() else { return Ok(None) };
        let remaining = (deadline - self.clock.now()).to_std().map_err(|_| late(info))?;
        Ok(Some(remaining))
    }

    async fn commit(&self, info: &RequestInfo, unit: Unit) -> Result<(), Error> {
        match info.kind {
            RequestKind::Query if !unit.is_empty() => {
                Err(Error::internal(format!("`{}` is a query and tried to write: make it a command", info.name)))
            }
            RequestKind::Command if !unit.is_empty() => Ok(self.store.commit(unit).await.map(drop)?),
            RequestKind::Query | RequestKind::Command => Ok(()),
        }
    }
}

fn access(cx: &Context, info: &RequestInfo) -> Result<(), Error> {
    match info.access {
        Access::Public { .. } => Ok(()),
        Access::Requires(permission) if cx.principal().may(permission) => Ok(()),
        Access::Requires(permission) => Err(Error::new(
            ErrorKind::Denied,
            format!(
                "`{}` needs permission `{}`, which `{}` does not have: grant it under [access.grants] in the settings",
                info.name,
                permission.name(),
                cx.principal().user()
            ),
        )),
    }
}

/// A service that panics fails its own request and nothing else: what it had added to the unit is dropped with it.
async fn within<T>(
    remaining: Option<Duration>,
    info: &RequestInfo,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let answer = match remaining {
        Some(remaining) => tokio::time::timeout(remaining, answer).await.map_err(|_| late(info))?,
        None => answer.await,
    };
    answer.unwrap_or_else(|panic| Err(panicked(info, panic.as_ref())))
}

fn panicked(info: &RequestInfo, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::internal(format!("the service of `{}` failed by a fault of its own: see the log", info.name))
        .with_detail(text.unwrap_or_else(|| "a panic without a text".into()))
}

fn late(info: &RequestInfo) -> Error {
    Error::new(ErrorKind::Deadline, format!("`{}` was not answered before its deadline", info.name))
}
