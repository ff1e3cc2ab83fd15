#!/bin/bash
# AlexNet from PyTorch and back: .pth of either kind, wrapped as torchvision's training script does it, and .safetensors arrive bit
# for bit, with PyTorch's logits within 1e-5, by plain sums and by Winograd's; what is written here goes through PyTorch into a .pth
# and comes back with the same bits. Tried where a Python with torch is found: REEL_TORCH_PYTHON, python3, or the system's own.
set -eu
python=
for candidate in ${REEL_TORCH_PYTHON:-python3 /usr/bin/python3}; do
    if "$candidate" -c 'import torch, numpy' 2>/dev/null; then
        python=$candidate
        break
    fi
done
test=$REEL_BUILD/tests/test_unit_layers_alexnet_files
if [ -z "$python" ] || [ ! -x "$test" ]; then
    echo "skipped: no Python with torch and numpy (set REEL_TORCH_PYTHON), or $test is not built"
    exit 77
fi
trap 'rm -rf files' EXIT # a gigabyte
make=$REEL_SOURCE/tests/support/make_torch_alexnet.py
"$python" "$make" make files
REEL_CONV=gemm REEL_TORCH_DIR=$PWD/files "$test" -j1 --color=never
REEL_TORCH_DIR=$PWD/files "$test" -j1 --color=never
"$python" "$make" back files
"$REEL_BIN" convert files/back.pth files/back.safetensors
cmp files/reel.safetensors files/back.safetensors || {
    echo "Reel -> safetensors -> PyTorch -> .pth -> Reel: other bytes"
    exit 1
}
