//! Random cases, of which as many can be tried as there is time for, and the same ones again.

use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::prelude::{ProptestConfig, Strategy};
use proptest::test_runner::{RngSeed, TestCaseResult, TestRunner};

/// Tries so many cases, or as many as `PROPTEST_CASES` says, and gives their number.
/// `PROPTEST_RNG_SEED` makes the same ones again, with other keys.
///
/// # Panics
///
/// If one fails, with the seed and the smallest case that was found to fail.
pub fn try_all<S: Strategy>(
    cases: u32,
    cases_of: &S,
    check: impl Fn(S::Value) -> TestCaseResult,
) -> u32 {
    let mut config = ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = cases;
    }
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(RandomState::new().build_hasher().finish());
    }
    let (cases, seed) = (config.cases, config.rng_seed);
    println!("PROPTEST_RNG_SEED={seed}");
    let mut runner = TestRunner::new(config);
    if let Err(failure) = runner.run(cases_of, check) {
        panic!("with PROPTEST_RNG_SEED={seed}: {failure}\n{runner}");
    }
    cases
}
