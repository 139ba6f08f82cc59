//! Which packages a workspace is made of: drawn without looking, until there is as much as wanted.

use super::registry::Package;

/// How much a workspace shall have of two things.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// Never exceeded.
    pub first: Amount,
    /// As near as the packages allow, by their mean.
    pub second: Amount,
}

#[derive(Debug, Clone, Copy)]
pub struct Amount {
    pub of: fn(&Package) -> u64,
    pub wanted: u64,
}

/// Another seed draws other packages.
const SEED: u64 = 0xB0B0;

/// Draws packages in an order that depends on their names alone: one that has more of the second amount than the goal's mean
/// while there is too little of it, else one that has less.
pub fn drawn(mut packages: Vec<Package>, Goal { first, second }: Goal) -> Vec<Package> {
    packages.sort_by_cached_key(|package| hash(&package.name));
    let above_mean = |of_first: u64, of_second: u64| of_second * first.wanted >= of_first * second.wanted;
    let (mut more, mut less): (Vec<_>, Vec<_>) =
        packages.into_iter().rev().partition(|package| above_mean((first.of)(package), (second.of)(package)));
    let (mut chosen, mut of_first, mut of_second) = (Vec::new(), 0, 0);
    loop {
        let (wanted, other) =
            if above_mean(of_first, of_second) { (&mut less, &mut more) } else { (&mut more, &mut less) };
        let Some(package) = wanted.pop().or_else(|| other.pop()) else { return chosen };
        if of_first + (first.of)(&package) <= first.wanted {
            of_first += (first.of)(&package);
            of_second += (second.of)(&package);
            chosen.push(package);
        }
    }
}

/// FNV-1a: the same on every machine and with every compiler.
fn hash(name: &str) -> u64 {
    name.bytes().fold(SEED ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_wanted_are_drawn_with_about_the_wanted_mean() {
        let packages = |order: fn(&u64, &u64) -> std::cmp::Ordering| {
            let mut sizes: Vec<u64> = (1..=40).collect();
            sizes.sort_by(order);
            let package = |size: u64| Package { bytes: size * 1_000, ..Package::declaring(&size.to_string(), "") };
            sizes.into_iter().map(package).collect::<Vec<_>>()
        };
        let goal = Goal {
            first: Amount { of: |package| package.files, wanted: 10 },
            second: Amount { of: |package| package.bytes, wanted: 100_000 },
        };
        let chosen = drawn(packages(u64::cmp), goal);
        assert_eq!(chosen.len(), 10);
        let bytes: u64 = chosen.iter().map(|package| package.bytes).sum();
        assert!((80_000..=140_000).contains(&bytes), "{bytes}");
        assert_eq!(drawn(packages(|a, b| b.cmp(a)), goal), chosen, "their order does not matter");
    }
}
