/// SplitMix64 (G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, with the
/// constants of S. Vigna's public-domain `splitmix64.c`). One per tree, so that no tree waits for another one's numbers.
pub struct SplitMix64(u64);

const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl SplitMix64 {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The `index`th stream of a seed: streams start at places that the finaliser scatters over the whole period.
    pub fn stream(seed: u64, index: u64) -> Self {
        let mut start = Self(Self(seed).next() ^ index);
        Self(start.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN_GAMMA);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, which must not be 0. The multiply-shift of D. Lemire, *Fast Random Integer Generation in an
    /// Interval*, 2019, without its rejection step: the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in [0, 1), in steps of 2^-24: as fine as an `f32` near 1.
    pub fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// `count` different numbers of `0..bound`, every such set equally likely (R. W. Floyd, in J. Bentley,
    /// *Programming Pearls: A Sample of Brilliance*, CACM 1987).
    ///
    /// # Panics
    /// If `count` exceeds `bound`.
    pub fn sample(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut seen = std::collections::HashSet::with_capacity(count);
        let first = bound.checked_sub(count).expect("a sample is no larger than what it is taken from");
        let draws = first..bound;
        draws
            .map(|last| {
                let drawn = self.below(last as u64 + 1) as usize;
                let picked = if seen.insert(drawn) { drawn } else { last };
                seen.insert(picked);
                picked
            })
            .collect()
    }
}
