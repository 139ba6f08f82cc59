use std::fmt;

/// Something wrong with an assembly.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// Whether the assembly is refused for it.
    pub level: FindingLevel,
    /// Whose fault it is: a module, `settings`, or `container` for what no module has registered.
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
        write!(f, "module `{}`: {}: {}", self.module, self.problem, self.fix)
    }
}

/// Everything that is wrong with an assembly, errors first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl std::error::Error for Findings {}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the modules do not fit together:")?;
        self.0.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
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

    /// A container that is sound and cannot be built: a factory failed.
    pub(crate) fn of_building(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        let problem = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
        let mut findings = Self::default();
        findings.error("container", problem, "see its cause");
        findings
    }
}
