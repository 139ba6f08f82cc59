//! Every message is promised: what the sources declare has a file in `docs/contracts`, which is what `check-contracts` holds
//! the code against. That command sees what a crate lists; this sees what a crate has forgotten to list.

use std::{fs, path::Path};

use cargo_metadata::Package;
use syn::{
    Expr, ExprLit, ImplItem, ItemImpl, Lit,
    visit::{self, Visit},
};

use crate::requests::{files, roots};

/// Where a product declares what its modules say to each other.
const CONTRACTS: [&str; 2] = ["crates/interfaces", "examples/therapy-session/therapy-contracts"];

#[test]
fn every_message_is_promised() {
    let workspace = crate::workspace();
    let root = workspace.workspace_root.as_std_path();
    let declares = |package: &&Package| {
        CONTRACTS.iter().any(|folder| package.manifest_path.as_std_path().starts_with(root.join(folder)))
    };
    let mut declared = Vec::new();
    for package in workspace.packages.iter().filter(declares) {
        let of_package = files(roots(package)).iter().flat_map(|path| messages_in(path)).collect::<Vec<_>>();
        assert!(!of_package.is_empty(), "{}: declares nothing", package.name);
        declared.extend(of_package.into_iter().map(|message| (package.name.to_string(), message)));
    }
    assert!(declared.len() > 15, "the scan finds messages: {declared:?}");
    let promised = fs::read_dir(root.join("docs/contracts")).unwrap();
    let promised = promised.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    let findings = findings(&declared, &promised);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

fn findings(declared: &[(String, String)], promised: &[String]) -> Vec<String> {
    let has_file = |message: &str| {
        let version = |file: &String| file.strip_prefix(message)?.strip_suffix(".json").map(str::to_owned);
        promised.iter().filter_map(version).any(|version| version.is_empty() || version.starts_with(".v"))
    };
    let forgotten = declared.iter().filter(|(_, message)| !has_file(message));
    forgotten
        .map(|(package, message)| {
            format!(
                "`{message}` of {package} has no file in docs/contracts: list it in `contracts()` of that crate, then \
                 `cargo xtask check-contracts --update`"
            )
        })
        .collect()
}

/// The wire names of all messages in a file.
fn messages_in(path: &Path) -> Vec<String> {
    const SAYS: &str = "const NAME: &'static str = ";
    let source = fs::read_to_string(path).unwrap();
    let mut messages = Messages::default();
    if source.contains(SAYS) {
        messages.visit_file(&syn::parse_file(&source).unwrap());
    }
    let all = messages.0.len() == source.matches(SAYS).count();
    assert!(all, "{}: a message in a macro, or one whose name is no text: write it out", path.display());
    messages.0
}

/// Wire names: in such a crate whatever implements a trait and has a name is a message.
#[derive(Default)]
struct Messages(Vec<String>);

impl Visit<'_> for Messages {
    fn visit_item_impl(&mut self, item: &ItemImpl) {
        self.0.extend(item.items.iter().filter_map(|item| match item {
            ImplItem::Const(constant) if constant.ident == "NAME" => match &constant.expr {
                Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Some(name.value()),
                _ => None,
            },
            _ => None,
        }));
        visit::visit_item_impl(self, item);
    }
}

#[test]
fn a_message_that_was_forgotten_is_found() {
    let of = |message: &str| ("shop-contracts".to_owned(), message.to_owned());
    let files = ["shop.sell.json", "shop.sold.v1.json", "shop.sold.v2.json", "README.md"].map(str::to_owned);
    assert_eq!(findings(&[of("shop.sell"), of("shop.sold")], &files), Vec::<String>::new());
    for forgotten in ["shop.sel", "shop.so", "shop", "README"] {
        let expected = format!(
            "`{forgotten}` of shop-contracts has no file in docs/contracts: list it in `contracts()` of that crate, then \
             `cargo xtask check-contracts --update`"
        );
        assert_eq!(findings(&[of(forgotten)], &files), [expected]);
    }
}

#[test]
fn messages_of_both_kinds_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages.rs");
    let message = |of: &str, name: &str| format!("impl {of} for X {{\nconst NAME: &'static str = \"{name}\";\n}}\n");
    fs::write(&file, message("Request", "a.request") + &message("kernel::Event", "an.event")).unwrap();
    assert_eq!(messages_in(&file), ["a.request", "an.event"]);
}
