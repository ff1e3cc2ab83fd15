#!/bin/bash
# best.safetensors and what a checkpoint says about the best epoch do not depend on where a run was cut; unreadable images count
# from the run's beginning; a disk too small is told of before anything is written.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 4 -b 8 --seed 3 --quiet)
"$REEL_BIN" train d "${told[@]}" -o whole >/dev/null
"$REEL_BIN" train d "${told[@]}" -o cut --max-steps 2 >/dev/null
cmp cut/model.safetensors cut/best.safetensors || fail "a part of the first epoch: expected provisional best weights"
grep -q "\"top1\"" cut/evaluation.json || fail "a part of the first epoch: its evaluation is not kept"
grep -q '"best":false' cut/metrics.jsonl || fail "the evaluation of a part was not noted, or counted: $(cat cut/metrics.jsonl)"
for at in 4 4 7 8 15 17 20; do "$REEL_BIN" train d -o cut --resume auto --max-steps $at --quiet >/dev/null; done
"$REEL_BIN" train d -o cut --resume auto --quiet >/dev/null
cmp whole/best.safetensors cut/best.safetensors || fail "cut seven times: other best weights"
cmp whole/model.safetensors cut/model.safetensors || fail "cut seven times: other weights"
evaluated=$(grep '"event":"eval"' cut/metrics.jsonl | grep -o '"step":[0-9]*' | cut -d: -f2 | xargs)
[ "$evaluated" = "2 4 6 7 8 12 15 17 18 20 24" ] || fail "cut seven times, at 4 twice: evaluations at $evaluated"

# The best weights lie beside the checkpoints: a run that goes on without them says so, and keeps the best of what comes.
"$REEL_BIN" train d "${told[@]}" -o lost --epochs 3 >/dev/null 2>&1
cp -r lost cutoff
rm lost/best.safetensors
truncate -s 100 cutoff/best.safetensors
for run in lost cutoff; do
    "$REEL_BIN" train d -o $run --resume auto --epochs 4 --quiet >out 2>err || fail "$run: exit $?: $(cat err)"
    grep -q "$run/best.safetensors: expected the weights of epoch" err || fail "$run: not said: $(cat err)"
    [ "$("$REEL_BIN" summary $run/best.safetensors --json | grep -o '"epoch": *"[0-9]*"' | tr -dc 0-9)" = 4 ] || fail "$run: expected the best of epoch 4"
    grep -q "(epoch 4); weights in" out || fail "$run: expected epoch 4: $(cat out)"
done
"$REEL_BIN" train d -o new --resume "$(ls whole/checkpoint-*)" --quiet >out 2>err || fail "a finished run, in a new folder: $(cat err)"
grep -q "its weights are lost" out || fail "a finished run, in a new folder: expected a word about its best weights: $(cat out)"
# A run that goes on otherwise from an earlier checkpoint: whose weights those are is told.
"$REEL_BIN" train d "${told[@]}" -o early --checkpoint-every 6 --keep 9 >/dev/null
[ "$(grep -c '"best":true' early/metrics.jsonl)" -gt 1 ] || fail "expected a best epoch after the first: $(cat early/metrics.jsonl)"
"$REEL_BIN" train -o early --resume early/checkpoint-00000006.safetensors --lr 0 --quiet >out 2>err || fail "an earlier checkpoint: $(cat err)"
there=$("$REEL_BIN" summary early/best.safetensors --json | grep -o '"epoch": *"[0-9]*"' | tr -dc 0-9)
grep -q "(epoch 1; best.safetensors is of epoch $there before it was resumed)" out || fail "an earlier checkpoint: $(cat out)"

# 52 images, 7 of them damaged: 13.5 %, of which 5 are allowed. Each part of the run meets a few.
cp -r d bad
find bad/train -name '*.jpg' | sort | awk 'NR % 7 == 0' | while read -r f; do echo no >"$f"; done
code=0
"$REEL_BIN" train bad "${told[@]}" -o once --max-bad 0.08 >out 2>err || code=$?
[ "$code" -eq 3 ] || fail "7 of 52 unreadable in one go: exit $code, expected 3"
code=0
for at in $(seq 1 24); do
    "$REEL_BIN" train bad "${told[@]}" --max-bad 0.08 -o parts --resume auto --max-steps "$at" >out 2>err || code=$?
    [ "$code" -eq 0 ] || break
done
[ "$code" -eq 3 ] || fail "7 of 52 unreadable, a step a call: exit $code, expected 3"
grep -q "counted from the run's beginning.*; --max-bad allows more, .reel check DATA. names them all" err || fail "why it ended: $(cat err)"

# A run that ends so in the middle of a step of several batches, and is then told to bear it: every image counts once.
group=(--epochs 1 -b 4 --accumulate 3 --quiet --arch tiny)
"$REEL_BIN" train bad "${group[@]}" --max-bad 1 -o whole_group >out 2>err
for share in 0 0.05 0.12 1; do "$REEL_BIN" train bad "${group[@]}" --max-bad $share -o group --resume auto >out 2>err || true; done
loss() { grep -o '"train_loss":[0-9.]*' "$1/metrics.jsonl"; }
[ "$(loss group)" = "$(loss whole_group)" ] || fail "ended within a step and resumed: $(loss group), expected $(loss whole_group)"

# An evaluation ends the run, is made when it is resumed, and is lost with what comes next: in the end the log has it once.
cp -r d bad_val
find bad_val/val -name '*.jpg' | sort | head -4 | while read -r f; do echo no >"$f"; done
"$REEL_BIN" train bad_val "${told[@]}" -o twice >out 2>err && fail "4 of 16 validation images unreadable: exit 0"
REEL_TEST_NAN=7 "$REEL_BIN" train --resume auto -o twice --max-bad 0.5 --quiet >out 2>err && fail "a planted NaN: exit 0"
"$REEL_BIN" train --resume auto -o twice --max-bad 0.5 --max-steps 12 --quiet >out 2>err || fail "evaluated again: $(cat err)"
[ "$(cut -d, -f2 twice/summary.csv | xargs)" = "step 6 12" ] || fail "evaluated again: expected a line each for 6 and 12: $(cat twice/summary.csv)"
[ "$(grep -c '"event":"eval"' twice/metrics.jsonl)" -eq 2 ] || fail "evaluated again: $(grep eval twice/metrics.jsonl)"

# A small disk
[ "$(id -u)" -eq 0 ] || exit 0
mkdir small
unshare -m true 2>/dev/null || exit 0
unshare -m bash -c 'mount -t tmpfs -o size=100k none small && "$REEL_BIN" train d "$@" -o small/run >out 2>err; code=$?
    ls -A small/run >files; ! grep -qs "\"event\":\"train\"" small/run/metrics.jsonl || touch stepped; exit $code' run "${told[@]}" && code=0 || code=$?
[ "$code" -ne 32 ] || exit 0 # no mounting here
[ "$code" -eq 1 ] || fail "no room for a checkpoint: exit $code, expected 1: $(cat err)"
grep -q "^reel train: small/run: expected .* MB of free disk space" err || fail "not said at the start: $(cat err)"
[ ! -e stepped ] || fail "it was trained, though nothing could be saved"
! grep -q "checkpoint\|tmp" files || fail "something was written all the same: $(cat files)"
