use std::{any::Any, error::Error, fmt, panic::Location, sync::Arc};

use kernel::panic_text;

/// A registration: what it provides and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Step {
    /// The type as the compiler names it.
    pub name: &'static str,
    /// Where it was registered.
    pub place: &'static Location<'static>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.place)
    }
}

/// Why a value could not be made, and who needed it. The container is as it was before: the next to ask tries again.
#[derive(Debug, Clone)]
pub struct Failure {
    /// From what failed up to what was asked for.
    upwards: Vec<Step>,
    reason: Reason,
}

/// What went wrong in a factory.
#[derive(Debug, Clone)]
pub enum Reason {
    /// It returned an error.
    Error(Arc<dyn Error + Send + Sync>),
    /// It panicked, with this message.
    Panic(String),
    /// It is async, its value is not there yet, and whoever asked does not await.
    NotAwaited,
}

impl Failure {
    pub(crate) fn new(reason: Reason) -> Box<Self> {
        Box::new(Self { upwards: Vec::new(), reason })
    }

    pub(crate) fn error(error: impl Into<Box<dyn Error + Send + Sync>>) -> Box<Self> {
        Self::new(Reason::Error(Arc::from(error.into())))
    }

    pub(crate) fn panic(payload: Box<dyn Any + Send>) -> Box<Self> {
        Self::new(Reason::Panic(panic_text(payload)))
    }

    /// One step up, towards who asked.
    pub(crate) fn through(mut self: Box<Self>, step: Step) -> Box<Self> {
        self.upwards.push(step);
        self
    }

    /// From what was asked for down to what failed.
    pub fn chain(&self) -> impl ExactSizeIterator<Item = Step> {
        self.upwards.iter().rev().copied()
    }

    /// What went wrong in the factory of the last of the [`chain`](Self::chain).
    pub fn reason(&self) -> &Reason {
        &self.reason
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.upwards.len() > 1 {
            let names: Vec<String> = self.chain().map(|step| format!("`{}`", step.name)).collect();
            write!(f, "{}: ", names.join(" needs "))?;
        }
        let at_fault = self.upwards.first().expect("a failure passes the wire of what failed");
        write!(f, "the factory of `{}`, registered at {}, ", at_fault.name, at_fault.place)?;
        match &self.reason {
            Reason::Error(_) => write!(f, "failed"),
            Reason::Panic(message) => write!(f, "panicked with: {message}"),
            Reason::NotAwaited => write!(f, "is async: await `get_async`, or `start` the container before"),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            Reason::Error(error) => Some(error.as_ref()),
            Reason::Panic(_) | Reason::NotAwaited => None,
        }
    }
}
