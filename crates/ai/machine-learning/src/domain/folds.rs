use kernel::Fingerprint;

/// Which rows are held out together. Every fold has the same share of each class, to within one row.
pub struct Folds {
    /// One per row.
    fold_of: Vec<u32>,
    count: u32,
    name: String,
}

impl Folds {
    /// Puts the rows of each class in a random order that the seed decides, and deals them out. `rows` are the rows' places in
    /// the dataset: a row's place in that order depends on nothing else.
    pub fn stratified(rows: &[usize], labels: &[bool], count: u32, seed: u64) -> Self {
        let mut shuffled: Vec<usize> = (0..rows.len()).collect();
        // True before false. Dealing goes on where the first class stopped, so that folds differ by one row at most.
        shuffled.sort_by_key(|&i| (!labels[i], scatter(scatter(seed) ^ rows[i] as u64)));
        let mut fold_of = vec![0; rows.len()];
        for (i, fold) in shuffled.into_iter().zip((0..count).cycle()) {
            fold_of[i] = fold;
        }
        let dealt = rows.iter().zip(&fold_of).flat_map(|(&row, fold)| {
            let row = (row as u64).to_le_bytes();
            row.into_iter().chain(fold.to_le_bytes())
        });
        let digest = Fingerprint::of(&dealt.collect::<Vec<u8>>());
        let name = format!("stratified {count}-fold, seed {seed}, {} rows, {}", rows.len(), digest.short());
        Self { fold_of, count, name }
    }

    /// Equal for equal folds of the same rows, and for no others: it ends with a digest of who is in which.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn count(&self) -> u32 {
        self.count
    }

    /// Places of the rows to train on, and of those that are held out.
    pub fn split(&self, fold: u32) -> (Vec<usize>, Vec<usize>) {
        (0..self.fold_of.len()).partition(|&i| self.fold_of[i] != fold)
    }
}

/// The finaliser of SplitMix64 (S. Vigna's public-domain `splitmix64.c`): no two numbers become the same, and neighbours
/// end up anywhere. Sorting by it is a shuffle.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(positives: usize, rows: usize) -> Vec<bool> {
        (0..rows).map(|row| row < positives).collect()
    }

    #[test]
    fn the_scatter_is_that_of_the_reference_implementation() {
        assert_eq!(scatter(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn every_row_is_held_out_once_and_classes_are_spread_evenly() {
        let labels = labels(7, 20);
        let rows: Vec<usize> = (0..20).collect();
        let folds = Folds::stratified(&rows, &labels, 3, 42);
        let mut held_out_ever = Vec::new();
        for fold in 0..3 {
            let (training, held_out) = folds.split(fold);
            assert_eq!(training.len() + held_out.len(), 20);
            assert!(training.iter().all(|row| !held_out.contains(row)));
            let positives = held_out.iter().filter(|&&row| labels[row]).count();
            assert!((2..=3).contains(&positives) && (6..=7).contains(&held_out.len()));
            held_out_ever.extend(held_out);
        }
        held_out_ever.sort_unstable();
        assert_eq!(held_out_ever, rows);
    }

    #[test]
    fn names_are_equal_for_equal_folds_only() {
        let rows: Vec<usize> = (0..50).collect();
        let shifted: Vec<usize> = (1..51).collect();
        let name = |rows: &[usize], positives, count, seed| {
            Folds::stratified(rows, &labels(positives, 50), count, seed).name().to_owned()
        };
        let folds = name(&rows, 20, 5, 42);
        assert!(folds.starts_with("stratified 5-fold, seed 42, 50 rows, "), "{folds}");
        assert_eq!(folds, name(&rows, 20, 5, 42));
        for other in [name(&rows, 20, 5, 43), name(&rows, 21, 5, 42), name(&shifted, 20, 5, 42), name(&rows, 20, 4, 42)]
        {
            assert_ne!(folds, other);
        }
    }
}
