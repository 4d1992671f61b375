#!/usr/bin/env bash
# Runs the tests of the npm package where node.sh installed it, with the machine's Node and with
# a newer one where npm has it for this machine:
#   node_test.sh dev|dist [FILE...]
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

profile="$1"
shift
app="$CARGO_TARGET_DIR/npm/$profile/app"
KALAM_SOURCE="$PWD"
KALAM_TEST_PYTHON="${KALAM_TEST_PYTHON:-$VENV_ARROW/bin/python}"
# What the tests of the C library are built beside.
KALAM_TEST_LIBRARY="${KALAM_TEST_LIBRARY:-$(find "$CARGO_TARGET_DIR/debug/deps" \
    \( -name libkalamdb.so -o -name libkalamdb.dylib \) | head -n1)}"
export KALAM_SOURCE KALAM_TEST_PYTHON KALAM_TEST_LIBRARY

rm -rf "$app/tests"
cp -R bindings-node/tests "$app/tests"
cd "$app/tests"
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(*.test.mjs)
while read -r program; do
    step "node tests ($("$program" --version))"
    "$program" --expose-gc --test --test-reporter=dot --test-timeout=300000 "${files[@]}" </dev/null
done < <(node_programs)
