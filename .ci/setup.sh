#!/usr/bin/env bash
# Makes a fresh Debian, Ubuntu or macOS machine able to build and test KalamDB.
# Installs only what is missing; a second run checks and returns in a second.
#   setup.sh [bench]     with the peers that the benchmarks measure, 900 MB
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/env.sh

RUST_MINIMUM=1.94

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

has_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] && return 0
    local folder found
    # The names that bindgen looks for; libclang-cpp.so is another library.
    for folder in /usr/lib/llvm-*/lib /usr/lib/*-linux-gnu /usr/lib /usr/lib64; do
        for found in "$folder"/libclang.so "$folder"/libclang.so.* "$folder"/libclang-[0-9]*.so*; do
            [ -e "$found" ] && return 0
        done
    done
    return 1
}

# Prints the first interpreter that is new enough and can make environments.
find_python() {
    local name
    for name in "${KALAM_PYTHON:-}" python3 python3.14 python3.13 python3.12 python3.11; do
        if [ -n "$name" ] && "$name" -c \
            'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

apt_install() {
    if ! may_install; then
        fail "packages are missing and this user may not install them; run:" \
            "sudo apt-get update && sudo apt-get install -y $*"
    fi
    step "installing $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"
}

setup_debian() {
    local missing=() tool
    command -v make >/dev/null || missing+=(make)
    { command -v cc && command -v c++; } >/dev/null || missing+=(build-essential)
    command -v ccache >/dev/null || missing+=(ccache)
    command -v mold >/dev/null || missing+=(mold)
    has_libclang || missing+=(libclang-dev)
    find_python >/dev/null || missing+=(python3 python3-venv)
    # What the tests of the C library use.
    for tool in cmake pkg-config valgrind; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    # For the emulator of Azure that the tests of storages start.
    command -v npm >/dev/null || missing+=(npm)
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}

setup_macos() {
    xcode-select -p >/dev/null 2>&1 || fail "Apple's command line tools are missing; run:" "xcode-select --install"
    local missing=()
    command -v ccache >/dev/null || missing+=(ccache)
    [ -e /Library/Developer/CommandLineTools/usr/lib/libclang.dylib ] \
        || [ -n "${LIBCLANG_PATH:-}" ] || [ -d "$(brew --prefix llvm 2>/dev/null)/lib" ] || missing+=(llvm)
    find_python >/dev/null || missing+=(python@3.13)
    command -v cmake >/dev/null || missing+=(cmake)
    command -v pkg-config >/dev/null || missing+=(pkgconf)
    command -v npm >/dev/null || missing+=(node)
    [ ${#missing[@]} = 0 ] && return
    command -v brew >/dev/null || fail "Homebrew is missing; install it, or these yourself:" "${missing[*]}"
    step "installing ${missing[*]}"
    brew install "${missing[@]}"
}

# On other systems setup only says what is missing.
check_other() {
    local missing=()
    local tool
    for tool in make cc c++ ccache mold cmake pkg-config valgrind npm; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    has_libclang || missing+=("libclang (clang-devel)")
    find_python >/dev/null || missing+=("python 3.11 or newer")
    [ ${#missing[@]} = 0 ] || fail "install these with your package manager, then run make setup again:" \
        "${missing[@]}"
}

check_linker() {
    [ "$(uname -s)" = Linux ] || return 0
    echo 'int main(void) { return 0; }' | cc -fuse-ld=mold -x c - -o /dev/null 2>/dev/null \
        || fail "the C compiler does not accept -fuse-ld=mold, which .cargo/config.toml asks for" \
            "install gcc 12 or newer (or clang as cc), and mold"
}

check_rust() {
    local advice="install rustup from https://rustup.rs, then: rustup toolchain install stable --component rustfmt,clippy"
    local version
    command -v cargo >/dev/null || fail "Rust $RUST_MINIMUM or newer is missing" "$advice"
    version="$(rustc --version | cut -d' ' -f2)" || fail "rustc does not run" "$advice"
    if [ "$(printf '%s\n' "$RUST_MINIMUM" "$version" | sort -V | head -n1)" != "$RUST_MINIMUM" ]; then
        fail "rustc $version is older than $RUST_MINIMUM" "run: rustup update stable"
    fi
    cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
        || fail "rustfmt or clippy is missing" "run: rustup component add rustfmt clippy"
}

# Makes or renews one environment. The stamp holds the list and the interpreter,
# so a changed pin or Python is noticed and nothing else is looked at.
setup_venv() {
    local python="$1" venv="$2" list=".ci/requirements/$3.txt"
    local wanted
    wanted="$("$python" -VV; cat "$list")"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    step "python environment $venv"
    rm -rf "$venv"
    mkdir -p "$(dirname "$venv")"
    "$python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --use-pep517 --requirement "$list" </dev/null
    printf '%s\n' "$wanted" >"$venv/.stamp"
}

# Microsoft's emulator of Azure's blobs, which the tests of storages start.
setup_azurite() {
    local folder="$KALAM_CACHE/azurite" wanted=azurite@3.35.0
    [ "$(cat "$folder/.stamp" 2>/dev/null)" = "$wanted" ] && return
    step "$wanted"
    rm -rf "$folder"
    mkdir -p "$folder"
    npm install --prefix "$folder" --before 2026-11-20 --ignore-scripts --no-audit --no-fund --silent "$wanted"
    printf '%s\n' "$wanted" >"$folder/.stamp"
}

# What the tests of the npm package run with, and a newer Node than the machine's.
setup_node() {
    local list=.ci/requirements/node wanted
    wanted="$(node --version; cat "$list/package-lock.json")"
    [ "$(cat "$NODE_TOOLS/.stamp" 2>/dev/null)" = "$wanted" ] && return
    step "node packages $NODE_TOOLS"
    rm -rf "$NODE_TOOLS"
    mkdir -p "$NODE_TOOLS"
    cp "$list/package.json" "$list/package-lock.json" "$NODE_TOOLS"
    npm ci --prefix "$NODE_TOOLS" --ignore-scripts --no-audit --no-fund --silent
    printf '%s\n' "$wanted" >"$NODE_TOOLS/.stamp"
}

# An older Node runs npm; the package's tests then have the one that npm brought.
check_node() {
    [ -n "$(node_programs)" ] || fail "Node 20 or newer is missing" \
        "install it from https://nodejs.org, or your package manager's newer package"
}

case "$(uname -s)" in
    Darwin) setup_macos ;;
    Linux) if command -v apt-get >/dev/null; then setup_debian; else check_other; fi ;;
    *) fail "$(uname -s) is not supported: use Linux or macOS" ;;
esac
check_linker
check_rust
python="$(find_python)" || fail "Python 3.11 or newer with venv is missing" \
    "install it, or name one: KALAM_PYTHON=/path/to/python3 make setup"
setup_venv "$python" "$VENV_TOOLS" tools
setup_venv "$python" "$VENV_PLAIN" plain
setup_venv "$python" "$VENV_ARROW" arrow
setup_venv "$python" "$VENV_S3" s3
[ "${1:-}" != bench ] || setup_venv "$python" "$VENV_BENCH" bench
setup_azurite
setup_node
check_node
