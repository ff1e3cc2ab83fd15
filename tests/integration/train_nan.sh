#!/bin/bash
# A loss or gradient that is not finite: no weight sees it, the first layer and the samples are named, the checkpoints stay; and the
# run ends with 4, leaves the step out or goes back with a lower learning rate, as it was told.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 4 -b 8 --seed 3 --quiet --threads 2 --workers 2)
parameter=$("$REEL_BIN" summary --arch tiny --json | grep -o '"name":"[^"]*weight"' | sed -n 2p | cut -d'"' -f4)

# A planted NaN at step 9, clipping or not: exit 4; the checkpoint of step 8 is what a run of 8 steps has.
"$REEL_BIN" train d "${told[@]}" -o eight --max-steps 8 >/dev/null
for extra in "" "--clip-grad-norm 1e6" "--accumulate 2"; do
    code=0
    # shellcheck disable=SC2086
    REEL_TEST_NAN=9:$parameter "$REEL_BIN" train d "${told[@]}" $extra -o stop --checkpoint-every 2 >out 2>err || code=$?
    [ "$code" -eq 4 ] || fail "a NaN in a gradient ($extra): exit $code, expected 4: $(cat err)"
    [ "$(wc -l <err)" -eq 1 ] || fail "expected one line: $(cat err)"
    grep -q "step 9: the .* is nan, weights were not updated; every layer's output is finite; first, in backward, the gradient of $parameter is nan; samples: .*jpg" err ||
        fail "step, layer and samples not named ($extra): $(cat err)"
    [ "$(find stop -name 'checkpoint-*' | sort | tail -1)" = stop/checkpoint-00000008.safetensors ] || fail "the last good checkpoint: $(ls stop)"
    [ -n "$extra" ] || cmp stop/model.safetensors eight/model.safetensors || fail "the last good checkpoint has other weights"
    # The fault gone, the run goes on from there.
    "$REEL_BIN" train d -o stop --resume auto --quiet >out 2>err || fail "resumed after a NaN: $(cat err)"
    if [ -z "$extra" ]; then
        "$REEL_BIN" train d "${told[@]}" -o whole >/dev/null
        cmp stop/model.safetensors whole/model.safetensors || fail "resumed after a NaN: other weights"
    fi
    rm -rf stop
done

# A learning rate that explodes: the first layer is named, and no checkpoint holds what is not a number.
code=0
"$REEL_BIN" train d "${told[@]}" --recipe torchvision --arch tiny --lr 1e6 --checkpoint-every 1 --keep 99 -o wild >out 2>err || code=$?
[ "$code" -eq 4 ] || fail "--lr 1e6: exit $code, expected 4: $(cat err)"
grep -qE "(first the output of [a-z0-9.]+ \([A-Za-z0-9]+\) is (nan|-?inf), for .*jpg|was not finite before the step|in backward|is divergence)" err ||
    fail "--lr 1e6: neither the first layer nor the learning rate is named: $(cat err)"
python3 - wild/checkpoint-* <<'P' || fail "--lr 1e6: a checkpoint holds NaN or infinity"
import json, struct, sys, array, math
for path in sys.argv[1:]:
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    for name, t in json.loads(data[8:8 + size]).items():
        if name == "__metadata__": continue
        values = array.array("f", data[8 + size:][slice(*t["data_offsets"])])
        if not all(map(math.isfinite, values)): sys.exit(f"{path}: {name}")
P

# A loss that is finite and beyond all sense ends the run in the same way, and names the learning rate.
code=0
"$REEL_BIN" train d "${told[@]}" --lr 1e4 --clip-grad-norm 0 --checkpoint-every 1 -o absurd >out 2>err || code=$?
[ "$code" -eq 4 ] && [ "$(wc -l <err)" -eq 1 ] || fail "--lr 1e4: exit $code, expected 4 and one line: $(cat err)"
grep -qE "step [0-9]+: the loss is [0-9.]+e\+[0-9]+, weights were not updated; above 1e\+06 is divergence: the learning rate, [0-9.e+]+, is probably too high; samples: .*jpg" err ||
    fail "--lr 1e4: not told: $(cat err)"
code=0
"$REEL_BIN" train d "${told[@]}" --lr 1e4 --clip-grad-norm 0 --on-nan skip -o absurd2 >out 2>err || code=$?
[ "$code" -eq 4 ] && grep -q "10 steps in a row were left out" err || fail "--lr 1e4 --on-nan skip: exit $code, expected 4: $(cat err)"
"$REEL_BIN" train d "${told[@]}" --lr 10 --clip-grad-norm 0 --on-nan rollback --checkpoint-every 4 -o absurd3 >out 2>err ||
    [ "$(grep -c 'learning rate x' err)" -eq 5 ] || fail "--lr 10 --on-nan rollback: neither tamed nor tried five times: $(cat err)"

# skip: the step is left out and told; the run ends like another. Too many in a row end it.
REEL_TEST_NAN=9 "$REEL_BIN" train d "${told[@]}" --on-nan skip -o skip --json >out 2>err || fail "--on-nan skip: exit $?: $(cat err)"
grep -q "step 9: .*the step is left out" err || fail "--on-nan skip: not told: $(cat err)"
grep -q '"event":"skip","step":9' skip/metrics.jsonl || fail "--on-nan skip: not in the log"
grep -q '"step":24' out || fail "--on-nan skip: $(cat out)"
REEL_TEST_NAN=9 "$REEL_BIN" train d "${told[@]}" --on-nan skip -o skip2 --max-steps 9 >out 2>err
tensors() { tail -c 73936 "$1/model.safetensors" | sha256sum; }
[ "$(tensors skip2)" = "$(tensors eight)" ] || fail "--on-nan skip: the step that was left out changed the weights"
"$REEL_BIN" train d -o skip2 --resume auto --quiet >out 2>err
cmp skip/model.safetensors skip2/model.safetensors || fail "--on-nan skip: cut after the skipped step and resumed: other weights"
code=0
REEL_TEST_NAN=9+:$parameter:99 "$REEL_BIN" train d "${told[@]}" --on-nan skip -o skip3 >out 2>err || code=$?
[ "$code" -eq 4 ] && [ "$(grep -c 'left out$' err)" -eq 10 ] && grep -q "10 steps in a row were left out" err ||
    fail "--on-nan skip, a NaN in every step: exit $code, expected 4: $(cat err)"
# Those before a cut count.
code=0
REEL_TEST_NAN=9+:$parameter:99 "$REEL_BIN" train d "${told[@]}" --on-nan skip -o skip4 --max-steps 14 >out 2>err
REEL_TEST_NAN=9+:$parameter:99 "$REEL_BIN" train -o skip4 --resume auto --quiet >out 2>err || code=$?
[ "$code" -eq 4 ] && [ "$(grep -c 'left out$' err)" -eq 4 ] || fail "--on-nan skip, cut after six left out: exit $code, expected 4 after four more: $(cat err)"

# rollback: back to the checkpoint before, a quarter of the rate; the end is the same when it is cut in between.
REEL_TEST_NAN=9 "$REEL_BIN" train d "${told[@]}" --on-nan rollback --checkpoint-every 4 -o back >out 2>err ||
    fail "--on-nan rollback: exit $?: $(cat err)"
grep -q "step 9: .*back to step 8, learning rate x 0.25 from there (1 of at most 5 times)" err || fail "--on-nan rollback: not told: $(cat err)"
grep -q '"event":"rollback","step":8,"from":9,"lr_scale":0.25' back/metrics.jsonl || fail "--on-nan rollback: not in the log"
cmp -s back/model.safetensors whole/model.safetensors && fail "--on-nan rollback: the rate was not lowered"
REEL_TEST_NAN=9 "$REEL_BIN" train d "${told[@]}" --on-nan rollback --checkpoint-every 4 -o back2 --max-steps 11 >out 2>err
"$REEL_BIN" train d -o back2 --resume auto --quiet >out 2>err
cmp back/model.safetensors back2/model.safetensors || fail "--on-nan rollback: cut after it and resumed: other weights"
# What it returns to does not depend on where the run was cut or asked to save: neither with --checkpoint-every, also where one alone
# is kept, nor by epochs.
for extra in "--checkpoint-every 8" "--checkpoint-every 8 --keep 1" ""; do
    rm -rf plain cut
    # shellcheck disable=SC2086
    REEL_TEST_NAN=15 "$REEL_BIN" train d "${told[@]}" --on-nan rollback $extra -o plain >out 2>err || fail "rollback ($extra): exit $?: $(cat err)"
    # shellcheck disable=SC2086
    "$REEL_BIN" train d "${told[@]}" --on-nan rollback $extra -o cut --max-steps 5 >out 2>err
    for at in 10 13 14; do "$REEL_BIN" train -o cut --resume auto --max-steps $at --quiet >out 2>err; done
    REEL_TEST_NAN=15 "$REEL_BIN" train -o cut --resume auto --quiet >out 2>err || fail "cut and rolled back ($extra): exit $?: $(cat err)"
    to=$([ -n "$extra" ] && echo 8 || echo 12)
    grep -q "back to step $to, " err || fail "cut and rolled back ($extra): expected step $to: $(cat err)"
    cmp plain/model.safetensors cut/model.safetensors || fail "cut and rolled back ($extra): other weights"
done
# Resumed from an earlier checkpoint, in its folder and in another one: back to that, not forward to those of before.
"$REEL_BIN" train d "${told[@]}" --checkpoint-every 4 --keep 9 -o early >out 2>err
for to in elsewhere early; do
    REEL_TEST_NAN=10 "$REEL_BIN" train --resume early/checkpoint-00000008.safetensors -o $to --on-nan rollback --quiet >out 2>err ||
        fail "rollback after --resume FILE, -o $to: exit $?: $(cat err)"
    grep -q "step 10: .*back to step 8, " err || fail "rollback after --resume FILE, -o $to: expected step 8: $(cat err)"
done
# Twice bad in the step after 8: that checkpoint was lost when it was saved, and is not left for the next rollback or resume.
"$REEL_BIN" train d "${told[@]}" --checkpoint-every 4 --max-steps 8 -o lost >out 2>err
REEL_TEST_NAN=9:$parameter:2 "$REEL_BIN" train --resume auto -o lost --on-nan rollback --checkpoint-every 1000 --quiet >out 2>err ||
    fail "rollback behind a lost checkpoint: exit $?: $(cat err)"
grep -q "back to step 4, learning rate x 0.0625" err || fail "rollback behind a lost checkpoint: $(cat err)"
[ ! -e lost/checkpoint-00000008.safetensors ] || fail "rollback behind a lost checkpoint: it lies there still: $(ls lost)"
# From the very beginning, and a rate that a few quarters put right.
REEL_TEST_NAN=1 "$REEL_BIN" train d "${told[@]}" --on-nan rollback -o back3 >out 2>err || fail "rollback to the beginning: exit $?: $(cat err)"
grep -q "back to step 0" err || fail "rollback to the beginning: $(cat err)"
# Where it does not help it ends, and says how often it was tried.
code=0
REEL_TEST_NAN=9:$parameter:99 "$REEL_BIN" train d "${told[@]}" --on-nan rollback --checkpoint-every 4 -o back4 >out 2>err || code=$?
[ "$code" -eq 4 ] || fail "--on-nan rollback without end: exit $code, expected 4: $(cat err)"
grep -q "did not help\|no rollback" err || fail "--on-nan rollback without end: $(cat err)"

# The best weights of before a rollback stay until better ones come: after four quarters of the rate hardly anything is learned.
"$REEL_BIN" synth d2 --train 60 --val 15 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 2 -b 8 --seed 3 --quiet --threads 2 --workers 2 --lr 0.05)
top1() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["top1"])' "$1/evaluation.json"; }
REEL_TEST_NAN=31:$parameter:4 "$REEL_BIN" train d2 "${told[@]}" --on-nan rollback -o best >out 2>err || fail "rollback behind an epoch: exit $?: $(cat err)"
grep -q "4 of at most 5 times" err || fail "rollback behind an epoch: $(cat err)"
"$REEL_BIN" train d2 "${told[@]}" --epochs 1 -o first >out 2>err || fail "one epoch: $(cat err)"
echo "best of the first epoch $(top1 first), after four rollbacks $(top1 best)"
python3 -c 'import sys; sys.exit(float(sys.argv[1]) > float(sys.argv[2]))' "$(top1 first)" "$(top1 best)" ||
    fail "--on-nan rollback: the best weights were replaced by worse ones"
