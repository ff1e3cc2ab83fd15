#!/bin/bash
# --eval-every: rows with their steps within epochs, the same numbers in all others and the same weights as without, also where a run is
# stopped at such a step, between two of them, or within the evaluation.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 12 --val 8 --classes 2 --size 40 --quiet
train() { # OUT OPTION...: 3 epochs of 6 steps
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 3 -b 4 --seed 3 --lr 0.02 --no-report --log-every 1 --lr-scheduler plateau --model-ema \
        --model-ema-steps 2 --threads 1 "$@" >"$out.log" 2>&1 || fail "train $out $*: $(cat "$out.log")"
}
steps() { # RUN: the steps of its evaluations, in both files
    local rows lines
    rows=$(tail -n +2 "$1/summary.csv" | cut -d, -f2 | tr '\n' ' ')
    lines=$(grep '"event":"eval"' "$1/metrics.jsonl" | sed 's/.*"step":\([0-9]*\).*/\1/' | tr '\n' ' ')
    [ "$rows" = "$lines" ] || fail "$1: summary.csv has $rows, metrics.jsonl $lines"
    echo "$rows"
}
train plain
train each --eval-every 4
[ "$(steps plain)" = "6 12 18 " ] || fail "without: $(steps plain)"
[ "$(steps each)" = "4 6 8 12 16 18 " ] || fail "--eval-every 4: $(steps each)"
for file in model best ema best_ema; do
    cmp "plain/$file.safetensors" "each/$file.safetensors" || fail "--eval-every changes $file.safetensors"
done
cmp plain/evaluation.json each/evaluation.json || fail "--eval-every changes evaluation.json"
grep -q 'epoch 2/3 *step 8 *loss' each.log || fail "the log shows no step: $(cat each.log)"

# What both have is equal, but for times.
numbers() {
    python3 - "$1" "$2" <<'PY'
import json, sys
def rows(run):
    times = ("seconds", "wait", "images_per_second", "run_id", "threads", "workers", "isa")
    return [{k: v for k, v in json.loads(l).items() if not any(t in k for t in times)} for l in open(run + "/metrics.jsonl")]
a, b = ([r for r in rows(run) if r["event"] in ("train", "eval")] for run in sys.argv[1:])
if sys.argv[1] == "plain":
    b = [r for r in b if r["event"] == "train" or r["step"] % 6 == 0]
assert a == b, [(x, y) for x, y in zip(a, b) if x != y][:2]
PY
}
numbers plain each || fail "--eval-every changes other rows"

# Stopped at a step with an evaluation, before and after it; then with other values.
for at in 3 4 8 9; do
    train "cut$at" --eval-every 4 --max-steps $at
    train "cut$at" --eval-every 4 --resume auto
    cmp each/model.safetensors "cut$at/model.safetensors" || fail "stopped at $at: other weights"
    cmp each/best.safetensors "cut$at/best.safetensors" || fail "stopped at $at: another best.safetensors"
done
[ "$(steps cut4)" = "$(steps each)" ] || fail "stopped at 4: $(steps cut4)"
[ "$(steps cut8)" = "$(steps each)" ] || fail "stopped at 8: $(steps cut8)"
numbers each cut4 || fail "stopped at 4: other rows"
train other --eval-every 4 --max-steps 8
train other --eval-every 5 --resume auto
[ "$(steps other)" = "4 6 8 10 12 15 18 " ] || fail "another N on a resume: $(steps other)"
cmp each/model.safetensors other/model.safetensors || fail "another N on a resume: other weights"

# A signal in the midst of evaluations: saved there, and the rest comes on a resume.
"$REEL_BIN" train d --arch tiny -o signal --epochs 3 -b 4 --seed 3 --lr 0.02 --no-report --log-every 1 --lr-scheduler plateau --model-ema \
    --model-ema-steps 2 --threads 1 --eval-every 1 >signal.log 2>&1 &
for _ in $(seq 200); do
    grep -qs '"event":"eval"' signal/metrics.jsonl && break
    sleep 0.05
done
kill -TERM $! 2>/dev/null || true
code=0
wait $! || code=$?
[ $code = 143 ] || [ $code = 0 ] || fail "SIGTERM within an evaluation: exit $code: $(cat signal.log)"
train signal --eval-every 1 --resume auto
cmp each/model.safetensors signal/model.safetensors || fail "ended by a signal and resumed: other weights"
[ "$(steps signal)" = "$(seq -s ' ' 18) " ] || fail "ended by a signal and resumed: evaluations at $(steps signal)"
