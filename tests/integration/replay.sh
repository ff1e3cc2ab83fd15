#!/bin/bash
# Stored batches from stored weights: float32 and float64 agree, thread counts do not matter, and what is written is what was trained.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 4 --val 2 --classes 5 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o run --quiet >/dev/null
python3 - <<'PY'
import json, random, struct
random.seed(1)
steps, n, size, classes = 4, 3, 32, 5
images = struct.pack(f"<{steps*n*3*size*size}f", *(random.gauss(0, 1) for _ in range(steps * n * 3 * size * size)))
labels = struct.pack(f"<{steps*n}q", *(random.randrange(classes) for _ in range(steps * n)))
header = json.dumps({"images": {"dtype": "F32", "shape": [steps, n, 3, size, size], "data_offsets": [0, len(images)]},
                     "labels": {"dtype": "I64", "shape": [steps, n], "data_offsets": [len(images), len(images) + len(labels)]}}).encode()
header += b" " * (-len(header) % 8)
open("batches.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + images + labels)
PY
replay() { "$REEL_BIN" replay run/model.safetensors batches.safetensors --arch tiny --num-classes 5 --lr 0.01 --json "$@"; }
replay --dtype float64 --threads 1 --out one.safetensors >one
replay --dtype float64 --threads 2 --out two.safetensors >two
cmp one two || fail "losses differ between 1 and 2 threads: $(cat one two)"
cmp one.safetensors two.safetensors || fail "weights differ between 1 and 2 threads"
replay --dtype float32 >three
replay --dtype float64 --nesterov >nesterov
replay --dtype float64 --dampening 0.5 >dampening
replay --dtype float64 --momentum 0 >plain
# Momentum is 0.9 for every optimizer that has it; the others take none.
replay --dtype float64 --opt rmsprop >rms
replay --dtype float64 --opt rmsprop --momentum 0.9 >rms_typed
replay --dtype float64 --opt rmsprop --momentum 0 >rms_plain
cmp rms rms_typed || fail "rmsprop: expected momentum 0.9 without --momentum"
! cmp -s rms rms_plain || fail "rmsprop: --momentum 0 changed nothing"
replay --dtype float64 --opt adamw >/dev/null || fail "adamw: expected no momentum to be set"
python3 - <<'PY'
import json
losses = {n: json.load(open(n))["losses"] for n in ("one", "three", "nesterov", "dampening", "plain")}
for a, b in zip(losses["one"], losses["three"]):
    assert abs(a - b) < 1e-4 * abs(a), ("float32 and float64", losses["one"], losses["three"])
assert len(losses["one"]) == 4, losses["one"]
assert len({tuple(l) for l in losses.values()}) == 5, ("settings that change nothing", losses)
PY
"$REEL_BIN" summary one.safetensors | grep -q "features.0.weight *float64" || fail "float64 weights were not written as such"

# Gradients in float32 and bf16: near each other. bf16 refuses float64.
for precision in float32 bf16; do
    replay --precision $precision --gradients-out $precision.gradients >$precision.json 2>err || fail "$precision: $(cat err)"
done
! replay --dtype float64 --precision bf16 >out 2>err || fail "float64 in bf16 was taken"
grep -q -- "--precision bf16: expected --dtype float32" err || fail "float64 in bf16: $(cat err)"

# With rate 1, the one step of a file moves the weights by its gradients.
python3 - <<'PY'
import json, struct
data = open("batches.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body, parts = json.loads(data[8 : 8 + size]), data[8 + size :], b""
for name, t in header.items():
    begin, end = t["data_offsets"]
    part = body[begin : begin + (end - begin) // t["shape"][0]]
    t["shape"][0], t["data_offsets"] = 1, [len(parts), len(parts) + len(part)]
    parts += part
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
open("one_batch.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + parts)
PY
"$REEL_BIN" replay run/model.safetensors one_batch.safetensors --arch tiny --num-classes 5 --lr 1 --momentum 0 --weight-decay 0 \
    --dtype float64 --out moved.safetensors --gradients-out moved.gradients --quiet >/dev/null
python3 - <<'PY'
import array, json, math, struct
def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    kinds = {"F32": "f", "F64": "d"}
    return {name: array.array(kinds[t["dtype"]], data[8 + size :][slice(*t["data_offsets"])])
            for name, t in json.loads(data[8 : 8 + size]).items() if t.get("dtype") in kinds}
before, after, moves = read("run/model.safetensors"), read("moved.safetensors"), read("moved.gradients")
assert moves
for name, g in moves.items():
    for a, b, c in zip(before[name], after[name], g):
        assert abs(a - c - b) < 1e-12 * (1 + abs(a)), (name, a, b, c)
full, half = read("float32.gradients"), read("bf16.gradients")
assert set(full) == set(half) == set(moves)
for name in full:
    size, off = math.hypot(*full[name]), math.dist(full[name], half[name])
    assert 0 < off < 0.5 * size, (name, off, size)
PY

# Grey images for a network of one channel; another number of channels is refused.
python3 - <<'PY'
import json, random, struct
random.seed(2)
for channels in 1, 2:
    steps, n, size = 3, 4, 28
    images = struct.pack(f"<{steps*n*channels*size*size}f", *(random.gauss(0, 1) for _ in range(steps * n * channels * size * size)))
    labels = struct.pack(f"<{steps*n}q", *(random.randrange(10) for _ in range(steps * n)))
    header = json.dumps({"images": {"dtype": "F32", "shape": [steps, n, channels, size, size], "data_offsets": [0, len(images)]},
                         "labels": {"dtype": "I64", "shape": [steps, n], "data_offsets": [len(images), len(images) + len(labels)]}}).encode()
    header += b" " * (-len(header) % 8)
    open(f"grey{channels}.safetensors", "wb").write(struct.pack("<Q", len(header)) + header + images + labels)
PY
"$REEL_BIN" synth g --train 6 --val 4 --classes 10 --size 32 --quiet
"$REEL_BIN" train g --arch lenet5 --grayscale --epochs 1 -b 8 -o lenet --quiet >/dev/null
"$REEL_BIN" replay lenet/model.safetensors grey1.safetensors --arch lenet5 --num-classes 10 --json >grey
python3 -c 'import json; l = json.load(open("grey"))["losses"]; assert len(l) == 3 and all(x > 0 for x in l), l'
! "$REEL_BIN" replay lenet/model.safetensors grey2.safetensors --arch lenet5 --num-classes 10 2>err || fail "two channels were taken"
grep -q "grey2.safetensors: images: expected (steps, n, channels, h, w) with 1 or 3 channels" err || fail "two channels: $(cat err)"
