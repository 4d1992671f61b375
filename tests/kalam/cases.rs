//! Cases made at random, the same ones each time, and the smallest one that fails.

use std::cell::Cell;
use std::time::{Duration, Instant};

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseResult, TestRng, TestRunner};

/// How many cases a test has.
pub(crate) struct Cases {
    pub(crate) most: u32,
    /// Time for new cases; a failure is shrunk beyond it.
    pub(crate) time_max: Option<Duration>,
}

impl Cases {
    /// Tests cases of a kind, and returns how many there were. Panics with the smallest case
    /// that was found to fail.
    pub(crate) fn test<S: Strategy>(
        &self,
        of: &S,
        test: impl Fn(S::Value) -> TestCaseResult,
    ) -> u32 {
        let config = Config {
            cases: self.most,
            max_shrink_iters: 300,
            failure_persistence: None,
            ..Config::default()
        };
        let mut runner =
            TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let begin = Instant::now();
        let (failed, cases) = (Cell::new(false), Cell::new(0));
        let result = runner.run(of, |case| {
            let is_over = self.time_max.is_some_and(|time_max| begin.elapsed() > time_max);
            if is_over && !failed.get() {
                return Ok(());
            }
            cases.set(cases.get() + 1);
            let outcome = test(case);
            failed.set(failed.get() || outcome.is_err());
            outcome
        });
        if let Err(error) = result {
            panic!("{error}");
        }
        cases.get()
    }
}
