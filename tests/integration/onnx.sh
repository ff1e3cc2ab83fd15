#!/bin/bash
# Exported nets in onnxruntime: onnx.checker in full, the same logits and top-5. Tried where a Python with onnx and onnxruntime is
# found: python3, or the one named in REEL_ONNX_PYTHON.
set -eu
python=${REEL_ONNX_PYTHON:-python3}
"$python" -c 'import onnx, onnxruntime, numpy' 2>/dev/null || {
    echo "skipped: $python has no onnx, onnxruntime and numpy (set REEL_ONNX_PYTHON)"
    exit 77
}
test=$REEL_BUILD/tests/test_unit_layers_onnx
[ -x "$test" ] || {
    echo "skipped: $test is not built"
    exit 77
}
mkdir nets
REEL_ONNX_DIR=$PWD/nets "$test" -j1 --color=never
"$python" "$REEL_SOURCE/tests/support/run_onnx.py" nets
rm -r nets

# What `reel convert` writes carries the run's class names, and runs.
"$REEL_BIN" synth d --train 4 --val 2 --classes 5 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o run --quiet >/dev/null
"$REEL_BIN" convert run/model.safetensors model.onnx --quiet
"$python" - <<'PY'
import json, os
import numpy, onnx, onnxruntime
onnx.checker.check_model("model.onnx", full_check=True)
session = onnxruntime.InferenceSession("model.onnx", providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
assert json.loads(about["classes"]) == sorted(os.listdir("d/train")), about
assert json.loads(about["preprocessing"])["size"] == session.get_inputs()[0].shape[2], about
assert session.run(None, {"images": numpy.zeros((2, 3, 32, 32), numpy.float32)})[0].shape == (2, 5)
PY

# The lines of Python in the guide give the class and the probability of `reel predict`.
"$python" -c 'import PIL' 2>/dev/null || { echo "not tried: the guide's lines, $python has no Pillow"; exit 0; }
cp model.onnx net.onnx
cp "$(find d/val -name '*.jpg' | sort | head -1)" cat.jpg
awk '/^### ONNX/ { on = 1 } on && /^```python/ { code = 1; next } code && /^```/ { exit } code' "$REEL_SOURCE/train/GUIDE.md" >guide.py
"$python" guide.py >said
"$REEL_BIN" predict -w run/model.safetensors -k 1 --json cat.jpg >out
"$python" - <<'PY'
import json
name, p = open("said").read().split()
best = json.load(open("out"))["images"][0]["predictions"][0]
assert name == best["class"] and abs(float(p) - best["probability"]) < 1e-3, (name, p, best)
PY
