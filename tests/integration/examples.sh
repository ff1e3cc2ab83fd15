#!/bin/bash
# The programs in train/examples/ do what their first lines say.
set -eu
fail() {
    echo "$1"
    exit 1
}
python3 "$REEL_SOURCE/tests/support/make_images.py" data

said=$("$REEL_BUILD/example_own_operator") || fail "own_operator: exit $?: $said"
grep -q "the gradient is right" <<<"$said" || fail "own_operator: $said"

said=$("$REEL_BUILD/example_check_gradients") || fail "check_gradients: exit $?: $said"
[ "$(grep -c ': right, ' <<<"$said")" = 3 ] || fail "check_gradients: expected operator, layer and loss to be right: $said"
if said=$("$REEL_BUILD/example_check_gradients" wrong); then fail "check_gradients wrong: passes: $said"; fi
grep -q "operator: WRONG: cube: input 0 .*factor 1/3 everywhere" <<<"$said" || fail "check_gradients wrong: $said"

lines=$(wc -l <"$REEL_SOURCE/train/examples/train_in_70_lines.c")
[ "$lines" -le 70 ] || fail "train_in_70_lines.c has $lines lines"
said=$("$REEL_BUILD/example_train_in_70_lines" data/train data/val 12) || fail "train_in_70_lines: exit $?: $said"
awk '/^training/ {n++; if (n == 1) first = $NF; last = $NF} /^validation/ {val = $NF}
     END {exit !(n == 12 && last < first / 2 && val < 0.5)}' <<<"$said" ||
    fail "train_in_70_lines does not learn colours (12 epochs, last below half the first, validation below 0.5 expected): $said"
if said=$("$REEL_BUILD/example_train_in_70_lines" nowhere data/val 1 2>&1); then fail "train_in_70_lines: a missing folder passes"; fi
grep -q nowhere <<<"$said" || fail "train_in_70_lines: the missing folder is not named: $said"

# The class and the probability of `reel predict`, by name, from the weights file alone: by its path and from memory.
same=$REEL_SOURCE/tests/support/same_prediction.sh
"$REEL_BIN" train data -o run -q --arch tiny --epochs 2 --batch-size 8 --normalize mean-pixel --val-resize-size 50 -j 1 >/dev/null
for colour in blue green red; do
    "$same" run/best.safetensors data/$colour.ppm "$REEL_BUILD/example_classify_rgb" || fail "classify_rgb $colour"
done
# Weights from elsewhere: nothing but tensors.
"$REEL_BIN" convert data/colours.safetensors named.safetensors --arch tiny --class-names <(printf 'sky\ngrass\nbrick\n')
said=$("$REEL_BUILD/example_classify_rgb" named.safetensors data/red.ppm) || fail "classify_rgb: exit $?"
[[ $said == "brick 0."[5-9]* ]] || fail "classify_rgb: expected brick, got: $said"
if said=$("$REEL_BUILD/example_classify_rgb" data/colours.safetensors data/red.ppm 2>&1); then
    fail "classify_rgb: weights of another network pass"
fi
grep -q "data/colours.safetensors" <<<"$said" || fail "classify_rgb: the file is not named: $said"
