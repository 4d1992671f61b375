//! What the engine's small paths cost: looking up a table, converting a type, resolving
//! a path, finding a plan, what a read allocates, and a catalog of a thousand tables with long histories.
//!
//! `make bench` runs it and writes `benchmarks/results/engine.md`. Without optimization
//! the figures go to `benchmarks/results/raw`, which is not kept.

mod catalog;
mod figure;
mod heap;
mod many_tables;
mod plans;
mod report;
mod timing;

use figure::Figure;

fn main() {
    let mut figures: Vec<Figure> = Vec::new();
    for measure in [catalog::figures, plans::figures, heap::figures, many_tables::figures] {
        let found = measure();
        for figure in &found {
            println!("{figure}");
        }
        figures.extend(found);
    }
    report::write(&figures);
}
