//! Every rule in words, with an example of the configuration and of a line that breaks it.

use crate::report::Rule;

/// What there is to say about a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Explanation {
    pub rule: Rule,
    /// What it says, in one or two sentences.
    pub says: &'static str,
    /// The rule in a whole `boundaries.toml` for a workspace of `shared/kernel`, `shared/bus`, `domains/orders` and
    /// `domains/billing`.
    pub example: &'static str,
    /// A manifest or a source file of it.
    pub file: &'static str,
    /// What breaks the rule there.
    pub broken: &'static str,
}

impl Explanation {
    pub fn of(rule: Rule) -> Self {
        let (says, example, file, broken) = words(rule);
        Self { rule, says, example, file, broken }
    }

    /// For people.
    pub fn text(&self) -> String {
        let Self { rule, says, example, file, broken } = self;
        let severity = match rule.default_severity() {
            crate::rules::Severity::Warn => "warn",
            _ => "error",
        };
        let name = rule.name();
        let indent = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
        let indented = |text: &str| text.lines().map(indent).collect::<String>();
        let (example, broken) = (indented(example), indented(broken));
        format!(
            "{name}\n\n{says}\n\nboundaries.toml\n{example}\nbroken by {file}\n{broken}\n\
             [severity] {name} = \"{severity}\" is the default.\n"
        )
    }
}

const ORDERS: &str = "domains/orders/Cargo.toml";
const USES_BILLING: &str = "[dependencies]\nbilling = { path = \"../billing\" }\n";
const USES_KERNEL: &str = "[dependencies]\nkernel = { path = \"../../shared/kernel\" }\n";
const USES_RUSQLITE: &str = "[dependencies]\nrusqlite = \"0.41\"\n";

fn words(rule: Rule) -> (&'static str, &'static str, &'static str, &'static str) {
    match rule {
        Rule::MayUse => (
            "A layer uses only what its `may-use` lists, or the layers before it when it has no such list.",
            include_str!("explain/may-use.toml"),
            "shared/kernel/Cargo.toml",
            "[dependencies]\norders = { path = \"../../domains/orders\" }\n",
        ),
        Rule::SameLayer => (
            "Crates of one layer use each other only where `edges` says so.",
            include_str!("explain/same-layer.toml"),
            "shared/kernel/Cargo.toml",
            "[dependencies]\nbus = { path = \"../bus\" }\n",
        ),
        Rule::Independent => (
            "No crate of an independent layer sees another one, in no kind of dependency.",
            include_str!("explain/independent.toml"),
            ORDERS,
            USES_BILLING,
        ),
        Rule::DevOnly => (
            "Some crates are for tests: everybody may have them as a dev-dependency, nobody otherwise.",
            include_str!("explain/dev-only.toml"),
            ORDERS,
            USES_KERNEL,
        ),
        Rule::Visibility => (
            "Who may use a layer (`visible-to`) or some crates ([[visibility]]). A crate can say it for itself: \
             `visible-to = [..]` in [package.metadata.boundaries].",
            include_str!("explain/visibility.toml"),
            ORDERS,
            USES_KERNEL,
        ),
        Rule::Forbid => (
            "Single dependencies that are forbidden, on crates of the workspace or external ones. A crate can say it for \
             itself: `deny = [{ to = \"..\", reason = \"..\" }]` in [package.metadata.boundaries].",
            include_str!("explain/forbid.toml"),
            ORDERS,
            USES_KERNEL,
        ),
        Rule::Deprecated => (
            "Dependencies on their way out: a warning that is counted, and an error from the day after `until` on.",
            include_str!("explain/deprecated.toml"),
            ORDERS,
            USES_KERNEL,
        ),
        Rule::Cycle => (
            "Dependencies of the `kinds` form no cycle. Cargo sees to it for normal and build dependencies, not for \
             dev-dependencies. What is reported are the fewest lines to delete.",
            include_str!("explain/cycle.toml"),
            "shared/kernel/Cargo.toml",
            "[dev-dependencies]\nbus = { path = \"../bus\" }\n",
        ),
        Rule::ExternalAllow => (
            "The only external crates that the normal and build dependencies of a layer may name.",
            include_str!("explain/external-allow.toml"),
            ORDERS,
            USES_RUSQLITE,
        ),
        Rule::ExternalDeny => (
            "External crates that a layer must not name.",
            include_str!("explain/external-deny.toml"),
            ORDERS,
            USES_RUSQLITE,
        ),
        Rule::ExternalReachable => (
            "External crates that a layer must not get through other crates either; the shortest path is shown. Needs \
             Cargo.lock and fetched crates, since Cargo resolves the graph.",
            include_str!("explain/external-reachable.toml"),
            ORDERS,
            USES_KERNEL,
        ),
        Rule::ExternalOnly => (
            "External crates that only some crates of the workspace may name.",
            include_str!("explain/external-only.toml"),
            ORDERS,
            USES_RUSQLITE,
        ),
        Rule::WorkspaceLints => (
            "Every manifest has `[lints] workspace = true`.",
            include_str!("explain/workspace-lints.toml"),
            ORDERS,
            "# no [lints]\n",
        ),
        Rule::WorkspaceVersions => (
            "Every dependency is inherited from [workspace.dependencies].",
            include_str!("explain/workspace-versions.toml"),
            ORDERS,
            USES_RUSQLITE,
        ),
        Rule::FolderName => (
            "A package is called as its folder.",
            include_str!("explain/folder-name.toml"),
            ORDERS,
            "[package]\nname = \"order-book\"\n",
        ),
        Rule::ModuleOrder => (
            "Inside of a crate, a module and all below it name no module that stands after it in `order`. Read from the \
             sources of libraries and binaries, wherever a path stands or leads; code under test is free.",
            include_str!("explain/module-order.toml"),
            "domains/orders/src/lib.rs",
            "mod domain {\n    pub use crate::api::Route;\n}\nmod api {\n    pub struct Route;\n}\n",
        ),
    }
}
