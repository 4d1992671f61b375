#!/usr/bin/env bash
# Installs the C library below a prefix:  install.sh LIBRARY PREFIX [DESTDIR]
set -euo pipefail
cd "$(dirname "$0")/.."

library="$1" prefix="$2" root="${3:-}$2"
version="$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' Cargo.toml)"
abi="$(sed -n 's/^#define KALAM_ABI_VERSION //p' include/kalamdb.h)"
case "$(uname -s)" in
    Darwin) real="libkalamdb.$abi.dylib" link=libkalamdb.dylib ;;
    *) real="libkalamdb.so.$abi" link=libkalamdb.so ;;
esac

fill() { sed -e "s|@PREFIX@|$prefix|g; s|@VERSION@|$version|g; s|@LIBRARY@|$real|g" "$1"; }

install -d "$root/include" "$root/lib/pkgconfig" "$root/lib/cmake/kalamdb"
install -m 644 include/kalamdb.h include/kalamdb.hpp "$root/include/"
install -m 755 "$library" "$root/lib/$real"
ln -sf "$real" "$root/lib/$link"
fill packaging/kalamdb.pc.in >"$root/lib/pkgconfig/kalamdb.pc"
fill packaging/kalamdb-config.cmake.in >"$root/lib/cmake/kalamdb/kalamdb-config.cmake"
fill packaging/kalamdb-config-version.cmake.in >"$root/lib/cmake/kalamdb/kalamdb-config-version.cmake"
