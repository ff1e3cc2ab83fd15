#!/bin/bash
# --auto-augment, --random-erase, --interpolation: a run has the same bits for any workers and however it is cut; config.json and the
# weights remember; evaluation and prediction resize as training's validation did; grey images; wrong values; the guide's examples.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 16 --val 4 --classes 3 --size 56 --quiet
train() { # OUT OPTION...
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 3 -b 8 --seed 3 --train-crop-size 40 --quiet --no-report "$@" >"$out.out" 2>"$out.err" ||
        fail "train $*: exit $?: $(cat "$out.err")"
}
train plain
train off --auto-augment none --random-erase 0 --interpolation bilinear
[ "$(sum plain)" = "$(sum off)" ] || fail "the defaults are not none, 0 and bilinear"
! head -c 20000 plain/model.safetensors | grep -aq interpolation || fail "the card of a bilinear model speaks of interpolation"

# 6 steps an epoch: cut within the first and the third one.
: >sums
for options in "ta_wide --interpolation bicubic" "ra --ra-magnitude 12" "imagenet --interpolation nearest" "augmix --augmix-severity 5" "none"; do
    # shellcheck disable=SC2086
    set -- --auto-augment $options --random-erase 0.4
    rm -rf whole cut
    train whole "$@" --workers 1 --threads 1
    want=$(sum whole)
    echo "$want" >>sums
    train many "$@" --workers 5 --threads 2
    [ "$(sum many)" = "$want" ] || fail "$*: 5 workers give other weights than 1"
    train cut "$@" --max-steps 2
    for at in 15 99; do
        "$REEL_BIN" train --resume auto -o cut --verify --quiet --no-report --max-steps $at >out 2>err || fail "$*: resume to $at: $(cat err)"
    done
    [ "$(sum cut)" = "$want" ] || fail "$*: cut and resumed, other weights than in one go"
    rm -rf many
done
sum plain >>sums
[ "$(sort -u sums | wc -l)" = 6 ] || fail "two of the runs gave the same weights"
train seed --auto-augment ta_wide --interpolation bicubic --random-erase 0.4 --seed 4
[ "$(sum seed)" != "$(head -1 sums)" ] || fail "another seed gave the same weights"

# What was told is kept; a change is said.
train kept --auto-augment ra --interpolation nearest --max-steps 2
for pair in '"auto-augment": *"ra"' '"interpolation": *"nearest"' '"random-erase": *"0"'; do
    grep -q "$pair" kept/config.json || fail "config.json does not hold $pair: $(cat kept/config.json)"
done
"$REEL_BIN" train --resume auto -o kept --auto-augment augmix --quiet --no-report --max-steps 3 >out 2>err
grep -q "warning: --auto-augment was ra and is augmix now" err || fail "a changed --auto-augment is not said: $(cat err)"

# Evaluation and prediction go by the weights, unless told otherwise; so does a run that starts from them.
train cubic --interpolation bicubic
head -c 20000 cubic/model.safetensors | grep -aq 'interpolation.*bicubic' || fail "the card does not say bicubic"
loss() { "$REEL_BIN" "$@" --json --quiet | grep -o '"loss": *[0-9.e-]*' | head -1; }
kept=$(loss eval d --weights cubic/model.safetensors)
[ "$kept" = "$(loss eval d --weights cubic/model.safetensors --interpolation bicubic)" ] || fail "eval does not go by the weights"
[ "$kept" != "$(loss eval d --weights cubic/model.safetensors --interpolation nearest)" ] || fail "eval --interpolation changes nothing"
[ "$kept" = "$(loss train d --weights cubic/model.safetensors --test-only)" ] || fail "--test-only does not go by the weights"
"$REEL_BIN" predict --weights cubic d/val --json >by_card
"$REEL_BIN" predict --weights cubic d/val --json --interpolation bicubic >told
"$REEL_BIN" predict --weights cubic d/val --json --interpolation nearest >other
sed -i 's/,"seconds":.*//' by_card told other # how long each part took
cmp by_card told || fail "predict does not go by the weights"
! cmp -s by_card other || fail "predict --interpolation changes nothing"
"$REEL_BIN" finetune d -o tuned --weights cubic/model.safetensors --epochs 1 --max-steps 1 --quiet --no-report >out 2>err || fail "finetune: $(cat err)"
grep -q '"interpolation": *"bicubic"' tuned/config.json || fail "finetune does not take --interpolation over from its weights"
"$REEL_BIN" predict --weights tuned/model.safetensors d/val --json >/dev/null || fail "predict with fine-tuned weights"

# Grey images, and the loader's benchmark.
for policy in ta_wide augmix; do
    train "grey_$policy" --grayscale --auto-augment $policy --random-erase 0.5 --max-steps 3
done
"$REEL_BIN" bench loader d -n 40 -j 2 -b 8 --size 40 --auto-augment ra --random-erase 0.5 --interpolation bicubic >/dev/null || fail "bench loader"

# Wrong values: one line, exit code 2, nothing written. What does nothing is said.
for wrong in "auto-augment cifar" "random-erase 1.5" "interpolation lanczos" "ra-magnitude 31" "augmix-severity 0"; do
    code=0
    # shellcheck disable=SC2086
    "$REEL_BIN" train d -o wrong --$wrong >out 2>err || code=$?
    [ $code = 2 ] && [ "$(wc -l <err)" = 1 ] && [ ! -e wrong ] || fail "--$wrong: exit $code: $(cat err)"
    grep -q -- "--${wrong% *}: expected" err || fail "--$wrong: $(cat err)"
done
train idle --max-steps 1 --auto-augment ta_wide --ra-magnitude 5
grep -q "warning: --ra-magnitude has no effect without --auto-augment ra" idle.err || fail "an idle --ra-magnitude is not said: $(cat idle.err)"

# The guide's examples, on these images.
sed -n '/^### Augmentation/,/^`--auto-augment`/p' "$REEL_SOURCE/train/GUIDE.md" | grep '^reel train photos ' >examples
[ "$(wc -l <examples)" -ge 4 ] || fail "the guide has $(wc -l <examples) examples"
while read -r _ _ _ options; do
    # shellcheck disable=SC2086
    "$REEL_BIN" train d --arch tiny -b 8 --epochs 1 --max-steps 2 --quiet --no-report -o example $options >out 2>err </dev/null || fail "$options: $(cat err)"
    rm -rf example
done <examples
