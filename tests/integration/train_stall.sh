#!/bin/bash
# A run that stands at the loss of a guess is told of once it is known, with what is dead, what moves, and what to change; one
# that learns is not, and the bits of neither depend on it.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 16 --val 2 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 30 -b 8 --seed 3 --quiet --threads 2 --workers 1)
"$REEL_BIN" train d "${told[@]}" --lr 0.05 -o learns >out 2>err
! grep -q plateau err || fail "a run that learns was said to stand: $(cat err)"
"$REEL_BIN" train d "${told[@]}" --weight-decay 60 --momentum 0 -o crushed --max-steps 210 >out 2>err
grep -q "step 200: the mean loss of the last 200 steps is 1.3[89].*, and 1.3863 is what guessing among 4 classes gives" err ||
    fail "not recognised: $(cat err)"
[ "$(grep -c 'plateau' err)" -eq 1 ] || fail "expected to be told once: $(cat err)"
grep -q "|gradient| .*, |weights| " err && grep -q "of its units are dead" err && grep -q -- "--lr" err || fail "no figures: $(cat err)"
! grep -q -- "--init data" err || fail "told to do what it had done: $(cat err)"
"$REEL_BIN" train d "${told[@]}" --weight-decay 60 --momentum 0 --init kaiming -o other --max-steps 210 >out 2>err
grep -q -- "start anew .*--init data" err || fail "not told of other starting weights: $(cat err)"
grep -q '"event":"stall","step":200' crushed/metrics.jsonl || fail "not in the log"
"$REEL_BIN" train d "${told[@]}" --weight-decay 60 --momentum 0 -o twice --max-steps 150 >out 2>err
"$REEL_BIN" train --resume auto -o twice --max-steps 210 --quiet >out 2>err
grep -q "step 200: the mean loss of the last 200 steps" err || fail "cut at step 150 and resumed: not told at step 200: $(cat err)"
cmp crushed/model.safetensors twice/model.safetensors || fail "looking at the plateau changed the weights"

# Classes of unequal size: the guess is their entropy, 0.5623 for 3 to 1.
mkdir -p u/train u/val
cp -r d/val/* u/val/
cp -r d/train/* u/train/
first=$(ls u/train | head -1)
second=$(ls u/train | sed -n 2p)
for c in $(ls u/train | tail -n +3); do rm -r "u/train/$c" "u/val/$c"; done
find "u/train/$second" -type f | sort | tail -n +6 | xargs rm
[ -n "$first" ]
"$REEL_BIN" train u "${told[@]}" --epochs 200 -b 7 --weight-decay 60 --momentum 0 --bias-decay-mult 0 --bias-lr-mult 10 -o unequal --max-steps 410 >out 2>err
grep -q "and 0.5[0-9]* is what guessing among 2 classes gives" err || fail "classes of unequal size: $(cat err)"
