# Each target installs what it needs, as root on Debian and its kin; else it says what to run.

export PATH := $(CURDIR)/.realmkeep/bin:$(PATH)

.PHONY: help start test lint bench docs build

help:
	@echo "make start   build and run a server on this machine, with a Postgres of its own (ARGS=\"--http-port 8081\")"
	@echo "make test    everything that proves it: units, API, wire, real clients, faults"
	@echo "make lint    format, clippy, licences, unused dependencies, documentation"
	@echo "make bench   the speed table, against a release build"
	@echo "make docs    the book and the API documentation"
	@echo "make build   the release program, target/release/realmkeep"

# Not the release profile: it is ready in half the time, and hashing is optimised in both.
start:
	@scripts/need.sh rust c postgres
	cargo run --bin realmkeep -- start-dev $(ARGS)

test:
	@scripts/need.sh rust c postgres
	@scripts/test-programs.sh
	cargo build
	cargo test --workspace --no-fail-fast

lint:
	@scripts/need.sh rust c deny
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	scripts/unused-dependencies.sh
	scripts/dead-links.sh
	cargo deny --log-level error check bans licenses sources
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

bench:
	@scripts/need.sh rust c postgres
	cargo build --release -p realmkeep-server -p realmkeep-bench
	target/release/realmkeep-bench $(ARGS)

docs:
	@scripts/need.sh rust c
	cargo doc --workspace --no-deps
	@if command -v mdbook >/dev/null; then mdbook build docs; \
	else echo "The book is docs/*.md, to be read as it is; with mdbook (cargo install mdbook) this makes it a site."; fi

build:
	@scripts/need.sh rust c
	cargo build --release
