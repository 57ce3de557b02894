#!/bin/sh
# process.sh: whole processes against the floor, as a Markdown table (docs/performance.md).
#
# The floor is what no tool that writes and hashes this output can beat: copying it and hashing it. Needs hyperfine.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bake=$PWD/target/release/bake
"$bake" build --out "$scratch/dist" >/dev/null
hyperfine --shell=none --warmup 5 --style basic --export-markdown "$scratch/table.md" \
    --prepare "rm -rf $scratch/out" \
    --command-name "bake build (all nodes)" "$bake build --out $scratch/out" \
    --command-name "bake build --node loadbalancer1" "$bake build --node loadbalancer1 --out $scratch/out" \
    --command-name "floor: cp -r dist, sha256sum" "sh -c 'cp -r $scratch/dist $scratch/out && find $scratch/out -type f -exec sha256sum {} + >/dev/null'" >&2
cat "$scratch/table.md"
