#!/usr/bin/env bash
# Measures the npm package that `node.sh dist` installed, beside the Rust API on the same
# machine, and writes benchmarks/results/node.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh
build_settings dist

app="$CARGO_TARGET_DIR/npm/dist/app"
program="$(node_programs | sed -n 1p)"
step "the npm package"
rust="$(cargo bench --profile dist --workspace --locked --bench point_read | sed -n 's/^prepared point read: \([0-9.]*\) us by Rust.*/\1/p')"
mkdir -p "$app/benchmarks"
cp benchmarks/node/figures.mjs "$app/benchmarks"
{
    printf '# The npm package\n\nNode %s on %s. `make bench` writes this page.\n\n' "$("$program" --version)" "$(uname -m)"
    "$program" --expose-gc "$app/benchmarks/figures.mjs" "$rust"
} | tee "$app/node.md"
mv "$app/node.md" benchmarks/results/node.md
