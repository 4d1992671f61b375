#!/bin/sh
# Cargo calls the compiler through this for crates of the workspace: the engine and the C API
# count what an input reaches, as libFuzzer wants it.
case " $* " in
    *" --crate-name kalam_core "* | *" --crate-name kalamdb "*)
        exec "$@" -C passes=sancov-module -C llvm-args=-sanitizer-coverage-level=4 \
            -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
            -C llvm-args=-sanitizer-coverage-pc-table -C llvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$@"
