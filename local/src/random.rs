//! Pseudo-random numbers, the same for the same seed.

/// A sequence of numbers that follows from its seed: SplitMix64.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number.
    #[expect(
        clippy::should_implement_trait,
        reason = "it never ends, so it is no iterator to loop over"
    )]
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, which counts as one if it is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        // So few values are drawn from that the bias of a remainder does not matter.
        self.next() % bound.max(1)
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: u8) -> bool {
        self.below(100) < u64::from(percent)
    }

    /// One of these; `None` if there are none.
    pub fn one_of<'t, T>(&mut self, from: &'t [T]) -> Option<&'t T> {
        let place = self.below(from.len() as u64);
        from.get(usize::try_from(place).unwrap_or_default())
    }

    /// An independent sequence that follows from the same seed.
    pub fn branch(&mut self) -> Self {
        Self::new(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_determines_the_numbers_and_chances_are_about_right() {
        let (mut one, mut same, mut other) = (Random::new(7), Random::new(7), Random::new(8));
        assert_eq!(one.next(), same.next());
        assert_ne!(one.next(), other.next());
        let struck = (0..10_000).filter(|_| one.chance(10)).count();
        assert!((800..1_200).contains(&struck), "{struck}");
        let mut seen = [false; 3];
        for _ in 0..100 {
            if let Some(slot) = one
                .one_of(&[0, 1, 2])
                .and_then(|place| seen.get_mut(*place))
            {
                *slot = true;
            }
        }
        assert_eq!(seen, [true; 3]);
        assert_eq!(one.one_of::<u8>(&[]), None);
    }
}
