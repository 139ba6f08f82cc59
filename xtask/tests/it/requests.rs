//! Every request is tried: what the sources declare is what the tables of tried requests have.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use cargo_metadata::{Package, Target};
use serde_json::Value;
use source_graph::{Edition, PackageSources, Root, RootKind, SourceGraph};
use syn::{
    Expr, ExprLit, ImplItem, ItemImpl, Lit,
    visit::{self, Visit},
};

/// Where a crate that tries requests lists them, beside the tests that do: see `testing::requests`.
const TABLE: &str = "tests/it/requests.json";

/// The products of this workspace, apart from what measures or checks them.
const PRODUCTS: [&str; 2] = ["crates", "examples"];

#[test]
fn every_request_is_tried() {
    let workspace = crate::workspace();
    let root = &workspace.workspace_root;
    let is_product =
        |package: &&Package| PRODUCTS.iter().any(|folder| package.manifest_path.starts_with(root.join(folder)));
    let (mut declared, mut tried) = (Vec::new(), Vec::new());
    for package in workspace.packages.iter().filter(is_product) {
        declared.extend(requests_of(roots(package)));
        let table = package.manifest_path.with_file_name(TABLE);
        if let Ok(table) = fs::read_to_string(table) {
            tried.extend(rows(&table));
        }
    }
    assert!(declared.len() > 5, "the scan finds requests: {declared:?}");
    let findings = findings(&declared, &tried);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

fn findings(declared: &[String], tried: &[String]) -> Vec<String> {
    let (known, rows): (BTreeSet<_>, BTreeSet<_>) = (declared.iter().collect(), tried.iter().collect());
    let forgotten = known.difference(&rows).map(|name| format!("`{name}` is declared and in no {TABLE}"));
    let gone = rows.difference(&known).map(|name| format!("`{name}` is in a {TABLE} and not declared"));
    forgotten.chain(gone).collect()
}

fn rows(table: &str) -> Vec<String> {
    let rows: Vec<Value> = serde_json::from_str(table).unwrap();
    rows.iter().map(|row| row["request"].as_str().unwrap().to_owned()).collect()
}

/// Library and binaries: where a product has its messages.
pub fn roots(package: &Package) -> Vec<Root> {
    let root = |target: &Target| {
        let kind = if target.is_bin() { RootKind::Binary } else { target.is_lib().then_some(RootKind::Library)? };
        Some(Root { kind, path: target.src_path.clone().into_std_path_buf(), edition: Edition::E2018 })
    };
    package.targets.iter().filter_map(root).collect()
}

/// The wire names of all requests in the files of these roots.
fn requests_of(roots: Vec<Root>) -> Vec<String> {
    files(roots).iter().flat_map(|path| requests_in(path)).collect()
}

/// The files that the boundary checker reads for these roots.
pub fn files(roots: Vec<Root>) -> Vec<PathBuf> {
    let graph = SourceGraph::of(&PackageSources { roots, ..PackageSources::default() });
    assert!(graph.problems.is_empty(), "{:?}", graph.problems);
    graph.files.iter().map(|file| file.path.clone()).collect()
}

/// An `impl` that says who has access is one of a request, whatever the trait is called there: that constant has no default.
fn requests_in(path: &Path) -> Vec<String> {
    const SAYS: &str = "const ACCESS: Access = ";
    let source = fs::read_to_string(path).unwrap();
    let mut requests = Requests::default();
    if source.contains(SAYS) {
        requests.visit_file(&syn::parse_file(&source).unwrap());
    }
    let all = requests.0.len() == source.matches(SAYS).count();
    assert!(all, "{}: a request in a macro, or one whose name is no text: write it out", path.display());
    requests.0
}

/// Wire names.
#[derive(Default)]
struct Requests(Vec<String>);

impl Visit<'_> for Requests {
    fn visit_item_impl(&mut self, item: &ItemImpl) {
        let value = |name: &str| {
            item.items.iter().find_map(|item| match item {
                ImplItem::Const(constant) if constant.ident == name => Some(&constant.expr),
                _ => None,
            })
        };
        if let (Some(_), Some(Expr::Lit(ExprLit { lit: Lit::Str(name), .. }))) = (value("ACCESS"), value("NAME")) {
            self.0.push(name.value());
        }
        visit::visit_item_impl(self, item);
    }
}

#[test]
fn requests_are_found_in_whatever_way_the_trait_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let request = |of: &str, name: &str| {
        format!("impl {of} for X {{\nconst NAME: &'static str = \"{name}\";\nconst ACCESS: Access = Y;\n}}\n")
    };
    let event = "impl Event for X { const NAME: &'static str = \"an.event\"; }\n".to_owned();
    let nested = format!("pub mod file;\nmod inline {{ fn function() {{ {} }} }}\n", request("Request", "a.nested"));
    let root = [request("Request", "a.plain"), request("kernel::Request", "a.qualified"), event, nested].concat();
    fs::write(folder.path().join("lib.rs"), root).unwrap();
    fs::write(folder.path().join("file.rs"), request("Asked", "a.renamed")).unwrap();
    fs::write(folder.path().join("unused.rs"), request("Request", "an.orphan")).unwrap();
    let path = folder.path().join("lib.rs");
    let roots = vec![Root { kind: RootKind::Library, path, edition: Edition::E2018 }];
    let mut found = requests_of(roots);
    found.sort();
    assert_eq!(found, ["a.nested", "a.plain", "a.qualified", "a.renamed"]);
}

#[test]
fn a_request_that_was_forgotten_is_found() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        findings(&names(&["a.new", "a.same"]), &names(&["a.same", "an.old"])),
        [
            "`a.new` is declared and in no tests/it/requests.json",
            "`an.old` is in a tests/it/requests.json and not declared"
        ]
    );
}
