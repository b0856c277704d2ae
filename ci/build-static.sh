#!/bin/sh
# Builds the one static binary that needs nothing else on a machine: ./ioconform-static by default.
# Usage: ci/build-static.sh [FILE]
set -eu
cd "$(dirname "$0")/.."
target="$(rustc -vV | sed -n 's/^host: //p')"
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --target "$target" --bin ioconform
cp "target/$target/release/ioconform" "${1:-ioconform-static}"
ls -l "${1:-ioconform-static}"
