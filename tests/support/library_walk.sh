#!/bin/bash
# library_walk.sh EVERY: lets each EVERY-th allocation of the library fail in turn (faults/library_walk.c).
set -eu
program=$REEL_BUILD/tests/library_walk
[ -x "$program" ] || { echo "this build has no library_walk: sanitizers bring allocation functions of their own"; exit 77; }
mkdir walk
OMP_NUM_THREADS=1 "$program" "$1" walk "$REEL_SOURCE"/tests/support/pth/*.pth
