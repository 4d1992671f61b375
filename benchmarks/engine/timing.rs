//! How long a call takes.

use std::hint::black_box;
use std::time::Instant;

/// Groups of calls that are timed as one.
const GROUPS: usize = 60;

/// The median seconds of a call, over groups of `calls` of them. The first groups warm
/// the caches and are not counted.
pub fn median<T>(calls: usize, mut call: impl FnMut(usize) -> T) -> f64 {
    let mut seconds: Vec<f64> = (0..GROUPS)
        .map(|group| {
            let start = Instant::now();
            for index in 0..calls {
                black_box(call(black_box(group * calls + index)));
            }
            start.elapsed().as_secs_f64() / calls as f64
        })
        .skip(GROUPS / 10)
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The seconds of one call.
pub fn once<T>(call: impl FnOnce() -> T) -> (T, f64) {
    let start = Instant::now();
    let outcome = call();
    (outcome, start.elapsed().as_secs_f64())
}
