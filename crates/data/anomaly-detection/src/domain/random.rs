use std::collections::HashSet;

/// SplitMix64: G. L. Steele, D. Lea, C. H. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014, with the
/// constants of S. Vigna's public-domain `splitmix64.c`. One per tree, so that no tree waits for another one's numbers.
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// The `index`th stream of a seed. Streams start at places that the generator itself scatters over its period.
    pub fn stream(seed: u64, index: u64) -> Self {
        Self(Self(Self(seed).draw() ^ index).draw())
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..bound`, by the multiply-shift of D. Lemire, *Fast Random Integer Generation in an Interval*, 2019,
    /// without its rejection step: the bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in [0, 1), in steps of 2^-24: as fine as an `f32` just below 1.
    pub fn unit(&mut self) -> f32 {
        (self.draw() >> 40) as f32 / (1u32 << 24) as f32
    }

    /// `count` different numbers of `0..bound`, every such set equally likely: R. W. Floyd's algorithm, from J. Bentley,
    /// *Programming Pearls: A Sample of Brilliance*, CACM 1987.
    ///
    /// # Panics
    /// If `count` exceeds `bound`.
    pub fn sample(&mut self, count: usize, bound: usize) -> Vec<usize> {
        assert!(count <= bound, "a sample is no larger than what it is taken from");
        let mut seen = HashSet::with_capacity(count);
        let pick = |last: usize| {
            let drawn = self.below(last as u64 + 1) as usize;
            let picked = if seen.contains(&drawn) { last } else { drawn };
            seen.insert(picked);
            picked
        };
        (bound - count..bound).map(pick).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_reference_implementation() {
        let mut random = SplitMix64(1_234_567);
        let drawn = [random.draw(), random.draw(), random.draw()];
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_sample_has_different_members_and_can_be_everything() {
        let mut random = SplitMix64(7);
        let mut all = random.sample(100, 100);
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<_>>());

        let mut some = random.sample(256, 300);
        some.sort_unstable();
        some.dedup();
        assert_eq!(some.len(), 256);
        assert!(some.iter().all(|&n| n < 300));
    }

    #[test]
    fn every_number_is_sampled_about_equally_often() {
        let mut times = [0u32; 10];
        for seed in 0..3000 {
            for picked in SplitMix64::stream(42, seed).sample(3, 10) {
                times[picked] += 1;
            }
        }
        // 900 expected each, standard deviation 25.
        assert!(times.iter().all(|t| (775..1025).contains(t)), "{times:?}");
    }
}
