#!/bin/bash
# --precision bf16: the same bits for any number of threads and after an interruption; float32's weights and checkpoints; named
# when a resume changes it; less memory; evaluation, prediction and bench take it; a CPU without bf16's instructions is named.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
. "$REEL_SOURCE/tests/support/bf16_net.sh"
bf16_net
"$REEL_BIN" synth data --train 24 --val 8 --classes 4 --size 40 --quiet

train() { # train RUN OPTION...
    local run=$1
    shift
    "$REEL_BIN" train data --arch net --epochs 3 -b 48 --seed 3 --workers 1 --recipe torchvision --no-report \
        -o "$run" "$@" >out 2>err || fail "train $*: exit $?: $(cat err)"
}
train one --precision bf16 --threads 1
train three --precision bf16 --threads 3
train full --threads 2
[ "$(sum one)" = "$(sum three)" ] || fail "1 and 3 threads: other bits"
[ "$(sum one)" != "$(sum full)" ] || fail "bf16 has the bits of float32"
grep -q '"precision": *"bf16"' one/config.json || fail "config.json does not name the precision"
train pieces --precision bf16 --batch-pieces 2 --threads 2
train turns --precision bf16 --accumulate 2 -b 24 --threads 2
[ "$(sum pieces)" = "$(sum turns)" ] || fail "two pieces of a batch, and two batches accumulated: other bits"
[ "$(sum pieces)" != "$(sum one)" ] || fail "two pieces have the bits of one"

# Weights and checkpoints are float32.
python3 - <<'PY'
import glob, json, struct
for path in ["one/model.safetensors"] + glob.glob("one/checkpoint*.safetensors"):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    kinds = {t["dtype"] for name, t in header.items() if name != "__metadata__"}
    assert kinds <= {"F32", "I64", "F64"}, (path, kinds)
PY

# Interrupted after 3 steps of 6, then continued: without the option it stays what it was.
train cut --precision bf16 --threads 2 --max-steps 3
"$REEL_BIN" train data --resume auto -o cut --max-steps 0 >out 2>err || fail "resume: exit $?: $(cat err)"
grep -q 'precision' err && ! grep -q 'no instructions' err && fail "a resume that changes nothing names the precision: $(cat err)"
[ "$(sum cut)" = "$(sum one)" ] || fail "interrupted: other bits"
train other --precision bf16 --threads 2 --max-steps 3
"$REEL_BIN" train data --resume auto -o other --max-steps 0 --precision float32 >out 2>err || fail "resume: exit $?: $(cat err)"
grep -q -- '--precision was bf16 and is float32 now' err || fail "a changed precision is not named: $(cat err)"

# The other commands.
"$REEL_BIN" eval data -w full --precision bf16 --json --quiet >half
"$REEL_BIN" eval data -w full --json --quiet >whole
python3 - <<'PY'
import json
half, whole = json.load(open("half")), json.load(open("whole"))
assert half["loss"] != whole["loss"], "bf16 evaluates as float32"
assert abs(half["loss"] - whole["loss"]) < 0.02 * whole["loss"], (half["loss"], whole["loss"])
PY
image=$(find data/val -type f | head -n 1)
"$REEL_BIN" predict -w full --precision bf16 "$image" --quiet >out || fail "predict: exit $?"
for precision in float32 bf16; do
    "$REEL_BIN" bench step --arch net --batch 16 --size 32 --steps 1 --precision $precision --json >"$precision.json"
done
python3 - <<'PY'
import json
full, half = json.load(open("float32.json")), json.load(open("bf16.json"))
assert (full["precision"], half["precision"]) == ("float32", "bf16")
assert half["plan_bytes"] < full["plan_bytes"]
PY

# Features: those of bf16 are near float32's, and have other bits.
for precision in float32 bf16; do
    "$REEL_BIN" predict -w full --precision $precision "$image" --features features.3 --features-out $precision.safetensors \
        --quiet >out || fail "predict --features, $precision: exit $?"
done
python3 - <<'PY'
import array, struct
def values(path):
    data = open(path, "rb").read()
    values = array.array("f", data[8 + struct.unpack("<Q", data[:8])[0] :])
    assert len(values) > 0, path
    return values
full, half = values("float32.safetensors"), values("bf16.safetensors")
assert len(full) == len(half) and full != half
worst = max(abs(a - b) for a, b in zip(full, half))
assert worst < 0.03 * max(map(abs, full)), worst
PY

# The planned memory of AlexNet at batch 128 is at most 0.9 of float32's.
for precision in float32 bf16; do
    "$REEL_BIN" summary --arch alexnet -b 128 --precision $precision --threads 2 --json >"$precision.json"
done
python3 - <<'PY'
import json
full, half = json.load(open("float32.json")), json.load(open("bf16.json"))
key = "memory"
a, b = full[key]["total"], half[key]["total"]
assert b <= 0.9 * a, (a, b, b / a)
PY

# float32 is faster where a CPU has no instructions for bf16; what was asked for is done.
REEL_ISA=portable "$REEL_BIN" eval data -w full --precision bf16 >out 2>err || fail "eval, portable: exit $?"
grep -q 'float32 is faster' err || fail "not said that float32 is faster: $(cat err)"
