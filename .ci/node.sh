#!/usr/bin/env bash
# Builds the npm packages in one Cargo profile and installs them in an empty folder, as a
# program would: from the packed files, offline.
#   node.sh dev|dist
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

profile="$1"
build_settings "$profile"
out="$CARGO_TARGET_DIR/npm/$profile"
app="$out/app"
package=bindings-node

step "building the npm package ($profile profile)"
cargo build -p kalamdb-node --locked --profile "$profile"
library="$(find "$(built_folder "$profile")" -maxdepth 1 \( -name libkalamdb_node.so -o -name libkalamdb_node.dylib \) | head -n1)"
platform="$(node -p "require('./$package/lib/platform.cjs').platform()")"

wanted="$(sha256sum "$library" 2>/dev/null || shasum -a 256 "$library")
$(find "$package" -path '*/src' -prune -o -path '*/tests' -prune -o -type f -print0 | sort -z | xargs -0 cat | cksum)"
if [ "$(cat "$out/.stamp" 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$out"
    mkdir -p "$app" "$out/main" "$out/platform"
    cp -R "$package"/package.json "$package"/README.md "$package"/index.* "$package"/lib LICENSE "$out/main"
    cp "$package/npm/$platform/package.json" LICENSE "$out/platform"
    # Without what only debuggers read: packing compresses every byte.
    strip -S -x -o "$out/platform/kalamdb.node" "$library"
    (cd "$out" && npm pack --silent ./main ./platform >packed.txt)
    printf '{ "private": true }\n' >"$app/package.json"
    # shellcheck disable=SC2046
    (cd "$app" && npm install --offline --ignore-scripts --no-audit --no-fund --no-package-lock \
        --silent $(sed 's|^|../|' ../packed.txt))
    # Beside the folder, not in it: apache-arrow and TypeScript are the tests' own.
    ln -s "$NODE_TOOLS/node_modules" "$out/node_modules"
    printf '%s\n' "$wanted" >"$out/.stamp"
fi
ls -l "$out"/*.tgz | awk '{print "packed:", $NF, $5, "bytes"}'
