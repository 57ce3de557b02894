# The two commands of the README are `cargo run --release -- build` and `make test`.

CARGO_HOME ?= $(HOME)/.cargo
# Where it was compiled and where crates lie are nobody's business: the same sources give the same program anywhere.
REMAP = --remap-path-prefix=$(CURDIR)=/build --remap-path-prefix=$(CARGO_HOME)=/cargo

.PHONY: build release test lab engines lint doc nix bench

build:
	cargo run --release -- build

# The program to hand on, the same bytes from any folder (docs/nix.md).
release:
	RUSTFLAGS="$${RUSTFLAGS-} $(REMAP)" cargo build --release --locked

# Tests in which real daemons hold elections by the clock; they have the machine for themselves, one after the other.
TIMED = lab:: vrrp::

# Installs what the tests need, then runs all of them. Without root or sudo the tests that miss an engine say so.
test: engines
	cargo test --lib --bins --tests -- $(TIMED:%=--skip %)
	cargo test --lib --bins --tests -- $(TIMED) --test-threads 1
	cargo test --doc

# Every scenario of the lab, with the real daemons; needs root.
lab: build
	target/release/bake lab test --report lab.html

engines:
	sh tests/engines/install.sh tests/engines/packages.txt
	cargo fetch --locked

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --no-deps --document-private-items

# With real nixpkgs, so from the network; the tests have a stub of it.
nix:
	nix flake check --print-build-logs
	nix build .#bake .#cluster --no-link
	nix build .#bake .#cluster --no-link --rebuild --builders '' --max-jobs 1

bench:
	cargo bench
