#!/usr/bin/env bash
# Builds the Python wheel in one Cargo profile and installs it in environments:
#   wheel.sh dev|release VENV...
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

profile="$1"
shift
out="$CARGO_TARGET_DIR/wheels/$profile"

# Environments change alone with the wheel: an install that is up to date is
# left as it is, so the second `make quickstart` starts at once.
digest() { cksum <"$1" | cut -d' ' -f1,2; }

step "building the wheel ($profile profile; the first time compiles every dependency)"
rm -rf "$out"
mkdir -p "$out"
"$VENV_TOOLS/bin/maturin" build --profile "$profile" --manifest-path bindings-python/Cargo.toml \
    --locked --auditwheel skip --interpreter "$VENV_PLAIN/bin/python" --out "$out" </dev/null
wheel="$(echo "$out"/*.whl)"

for venv in "$@"; do
    wanted="$(digest "$wheel")"
    if [ "$(cat "$venv/.wheel" 2>/dev/null)" != "$wanted" ]; then
        step "installing $(basename "$wheel") in $(basename "$venv")"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-index --no-deps --force-reinstall "$wheel" </dev/null
        printf '%s\n' "$wanted" >"$venv/.wheel"
    fi
done
printf 'wheel: %s\n' "$wheel"
