#!/bin/bash
# Networks with one input channel: MNIST's files as they are, and colour photographs as grey.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
told=(--arch tiny -b 8 --seed 3 --threads 1 --workers 1)

# Files as MNIST has them: 28 x 28, a bright square at one of four places.
python3 - <<'PY'
import os, struct
os.mkdir("mnist")
for prefix, n in ("train", 64), ("t10k", 16):
    images, labels = bytearray(), bytearray()
    for i in range(n):
        pixels = bytearray((i * 7 + k) % 40 for k in range(784))
        for y in range(8):
            begin = (4 + 12 * (i % 4 // 2) + y) * 28 + 4 + 12 * (i % 2)
            pixels[begin : begin + 8] = bytes([250] * 8)
        images += pixels
        labels.append(i % 4)
    open(f"mnist/{prefix}-images-idx3-ubyte", "wb").write(struct.pack(">4I", 2051, n, 28, 28) + images)
    open(f"mnist/{prefix}-labels-idx1-ubyte", "wb").write(struct.pack(">2I", 2049, n) + labels)
    for i in range(4): # the same as files
        open(f"{prefix}-{i}.pgm", "wb").write(b"P5 28 28 255\n" + bytes(images[784 * i : 784 * (i + 1)]))
PY
grey=(--grayscale --train-crop-size 28 --val-resize-size 28 --crop center --train-resize-size 28 --flip 0)
"$REEL_BIN" train mnist -o run "${told[@]}" "${grey[@]}" --epochs 12 --lr 0.05 >out 2>err || fail "train: exit $?: $(cat err)"
"$REEL_BIN" summary run/model.safetensors >out 2>&1 || fail "summary of the weights: $(cat out)"
grep -q "features.0.weight.*8 x 1 x 5 x 5\|features.0.weight.*8, 1, 5, 5" out || fail "the first convolution has not one channel: $(cat out)"

# What was learned is seen in evaluation and prediction, which take grey from the weights.
"$REEL_BIN" eval mnist -w run --json --threads 1 >eval.json 2>err || fail "eval: $(cat err)"
python3 -c 'import json; r = json.load(open("eval.json")); assert r["top1"] >= 0.75, r["top1"]' || fail "$(cat eval.json)"
"$REEL_BIN" predict -w run --json t10k-0.pgm t10k-1.pgm t10k-2.pgm t10k-3.pgm >predict.json 2>err || fail "predict: $(cat err)"
[ -s run/report.html ] || fail "no report"
"$REEL_BIN" predict -w run --ten-crop t10k-0.pgm >out 2>err || fail "ten crops: $(cat err)"

# Interrupted and resumed: the same weights.
"$REEL_BIN" train mnist -o cut "${told[@]}" "${grey[@]}" --epochs 12 --lr 0.05 --max-steps 30 --no-report >out 2>err || fail "cut: $(cat err)"
"$REEL_BIN" train --resume auto -o cut --max-steps 96 --no-report >out 2>err || fail "resume: exit $?: $(cat err)"
[ "$(sum cut)" = "$(sum run)" ] || fail "resumed: other weights"

# Grey weights make the next run grey; colour photographs become grey.
"$REEL_BIN" synth d --train 6 --val 2 --classes 2 --size 40 --quiet
"$REEL_BIN" finetune d -o tuned --weights run/model.safetensors --no-report --threads 1 --workers 1 --max-steps 2 >out 2>err ||
    fail "finetune: exit $?: $(cat err)"
grep -q '"grayscale": "true"' tuned/config.json || fail "fine-tuning is not grey: $(cat tuned/config.json)"
"$REEL_BIN" predict -w tuned d/val >out 2>err || fail "predict colours: $(cat err)"

"$REEL_BIN" convert run/model.safetensors run.onnx >out 2>&1 || fail "convert: $(cat out)"
"$REEL_BIN" summary --arch alexnet --grayscale --json >net.json || fail "summary"
python3 -c 'import json; n = json.load(open("net.json")); assert n["tensors"][0]["shape"] == [64, 1, 11, 11], n["tensors"][0]' || fail "$(head -c 300 net.json)"
