use interfaces_data::ForestOptions;
use rayon::prelude::*;

use super::{
    blocks::{BLOCK, Block, Scaled},
    drivers,
    random::SplitMix64,
    tree::{Tree, average_path_length},
};

pub struct Forest<'a> {
    columns: Vec<Scaled<'a>>,
    trees: Vec<Tree>,
    samples: usize,
    rows: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    pub column: usize,
    pub share: f64,
}

impl<'a> Forest<'a> {
    pub fn grow(columns: &[&'a [f64]], options: ForestOptions) -> Self {
        let rows = columns.first().map_or(0, |c| c.len());
        let columns: Vec<_> = columns.par_iter().map(|c| Scaled::new(c)).collect();
        let samples = (options.samples as usize).min(rows);
        let trees = if samples == 0 { Vec::new() } else {
            (0..u64::from(options.trees))
                .into_par_iter()
                .map(|tree| Tree::grow(&columns, samples, SplitMix64::stream(options.seed, tree)))
                .collect()
        };
        Self { columns, trees, samples, rows }
    }

    pub fn scores(&self) -> Vec<f64> {
        let mut scores = vec![0.0; self.rows];
        let average = average_path_length(self.samples as u64);
        let expected = average * self.trees.len() as f64;
        scores.par_chunks_mut(BLOCK).enumerate().for_each_init(
            || Block::new(self.columns.len()),
            |block, (index, scores)| {
                block.fill(&self.columns, index * BLOCK);
                let mut sums = [0.0; BLOCK];
                for tree in &self.trees {
                    tree.add_path_lengths(block, &mut sums);
                }
                for (score, sum) in scores.iter_mut().zip(sums) {
                    *score = if expected > 0.0 { (-sum / expected).exp2() } else { 0.5 };
                }
            },
        );
        scores
    }

    pub fn drivers(&self, row: usize, how: u8) -> Vec<Share> {
        drivers::shares(&self.trees, &self.columns, row, how)
    }
}
