use std::{error::Error, fmt};

use container::{Failure, HookError, HookReason};
use event_sourcing::StoreError;

use crate::{Module, verification::registrar};

/// Something wrong with an assembly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whether the assembly is refused for it.
    pub level: FindingLevel,
    /// Whose fault it is: a module, `settings`, `store`, or `container` for what no module has registered.
    pub module: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub fix: String,
}

/// Whether the assembly is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingLevel {
    /// The assembly cannot work.
    Error,
    /// It works, and something in it is probably forgotten.
    Warning,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "module `{}`: {}: {}", self.module.escape_debug(), self.problem, self.fix)
    }
}

/// Everything that is wrong with an assembly, errors first. Warnings are not shown beside them: they would hide what has to be
/// mended now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl Error for Findings {}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the modules do not fit together:")?;
        self.errors().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

impl Findings {
    /// Those for which the assembly is refused.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.level == FindingLevel::Error)
    }

    pub(crate) fn error(&mut self, module: &str, problem: String, fix: impl Into<String>) {
        self.0.push(Finding { level: FindingLevel::Error, module: module.into(), problem, fix: fix.into() });
    }

    pub(crate) fn warning(&mut self, module: &str, problem: String, fix: impl Into<String>) {
        self.0.push(Finding { level: FindingLevel::Warning, module: module.into(), problem, fix: fix.into() });
    }

    /// Modules that are sound, and a store that cannot have their collections.
    pub(crate) fn of_store(error: &StoreError) -> Self {
        let mut findings = Self::default();
        findings.error("store", error.to_string(), "see to the store before the modules are started");
        findings
    }

    /// A container that is sound, and a factory failed: of the module that has registered that one.
    pub(crate) fn of_making(modules: &[Module], error: &HookError) -> Self {
        let at_fault = match &error.reason {
            HookReason::Failed(failure) => failure.downcast_ref::<Failure>().and_then(|failure| failure.chain().last()),
            HookReason::Panicked(_) | HookReason::TimedOut(_) => None,
        };
        let problem = kernel::with_causes(error);
        let mut findings = Self::default();
        let fix = "mend the factory, or what it is given";
        findings.error(registrar(modules, at_fault.unwrap_or(error.of).place), problem, fix);
        findings
    }
}
