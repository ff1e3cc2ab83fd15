#!/bin/bash
# same_prediction.sh WEIGHTS IMAGE.ppm CLASSIFY_RGB...: the example says the class of `reel predict` and its probability to 1e-6,
# with the weights from a path and from memory.
set -eu
weights=$1 image=$2
shift 2
expected=$("$REEL_BIN" predict --weights "$weights" --top 1 --json "$image" |
    python3 -c 'import json, sys; p = json.load(sys.stdin)["images"][0]["predictions"][0]; print(p["class"], repr(p["probability"]))')
for from in "$weights" -; do
    said=$("$@" "$from" "$image" <"$weights") || { echo "$*: exit $?"; exit 1; }
    python3 -c '
import sys
(a, p), (b, q) = (line.rsplit(" ", 1) for line in sys.argv[1:])
sys.exit(not (a == b and abs(float(p) - float(q)) <= 1e-6))' "$expected" "$said" ||
        { echo "weights from $from: expected $expected (reel predict), got $said"; exit 1; }
done
