//! Which layer of a workspace each package belongs to, by the dependencies that the packages really have on each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    manifest::{SHIPPED, dependencies},
    registry::Package,
};

#[derive(Debug, Default)]
pub struct Layers<'a> {
    packages: BTreeMap<&'a str, &'a Package>,
    /// From the bottom; nothing while what is below is not known yet.
    levels: BTreeMap<&'a str, Option<usize>>,
    /// What would close a circle.
    cut: BTreeSet<(&'a str, &'a str)>,
}

impl<'a> Layers<'a> {
    /// Every package is one layer above the highest that it uses.
    pub fn of(packages: &'a [Package]) -> Self {
        let packages = packages.iter().map(|package| (package.name.as_str(), package)).collect();
        let mut layers = Self { packages, ..Self::default() };
        let names: Vec<_> = layers.packages.keys().copied().collect();
        for name in names {
            layers.visit(name);
        }
        layers
    }

    pub fn highest(&self) -> usize {
        self.levels.values().copied().flatten().max().unwrap_or(0)
    }

    /// The folder of a member below the workspace's root.
    pub fn folder(&self, name: &str) -> Option<String> {
        let level = self.levels.get(name).copied().flatten()?;
        Some(format!("crates/{}/{name}", layer(level)))
    }

    /// Whether `from` depends on `to` as on a member: on everything that is one, in every kind of dependency, but what would
    /// close a circle of normal ones. There are circles, for the packages are not all from one day.
    pub fn joins(&self, from: &str, to: &str) -> bool {
        self.packages.contains_key(to) && from != to && !self.cut.contains(&(from, to))
    }

    fn visit(&mut self, name: &'a str) -> Option<usize> {
        if let Some(level) = self.levels.get(name) {
            return *level;
        }
        self.levels.insert(name, None);
        let mut level = 0;
        for (_, used) in dependencies(&self.packages[name].manifest, &SHIPPED) {
            let Some(used) = self.packages.get(used).map(|package| package.name.as_str()) else { continue };
            match self.visit(used) {
                Some(below) => level = level.max(below + 1),
                None => _ = self.cut.insert((name, used)),
            }
        }
        self.levels.insert(name, Some(level));
        Some(level)
    }
}

/// The name of a layer.
pub fn layer(level: usize) -> String {
    format!("level-{level}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_above_all_that_it_uses_and_a_circle_is_cut_once() {
        let packages = [
            Package::declaring("alone", ""),
            Package::declaring("bottom", "[dev-dependencies]\ntop = \"1\"\n[dependencies]\nmiddle = \"1\"\n"),
            Package::declaring(
                "middle",
                "[target.'cfg(unix)'.dependencies]\nlow = { package = \"bottom\", version = \"1\" }\n",
            ),
            Package::declaring("top", "[build-dependencies]\nmiddle = \"1\"\nserde = \"1\"\n"),
        ];
        let layers = Layers::of(&packages);
        let folders = ["alone", "bottom", "middle", "top"].map(|name| layers.folder(name).unwrap());
        assert_eq!(
            folders,
            ["crates/level-0/alone", "crates/level-1/bottom", "crates/level-0/middle", "crates/level-1/top"]
        );
        assert!(layers.joins("bottom", "middle") && layers.joins("bottom", "top") && layers.joins("top", "middle"));
        assert!(!layers.joins("middle", "bottom"), "it would close the circle");
        assert!(!layers.joins("top", "serde"), "it is no member");
    }
}
