//! Properties that hold for any input, tried on as many as wanted: `make fuzz INPUTS=1000000`.

use std::cell::Cell;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, TestCaseResult, TestRunner},
};

/// How many inputs a property is tried on unless `PROPTEST_CASES` says otherwise.
const INPUTS: u32 = 1_000;

/// Tries `property` and prints how many inputs it was tried on.
#[allow(clippy::panic)]
pub fn tried<S: Strategy>(name: &str, inputs: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let usual = Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { usual.cases } else { INPUTS };
    let count = Cell::new(0_u64);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..usual });
    let outcome = runner.run(inputs, |input| {
        count.set(count.get() + 1);
        property(input)
    });
    if let Err(error) = outcome {
        panic!("{name}: {error}");
    }
    println!("fuzz: {} inputs: {name}", count.get());
}
