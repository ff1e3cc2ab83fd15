#!/bin/bash
# --k-fold: each training image is validated on once, each fold is the run of that fold alone, bit for bit, also after an interruption; the
# summary holds mean, deviation and the sum of the confusion matrices.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 10 --val 6 --classes 3 --size 40 --quiet
options=(--arch tiny --epochs 2 -b 5 --seed 3 --lr 0.02 --no-report)
folds() { # OUT OPTION...
    local out=$1
    shift
    "$REEL_BIN" train d --k-fold 3 -o "$out" "${options[@]}" "$@" >"$out.out" 2>"$out.err"
}
same() { # RUN RUN
    for file in model.safetensors best.safetensors evaluation.json split.json; do
        cmp "$1/$file" "$2/$file" || fail "$1 and $2 have another $file"
    done
}
folds all || fail "--k-fold 3: exit $?: $(cat all.err)"
grep -q 'fold 2 of 3' all.err || fail "no word of the folds: $(cat all.err)"
grep -q '^3 folds: validation top-1 [0-9.]* %, standard deviation [0-9.]*; all/k-fold.json$' all.out || fail "no summary: $(cat all.out)"

python3 - <<'PY'
import collections, json, os, statistics
runs = [f"all/fold-{i}" for i in (1, 2, 3)]
held = [json.load(open(r + "/split.json"))["validation"] for r in runs]
names = {f"{c}/{n}" for c in os.listdir("d/train") for n in os.listdir(f"d/train/{c}")}
assert sorted(n for part in held for n in part) == sorted(n for part in held for n in set(part)) and sum(map(len, held)) == len(names) == 30
assert len({n for part in held for n in part}) == 30
for part in held:
    assert sorted(collections.Counter(n.split("/")[-2] for n in part).values()) == [3, 3, 4], part
found = [json.load(open(r + "/evaluation.json")) for r in runs]
summary = json.load(open("all/k-fold.json"))
assert summary["folds"] == 3 and summary["images"] == 30 and len(summary["classes"]) == 3
for key in ("top1", "top5", "loss"):
    each = [e[key] for e in found]
    assert summary[key]["each"] == each
    assert abs(summary[key]["mean"] - statistics.mean(each)) < 1e-12 and abs(summary[key]["deviation"] - statistics.stdev(each)) < 1e-12
matrix = [[sum(e["confusion"][t][p] for e in found) for p in range(3)] for t in range(3)]
assert summary["confusion"] == matrix and sum(map(sum, matrix)) == 30
PY

# A fold alone, stopped and resumed by itself; and the same images without val/.
"$REEL_BIN" train d --k-fold 3 --fold 2 -o alone "${options[@]}" --threads 3 --max-steps 3 >out 2>&1 || fail "--fold 2: $(cat out)"
"$REEL_BIN" train --resume auto -o alone --no-report >out 2>&1 || fail "a fold resumed by itself: $(cat out)"
same alone all/fold-2
"$REEL_BIN" report alone >out 2>&1 || fail "the report of a fold: $(cat out)"
! grep -q warning out || fail "the report of a fold: $(cat out)"
cp -r d/train flat
"$REEL_BIN" train flat --k-fold 3 --fold 1 -o flat1 "${options[@]}" >out 2>&1 || fail "a folder without val/: $(cat out)"
cmp flat1/model.safetensors all/fold-1/model.safetensors || fail "a folder without val/ gives another fold"
cmp -s all/fold-1/model.safetensors all/fold-2/model.safetensors && fail "folds 1 and 2 are the same"

# Interrupted by a signal somewhere, and resumed: each fold has its own bits, and the summary is the same.
"$REEL_BIN" train d --k-fold 3 -o cut "${options[@]}" >cut.out 2>cut.err &
for _ in $(seq 200); do
    [ -e cut/fold-2/metrics.jsonl ] && break
    sleep 0.05
done
kill -TERM $! 2>/dev/null || true
code=0
wait $! || code=$?
[ $code = 143 ] || [ $code = 0 ] || fail "SIGTERM: exit $code: $(cat cut.err)"
[ $code = 0 ] || grep -q -e "the same command with --resume auto" -e "there is nothing to save" cut.err ||
    fail "SIGTERM: not said how to go on: $(cat cut.err)"
"$REEL_BIN" train d --k-fold 3 -o cut "${options[@]:0:10}" --resume auto --threads 2 --json >cut.out 2>cut.err || fail "resumed after SIGTERM: $(cat cut.err)"
grep -q "fold-3" cut/report.html || fail "no page of all folds: $(cat cut.err)"
for fold in 1 2 3; do same "all/fold-$fold" "cut/fold-$fold"; done
cmp all/k-fold.json cut/k-fold.json || fail "another summary after an interruption"
tail -1 cut.out | python3 -c 'import json, sys; assert json.load(sys.stdin) == json.load(open("all/k-fold.json"))'

refused() { # WORDS OPTION...
    local words=$1 code=0
    shift
    "$REEL_BIN" train d -o refused "${options[@]}" "$@" >out 2>err || code=$?
    [ $code -ne 0 ] && grep -qF -- "$words" err || fail "train $*: exit $code, expected \"$words\": $(cat err)"
    [ ! -e refused ] || fail "train $* was refused and left a folder"
}
refused "--k-fold: expected 2 or more, or 0, got 1" --k-fold 1
refused "--fold: expected --k-fold" --fold 2
refused "--fold: expected 1 to 3, got 4" --k-fold 3 --fold 4
refused "folds: expected from 2 to the number of samples, 30, got 31" --k-fold 31
refused "--k-fold: expected --resume auto, got x" --k-fold 3 --resume x
"$REEL_BIN" train d -o all --k-fold 3 "${options[@]}" >out 2>err && fail "a second run in the same folder"
"$REEL_BIN" train d -o few --k-fold 12 --fold 1 "${options[@]}" >out 2>err || fail "more folds than images of a class: $(cat err)"
grep -q "3 classes with fewer images than --k-fold 12" err || fail "small classes are not named: $(cat err)"
