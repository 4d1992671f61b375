#!/usr/bin/env bash
# Counts where the small paths of the optimized engine spend their instructions, and writes
# benchmarks/results/profiles.md.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh
build_settings dist

step "where the small paths spend their instructions"
cargo rustc --profile dist --locked -p kalam-tests --bin kalam-test-cost -- -C strip=none
"$VENV_TOOLS/bin/python" benchmarks/profile_paths.py "$(built_folder dist)/kalam-test-cost"
