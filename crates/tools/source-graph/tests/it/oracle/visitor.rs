//! The walk over a parsed file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::scopes::{self, Declared, Import, Module, Place, leaf_path, plain};
use super::{Crate, Named};

pub fn visit(
    target: &Crate,
    path: &Path,
    module: &[String],
    offset: usize,
    file: &syn::File,
    named: &mut BTreeSet<Named>,
) {
    let mut visitor =
        Visitor { target, path: path.to_owned(), module: module.to_vec(), offset, blocks: Vec::new(), named };
    for item in &file.items {
        visitor.visit_item(item);
    }
}

struct Visitor<'a> {
    target: &'a Crate,
    path: PathBuf,
    module: Vec<String>,
    offset: usize,
    blocks: Vec<Module>,
    named: &'a mut BTreeSet<Named>,
}

impl Visitor<'_> {
    fn name(&mut self, span: proc_macro2::Span, import: &Import, is_use: bool) {
        let place = self.target.place(import, is_use, &self.module, &self.blocks, 0);
        if let Some(Place::Crate(name)) = place {
            let start = (span.byte_range().start + self.offset) as u32;
            self.named.insert((self.path.clone(), start, name));
        }
    }

    /// In `<T as Trait>::Item` the path ends with the trait.
    fn qualified(&mut self, qself: Option<&syn::QSelf>, path: &syn::Path) {
        let Some(qself) = qself else {
            return self.visit_path(path);
        };
        self.visit_type(&qself.ty);
        let mut of_trait = path.clone();
        of_trait.segments = path.segments.iter().take(qself.position).cloned().collect();
        if qself.position > 0 {
            self.visit_path(&of_trait);
        }
        for segment in path.segments.iter().skip(qself.position) {
            self.visit_path_arguments(&segment.arguments);
        }
    }

    fn within(&mut self, scope: Module, visit: impl FnOnce(&mut Self)) {
        self.blocks.push(scope);
        visit(self);
        self.blocks.pop();
    }

    fn tree(&mut self, tree: &syn::UseTree, global: bool, before: &mut Vec<String>, first: Option<proc_macro2::Span>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(plain(&path.ident));
                self.tree(&path.tree, global, before, first.or(Some(path.ident.span())));
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, global, before, None);
                }
            }
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                let import = Import { global, path: leaf_path(before, ident) };
                self.name(first.unwrap_or(ident.span()), &import, true);
            }
            syn::UseTree::Glob(star) => {
                let import = Import { global, path: before.clone() };
                self.name(first.unwrap_or(star.span()), &import, true);
            }
        }
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 || path.leading_colon.is_some() {
            let names = path.segments.iter().map(|segment| plain(&segment.ident)).collect();
            let import = Import { global: path.leading_colon.is_some(), path: names };
            let first = path.leading_colon.map_or_else(|| path.segments[0].ident.span(), |colon| colon.span());
            self.name(first, &import, false);
        }
        visit::visit_path(self, path);
    }

    fn visit_type_path(&mut self, path: &'ast syn::TypePath) {
        self.qualified(path.qself.as_ref(), &path.path);
    }

    fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
        self.qualified(path.qself.as_ref(), &path.path);
    }

    fn visit_expr_struct(&mut self, expression: &'ast syn::ExprStruct) {
        self.qualified(expression.qself.as_ref(), &expression.path);
        for field in &expression.fields {
            self.visit_field_value(field);
        }
        if let Some(rest) = &expression.rest {
            self.visit_expr(rest);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, item.leading_colon.is_some(), &mut Vec::new(), None);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = plain(&item.ident);
        if name != "self" {
            let start = (item.ident.span().byte_range().start + self.offset) as u32;
            self.named.insert((self.path.clone(), start, name));
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let blocks = std::mem::take(&mut self.blocks);
        self.module.push(plain(&item.ident));
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.blocks = blocks;
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let mut scope = Module::default();
        for statement in &block.stmts {
            if let syn::Stmt::Item(item) = statement {
                scopes::declare(item, &mut scope);
            }
        }
        self.within(scope, |visitor| visit::visit_block(visitor, block));
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let generics = match item {
            syn::Item::Fn(item) => Some(&item.sig.generics),
            syn::Item::Struct(item) => Some(&item.generics),
            syn::Item::Enum(item) => Some(&item.generics),
            syn::Item::Union(item) => Some(&item.generics),
            syn::Item::Trait(item) => Some(&item.generics),
            syn::Item::Type(item) => Some(&item.generics),
            syn::Item::Impl(item) => Some(&item.generics),
            _ => None,
        };
        let scope = generics.map(of_generics).unwrap_or_default();
        self.within(scope, |visitor| visit::visit_item(visitor, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.within(of_generics(&item.sig.generics), |visitor| visit::visit_impl_item_fn(visitor, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.within(of_generics(&item.sig.generics), |visitor| visit::visit_trait_item_fn(visitor, item));
    }
}

fn of_generics(generics: &syn::Generics) -> Module {
    let mut scope = Module::default();
    for parameter in generics.type_params() {
        scope.names.entry(plain(&parameter.ident)).or_default().push((Declared::Type, false));
    }
    scope
}
