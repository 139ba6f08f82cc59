use super::{
    blocks::{BLOCK, Block, Scaled},
    random::SplitMix64,
};

/// One isolation tree, as a complete binary tree in the order of a heap: node 1 is the root, the children of node `n` are
/// `2n` and `2n + 1`, and all leaves are moved down to the lowest level. Every row takes the same number of steps, none of
/// them a branch that a processor could guess wrong, through 8 bytes per node: 256 samples make a tree of 3 KiB.
pub struct Tree {
    height: u32,
    /// Nodes above the lowest level; the first place is unused.
    splits: Vec<Split>,
    /// Path length of each node of the lowest level.
    path_lengths: Vec<f32>,
    /// How many sampled rows reached each node; the first place is unused.
    sizes: Vec<u32>,
}

/// Rows below the threshold go to the left child, the others to the right one.
#[derive(Clone, Copy)]
struct Split {
    threshold: f32,
    /// The column in the low bits; the highest bit says that null goes to the right.
    column: u32,
}

const NULL_GOES_RIGHT: u32 = 1 << 31;

/// Stands at and below a leaf: whatever the row, down to the left.
const NO_SPLIT: Split = Split {
    threshold: f32::INFINITY,
    column: 0,
};

/// A split as one row met it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub column: usize,
    /// Sampled rows in the node that was split, and in the child that the row went to.
    pub parent_size: u32,
    pub child_size: u32,
}

impl Tree {
    /// Grows a tree over `samples` different rows.
    ///
    /// # Panics
    /// If there are no columns, no samples, or fewer rows than samples.
    pub fn grow(columns: &[Scaled<'_>], samples: usize, mut random: SplitMix64) -> Self {
        let sampled = random.sample(samples, columns[0].rows());
        // Liu et al., section 3: beyond the average height of a tree there are no anomalies to be found.
        let height = samples.next_power_of_two().ilog2();
        let leaves = 1 << height;
        let mut growth = Growth {
            tree: Self {
                height,
                splits: vec![NO_SPLIT; leaves],
                path_lengths: vec![0.0; leaves],
                sizes: vec![0; 2 * leaves],
            },
            values: columns.iter().map(|c| sampled.iter().map(|&row| c.at(row)).collect()).collect(),
            random,
            spreads: Vec::with_capacity(columns.len()),
        };
        let mut rows: Vec<u32> = (0..samples as u32).collect();
        growth.node(1, 0, &mut rows);
        growth.tree
    }

    /// Adds the path length of each row of the block.
    pub fn add_path_lengths(&self, block: &Block, sums: &mut [f64; BLOCK]) {
        let reached = if block.has_nulls() {
            self.descend(block.values(), |split, value| {
                // Null is neither below nor above a threshold: both comparisons with NaN are false.
                let right = value >= split.threshold;
                right | (!(value < split.threshold) & (split.column & NULL_GOES_RIGHT != 0))
            })
        } else {
            self.descend(block.values(), |split, value| value >= split.threshold)
        };
        let lowest_level = 1usize << self.height;
        for (sum, node) in sums.iter_mut().zip(reached) {
            *sum += f64::from(self.path_lengths[node as usize - lowest_level]);
        }
    }

    /// The node of the lowest level that each row of a block comes to, level by level.
    fn descend(&self, values: &[f32], goes_right: impl Fn(Split, f32) -> bool) -> [u32; BLOCK] {
        let mut nodes = [1u32; BLOCK];
        for _ in 0..self.height {
            for (row, node) in nodes.iter_mut().enumerate() {
                let split = self.splits[*node as usize];
                let value = values[(split.column & !NULL_GOES_RIGHT) as usize * BLOCK + row];
                *node = 2 * *node + u32::from(goes_right(split, value));
            }
        }
        nodes
    }

    /// The splits that a row meets on its way down; `value` gives the row's value of a column.
    pub fn path(&self, value: impl Fn(usize) -> f32) -> Vec<Step> {
        let mut node = 1;
        let mut steps = Vec::new();
        while let Some(split) = self.splits.get(node).filter(|s| s.threshold.is_finite()) {
            let column = split.column();
            let child = 2 * node + usize::from(split.sends_right(value(column)));
            steps.push(Step {
                column,
                parent_size: self.sizes[node],
                child_size: self.sizes[child],
            });
            node = child;
        }
        steps
    }
}

impl Split {
    fn column(self) -> usize {
        (self.column & !NULL_GOES_RIGHT) as usize
    }

    fn sends_right(self, value: f32) -> bool {
        if value.is_nan() {
            self.column & NULL_GOES_RIGHT != 0
        } else {
            value >= self.threshold
        }
    }
}

struct Growth {
    tree: Tree,
    /// Column by column, the values of the sampled rows.
    values: Vec<Vec<f32>>,
    random: SplitMix64,
    /// Reused by every node.
    spreads: Vec<Spread>,
}

/// What a node's rows have in one column.
struct Spread {
    column: usize,
    low: f32,
    high: f32,
    known: u64,
}

impl Growth {
    fn node(&mut self, node: usize, depth: u32, rows: &mut [u32]) {
        self.tree.sizes[node] = rows.len() as u32;
        let split = if depth < self.tree.height { self.split(rows) } else { None };
        let Some(split) = split else {
            let levels_below = self.tree.height - depth;
            let place = (node << levels_below) - (1 << self.tree.height);
            self.tree.path_lengths[place] = depth as f32 + average_path_length(rows.len() as u64) as f32;
            return;
        };
        self.tree.splits[node] = split;
        let values = &self.values[split.column()];
        let middle = partition(rows, |row| !split.sends_right(values[row as usize]));
        let (left, right) = rows.split_at_mut(middle);
        self.node(2 * node, depth + 1, left);
        self.node(2 * node + 1, depth + 1, right);
    }

    /// A column with at least two different values among the rows, and a threshold between its smallest and its largest.
    fn split(&mut self, rows: &[u32]) -> Option<Split> {
        if rows.len() < 2 { return None; }
        self.spreads.clear();
        self.spreads.extend(self.values.iter().enumerate().filter_map(|(column, values)| Spread::of(column, values, rows)));
        let total: u64 = self.spreads.iter().map(|s| s.known).sum();
        if total == 0 {
            return None;
        }
        let mut ticket = self.random.below(total);
        let spread = self.spreads.iter().find(|s| {
            let drawn = ticket < s.known;
            ticket = ticket.saturating_sub(s.known);
            drawn
        })?;
        let drawn = spread.high - self.random.unit() * (spread.high - spread.low);
        // Rounding must not empty the left child.
        let threshold = if drawn > spread.low { drawn } else { spread.high };
        let values = &self.values[spread.column];
        let right = rows.iter().filter(|&&row| values[row as usize] >= threshold).count() as u64;
        let null = match super::policy() {
            0 => self.random.below(spread.known) < right,
            1 => right * 2 > spread.known,
            _ => self.random.below(2) == 1,
        };
        Some(Split {
            threshold,
            column: spread.column as u32 | if null { NULL_GOES_RIGHT } else { 0 },
        })
    }
}

impl Spread {
    /// None if the rows have fewer than two different values.
    fn of(column: usize, values: &[f32], rows: &[u32]) -> Option<Self> {
        let mut spread = Self { column, low: f32::INFINITY, high: f32::NEG_INFINITY, known: 0 };
        for &row in rows {
            let value = values[row as usize];
            spread.low = spread.low.min(value);
            spread.high = spread.high.max(value);
            spread.known += u64::from(!value.is_nan());
        }
        (spread.low < spread.high).then_some(spread)
    }
}

/// Moves the rows that satisfy `first` to the front and says how many they are.
fn partition(rows: &mut [u32], first: impl Fn(u32) -> bool) -> usize {
    let mut middle = 0;
    for place in 0..rows.len() {
        if first(rows[place]) {
            rows.swap(middle, place);
            middle += 1;
        }
    }
    middle
}

/// c(n), equation 1 of Liu et al.: the average length of an unsuccessful search in a binary search tree over n keys.
pub fn average_path_length(n: u64) -> f64 {
    const EULER_GAMMA: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        // The approximation of the harmonic number is off here, and the exact value plain.
        2 => 1.0,
        _ => {
            let n = n as f64;
            2.0 * ((n - 1.0).ln() + EULER_GAMMA) - 2.0 * (n - 1.0) / n
        }
    }
}
