#!/bin/bash
# --mixup-alpha, --cutmix-alpha and --class-weights: the same bits for any threads, workers and cuts; weights are kept on a resume; a wrong
# file is refused with its line. That an optimizer with all of them ends in the same bytes however it is cut: ema.sh.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 10 --val 6 --classes 3 --size 40 --quiet
small=$(find d/train -mindepth 1 -maxdepth 1 -type d | LC_ALL=C sort | head -1)
find "$small" -name '*.jpg' | LC_ALL=C sort | tail -n +5 | xargs rm # 4 of its 10 are left: 24 images
train() { # OUT OPTION...: 2 epochs of 4 steps
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 2 -b 6 --seed 3 --lr 0.02 --no-report "$@" >"$out.log" 2>&1 || fail "train $*: $(cat "$out.log")"
}
refused() { # WORDS OPTION...
    local words=$1 code=0
    shift
    "$REEL_BIN" train d --arch tiny -o refused "$@" >out 2>err || code=$?
    { [ $code = 1 ] || [ $code = 2 ]; } && grep -qF -- "$words" err || fail "train $*: exit $code, expected \"$words\": $(cat err)"
    [ ! -e refused ] || fail "train $* was refused and left a folder"
}
train plain
last=$(sum plain)
for options in "--mixup-alpha 0.4" "--cutmix-alpha 1" "--mixup-alpha 0.4 --cutmix-alpha 1" \
    "--mixup-alpha 1 --label-smoothing 0.1 --class-weights balanced --class-balanced --grayscale --accumulate 2"; do
    # shellcheck disable=SC2086
    {
        train one $options --threads 1 --workers 1
        train many $options --threads 3 --workers 2
        train cut $options --max-steps 3 --threads 2
        train cut --resume auto
    }
    [ "$(sum one)" != "$last" ] || fail "$options changes nothing"
    [ "$(sum one)" = "$(sum many)" ] || fail "$options: other threads, other weights"
    [ "$(sum one)" = "$(sum cut)" ] || fail "$options: stopped and resumed, other weights"
    last=$(sum one)
    rm -r one many cut
done

# Validation is never mixed, and losses of mixed batches are higher than their like.
train mixed --mixup-alpha 8 --cutmix-alpha 8
python3 - <<'PY'
import json
losses = []
for run in ("plain", "mixed"):
    lines = [json.loads(l) for l in open(run + "/metrics.jsonl")]
    losses.append([l["train_loss"] for l in lines if l["event"] == "eval"])
    assert all(0 <= l["train_top1"] <= 1 for l in lines if l["event"] == "eval")
assert losses[0] != losses[1], losses
PY

# Weights that are all 2 leave the weighted mean as it is, bit for bit; for mixed targets weights that are all 1 do.
names=$(find d/train -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | LC_ALL=C sort)
weigh() { for name in $names; do echo "$name,$1"; done; }
weigh 2 >two.csv
weigh 1.0 >one.csv
train two --class-weights two.csv
[ "$(sum two)" = "$(sum plain)" ] || fail "equal weights change the result"
train mixed1 --class-weights one.csv --mixup-alpha 8 --cutmix-alpha 8
[ "$(sum mixed1)" = "$(sum mixed)" ] || fail "weights of 1 change the result of a mixed run"

# balanced: n / (classes count), in config.json. A resumed run keeps its weights, whatever has become of the file.
train balanced --class-weights balanced
python3 - "$(basename "$small")" <<'PY'
import json, sys
config = json.load(open("balanced/config.json"))
weights = dict(zip(config["classes"], config["class_weights"]))
assert weights[sys.argv[1]] == 24 / (3 * 4) and sorted(weights.values())[0] == 24 / (3 * 10), weights
assert config["options"]["class-weights"] == "balanced", config
PY
{ echo class,weight; weigh 0.25; } | sed "s/^$(basename "$small"),.*/$(basename "$small"),3.5/" >w.csv
train file --class-weights w.csv
[ "$(sum file)" != "$(sum plain)" ] || fail "weights change nothing"
train kept --class-weights w.csv --max-steps 3
rm w.csv
train kept --resume auto
[ "$(sum kept)" = "$(sum file)" ] || fail "a resumed run has other class weights"

echo "spiral,1" >wrong.csv
sed -i '1d' one.csv
{ weigh 1; echo "${names%%[[:space:]]*}x,1"; } >near.csv
refused "wrong.csv:1: class: expected one of the 3 classes of the data, got \"spiral\"" --class-weights wrong.csv
refused "near.csv:4: class: expected one of the 3 classes" --class-weights near.csv
refused "did you mean \"${names%%[[:space:]]*}\"?" --class-weights near.csv
refused "one.csv: expected a weight for each of the 3 classes, got none for \"$(basename "$small")\"" --class-weights one.csv
refused "nowhere.csv" --class-weights nowhere.csv
refused "--mixup-alpha" --mixup-alpha -1
refused "--cutmix-alpha" --cutmix-alpha nan
