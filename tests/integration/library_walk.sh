#!/bin/bash
# Each of the library's allocations fails in turn, scenario by scenario: an error each time, or the right result; no crash, no leak.
# Nearly every line of the library that allocates is reached.
set -eu
program=$REEL_BUILD/tests/library_walk
[ -x "$program" ] || { echo "this build has no library_walk: sanitizers bring allocation functions of their own"; exit 77; }
"$REEL_BIN" synth d --train 2 --val 2 --classes 4 --size 40 --quiet
for c in d/train/* d/val/*; do mv "$c" "$(dirname "$c")/n0$(basename "$c")"; done # names like WNIDs
python3 "$REEL_SOURCE/tests/support/make_sources.py" d k
"$REEL_BIN" pack d k/packed --per-shard 3 --quiet
mkdir walk
OMP_NUM_THREADS=1 "$program" walk "$REEL_SOURCE"/tests/support/pth/*.pth -- "$PWD"/k/*
python3 "$REEL_SOURCE/tests/support/allocating_calls.py" "$program" walk/reached
