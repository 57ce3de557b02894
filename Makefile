# The two commands of the README are `cargo run --release -- build` and `make test`.

.PHONY: build test lab engines lint doc bench

build:
	cargo run --release -- build

# Installs what the tests need, then runs all of them. Without root or sudo the tests that miss an engine say so.
test: engines
	cargo test --lib --bins --tests
	cargo test --doc

# Every scenario of the lab, with the real daemons; needs root.
lab: build
	target/release/bake lab test --report lab.html

engines:
	sh tests/engines/install.sh tests/engines/packages.txt

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings

doc:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --no-deps --document-private-items

bench:
	cargo bench
