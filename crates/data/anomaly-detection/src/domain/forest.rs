use interfaces_data::ForestOptions;
use rayon::prelude::*;

use super::{
    blocks::{BLOCK, Block, Scaled},
    random::SplitMix64,
    tree::{Tree, average_path_length},
};

/// Isolation trees over some columns, with which exactly the rows of those columns are scored.
pub struct Forest<'a> {
    columns: Vec<Scaled<'a>>,
    trees: Vec<Tree>,
    rows: usize,
    /// Path length that is unremarkable, summed over all trees.
    expected: f64,
}

/// A row, counted from 0, and its anomaly score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    pub row: usize,
    pub score: f64,
}

/// The part that a column, counted from 0, had in isolating a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    pub column: usize,
    pub share: f64,
}

impl<'a> Forest<'a> {
    /// Grows the trees over columns of equal length, null being NaN. With fewer rows than samples, every tree has all rows.
    /// Takes 20 to 40 bytes per sample and tree.
    ///
    /// # Panics
    /// If the columns differ in length.
    pub fn grow(columns: &[&'a [f64]], options: ForestOptions) -> Self {
        let rows = columns.first().map_or(0, |column| column.len());
        assert!(columns.iter().all(|column| column.len() == rows), "columns of one table are equally long");
        let samples = rows.min(options.samples as usize);
        let columns: Vec<_> = columns.par_iter().map(|column| Scaled::new(column)).collect();
        let streams = if samples > 0 { 0..u64::from(options.trees) } else { 0..0 };
        let trees: Vec<_> = streams
            .into_par_iter()
            .map(|index| Tree::grow(&columns, samples, SplitMix64::stream(options.seed, index)))
            .collect();
        let expected = f64::from(average_path_length(samples)) * trees.len() as f64;
        Self { columns, trees, rows, expected }
    }

    /// The score of each row, 2^(-E(h) / c(samples)) of Liu et al., equation 2: towards 1 for short paths, 0.5 for the average
    /// one. A single row and rows that are all alike have 0.5.
    pub fn scores(&self) -> Vec<f64> {
        let mut scores = vec![0.5; self.rows];
        if self.expected == 0.0 {
            return scores;
        }
        scores.par_chunks_mut(BLOCK).enumerate().for_each_init(
            || Block::new(self.columns.len()),
            |block, (index, scores)| {
                block.fill(&self.columns, index * BLOCK);
                let mut sums = [0.0; BLOCK];
                for tree in &self.trees {
                    tree.add_path_lengths(block, &mut sums);
                }
                for (score, sum) in scores.iter_mut().zip(sums) {
                    *score = (-sum / self.expected).exp2();
                }
            },
        );
        scores
    }

    /// Up to `count` rows that are easier to isolate than the average (score above 0.5), the easiest first, equal scores in
    /// row order.
    pub fn most_anomalous(&self, count: usize) -> Vec<Scored> {
        let scores = self.scores().into_iter().enumerate();
        let mut scored: Vec<_> = scores.map(|(row, score)| Scored { row, score }).filter(|s| s.score > 0.5).collect();
        let order = |a: &Scored, b: &Scored| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row));
        if count < scored.len() {
            scored.select_nth_unstable_by(count, order);
            scored.truncate(count);
        }
        scored.sort_unstable_by(order);
        scored
    }

    /// What isolated a row: the columns with a share above 0, the largest first, their shares summing to 1.
    ///
    /// A split that leaves a row with half of its company does what every step of a balanced tree does. One that leaves it
    /// with 2^-b of it does the work of b steps at once and saves b - 1. A column's share is its part of all the steps saved
    /// on the row's paths: the sum over its splits of `max(0, log2(before / after) - 1)`. That a split counts by how unevenly
    /// it cuts is the idea of DIFFI (M. Carletti, M. Terzi, G. A. Susto, arXiv:2007.11117); steps are the unit of the score.
    /// A column where the row is null has no share.
    pub fn drivers(&self, row: usize) -> Vec<Share> {
        let mut saved = vec![0.0; self.columns.len()];
        let value = |column: usize| self.columns[column].at(row);
        for step in self.trees.iter().flat_map(|tree| tree.path(value)) {
            if !value(step.column).is_nan() {
                let halvings = (f64::from(step.before) / f64::from(step.after)).log2();
                saved[step.column] += (halvings - 1.0).max(0.0);
            }
        }
        let total: f64 = saved.iter().sum();
        let with_part = saved.into_iter().enumerate().filter(|&(_, saved)| saved > 0.0);
        let mut shares: Vec<_> = with_part.map(|(column, saved)| Share { column, share: saved / total }).collect();
        shares.sort_unstable_by(|a, b| b.share.total_cmp(&a.share).then(a.column.cmp(&b.column)));
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: ForestOptions = ForestOptions { trees: 100, samples: 256, seed: 42 };

    /// Bell-shaped around 0, most of it within -1 and 1.
    fn bell(random: &mut SplitMix64) -> f64 {
        (0..12).map(|_| f64::from(random.unit())).sum::<f64>() - 6.0
    }

    /// `columns` columns that are mostly the same bell-shaped signal: knowing one tells most about the others.
    fn correlated(columns: usize, rows: usize) -> Vec<Vec<f64>> {
        correlated_from(1, columns, rows)
    }

    fn correlated_from(seed: u64, columns: usize, rows: usize) -> Vec<Vec<f64>> {
        let mut random = SplitMix64::stream(seed, 0);
        let signal: Vec<f64> = (0..rows).map(|_| bell(&mut random)).collect();
        (0..columns).map(|_| signal.iter().map(|s| s + 0.3 * bell(&mut random)).collect()).collect()
    }

    /// Columns of numbers between 0 and 1 that say nothing of each other.
    fn uniform(columns: usize, rows: usize) -> Vec<Vec<f64>> {
        let mut random = SplitMix64::stream(1, 0);
        (0..columns).map(|_| (0..rows).map(|_| f64::from(random.unit())).collect()).collect()
    }

    fn grow(columns: &[Vec<f64>], options: ForestOptions) -> Forest<'_> {
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        Forest::grow(&columns, options)
    }

    /// Which part of all rows scores lower, averaged over `rows`: 0.5 for rows picked without regard to their score.
    fn mean_rank(scores: &[f64], rows: &[usize]) -> f64 {
        let lower = |&row: &usize| scores.iter().filter(|s| **s < scores[row]).count();
        rows.iter().map(lower).sum::<usize>() as f64 / (rows.len() * scores.len()) as f64
    }

    #[test]
    fn an_outlier_comes_first_and_the_column_that_makes_it_one_drives_it() {
        let mut columns = uniform(4, 300);
        columns[2][70] = 10.0;
        let forest = grow(&columns, OPTIONS);
        let found = forest.most_anomalous(5);
        assert_eq!((found.len(), found[0].row), (5, 70));
        assert!(found.windows(2).all(|pair| pair[0].score >= pair[1].score));

        let shares = forest.drivers(70);
        assert_eq!(shares[0].column, 2);
        assert!(shares[0].share > 0.6, "{shares:?}");
        assert!((shares.iter().map(|s| s.share).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    /// Every value is ordinary; only together they are not.
    #[test]
    fn a_combination_that_nothing_else_has_is_found() {
        let mut columns = correlated(2, 2000);
        (columns[0][10], columns[1][10]) = (2.5, -2.5);
        let forest = grow(&columns, OPTIONS);
        assert!(mean_rank(&forest.scores(), &[10]) > 0.97);
        assert_eq!(forest.drivers(10).len(), 2);
    }

    #[test]
    fn the_same_seed_gives_the_same_scores_on_any_number_of_threads() {
        let columns = correlated(3, 5000);
        let scores_on = |threads, seed| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
            pool.install(|| grow(&columns, ForestOptions { seed, ..OPTIONS }).scores())
        };
        assert_eq!(scores_on(1, 42), scores_on(3, 42));
        assert_ne!(scores_on(1, 42), scores_on(1, 43));
    }

    #[test]
    fn constant_columns_and_columns_of_nulls_never_split() {
        let nothing = vec![vec![5.0; 300], vec![f64::NAN; 300]];
        let forest = grow(&nothing, OPTIONS);
        assert!(forest.scores().iter().all(|&score| score == 0.5));
        assert_eq!(forest.most_anomalous(3), []);

        let with_nothing: Vec<_> = nothing.into_iter().chain(correlated(1, 300)).collect();
        let forest = grow(&with_nothing, OPTIONS);
        let drivers: Vec<_> = (0..300).flat_map(|row| forest.drivers(row)).collect();
        assert!(!drivers.is_empty() && drivers.iter().all(|share| share.column == 2));
    }

    /// Rows lose three of six values, whatever their score, rarely or often; three columns say much the same, three nothing of
    /// each other.
    #[test]
    fn a_missing_value_is_no_reason_to_be_anomalous() {
        for every in [100, 4] {
            let mut columns = correlated(3, 4000);
            columns.extend((0..3).flat_map(|seed| correlated_from(2 + seed, 1, 4000)));
            let with_nulls: Vec<usize> = (0..4000).step_by(every).collect();
            for &row in &with_nulls {
                for offset in [0, 2, 3] {
                    columns[(row / every + offset) % 6][row] = f64::NAN;
                }
            }
            let forest = grow(&columns, OPTIONS);
            let rank = mean_rank(&forest.scores(), &with_nulls);
            assert!((0.3..0.7).contains(&rank), "rows with nulls, 1 in {every}, rank at {rank}");
            let top = forest.most_anomalous(40);
            let named = top.iter().filter(|scored| scored.row % every == 0).count();
            assert!(named <= 40 / every + 1, "{named} of the first 40 have nulls, 1 in {every} of all");
        }
    }

    #[test]
    fn an_outlier_stays_one_when_its_other_values_are_missing() {
        let mut columns = uniform(4, 300);
        columns[0][77] = 10.0;
        (columns[1][77], columns[2][77]) = (f64::NAN, f64::NAN);
        let forest = grow(&columns, OPTIONS);
        assert_eq!(forest.most_anomalous(1)[0].row, 77);
        let drivers = forest.drivers(77);
        assert_eq!(drivers[0].column, 0);
        assert!(drivers.iter().all(|share| ![1, 2].contains(&share.column)));
    }

    /// One row in forty has a value in the last column.
    #[test]
    fn a_value_where_most_rows_have_none_is_no_reason_either() {
        let mut columns = correlated(5, 4000);
        let with_value: Vec<usize> = (0..4000).step_by(40).collect();
        let mut sparse = vec![f64::NAN; 4000];
        for &row in &with_value {
            sparse[row] = columns[0][row];
        }
        columns.push(sparse);
        let rank = mean_rank(&grow(&columns, OPTIONS).scores(), &with_value);
        assert!((0.35..0.65).contains(&rank), "rows with the rare value rank at {rank}");
    }

    /// Seconds since 1970, which an `f32` resolves to two minutes: the values keep their precision within their own range.
    #[test]
    fn large_offsets_cost_no_precision() {
        let mut times: Vec<f64> = (0..1000).map(|i| 1_700_000_000.0 + f64::from(i % 20)).collect();
        times[500] += 40.0;
        assert_eq!(grow(&[times], OPTIONS).most_anomalous(1)[0].row, 500);
    }

    #[test]
    fn an_infinite_value_is_an_outlier_with_a_finite_score() {
        let mut columns = uniform(2, 300);
        columns[1][3] = f64::INFINITY;
        let first = grow(&columns, OPTIONS).most_anomalous(1)[0];
        assert_eq!(first.row, 3);
        assert!((0.5..1.0).contains(&first.score));
    }

    #[test]
    fn few_rows_and_no_rows_are_fine() {
        assert_eq!(grow(&[], OPTIONS).scores(), [0.0; 0]);
        assert_eq!(grow(&[vec![]], OPTIONS).scores(), [0.0; 0]);
        assert_eq!(grow(&[vec![3.0]], OPTIONS).scores(), [0.5]);
        // Each of two rows is alone after one split, and c(2) is 1.
        assert_eq!(grow(&[vec![3.0, 4.0]], OPTIONS).scores(), [0.5, 0.5]);
    }

    #[test]
    fn equal_scores_stand_in_row_order() {
        let mut columns = correlated(2, 600);
        for column in &mut columns {
            for row in [20, 10, 30] {
                column[row] = 9.0;
            }
        }
        let rows: Vec<usize> = grow(&columns, OPTIONS).most_anomalous(2).iter().map(|s| s.row).collect();
        assert_eq!(rows, [10, 20]);
    }
}
