#!/bin/bash
# A batch in pieces: together or in turn, resumed, with any threads, the same bits; other pieces are
# other bits; what cannot be is refused with a proposal.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"

"$REEL_BIN" synth d --train 20 --val 5 --classes 4 --size 40 --quiet
train() { # train FOLDER OPTIONS
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 2 --seed 3 --mixup-alpha 0.3 --model-ema --clip-grad-norm 1 --quiet "$@" >"$out.log"
}

train together -b 24 --batch-pieces 6 --threads 1
want=$(sum together)
train turns -b 4 --accumulate 6 --threads 2
[ "$(sum turns)" = "$want" ] || fail "--accumulate 6 -b 4 gave other weights than -b 24 --batch-pieces 6"
train cut -b 24 --batch-pieces 6 --max-steps 2 --workers 2
train cut --resume auto --threads 2
[ "$(sum cut)" = "$want" ] || fail "resumed in the middle of an epoch: other weights"
train one -b 24
[ "$(sum one)" != "$want" ] || fail "--batch-pieces changed nothing"
train two -b 24 --batch-pieces 2
[ "$(sum two)" != "$want" ] || fail "2 and 6 pieces gave the same weights"

refused() { # refused PATTERN OPTIONS
    local pattern=$1 code=0
    shift
    train no "$@" 2>err || code=$?
    [ "$code" = 1 ] || [ "$code" = 2 ] || fail "$*: exit $code"
    grep -q -- "$pattern" err || fail "$*: expected '$pattern': $(cat err)"
    [ ! -e no ] || fail "$*: a folder was made"
}
refused "divides the batch of 24 images, got 5: --batch-pieces 6 does" -b 24 --batch-pieces 5
refused "exclude each other" -b 24 --batch-pieces 2 --accumulate 2
refused "divides the batch of 80 images, got 7: --batch-pieces 8 does" -b 500 --batch-pieces 7
# Pieces of a single image are no proposal: 79 is prime.
refused "divides the batch of 79 images, got 4: --batch-size 76 with --batch-pieces 4 does" -b 79 --batch-pieces 4
train prime -b 76 --batch-pieces 4

# One process with several pieces, as the measuring commands have them.
"$REEL_BIN" bench step --arch tiny --batch 12 --batch-pieces 3 --steps 2 --json >out
grep -q '"batch_pieces":3,"ranks":1' out || fail "bench step: $(cat out)"
