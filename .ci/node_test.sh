#!/usr/bin/env bash
# Runs the tests of the npm package where node.sh installed it, then the quick ones once more
# with a newer Node where npm has one for this machine:
#   node_test.sh dev|release [FILE...]
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
run() { "$1" --expose-gc --test --test-reporter=dot --test-timeout=300000 "${@:2}"; }

step "node tests ($(node --version))"
run node "${files[@]}"
newer="$(ls "$NODE_TOOLS"/node_modules/node-*/bin/node 2>/dev/null | head -n1)"
if [ -n "$newer" ] && "$newer" --version >/dev/null 2>&1; then
    step "node tests ($("$newer" --version))"
    run "$newer" "${files[@]}"
else
    echo "no newer Node for this machine"
fi
