# Sourced by every script and recipe: where things are built, and with what.
# Nothing is built inside the clone, so a fresh clone starts from a warm cache.

: "${HOME:=/tmp}"
export HOME
export KALAM_CACHE="${KALAM_CACHE:-$HOME/.cache/kalamdb}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$KALAM_CACHE/target}"

VENV_TOOLS="$KALAM_CACHE/venv-tools"
VENV_PLAIN="$KALAM_CACHE/venv-plain"
VENV_ARROW="$KALAM_CACHE/venv-arrow"
VENV_S3="$KALAM_CACHE/venv-s3"
VENV_BENCH="$KALAM_CACHE/venv-bench"
NODE_TOOLS="$KALAM_CACHE/node"

# rustup finds its toolchains through HOME. Where HOME is not the one that rustup
# was installed for, they lie beside the cargo that PATH names.
if ! cargo --version >/dev/null 2>&1 && command -v cargo >/dev/null; then
    rust_home="$(dirname "$(dirname "$(dirname "$(command -v cargo)")")")"
    if [ -d "$rust_home/.rustup" ]; then
        export RUSTUP_HOME="${RUSTUP_HOME:-$rust_home/.rustup}"
        export CARGO_HOME="${CARGO_HOME:-$rust_home/.cargo}"
    fi
fi

# Sets the environment for building in the profile that its argument names. In `dist`, where
# Rust brings LLVM's linker, that linker does the thin LTO instead of Cargo: it also folds
# functions that are equal. What it has compiled it keeps, but a change of ours makes it
# compile most again: ten minutes for each library on two cores.
build_settings() {
    [ "$1" = dist ] || return 0
    local host
    host="$(rustc --print host-tuple)"
    [ "$host" = x86_64-unknown-linux-gnu ] || return 0
    export CARGO_PROFILE_DIST_LTO=off
    export CARGO_BUILD_TARGET="$host" # so that build scripts and macros are built without these:
    export RUSTFLAGS="-C linker-plugin-lto -C link-arg=-Wl,--icf=safe \
-C link-arg=-Wl,--thinlto-cache-dir=$CARGO_TARGET_DIR/thinlto"
}

# Prints the folder that a build in this profile leaves its libraries in.
built_folder() {
    case "$1" in
        dev) printf '%s\n' "$CARGO_TARGET_DIR/debug" ;;
        *) printf '%s\n' "$CARGO_TARGET_DIR${CARGO_BUILD_TARGET:+/$CARGO_BUILD_TARGET}/$1" ;;
    esac
}

# Prints the Nodes that the npm package can be tested with, the machine's own first.
node_programs() {
    local program
    for program in node "$NODE_TOOLS"/node_modules/node-*/bin/node; do
        if "$program" -e 'process.exit(+(process.versions.node.split(".")[0] < 20))' 2>/dev/null; then
            printf '%s\n' "$program"
        fi
    done
}

# One line per step, so that a log shows where the time went.
step() { printf '\n== [%s] %s\n' "$(date +%H:%M:%S)" "$*"; }

fail() {
    printf '\nerror: %s\n' "$1" >&2
    shift
    for line in "$@"; do printf '  %s\n' "$line" >&2; done
    exit 1
}
