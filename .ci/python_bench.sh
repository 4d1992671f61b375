#!/usr/bin/env bash
# Measures what Python costs beside the Rust API on the same machine, and writes
# benchmarks/results/python.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh
build_settings dist

step "what a call from Python costs"
rust="$(cargo bench --profile dist --workspace --locked --bench point_read | sed -n 's/^prepared point read: \([0-9.]*\) us by Rust.*/\1/p')"
{
    printf '# Python beside Rust\n\n`make bench` writes this page.\n\n| figure | value | goal | |\n|---|---|---|---|\n'
    "$VENV_BENCH/bin/python" benchmarks/python/point_read.py "$rust"
} | tee benchmarks/results/python.md
