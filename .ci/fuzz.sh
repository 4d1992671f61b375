#!/usr/bin/env bash
# Runs the fuzz targets of tests/fuzz/targets, or those that are named, `SECONDS_EACH` seconds
# each: inputs are made of those in tests/fuzz/<target>, and one that reaches a new place in the
# engine is kept in the cache folder and made more of. One that crashes is written to
# tests/fuzz/<target>, where the tests run it from then on.
#
# cargo-fuzz instruments every crate, which takes a nightly compiler and hours. Here the crates
# that are ours are instrumented, by the same pass of the stable compiler.
# With cargo-fuzz: cargo +nightly fuzz run --fuzz-dir tests --features libfuzzer fuzz_row
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

targets=("$@")
[ $# -gt 0 ] || targets=(row key manifest sql c_api)
seconds="${SECONDS_EACH:-60}"

# Statements of the specification, one file each: seeds of `sql`.
statements_of_specification() {
    find tests/slt -name '*.slt' -exec cat {} + | awk -v folder="$1" '
        inside && (/^$/ || /^----/) { inside = 0; close(file); next }
        inside { print > file }
        /^(statement|query) / { inside = 1; file = folder "/slt_" ++number }'
}

step "building the targets"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "fuzz_$target"); done
CARGO_PROFILE_DEV_OPT_LEVEL=1 RUSTC_WORKSPACE_WRAPPER="$PWD/.ci/coverage_rustc.sh" \
    cargo build --workspace --locked --features kalam-tests/libfuzzer "${bins[@]}"
# The next build of anything else writes over what it finds there.
programs="$KALAM_CACHE/fuzz/programs"
mkdir -p "$programs"
for target in "${targets[@]}"; do cp "$CARGO_TARGET_DIR/debug/fuzz_$target" "$programs/"; done

for target in "${targets[@]}"; do
    step "$target, $seconds s"
    corpus="$KALAM_CACHE/fuzz/$target"
    mkdir -p "$corpus"
    [ "$target" != sql ] || statements_of_specification "$corpus"
    "$programs/fuzz_$target" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="tests/fuzz/$target/" "$corpus" "tests/fuzz/$target"
done
