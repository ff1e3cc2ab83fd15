#!/bin/bash
# --class-balanced: a small class is drawn as often as a large one, the run has the same bits however it is cut and loaded, is
# remembered, shown and verified; without the flag nothing changes.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 30 --val 6 --classes 3 --size 48 --quiet
small=$(find d/train -mindepth 1 -maxdepth 1 -type d | LC_ALL=C sort | head -1)
find "$small" -name '*.jpg' | LC_ALL=C sort | tail -n +4 | xargs rm # 3 of its 30 are left: 63 images
train() { # OUT OPTION...
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny -o "$out" --epochs 4 -b 8 --seed 3 --jitter 0.2 --no-report "$@" >"$out.out" 2>"$out.err" ||
        fail "train $*: exit $?: $(cat "$out.err")"
}
train plain --quiet
train twice --quiet --class-balanced --class-weights balanced --max-steps 1
grep -qx "reel: warning: --class-weights balanced and --class-balanced correct twice for classes with few images: give one of them" twice.err ||
    fail "correcting twice is not warned of: $(cat twice.err)"
train no --quiet --no-class-balanced
[ "$(sum plain)" = "$(sum no)" ] || fail "--no-class-balanced is not the default"
train whole --class-balanced --workers 1 --threads 1
want=$(sum whole)
[ "$want" != "$(sum plain)" ] || fail "--class-balanced changes nothing"
grep -q -- "--class-balanced true (changed)" whole.err whole.out || fail "the recipe does not show it: $(cat whole.err)"
grep -q '"class-balanced": *"true"' whole/config.json || fail "config.json does not hold it: $(cat whole/config.json)"
for setup in "1 2" "2 1" "5 2" "16 1"; do # workers threads
    # shellcheck disable=SC2086
    set -- $setup
    train "w$1" --class-balanced --quiet --workers "$1" --threads "$2"
    [ "$(sum "w$1")" = "$want" ] || fail "$1 workers and $2 threads gave other weights than 1 and 1"
done
train other --class-balanced --quiet --seed 4
[ "$(sum other)" != "$want" ] || fail "another seed gave the same weights"

# 7 steps an epoch: cut within the first and the third one; not told again, and verified.
train cut --class-balanced --quiet --max-steps 3
for at in 16 99; do
    "$REEL_BIN" train --resume auto -o cut --verify --quiet --no-report --max-steps $at >out 2>err || fail "resume to $at: $(cat err)"
done
[ "$(sum cut)" = "$want" ] || fail "cut and resumed: other weights than in one go"
train told --class-balanced --quiet --max-steps 3
code=0
"$REEL_BIN" train --resume auto -o told --no-class-balanced --verify --quiet --no-report >out 2>err || code=$?
[ $code = 5 ] && grep -q "warning: --class-balanced was true and is false now" err || fail "the order has changed: exit $code: $(cat err)"

# Files that are no images: replaced, each counted once, though a small class meets its own again and again.
bad=$(find "$small" -name '*.jpg' | LC_ALL=C sort | head -1)
echo text >"$bad"
train bad --class-balanced --quiet --max-bad 0.05 --workers 1
train bad5 --class-balanced --quiet --max-bad 0.05 --workers 5
[ "$(sum bad)" = "$(sum bad5)" ] || fail "with a bad file: 5 workers gave other weights than one"
[ "$(wc -l <bad/bad_files.jsonl)" = 1 ] || fail "expected one bad file: $(cat bad/bad_files.jsonl)"

# Fine-tuning, and weights fitted to the data, take it too.
"$REEL_BIN" finetune d --weights whole/model.safetensors --arch tiny -o tuned --epochs 1 --class-balanced --quiet --no-report >out 2>err ||
    fail "finetune: $(cat err)"
grep -q '"class-balanced": *"true"' tuned/config.json || fail "finetune forgets --class-balanced"
train one --class-balanced --quiet --init data --workers 3
train two --class-balanced --quiet --init data --max-steps 9
train two --quiet --resume auto
[ "$(sum one)" = "$(sum two)" ] || fail "--init data, resumed: other weights"
