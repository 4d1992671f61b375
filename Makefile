# `make quickstart` shows what KalamDB does; `make test` proves it. Both set the
# machine up first; nothing is built inside the clone (.ci/env.sh says where).

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
ENV := . .ci/env.sh &&

.DEFAULT_GOAL := help
.PHONY: help setup quickstart test prove torture boundaries fuzz bench bench-setup bench-smoke profile scale lint docs wheel npm install header clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: ## install what is missing: compilers, Python environments, maturin, Node packages
	@.ci/setup.sh

quickstart: setup ## build the Python package and run examples/quickstart.py
	@$(ENV) .ci/wheel.sh dev "$$VENV_ARROW"
	@$(ENV) step "examples/quickstart.py"; "$$VENV_ARROW/bin/python" -u examples/quickstart.py

# The whole workspace is named so that Cargo unifies features over it, as the
# wheel's build does: with fewer packages every dependency would compile twice.
test: setup ## format check, Rust tests, quick start, Python tests without and with Arrow, Node tests
	@$(ENV) step "format"; cargo fmt --all --check
	@$(ENV) step "rust tests (the first time compiles every dependency)"; cargo test --workspace --locked
	@$(ENV) .ci/wheel.sh dev "$$VENV_PLAIN" "$$VENV_ARROW"
	@$(ENV) step "examples/quickstart.py"; "$$VENV_ARROW/bin/python" -u examples/quickstart.py
	@$(ENV) step "python tests without pyarrow"; "$$VENV_PLAIN/bin/pytest" bindings-python/tests/plain
	@$(ENV) step "python tests with pyarrow, pandas, polars, duckdb"; "$$VENV_ARROW/bin/pytest" bindings-python/tests/with_arrow
	@$(ENV) .ci/node.sh dev
	@$(ENV) .ci/node_test.sh dev

OF ?=
ARGS ?=
prove: setup ## run the Rust tests whose names contain OF, as in `make prove OF=crash::`
	@$(ENV) cargo test --workspace --locked -- $(OF)

# Each proof says at its end what it saw; these are the sizes. KALAM_MEMORY is in MiB.
torture: export KALAM_KILLS = 2000
torture: export KALAM_POWER_CUTS = 500
torture: export KALAM_FAULTS = all
torture: export KALAM_FLIPS = 1000
torture: export KALAM_READS = 100000
torture: export KALAM_ROUNDS = 1000
torture: export KALAM_ORACLE = 25000
torture: export KALAM_HISTORIES = 1000
torture: export KALAM_TRANSACTIONS = 2000
torture: export KALAM_CANARY = 100000
torture: export KALAM_FUZZ = 150000
torture: export KALAM_DECODER = 1000
torture: export KALAM_CANCELS = 30
torture: export KALAM_DISKS = 20
torture: export KALAM_MEMORY = 256
torture: export KALAM_CLOCKS = 500
torture: export KALAM_UNSTEADY = 2000
torture: export KALAM_ORDERS = 2
torture: export KALAM_CYCLES = 10000
torture: export KALAM_SEQUENCES = 2000
torture: export SECONDS_EACH = 600
TORTURE := crash:: power:: fault:: rot:: damage:: disk_full:: every_reader_sees_one_moment planted:: \
	orders:: oracle:: history:: canary:: fuzz:: decoder:: latency:: memory:: clock:: unsteady::
torture: setup ## the proofs at full size: hours; OF=power:: picks one
	@$(ENV) step "torture"; cargo test --workspace --locked --test kalam -- --nocapture --test-threads=1 $(or $(OF),$(TORTURE))
	@[ -n "$(OF)" ] || $(MAKE) --no-print-directory boundaries fuzz

# What `make torture` repeats in each language: openings, and calls of C in any order.
boundaries: setup
	@$(ENV) step "C"; cargo test --workspace --locked --test c -- --nocapture --test-threads=1 opening_and_closing calls_in_any_order
	@$(ENV) .ci/wheel.sh dev "$$VENV_PLAIN"
	@$(ENV) step "Python"; "$$VENV_PLAIN/bin/pytest" -s bindings-python/tests/plain/test_cycles.py
	@$(ENV) .ci/node.sh dev
	@$(ENV) .ci/node_test.sh dev cycles.test.mjs

fuzz: setup ## fuzz targets, instrumented, a minute each; OF="row key" picks some, SECONDS_EACH=600 takes longer
	@.ci/fuzz.sh $(OF)

bench: bench-setup ## measure all jobs beside the peers, optimized, into benchmarks/results and README; ARGS="--only newest" is one job
	@$(ENV) .ci/wheel.sh dist "$$VENV_BENCH"
	@$(ENV) step "benchmarks"; "$$VENV_BENCH/bin/python" -u benchmarks/run.py $(ARGS)
	@$(ENV) step "the engine's small paths, and what a call from C costs"; build_settings dist; cargo bench --profile dist --workspace --locked --bench engine --bench point_read
	@$(ENV) .ci/python_bench.sh
	@$(ENV) .ci/node.sh dist
	@$(ENV) .ci/node_bench.sh

bench-smoke: setup ## count instructions and allocations of the small paths, against tests/small_paths.tsv
	@$(ENV) cargo test --workspace --locked --test kalam -- --nocapture small_paths::

profile: setup ## where the small paths spend their instructions, into benchmarks/results/profiles.md
	@.ci/profile.sh

scale: bench-setup ## measure large sizes, growth and half an hour of mixed load; ARGS="--scale 0.01 --minutes 0.2" is quick
	@$(ENV) .ci/wheel.sh dist "$$VENV_BENCH"
	@$(ENV) step "scale"; "$$VENV_BENCH/bin/python" -u benchmarks/run_scale.py $(ARGS)

bench-setup:
	@.ci/setup.sh bench

lint: setup ## format, clippy, stubs against the built module, Python type check
	@$(ENV) step "format"; cargo fmt --all --check
	@$(ENV) step "clippy"; cargo clippy --workspace --all-targets --locked -- -D warnings
	@$(ENV) .ci/wheel.sh dev "$$VENV_ARROW"
	@$(ENV) step "python stubs"; cd "$$KALAM_CACHE" && "$$VENV_ARROW/bin/python" -m mypy.stubtest kalamdb._kalamdb
	@$(ENV) step "python types"; "$$VENV_ARROW/bin/mypy" --config-file .ci/mypy.ini examples benchmarks

docs: setup ## build the Rust documentation, warnings are errors
	@$(ENV) RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@$(ENV) echo "open $$CARGO_TARGET_DIR/doc/kalam_core/index.html"

wheel: setup ## build the optimized wheel
	@$(ENV) .ci/wheel.sh dist

npm: setup ## build and pack the optimized npm packages of this platform
	@$(ENV) .ci/node.sh dist

PREFIX ?= /usr/local
install: ## install the C library, optimized, below PREFIX (/usr/local); DESTDIR goes before it
	@$(ENV) step "building the C library"; build_settings dist; cargo build -p kalam-ffi --profile dist --locked
	@$(ENV) build_settings dist; packaging/install.sh "$$(ls "$$(built_folder dist)"/libkalamdb.{so,dylib} 2>/dev/null | head -n1)" "$(PREFIX)" "$(DESTDIR)"

header: ## write include/kalamdb.h anew; needs cbindgen (cargo install cbindgen)
	@$(ENV) cbindgen --quiet --config kalam-ffi/cbindgen.toml --output include/kalamdb.h kalam-ffi

clean: ## remove everything that was built or installed outside the clone
	@$(ENV) rm -rf "$$KALAM_CACHE" .build
