#!/bin/sh
# Builds the one static binary that needs nothing else on a machine: ./ioconform-static by default.
# Usage: ci/build-static.sh [FILE]
set -eu
file="${1:-ioconform-static}"
root="$(dirname "$0")/.."
target="$(rustc -vV | sed -n 's/^host: //p')"
built="${CARGO_TARGET_DIR:-$root/target}/$target/release/ioconform"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --target "$target" --bin ioconform \
    --manifest-path "$root/Cargo.toml"
cp "$built" "$file"
ls -l "$file"
