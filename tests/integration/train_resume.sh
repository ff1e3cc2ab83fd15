#!/bin/bash
# A run has the same bits however it is cut, for any number of loader workers and compute threads.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"

"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
train() { # train DIR OPTIONS
    local out=$1
    shift
    "$REEL_BIN" train d --arch tiny --output-dir "$out" --epochs 4 -b 8 --seed 3 --accumulate 2 --jitter 0.2 --quiet "$@" >"$out.log"
}

train whole --workers 1 --threads 1
want=$(sum whole)
[ "$(find whole -name 'checkpoint-*' | wc -l)" -ge 1 ] || fail "no checkpoint was kept"
train other_seed --seed 4
[ "$(sum other_seed)" != "$want" ] || fail "another seed gave the same weights"

for setup in "1 2" "4 1" "4 2" "3 3"; do # workers threads
    # shellcheck disable=SC2086
    set -- $setup
    train "w$1t$2" --workers "$1" --threads "$2"
    [ "$(sum "w$1t$2")" = "$want" ] || fail "$1 workers and $2 threads gave other weights than 1 and 1"
done

# 52 images: 6 batches, 3 steps an epoch. Cut within an epoch, at its end, and twice.
for cuts in 1 2 3 5 "4 7" "2 3 11"; do
    dir=cut_${cuts// /_}
    for at in $cuts; do
        train "$dir" --max-steps "$at" --resume auto --workers 2
        [ -e "$dir/checkpoint-$(printf %08d "$at").safetensors" ] || fail "no checkpoint at step $at"
    done
    train "$dir" --resume auto
    [ "$(sum "$dir")" = "$want" ] || fail "stopped at step $cuts and resumed: other weights than in one go"
    want_lines=$(for at in 3 6 9 12 $cuts; do echo "$at"; done | sort -nu | xargs)
    lines=$(grep '"event":"eval"' "$dir/metrics.jsonl" | grep -o '"step":[0-9]*' | cut -d: -f2 | sort -n | xargs)
    [ "$lines" = "$want_lines" ] || fail "cut at $cuts: metrics.jsonl holds evaluations at $lines, expected $want_lines"
done

# A resumed run remembers what it was told: nothing but --resume is needed.
train told --max-steps 4
"$REEL_BIN" train d --output-dir told --resume auto --quiet >told.log
[ "$(sum told)" = "$want" ] || fail "resumed without repeating the options: other weights"

# The same for what an option implies, and for values that a recipe would not have.
for extra in "--lr-step-size 1" "--lr-milestones 1,2" "--lr-warmup-epochs 2"; do
    # shellcheck disable=SC2086
    train one $extra
    # shellcheck disable=SC2086
    train two $extra --max-steps 4
    "$REEL_BIN" train d --output-dir two --resume auto --quiet >two.log
    [ "$(sum one)" != "$want" ] || fail "$extra changes nothing"
    [ "$(sum one)" = "$(sum two)" ] || fail "resumed without repeating $extra: other weights"
    rm -rf one two
done

# The newest checkpoint is damaged: the one before it is taken, and the end is the same.
train torn --max-steps 7 --checkpoint-every 2 --keep 3
newest=torn/checkpoint-00000007.safetensors
printf 'x' | dd of="$newest" bs=1 seek=$(($(stat -c %s "$newest") - 40)) conv=notrunc status=none
train torn --resume auto --checkpoint-every 2 --keep 3 2>torn.err
grep -q "passed over.*00000007" torn.err || fail "the damaged checkpoint was not named: $(cat torn.err)"
[ "$(sum torn)" = "$want" ] || fail "resumed from the checkpoint before a damaged one: other weights"
kept=$(find torn -name 'checkpoint-*.safetensors' | wc -l)
[ "$kept" -eq 3 ] || fail "--keep 3 kept $kept checkpoints"
[ -e "$newest.damaged" ] || fail "the damaged checkpoint was not set aside: $(ls torn)"
# It does not count among those that are kept: --keep 2 means two that can be resumed.
train torn2 --max-steps 7 --checkpoint-every 2
: >torn2/checkpoint-00000007.safetensors
train torn2 --resume auto --checkpoint-every 2 --max-steps 8 2>torn.err
[ "$(cd torn2 && echo checkpoint-*.safetensors)" = "checkpoint-00000006.safetensors checkpoint-00000008.safetensors" ] ||
    fail "after a damaged checkpoint these are kept: $(ls torn2)"

# Momentum, schedule state and recipes of other kinds survive a cut, too.
for extra in "--init data --workers 3 --threads 1" "--nesterov --lr-scheduler plateau --lr-patience 0 --lr-gamma 0.3" "--recipe alexnet2012 --arch tiny --val-resize-size 40 --train-resize-size 40"; do
    # shellcheck disable=SC2086
    train one $extra
    # shellcheck disable=SC2086
    train two $extra --max-steps 8
    train two --resume auto
    [ "$(sum one)" = "$(sum two)" ] || fail "resumed with $extra: other weights"
    rm -rf one two
done
