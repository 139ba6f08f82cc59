use std::{
    any::{Any, TypeId},
    collections::{HashMap, HashSet},
    sync::{Arc, OnceLock},
};

use event_bus::InlineSubscribers;
use kernel::{Access, Error, ErrorKind, Request, RequestKind};
use resilience::{Breaker, Breakers, Bulkhead, BulkheadOptions};
use schemars::Schema;

use crate::{
    Cached, Requirement, Service, ServiceInfo,
    cache::{Answers, KeptAnswers},
    erased::{JsonCall, json_call},
    form::Form,
    meters::Meters,
    service::ErasedService,
};

/// The service registry: which service of which module answers which request. Filled once at start, never changed after.
#[derive(Default)]
pub struct ServiceTable {
    by_type: HashMap<TypeId, Entry>,
    by_name: HashMap<&'static str, TypeId>,
    /// What each module says that it asks; a module that says nothing is not held to it.
    asks: HashMap<&'static str, HashSet<&'static str>>,
    /// Which module serves what is not served in this process.
    elsewhere: HashMap<&'static str, &'static str>,
    stale_after: HashSet<&'static str>,
    /// Who adds to the units of services, and what their events are held to.
    inline: Option<InlineSubscribers>,
}

/// What is known about a request without calling it.
#[derive(Debug, Clone, Copy)]
pub struct RequestInfo {
    /// Wire name: `data-quality.check`.
    pub name: &'static str,
    /// The module that serves it.
    pub module: &'static str,
    /// Whether it changes anything.
    pub kind: RequestKind,
    /// Who may call it.
    pub access: Access,
    /// The service in its own words.
    pub service: ServiceInfo,
    /// JSON Schema of the request.
    pub request: fn() -> Schema,
    /// JSON Schema of the response.
    pub response: fn() -> Schema,
}

impl RequestInfo {
    /// What the type says, without the words of a service.
    pub fn of<R: Request>(module: &'static str) -> Self {
        Self {
            name: R::NAME,
            module,
            kind: R::KIND,
            access: R::ACCESS,
            service: ServiceInfo::default(),
            request: || schemars::schema_for!(R),
            response: || schemars::schema_for!(R::Response),
        }
    }
}

/// What the pipeline needs of one request.
pub(crate) struct Entry {
    pub guard: Option<Guard>,
    pub info: RequestInfo,
    pub meters: Meters,
    typed: Box<dyn Any + Send + Sync>,
    pub json: JsonCall,
    /// Made when it is first called by name.
    form: OnceLock<Form>,
}

impl Entry {
    pub fn form(&self) -> &Form {
        self.form.get_or_init(|| Form::of((self.info.request)()))
    }
}

/// What a service is called behind.
///
/// Each request has its own: a bulkhead that several shared would wait for itself when one of them asks another.
pub(crate) struct Guard {
    pub bulkhead: Bulkhead,
    pub breaker: Breaker,
}

/// The part of an [`Entry`] that has the request's type.
pub(crate) struct Typed<R: Request> {
    pub service: Arc<dyn ErasedService<R>>,
    pub requirements: Vec<Requirement<R>>,
    pub answers: Option<Box<dyn Answers<R>>>,
}

impl ServiceTable {
    /// `module` serves `R` with this service. A second service for the same request or name replaces the first:
    /// `module::verify` refuses such an assembly before it gets here.
    pub fn serve<R: Request>(&mut self, module: &'static str, service: impl Service<R>) {
        let info = RequestInfo { service: service.info(), ..RequestInfo::of::<R>(module) };
        let typed = Typed::<R> { service: Arc::new(service), requirements: Vec::new(), answers: None };
        let (meters, json) = (Meters::new(module, R::NAME), json_call::<R> as JsonCall);
        self.by_name.insert(R::NAME, TypeId::of::<R>());
        let entry = Entry { guard: None, info, meters, typed: Box::new(typed), json, form: OnceLock::new() };
        self.by_type.insert(TypeId::of::<R>(), entry);
    }

    /// Keeps the answers of `R`.
    ///
    /// # Panics
    /// If nothing serves `R` yet.
    pub fn cache<R: Cached>(&mut self) {
        self.stale_after.extend(R::STALE_AFTER);
        self.typed_mut::<R>().answers = Some(Box::new(KeptAnswers::<R>::new()));
    }

    /// Holds `R` to what a regulation asks.
    ///
    /// # Panics
    /// If nothing serves `R` yet.
    pub fn require<R: Request>(&mut self, requirement: Requirement<R>) {
        self.typed_mut::<R>().requirements.push(requirement);
    }

    /// `module` asks these requests and no others.
    pub fn declare(&mut self, module: &'static str, asks: impl IntoIterator<Item = &'static str>) {
        self.asks.entry(module).or_default().extend(asks);
    }

    /// These add to what the services commit, and what is published is held to their rules. Without them nobody adds, and the
    /// default rules hold.
    pub fn commit_with(&mut self, inline: InlineSubscribers) {
        self.inline = Some(inline);
    }

    /// `module`, which does not run in this process, serves a request of this name.
    pub fn serve_elsewhere(&mut self, module: &'static str, request: &'static str) {
        self.elsewhere.insert(request, module);
    }

    /// Every request, by name.
    pub fn requests(&self) -> Vec<RequestInfo> {
        let mut all: Vec<RequestInfo> = self.by_type.values().map(|entry| entry.info).collect();
        all.sort_by_key(|info| info.name);
        all
    }

    /// Puts a bulkhead and a breaker before every service. The options are in range.
    pub(crate) fn guard(&mut self, breakers: &Breakers, options: &BulkheadOptions) {
        for entry in self.by_type.values_mut() {
            let bulkhead = Bulkhead::try_new(entry.info.name, options.clone()).expect("the options were checked");
            let breaker = breakers.of(entry.info.name).expect("there is no limit to the targets");
            entry.guard = Some(Guard { bulkhead, breaker });
        }
    }

    pub(crate) fn take_inline(&mut self) -> Option<InlineSubscribers> {
        self.inline.take()
    }

    /// Events that make answers stale.
    pub(crate) fn stale_after(&self) -> impl Iterator<Item = &'static str> {
        self.stale_after.iter().copied()
    }

    /// Whether the module has not said that it asks this request.
    pub(crate) fn is_undeclared(&self, module: &str, request: &RequestInfo) -> bool {
        module != request.module && self.asks.get(module).is_some_and(|asks| !asks.contains(request.name))
    }

    /// The request, and the module that would serve it if it ran in this process.
    pub(crate) fn elsewhere(&self, request: &str) -> Option<(&'static str, &'static str)> {
        self.elsewhere.get_key_value(request).map(|(request, module)| (*request, *module))
    }

    pub(crate) fn typed<R: Request>(&self) -> Result<(&Entry, &Typed<R>), Error> {
        let entry = self.by_type.get(&TypeId::of::<R>()).ok_or_else(|| self.unknown(R::NAME))?;
        Ok((entry, entry.typed.downcast_ref().expect("an entry is for the type that it stands under")))
    }

    fn typed_mut<R: Request>(&mut self) -> &mut Typed<R> {
        let entry = self.by_type.get_mut(&TypeId::of::<R>()).unwrap_or_else(|| panic!("nothing serves `{}`", R::NAME));
        entry.typed.downcast_mut().expect("an entry is for the type that it stands under")
    }

    pub(crate) fn named(&self, name: &str) -> Result<&Entry, Error> {
        let entry = self.by_name.get(name).and_then(|id| self.by_type.get(id));
        entry.ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> Error {
        let likeness = |known: &str| strsim::jaro_winkler(known, name);
        let closest = self.by_name.keys().filter(|known| likeness(known) > 0.8);
        let closest = closest.max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let way_out = match closest {
            Some(closest) => format!("did you mean `{closest}`?"),
            None => {
                "`borough requests` lists what is served; a module serves a request with `.serves::<R, S>()`".to_owned()
            }
        };
        Error::new(ErrorKind::NotFound, format!("no module here serves `{name}`: {way_out}"))
            .with_code("request.unknown")
    }
}
