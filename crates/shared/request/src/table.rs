use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use kernel::{Access, Context, Error, Request, RequestKind};
use serde_json::Value;

use crate::{
    IdempotencyKey, Requests, Service,
    service::{Answer, ErasedService},
};

/// Which service answers which request: filled once at start, never changed after.
#[derive(Default)]
pub struct ServiceTable {
    by_type: HashMap<TypeId, Entry>,
    by_name: HashMap<&'static str, TypeId>,
}

/// What is known about a request without calling it.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo {
    pub name: &'static str,
    pub module: &'static str,
    pub kind: RequestKind,
    pub access: Access,
}

struct Entry {
    info: RequestInfo,
    /// `Arc<dyn ErasedService<R>>` for the `R` of the entry's `TypeId`.
    service: Box<dyn Any + Send + Sync>,
    json: JsonCall,
}

type JsonCall = for<'a> fn(&'a Requests, &'a Context, Option<&'a IdempotencyKey>, Value) -> Answer<'a, Value>;

impl ServiceTable {
    /// `module` serves `R` with this service. A second service for the same request or name replaces the first:
    /// `module::verify` refuses such an assembly before it gets here.
    pub fn serve<R: Request>(&mut self, module: &'static str, service: impl Service<R>) {
        let service: Arc<dyn ErasedService<R>> = Arc::new(service);
        let info = RequestInfo { name: R::NAME, module, kind: R::KIND, access: R::ACCESS };
        self.by_name.insert(R::NAME, TypeId::of::<R>());
        self.by_type.insert(TypeId::of::<R>(), Entry { info, service: Box::new(service), json: json_call::<R> });
    }

    /// Every request, by name.
    pub fn requests(&self) -> Vec<RequestInfo> {
        let mut all: Vec<RequestInfo> = self.by_type.values().map(|entry| entry.info).collect();
        all.sort_by_key(|info| info.name);
        all
    }

    pub(crate) fn typed<R: Request>(&self) -> Result<(&RequestInfo, &dyn ErasedService<R>), Error> {
        let entry = self.by_type.get(&TypeId::of::<R>()).ok_or_else(|| self.unknown(R::NAME))?;
        let service = entry.service.downcast_ref::<Arc<dyn ErasedService<R>>>();
        Ok((&entry.info, service.expect("an entry's service is for the type that it stands under").as_ref()))
    }

    pub(crate) fn json(&self, name: &str) -> Result<JsonCall, Error> {
        let by_name = self.by_name.get(name).and_then(|id| self.by_type.get(id));
        by_name.map(|entry| entry.json).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let known: Vec<&str> = self.requests().into_iter().map(|info| info.name).collect();
        Error::new(
            kernel::ErrorKind::NotFound,
            format!("no module here serves `{name}`; served are: {}", known.join(", ")),
        )
    }
}

fn json_call<'a, R: Request>(
    requests: &'a Requests,
    cx: &'a Context,
    key: Option<&'a IdempotencyKey>,
    value: Value,
) -> Answer<'a, Value> {
    Box::pin(async move {
        let request = R::deserialize(&value)
            .map_err(|e| Error::invalid(format!("`{}` cannot be read from this JSON: {e}", R::NAME)))?;
        let response = requests.dispatch(cx, key, request).await?;
        serde_json::to_value(response)
            .map_err(|e| Error::internal(format!("the answer of `{}` is not JSON", R::NAME)).with_detail(e.to_string()))
    })
}
