#!/usr/bin/env bash
# Builds the Python wheel in one Cargo profile and installs it in environments:
#   wheel.sh dev|dist [VENV...]
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

profile="$1"
shift
build_settings "$profile"
out="$CARGO_TARGET_DIR/wheels/$profile"
case "$profile" in
    dev) compression=stored ;; # compressing takes longer than everything else
    *) compression=deflated ;;
esac

# The checksums of the files in a wheel. The wheel itself differs at each build,
# and an environment that has these files is left as it is.
digest() {
    "$VENV_TOOLS/bin/python" - "$1" <<'END'
import sys, zipfile
for entry in zipfile.ZipFile(sys.argv[1]).infolist():
    if ".dist-info/" not in entry.filename:
        print(entry.filename, entry.CRC)
END
}

step "building the wheel ($profile profile; the first time compiles every dependency)"
rm -rf "$out"
mkdir -p "$out"
"$VENV_TOOLS/bin/maturin" build --profile "$profile" --manifest-path bindings-python/Cargo.toml \
    --locked --auditwheel skip --compression-method "$compression" \
    --interpreter "$VENV_PLAIN/bin/python" --out "$out" </dev/null
wheel="$(echo "$out"/*.whl)"

for venv in "$@"; do
    wanted="$(digest "$wheel")"
    if [ "$(cat "$venv/.wheel" 2>/dev/null)" != "$wanted" ]; then
        step "installing $(basename "$wheel") in $(basename "$venv")"
        rm -f "$venv/.wheel"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
            --no-index --no-deps --force-reinstall "$wheel" </dev/null
        printf '%s\n' "$wanted" >"$venv/.wheel"
    fi
done
printf 'wheel: %s\n' "$wheel"
