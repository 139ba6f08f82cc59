//! Every message is promised, and some module has it: what the sources declare has a file in `docs/contracts`, which is what
//! `check-contracts` holds the code against. That command sees what a crate lists; this sees what a crate has forgotten to list.

use std::{fs, path::Path};

use cargo_metadata::Package;
use syn::{
    Expr, ExprLit, ImplItem, ItemImpl, Lit, Type,
    visit::{self, Visit},
};

use crate::requests::{files, roots};

/// Where a product declares what its modules say to each other.
const CONTRACTS: [&str; 2] = ["crates/interfaces", "examples/therapy-session/therapy-contracts"];

#[test]
fn every_message_is_promised_and_used() {
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
    let of_mechanisms = workspace.packages.iter().filter(|package| is_mechanism(root, package));
    let of_mechanisms: Vec<Declared> = of_mechanisms.flat_map(events_of_mechanism).collect();
    assert!(of_mechanisms.len() >= 4, "the passage of time and the record of commands: {of_mechanisms:?}");
    let sources = [root.join("crates"), root.join("examples")].map(|folder| crate::columns::product_sources(&folder));
    let sources: Vec<_> = sources.iter().flatten().map(|path| fs::read_to_string(path).unwrap()).collect();
    let idle = idle(&declared, &sources);
    assert!(idle.is_empty(), "{}", idle.join("\n"));
    let promised = fs::read_dir(root.join("docs/contracts")).unwrap();
    let promised = promised.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
    declared.extend(of_mechanisms);
    let findings = findings(&declared, &promised);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

/// A crate that publishes by itself, whatever modules there are. Those of the testing kit are in no product.
fn is_mechanism(root: &Path, package: &Package) -> bool {
    package.manifest_path.as_std_path().starts_with(root.join("crates/shared")) && package.name.as_str() != "testing"
}

/// The events among what a mechanism says.
fn events_of_mechanism(package: &Package) -> Vec<Declared> {
    let files = files(roots(package));
    let declare = files.iter().filter(|path| code(path).contains("impl Event for "));
    declare.flat_map(|path| messages_in(path)).map(|message| (package.name.to_string(), message)).collect()
}

/// A message of a package.
type Declared = (String, Message);

#[derive(Debug)]
struct Message {
    type_name: String,
    name: String,
}

/// Messages that no module serves, publishes or takes.
fn idle(declared: &[Declared], sources: &[String]) -> Vec<String> {
    let is_idle = |message: &Message| {
        let uses = ["serves", "publishes", "subscribes"].map(|verb| format!(".{verb}::<{}", message.type_name));
        let ends = |rest: &str| rest.starts_with([',', '>']);
        !sources.iter().any(|source| uses.iter().any(|uses| source.split(uses.as_str()).skip(1).any(ends)))
    };
    let idle = declared.iter().filter(|(_, message)| is_idle(message));
    idle.map(|(package, Message { name, .. })| {
        format!("`{name}` of {package} is in no module: declare who serves or publishes it, or take it out")
    })
    .collect()
}

fn findings(declared: &[Declared], promised: &[String]) -> Vec<String> {
    let has_file = |message: &str| {
        let version = |file: &String| file.strip_prefix(message)?.strip_suffix(".json").map(str::to_owned);
        promised.iter().filter_map(version).any(|version| version.is_empty() || version.starts_with(".v"))
    };
    let forgotten = declared.iter().filter(|(_, message)| !has_file(&message.name));
    forgotten
        .map(|(package, Message { name, .. })| {
            format!(
                "`{name}` of {package} has no file in docs/contracts: list it in `contracts()` of that crate, then \
                 `cargo xtask check-contracts --update`"
            )
        })
        .collect()
}

/// A source without its comments, in which examples are.
fn code(path: &Path) -> String {
    let source = fs::read_to_string(path).unwrap();
    source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .fold(String::new(), |text, line| text + line + "\n")
}

/// All messages in a file.
fn messages_in(path: &Path) -> Vec<Message> {
    const SAYS: &str = "const NAME: &'static str = ";
    let source = code(path);
    let mut messages = Messages::default();
    if source.contains(SAYS) {
        messages.visit_file(&syn::parse_file(&source).unwrap());
    }
    let all = messages.0.len() == source.matches(SAYS).count();
    assert!(all, "{}: a message in a macro, or one whose name is no text: write it out", path.display());
    messages.0
}

/// In such a crate whatever implements a trait and has a name is a message.
#[derive(Default)]
struct Messages(Vec<Message>);

impl Visit<'_> for Messages {
    fn visit_item_impl(&mut self, item: &ItemImpl) {
        let name = item.items.iter().find_map(|item| match item {
            ImplItem::Const(constant) if constant.ident == "NAME" => match &constant.expr {
                Expr::Lit(ExprLit { lit: Lit::Str(name), .. }) => Some(name.value()),
                _ => None,
            },
            _ => None,
        });
        if let (Some(name), Type::Path(of)) = (name, &*item.self_ty) {
            let type_name = of.path.segments.last().map(|segment| segment.ident.to_string());
            self.0.push(Message { type_name: type_name.unwrap_or_default(), name });
        }
        visit::visit_item_impl(self, item);
    }
}

#[test]
fn a_message_that_was_forgotten_is_found() {
    let of =
        |name: &str| ("shop-contracts".to_owned(), Message { type_name: "Sell".to_owned(), name: name.to_owned() });
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
fn a_message_that_no_module_has_is_found() {
    let of = |type_name: &str| {
        ("shop-contracts".to_owned(), Message { type_name: type_name.to_owned(), name: "shop.sell".to_owned() })
    };
    let sources = ["module().serves::<Sell, Clerk>().publishes::<SoldAgain>()".to_owned()];
    assert_eq!(idle(&[of("Sell"), of("SoldAgain")], &sources), Vec::<String>::new());
    let expected = "`shop.sell` of shop-contracts is in no module: declare who serves or publishes it, or take it out";
    assert_eq!(idle(&[of("Sold")], &sources), [expected]);
}

#[test]
fn messages_of_both_kinds_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("messages.rs");
    let message = |of: &str, name: &str| format!("impl {of} for X {{\nconst NAME: &'static str = \"{name}\";\n}}\n");
    fs::write(&file, message("Request", "a.request") + &message("kernel::Event", "an.event")).unwrap();
    let found: Vec<_> = messages_in(&file).into_iter().map(|message| (message.type_name, message.name)).collect();
    assert_eq!(found, [("X".to_owned(), "a.request".to_owned()), ("X".to_owned(), "an.event".to_owned())]);
}
