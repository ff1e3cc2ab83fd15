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
grep -q '^fold 2 of 3$' all.err && grep -q '^fold 1 of 3: 10 of 30 training images are held out' all.err && ! grep -q 'has no validation' all.err || fail "no word of the folds: $(cat all.err)"
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
[ $code = 0 ] || grep -qF -e '`reel train --resume auto -o cut`' -e "there is nothing to save" cut.err ||
    fail "SIGTERM: not said how to go on: $(cat cut.err)"
"$REEL_BIN" train d --k-fold 3 -o cut "${options[@]:0:10}" --resume auto --threads 2 --json >cut.out 2>cut.err || fail "resumed after SIGTERM: $(cat cut.err)"
grep -q "fold-3" cut/report.html || fail "no page of all folds: $(cat cut.err)"
for fold in 1 2 3; do same "all/fold-$fold" "cut/fold-$fold"; done
cmp all/k-fold.json cut/k-fold.json || fail "another summary after an interruption"
tail -1 cut.out | python3 -c 'import json, sys; assert json.load(sys.stdin) == json.load(open("all/k-fold.json"))'

# --resume auto alone: folds that were not begun have DATA and the options of the first one.
"$REEL_BIN" train d --k-fold 3 --fold 1 -o rest/fold-1 "${options[@]}" >out 2>&1 || fail "the first fold: $(cat out)"
grep -q "^fold 1 of 3: 10 of 30 training images are held out" out || fail "the first fold does not say what it holds out: $(cat out)"
"$REEL_BIN" train --resume auto -o rest --no-report >out 2>err || fail "--resume auto alone: $(cat err)"
for fold in 1 2 3; do same "all/fold-$fold" "rest/fold-$fold"; done
cmp all/k-fold.json rest/k-fold.json || fail "another summary with --resume auto alone"

# So have folds of a fine-tuning, with --weights, which would exclude --resume if it were typed.
cp -r flat few_flat && rm few_flat/*/*0000[4-9].jpg
"$REEL_BIN" finetune few_flat -w flat1 --k-fold 2 -o tuned --epochs 1 -b 4 --no-report --quiet >out 2>err || fail "finetune --k-fold: $(cat err)"
mkdir again && cp -r tuned/fold-1 again
"$REEL_BIN" finetune --resume auto -o again --no-report --quiet >out 2>err || fail "finetune: --resume auto alone: $(cat err)"
same tuned/fold-2 again/fold-2

# Images that came after fold 1 would be divided otherwise.
cp -r few_flat grown_flat && cp "$(find grown_flat -name '*.jpg' | sort | head -1)" "$(find grown_flat -mindepth 1 -type d | sort | tail -1)/new.jpg"
rm -r again/fold-2 again/k-fold.json
"$REEL_BIN" finetune grown_flat --resume auto -o again --no-report --quiet >out 2>err && fail "folds of more images"
grep -q "grown_flat: expected the 12 images that fold 1 was begun with, got 13: the folds would overlap" err || fail "folds of more images: $(cat err)"

# Parts of another K or seed overlap: nothing is trained, and no image that was trained on validates.
overlaps() { # WORDS OPTION...
    local words=$1 code=0
    shift
    "$REEL_BIN" train d "$@" --no-report >out 2>err || code=$?
    [ $code -ne 0 ] && grep -qF -- "$words" err || fail "train $*: exit $code, expected \"$words\": $(cat err)"
}
overlaps "rest/fold-1: expected a run with --k-fold 4 --fold 1 --seed 3, got one with --k-fold 3 --fold 1" --k-fold 4 -o rest --resume auto
overlaps "rest/fold-1: expected a run with --k-fold 3 --fold 1 --seed 4, got" --seed 4 -o rest --resume auto
overlaps "images that were trained on would validate" -o rest/fold-2 --resume auto --epochs 3 --fold 1
overlaps "images that were trained on would validate" -o rest/fold-2 --resume auto --epochs 3 --k-fold 0 --fold 0
mkdir late && cp -r rest/fold-2 late
overlaps "late/fold-2: holds a run already" --k-fold 3 -o late "${options[@]}"
[ ! -e late/fold-1 ] || fail "a fold was trained before the folder of another was refused"
[ ! -e rest/fold-4 ] && cmp all/fold-2/model.safetensors rest/fold-2/model.safetensors || fail "what was refused was trained"

# A loss that is not finite is no 0 in the mean.
sed -i 's/"loss": [0-9.e-]*/"loss": null/' rest/fold-2/evaluation.json
"$REEL_BIN" train --resume auto -o rest --no-report >out 2>err || fail "a loss of null: $(cat err)"
python3 -c 'import json; s = json.load(open("rest/k-fold.json")); assert s["loss"]["each"][1] is s["loss"]["mean"] is None and s["top1"]["mean"], s'

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
mkdir -p lone/a lone/b && cp d/train/*/*0000[0-4].jpg lone/a && cp "$(find d/train -name '*.jpg' | sort | tail -1)" lone/b
"$REEL_BIN" train lone -o lone_run --k-fold 3 --class-weights balanced "${options[@]}" >out 2>err && fail "balanced weights with a fold without a class"
grep -q 'balanced: expected 2 images or more of each class with --k-fold, got 1 of "b"' err || fail "a class of one image: $(cat err)"

# More folds than images: refused before a word of folds.
code=0
"$REEL_BIN" train d --k-fold 1000 -o many "${options[@]}" >out 2>err || code=$?
[ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q "folds: expected from 2 to the number of samples, 30, got 1000" err && [ ! -e many ] ||
    fail "1000 folds of 30 images: exit $code: $(cat err)"
