#!/bin/bash
# reel predict: where its time goes, in parts, on stderr and in --json. Weights from a warm page cache take a small multiple of a
# plain read of the file; each byte is read once, and checked.
set -eu
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 4 --val 2 --classes 2 --size 64 --quiet
cat >net <<'NET'
input 3x32x32
Conv2d 64 3 stride=2 padding=1
ReLU
AdaptiveAvgPool2d 8
Flatten
Linear 4096
ReLU
Linear 4096
ReLU
Linear classes
NET
"$REEL_BIN" train d --arch net --epochs 1 -b 4 --no-report --quiet -o run >/dev/null
one=$(find d/val -name '*.jpg' | sort | head -1)
file=run/best.safetensors # 134 MB

# ---- the parts ------------------------------------------------------------------------------------------------------------
"$REEL_BIN" predict -w run "$one" >out 2>err || fail "exit $?: $(cat err)"
grep -Eq '^time: start [0-9.]+ ms, weights [0-9.]+ ms, decode [0-9.]+ ms, network [0-9.]+ ms$' err && [ "$(wc -l <err)" -eq 1 ] || fail "the parts: $(cat err)"
"$REEL_BIN" predict -w run "$one" --quiet >out 2>err && [ ! -s err ] || fail "--quiet: $(cat err)"
! "$REEL_BIN" predict -w run nothing.jpg >out 2>err || fail "no image: exit 0"
! grep -q '^time: ' err || fail "the parts without an image: $(cat err)"

# ---- the bound: the best of several, for others use the machine too ------------------------------------------------------
plain() { # seconds of a plain read of the weights, 1 MB at a time, in one thread
    python3 -c '
import os, sys, time
best, room = 1e9, bytearray(1 << 20)
for _ in range(5):
    f = os.open(sys.argv[1], os.O_RDONLY)
    began = time.perf_counter()
    while os.readv(f, [room]) > 0:
        pass
    best = min(best, time.perf_counter() - began)
    os.close(f)
print(best)' "$file"
}
weights() { # seconds of the part "weights": the least of five
    local i
    for i in 1 2 3 4 5; do
        "$REEL_BIN" predict -w run "$one" --json 2>err
    done | python3 -c '
import json, sys
text, at, least = sys.stdin.read(), 0, 1e9
while text[at:].strip():
    answer, length = json.JSONDecoder().raw_decode(text[at:].lstrip())
    at += len(text[at:]) - len(text[at:].lstrip()) + length
    seconds = answer["seconds"]
    assert list(seconds) == ["start", "weights", "decode", "network"] and all(0 < s < 60 for s in seconds.values()), seconds
    least = min(least, seconds["weights"])
print(least)'
}
times=5 # it is below 2 on a quiet machine: tests/bench/README.md
for try in 1 2 3; do
    read_s=$(plain) weights_s=$(weights)
    python3 -c "import sys; sys.exit(not $weights_s <= $times * $read_s + 0.05)" && break
    [ "$try" -lt 3 ] || fail "weights take $weights_s s, a plain read of them $read_s s"
done

# ---- memory: the weights lie there once ------------------------------------------------------------------------------------
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 0
peak=$(python3 -c '
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)' "$REEL_BIN" predict -w run "$one")
[ "$peak" -lt $(($(stat -c %s "$file") * 3 / 2)) ] || fail "peak memory $peak bytes, the weights have $(stat -c %s "$file")"
