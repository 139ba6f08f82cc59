use super::{
    blocks::{BLOCK, Block, Scaled},
    random::SplitMix64,
};

/// One isolation tree, laid out as a heap: node 1 is the root, the children of node `n` are `2n` and `2n + 1`, and every leaf
/// is moved down to the lowest level. So each row takes the same number of steps, none of them a branch that a processor
/// could guess wrong, through 8 bytes per node; 256 samples make 3 KiB that stay in the first-level cache.
pub struct Tree {
    height: u32,
    /// Nodes above the lowest level; place 0 is unused.
    splits: Vec<Split>,
    /// Path length of each node of the lowest level that a row can come to.
    path_lengths: Vec<f32>,
    /// How many sampled rows came to each node; place 0 is unused.
    sizes: Vec<u32>,
}

/// Rows below the threshold go to the left child, the others to the right one.
#[derive(Clone, Copy)]
struct Split {
    threshold: f32,
    /// The column; the highest bit says that null goes to the right.
    column: u32,
}

const NULL_GOES_RIGHT: u32 = 1 << 31;

/// Stands at a leaf and below it: everything is below infinity and goes down to the left.
const NO_SPLIT: Split = Split { threshold: f32::INFINITY, column: 0 };

/// A split as one row met it: how many sampled rows it had for company, and how many of them went the same way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub column: usize,
    pub before: u32,
    pub after: u32,
}

impl Tree {
    /// Grows a tree over `samples` different rows.
    ///
    /// # Panics
    /// If there are no columns, no samples, or fewer rows than samples.
    pub fn grow(columns: &[Scaled<'_>], samples: usize, mut random: SplitMix64) -> Self {
        let sampled = random.sample(samples, columns[0].rows());
        // ceil(log2(samples)), the average height of a tree: Liu et al., section 4.1, since rows with longer paths than the
        // average are no anomalies.
        let height = samples.next_power_of_two().ilog2();
        let leaves = 1 << height;
        let tree = Self {
            height,
            splits: vec![NO_SPLIT; leaves],
            path_lengths: vec![0.0; leaves],
            sizes: vec![0; 2 * leaves],
        };
        let of_sample = |column: &Scaled<'_>| sampled.iter().map(|&row| column.at(row)).collect();
        let values = columns.iter().map(of_sample).collect();
        let mut growth = Growth { tree, values, random };
        let mut rows: Vec<u32> = (0..samples as u32).collect();
        growth.grow(1, 0, &mut rows);
        growth.tree
    }

    /// Adds the path length of each row of the block to its sum.
    pub fn add_path_lengths(&self, block: &Block, sums: &mut [f64; BLOCK]) {
        let reached = if block.has_nulls() {
            self.descend(block.values(), Split::goes_right)
        } else {
            self.descend(block.values(), |split, value| value >= split.threshold)
        };
        let lowest_level = 1 << self.height;
        for (sum, node) in sums.iter_mut().zip(reached) {
            *sum += f64::from(self.path_lengths[node as usize - lowest_level]);
        }
    }

    /// The node of the lowest level that each row of a block comes to. All rows go down one level before any goes down the
    /// next: their steps do not depend on each other, so the processor takes several at once.
    fn descend(&self, values: &[f32], goes_right: impl Fn(Split, f32) -> bool) -> [u32; BLOCK] {
        let mut nodes = [1u32; BLOCK];
        for _ in 0..self.height {
            for (row, node) in nodes.iter_mut().enumerate() {
                let split = self.splits[*node as usize];
                let value = values[split.column() * BLOCK + row];
                *node = 2 * *node + u32::from(goes_right(split, value));
            }
        }
        nodes
    }

    /// The splits that a row meets on its way down; `value` gives the row's value of a column.
    pub fn path(&self, value: impl Fn(usize) -> f32) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut node = 1;
        while let Some(split) = self.splits.get(node).filter(|split| split.threshold.is_finite()) {
            let child = 2 * node + usize::from(split.goes_right(value(split.column())));
            steps.push(Step { column: split.column(), before: self.sizes[node], after: self.sizes[child] });
            node = child;
        }
        steps
    }
}

impl Split {
    fn column(self) -> usize {
        (self.column & !NULL_GOES_RIGHT) as usize
    }

    fn null_goes_right(self) -> bool {
        self.column & NULL_GOES_RIGHT != 0
    }

    fn goes_right(self, value: f32) -> bool {
        (value >= self.threshold) | (value.is_nan() & self.null_goes_right())
    }
}

/// A tree in the making.
struct Growth {
    tree: Tree,
    /// Column by column, the values of the sampled rows.
    values: Vec<Vec<f32>>,
    random: SplitMix64,
}

impl Growth {
    /// Makes `node` of these rows, and all that is below it. As deep as the tree is high: at most 32 calls.
    fn grow(&mut self, node: usize, depth: u32, rows: &mut [u32]) {
        self.tree.sizes[node] = rows.len() as u32;
        let split = if depth < self.tree.height { self.split(rows) } else { None };
        let Some(split) = split else {
            // The rows of a leaf that is none yet, by height or because they are alike, would need c(n) more steps.
            let place = (node << (self.tree.height - depth)) - (1 << self.tree.height);
            self.tree.path_lengths[place] = depth as f32 + average_path_length(rows.len());
            return;
        };
        self.tree.splits[node] = split;
        let values = &self.values[split.column()];
        let middle = partition(rows, |row| !split.goes_right(values[row as usize]));
        let (left, right) = rows.split_at_mut(middle);
        self.grow(2 * node, depth + 1, left);
        self.grow(2 * node + 1, depth + 1, right);
    }

    /// A random column and a random threshold that leaves known values on both sides. None if no column has two different
    /// values in these rows: constant columns and columns of nulls never split.
    fn split(&mut self, rows: &[u32]) -> Option<Split> {
        let columns = self.values.iter().enumerate();
        let spreads: Vec<Spread> = columns.filter_map(|(c, values)| Spread::of(c, values, rows)).collect();
        let known: u64 = spreads.iter().map(|spread| spread.known).sum();
        if known == 0 {
            return None;
        }
        let mut ticket = self.random.below(known);
        let drawn = spreads.iter().find(|spread| match ticket.checked_sub(spread.known) {
            Some(rest) => {
                ticket = rest;
                false
            }
            None => true,
        });
        let spread = drawn.expect("the ticket is below the sum of what the columns hold");
        let threshold = spread.high - self.random.unit() * (spread.high - spread.low);
        // Rounding must not leave the left child without a value.
        let threshold = if threshold > spread.low { threshold } else { spread.high };

        let values = &self.values[spread.column];
        let right = rows.iter().filter(|&&row| values[row as usize] >= threshold).count();
        let null_goes_right = self.random.below(spread.known) < right as u64;
        Some(Split { threshold, column: spread.column as u32 | if null_goes_right { NULL_GOES_RIGHT } else { 0 } })
    }
}

/// What some rows have in one column.
struct Spread {
    column: usize,
    low: f32,
    high: f32,
    /// Rows that are not null.
    known: u64,
}

impl Spread {
    /// None if the rows do not have two different values.
    fn of(column: usize, values: &[f32], rows: &[u32]) -> Option<Self> {
        let (mut low, mut high, mut known) = (f32::INFINITY, f32::NEG_INFINITY, 0);
        for &row in rows {
            let value = values[row as usize];
            // `min` and `max` pass over NaN.
            low = low.min(value);
            high = high.max(value);
            known += u64::from(!value.is_nan());
        }
        (low < high).then_some(Self { column, low, high, known })
    }
}

/// Moves the rows for which `first` holds to the front and counts them.
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

/// c(n), equation 1 of Liu et al.: the average length of an unsuccessful search in a binary search tree of `n` keys.
pub fn average_path_length(n: usize) -> f32 {
    const EULER_MASCHERONI: f64 = 0.577_215_664_901_532_9;
    match n {
        0 | 1 => 0.0,
        // Exact, where ln(n - 1) plus the constant is far from the harmonic number.
        2 => 1.0,
        _ => {
            let n = n as f64;
            (2.0 * ((n - 1.0).ln() + EULER_MASCHERONI) - 2.0 * (n - 1.0) / n) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_path_length_is_close_to_that_of_the_exact_harmonic_number() {
        for n in [64, 256, 4096] {
            let harmonic: f64 = (1..n).map(|i| 1.0 / f64::from(i)).sum();
            let exact = 2.0 * harmonic - 2.0 * f64::from(n - 1) / f64::from(n);
            assert!((f64::from(average_path_length(n as usize)) - exact).abs() < 0.02, "c({n})");
        }
        assert_eq!([0, 1, 2].map(average_path_length), [0.0, 0.0, 1.0]);
    }

    /// Every row that was sampled walks, and the sizes on its way are those of its company.
    #[test]
    fn a_path_narrows_a_row_down_to_itself_or_to_the_height_limit() {
        let values: Vec<f64> = (0..256).map(|i| f64::from(i * i)).collect();
        let column = [Scaled::new(&values)];
        let tree = Tree::grow(&column, 256, SplitMix64::stream(3, 0));
        for row in 0..256 {
            let path = tree.path(|c| column[c].at(row));
            assert_eq!(path[0].before, 256);
            assert!(path.windows(2).all(|pair| pair[0].after == pair[1].before));
            assert!(path.iter().all(|step| 0 < step.after && step.after < step.before));
            assert!(path.len() == 8 || path[path.len() - 1].after == 1, "row {row} ends at {path:?}");
        }
    }

    /// The fast walk of a block and the walk that explains a row are the same walk, nulls included.
    #[test]
    fn a_block_adds_the_lengths_of_the_paths() {
        let mut random = SplitMix64::stream(11, 0);
        let mut column = || -> Vec<f64> {
            (0..BLOCK).map(|_| if random.below(4) == 0 { f64::NAN } else { f64::from(random.unit()) }).collect()
        };
        let (a, b) = (column(), column());
        let columns = [Scaled::new(&a), Scaled::new(&b)];
        let tree = Tree::grow(&columns, 100, SplitMix64::stream(5, 0));
        let mut block = Block::new(2);
        block.fill(&columns, 0);
        let mut sums = [0.0; BLOCK];
        tree.add_path_lengths(&block, &mut sums);
        for (row, sum) in sums.into_iter().enumerate() {
            let path = tree.path(|c| columns[c].at(row));
            let company = path.last().map_or(100, |step| step.after);
            let length = path.len() as f32 + average_path_length(company as usize);
            assert!((sum - f64::from(length)).abs() < 1e-5, "row {row}: {sum} and {length}");
        }
    }
}
