#!/bin/bash
# What a run's folder holds is not lost, not mixed up with another run's, and enough to go on from.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
checkpoints() { (cd "$1" && find . -name 'checkpoint-*.safetensors' | sort | tr -dc '0-9\n' | sed 's/^0*//' | tr '\n' ' '); }
damage() { printf 'x' | dd of="$1" bs=1 seek=$(($(stat -c %s "$1") - 40)) conv=notrunc status=none; }

"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
reel() { "$REEL_BIN" train d --quiet "$@" >out 2>err; }
told=(--arch tiny --epochs 4 -b 8 --seed 3 --threads 1 --workers 1)
reel "${told[@]}" -o whole
want=$(sum whole)

# Resuming an earlier checkpoint: the new ones stay, those of the course that was left go, and auto goes on with the new ones.
reel "${told[@]}" -o back --checkpoint-every 2 --keep 9 --max-steps 10
reel -o back --resume back/checkpoint-00000004.safetensors --keep 2 --max-steps 7
[ "$(checkpoints back)" = "6 7 " ] || fail "after going back to 4 and on to 7: expected checkpoints 6 and 7, got $(checkpoints back)"
reel -o back --resume auto
[ "$(sum back)" = "$want" ] || fail "went back and on: other weights"

# A damaged checkpoint does not push a good one out.
reel "${told[@]}" -o torn --checkpoint-every 3 --max-steps 7
damage torn/checkpoint-00000007.safetensors
reel -o torn --resume auto --keep 1 --max-steps 6 --checkpoint-every 100
[ "$(checkpoints torn)" = "6 " ] || fail "a damaged checkpoint was kept in place of a good one: $(checkpoints torn)"

# All are damaged: nothing is trained, nothing is touched.
damage torn/checkpoint-00000006.safetensors
before=$(find torn -type f | sort | xargs sha256sum)
code=0
reel -o torn --resume auto || code=$?
[ "$code" -eq 1 ] || fail "no checkpoint can be resumed: exit $code, expected 1: $(cat err)"
grep -q "none of its checkpoints can be resumed" err || fail "no checkpoint can be resumed: $(cat err)"
[ "$before" = "$(find torn -type f | sort | xargs sha256sum)" ] || fail "no checkpoint can be resumed: files changed"

# A checkpoint of one run does not go on in the folder of another.
reel "${told[@]}" -o other --max-steps 2
code=0
reel -o other --resume whole/"$(cd whole && find . -name 'checkpoint-*')" || code=$?
[ "$code" -eq 1 ] && grep -q "other: holds a run already" err || fail "one run resumed into another's folder: exit $code: $(cat err)"
reel -o third --resume other/checkpoint-00000002.safetensors
[ "$(sum third)" = "$want" ] || fail "resumed into a new folder: other weights"

# What a killed process was writing goes; what is not a run's stays.
touch third/.reel-123-0.tmp third/.reel-9-12.tmp third/notes.tmp
reel -o third --resume auto
[ "$(cd third && find . -name '*.tmp')" = ./notes.tmp ] || fail "unfinished files: expected notes.tmp alone, got $(ls -A third)"
[ "$(sum third)" = "$want" ] || fail "resumed when all was done: other weights"

# Other classes, though as many.
cp -r d named
for split in train val; do mv "named/$split/$(ls d/train | head -1)" named/$split/zebra; done
code=0
"$REEL_BIN" train named -o other --resume auto --quiet >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "trained on other classes" err || fail "resumed with other classes: exit $code, expected 1: $(cat err)"

# Ended before its first checkpoint: it begins again as it was told, from the weights it was told.
for from in "" "--weights third/model.safetensors"; do
    # shellcheck disable=SC2086
    reel "${told[@]}" $from -o at_once
    # shellcheck disable=SC2086
    reel "${told[@]}" $from -o again --max-steps 1
    rm again/checkpoint-*
    reel -o again --resume auto
    [ "$(sum again)" = "$(sum at_once)" ] || fail "begun again ($from): other weights"
    rm -rf at_once again
done

# A path with bytes that are not UTF-8, and none at all.
odd=$(printf 'odd\377')
reel "${told[@]}" -o "$odd" --max-steps 1 --json || fail "a folder whose name is not UTF-8: exit $?: $(cat err)"
python3 -c 'import json; assert json.load(open("out"))["step"] == 1' || fail "a folder whose name is not UTF-8: $(cat out)"
code=0
reel "${told[@]}" -o "" || code=$?
[ "$code" -eq 1 ] && grep -q "output-dir: expected a path" err || fail "an empty --output-dir: exit $code: $(cat err)"

# A run that ended before its first step leaves nothing to resume: the same command begins again, and finds nothing of before.
mkdir unbegun
cp third/config.json unbegun
touch unbegun/.lock unbegun/events.out.tfevents.1.x
grep '"event":"start"' third/metrics.jsonl | head -1 >unbegun/metrics.jsonl
echo '{"split":"train","name":"gone.jpg","reason":"of before"}' >unbegun/bad_files.jsonl
reel "${told[@]}" -o unbegun || fail "a folder in which nothing was learned: $(cat err)"
[ "$(sum unbegun)" = "$want" ] || fail "a folder in which nothing was learned: other weights"
[ "$(grep -c '"event":"start"' unbegun/metrics.jsonl)" = 1 ] || fail "a folder in which nothing was learned: its log goes on"
[ ! -e unbegun/bad_files.jsonl ] && [ ! -e unbegun/events.out.tfevents.1.x ] || fail "a folder in which nothing was learned: $(ls unbegun)"
# A step that was logged, or a config.json of something else, is not written over.
mkdir worked foreign
cp third/config.json worked
grep '"event":"train"' third/metrics.jsonl | head -1 >worked/metrics.jsonl
echo '{"name": "of a program"}' >foreign/config.json
for folder in worked foreign; do
    code=0
    before=$(cat $folder/*)
    reel "${told[@]}" -o $folder || code=$?
    [ "$code" -eq 1 ] && grep -q "$folder: holds a run already" err || fail "$folder: exit $code: $(cat err)"
    [ "$before" = "$(cat $folder/*)" ] || fail "$folder: files changed"
done
