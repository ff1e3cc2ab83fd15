#!/bin/bash
# --precision bf16 on several ranks: every file has the bits of one process that computes the same pieces.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_data.sh"
fail() {
    echo "$1"
    exit 1
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1" | tail -1; }

own_data
train() { # train RANKS FOLDER OPTIONS
    local ranks=$1 out=$2
    shift 2
    mpi "$ranks" "$REEL_BIN" train d -o "$out" --epochs 1 --max-steps 4 --batch-pieces 6 --model-ema --seed 3 --threads 1 \
        --precision bf16 --no-report --quiet "$@" >"$out.out" 2>"$out.err" || fail "$ranks ranks: exit $?: $(cat "$out.err")"
}

# A small network, whose convolutions get copies; and AlexNet, whose linear layers take bf16 themselves.
train 1 one --arch net -b 12
train 1 alexnet --arch alexnet --recipe torchvision --train-crop-size 64 --val-crop-size 64 -b 60
for ranks in 2 3; do
    train "$ranks" "net$ranks" --arch net -b 12
    [ "$(hash_of "net$ranks")" = "$(hash_of one)" ] || fail "$ranks ranks, small network: other files than one process has"
done
train 2 alexnet2 --arch alexnet --recipe torchvision --train-crop-size 64 --val-crop-size 64 -b 60
[ "$(hash_of alexnet2)" = "$(hash_of alexnet)" ] || fail "2 ranks, AlexNet: other files than one process has"
