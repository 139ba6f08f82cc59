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
    /// The manifest or source file that breaks the rule, and others that it needs for that.
    pub files: &'static [File],
}

/// A file of the workspace and what it says.
type File = (&'static str, &'static str);

impl Explanation {
    pub fn of(rule: Rule) -> Self {
        let (says, example, files) = words(rule);
        Self { rule, says, example, files }
    }

    /// For people.
    pub fn text(&self) -> String {
        let Self { rule, says, example, files } = self;
        let severity = match rule.default_severity() {
            crate::rules::Severity::Warn => "warn",
            _ => "error",
        };
        let name = rule.name();
        let indent = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
        let indented = |text: &str| text.lines().map(indent).collect::<String>();
        let role = |index: usize| if index == 0 { "broken by" } else { "with" };
        let files = files.iter().enumerate();
        let files = files.map(|(index, (file, text))| format!("{} {file}\n{}\n", role(index), indented(text)));
        let (example, files) = (indented(example), files.collect::<String>());
        format!(
            "{name}\n\n{says}\n\nboundaries.toml\n{example}\n{files}\
             [severity] {name} = \"{severity}\" is the default.\n"
        )
    }
}

const ORDERS: &str = "domains/orders/Cargo.toml";
const ORDERS_LIB: &str = "domains/orders/src/lib.rs";
const KERNEL_LIB: &str = "shared/kernel/src/lib.rs";
const KERNEL: &str = "shared/kernel/Cargo.toml";
const USES_BILLING: &str = "[dependencies]\nbilling = { path = \"../billing\" }\n";
const USES_KERNEL: &str = "[dependencies]\nkernel = { path = \"../../shared/kernel\" }\n";
const USES_RUSQLITE: &str = "[dependencies]\nrusqlite = \"0.41\"\n";

fn words(rule: Rule) -> (&'static str, &'static str, &'static [File]) {
    match rule {
        Rule::MayUse => (
            "A layer uses only what its `may-use` lists, or the layers before it when it has no such list.",
            include_str!("explain/may-use.toml"),
            &[(KERNEL, "[dependencies]\norders = { path = \"../../domains/orders\" }\n")],
        ),
        Rule::SameLayer => (
            "Crates of one layer use each other only where `edges` says so.",
            include_str!("explain/same-layer.toml"),
            &[(KERNEL, "[dependencies]\nbus = { path = \"../bus\" }\n")],
        ),
        Rule::Independent => (
            "No crate of an independent layer sees another one, in no kind of dependency.",
            include_str!("explain/independent.toml"),
            &[(ORDERS, USES_BILLING)],
        ),
        Rule::DevOnly => (
            "Some crates are for tests: everybody may have them as a dev-dependency, nobody otherwise.",
            include_str!("explain/dev-only.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::Visibility => (
            "Who may use a layer (`visible-to`) or some crates ([[visibility]]). A crate can say it for itself: \
             `visible-to = [..]` in [package.metadata.boundaries].",
            include_str!("explain/visibility.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::Forbid => (
            "Single dependencies that are forbidden, on crates of the workspace or external ones. A crate can say it for \
             itself: `deny = [{ to = \"..\", reason = \"..\" }]` in [package.metadata.boundaries].",
            include_str!("explain/forbid.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::Deprecated => (
            "Dependencies on their way out: a warning that is counted, and an error from the day after `until` on.",
            include_str!("explain/deprecated.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::Cycle => (
            "Dependencies of the `kinds` form no cycle. Cargo sees to it for normal and build dependencies, not for \
             dev-dependencies. What is reported are the fewest lines to delete.",
            include_str!("explain/cycle.toml"),
            &[(KERNEL, "[dev-dependencies]\nbus = { path = \"../bus\" }\n")],
        ),
        Rule::ExternalAllow => (
            "The only external crates that the normal and build dependencies of a layer may name.",
            include_str!("explain/external-allow.toml"),
            &[(ORDERS, USES_RUSQLITE)],
        ),
        Rule::ExternalDeny => (
            "External crates that a layer must not name.",
            include_str!("explain/external-deny.toml"),
            &[(ORDERS, USES_RUSQLITE)],
        ),
        Rule::ExternalReachable => (
            "External crates that a layer must not get through other crates either; the shortest path is shown. Needs \
             Cargo.lock and fetched crates, since Cargo resolves the graph.",
            include_str!("explain/external-reachable.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::ExternalOnly => (
            "External crates that only some crates of the workspace may name.",
            include_str!("explain/external-only.toml"),
            &[(ORDERS, USES_RUSQLITE)],
        ),
        Rule::WorkspaceLints => (
            "Every manifest has `[lints] workspace = true`.",
            include_str!("explain/workspace-lints.toml"),
            &[(ORDERS, "# no [lints]\n")],
        ),
        Rule::WorkspaceVersions => (
            "Every dependency is inherited from [workspace.dependencies].",
            include_str!("explain/workspace-versions.toml"),
            &[(ORDERS, USES_RUSQLITE)],
        ),
        Rule::FolderName => (
            "A package is called as its folder.",
            include_str!("explain/folder-name.toml"),
            &[(ORDERS, "[package]\nname = \"order-book\"\n")],
        ),
        Rule::UsedDependencies => (
            "Every dependency on a crate of the workspace is named in the sources: in the product, if it is one of \
             [dependencies], not by the build script alone. Names in comments count, since examples there are compiled; what a macro puts together is not \
             seen and needs an [[except]].",
            include_str!("explain/used-dependencies.toml"),
            &[(ORDERS, USES_KERNEL)],
        ),
        Rule::NoGlobReExports => (
            "No library re-exports all of another crate with `pub use other::*`: nobody would see what its interface is.",
            include_str!("explain/no-glob-re-exports.toml"),
            &[(ORDERS_LIB, "pub use kernel::*;\n"), (ORDERS, USES_KERNEL)],
        ),
        Rule::ModuleOrder => (
            "Inside of a crate, a module and all below it name no module that stands after it in `order`. Read from the \
             sources of libraries and binaries, wherever a path stands or leads; code under test is free.",
            include_str!("explain/module-order.toml"),
            &[(ORDERS_LIB, "mod domain {\n    pub use crate::api::Route;\n}\nmod api {\n    pub struct Route;\n}\n")],
        ),
        Rule::ModulePrivate => (
            "A private module is named by the module around it and by what is in that, and by no other crate. `*` stands for \
             one name. Code under test in the same crate is free.",
            include_str!("explain/module-private.toml"),
            &[(
                ORDERS_LIB,
                "pub mod cart {\n    pub mod store {\n        pub struct Row;\n    }\n}\npub mod price {\n    use crate::cart::store::Row;\n}\n",
            )],
        ),
        Rule::ModuleApi => (
            "Other crates name what stands in the root of a crate or in one of these modules; an empty list leaves the root.",
            include_str!("explain/module-api.toml"),
            &[
                (ORDERS_LIB, "use kernel::inner::State;\n"),
                (ORDERS, USES_KERNEL),
                (KERNEL_LIB, "pub mod clock {}\npub mod inner {\n    pub struct State;\n}\n"),
            ],
        ),
    }
}
