#!/bin/bash
# An image whose reading stalls is named while the run waits for it, and changes no bit; one that goes away, or cannot be read any
# more, in the middle of a run is left out from then on.
set -eu
fail() {
    echo "$1"
    exit 1
}
shim=$REEL_BUILD/tests/libreel_slow_read.so
[ -e "$shim" ] || { echo "this build has no library that lets reads stall"; exit 77; }
"$REEL_BIN" synth d --train 8 --val 4 --classes 3 --size 48 --quiet
named() { # FILE NAME: the file by this name, which no other has
    mv "$1" "${1%/*}/$2.jpg"
    echo "${1%/*}/$2.jpg"
}
slow=$(named "$(find d/train -name '*.jpg' | sort | sed -n 9p)" slow)
late=$(named "$(find d/val -name '*.jpg' | sort | sed -n 3p)" late)
gone=$(named "$(find d/train -name '*.jpg' | sort | sed -n 20p)" gone)
train() { # OUT [OPTION...]
    local to=$1
    shift
    timeout 100 "$REEL_BIN" train d -o "$to" --arch tiny --epochs 3 -b 4 --seed 3 --threads 1 --max-bad 0.1 "$@" >"$to.out" 2>"$to.err"
}
same() { cmp plain/model.safetensors "$1/model.safetensors" || fail "$1: the stall changed the weights"; }
train plain --quiet --workers 2
! grep -q "has not been read" plain.err || fail "nothing stalled: $(cat plain.err)"
for workers in 1 2; do
    LD_PRELOAD=$shim REEL_READ_NAME=${slow#d/train/} REEL_READ_FROM=3 REEL_READ_SECONDS=0.5 \
        train "train$workers" --slow-read 0.1 --workers $workers || fail "a stalled read: exit $?: $(cat "train$workers.err")"
    same "train$workers"
    grep -q "warning: ${slow#d/train/} has not been read after [0-9.]* s" "train$workers.err" ||
        fail "$workers workers: the image was not named: $(cat "train$workers.err")"
done
LD_PRELOAD=$shim REEL_READ_NAME=${late#d/val/} REEL_READ_SECONDS=0.5 train val --quiet --slow-read 0.1 --workers 2
same val
grep -q "warning: ${late#d/val/} has not been read" val.err || fail "a stall in evaluation was not told: $(cat val.err)"

# Unreadable from its third opening on.
LD_PRELOAD=$shim REEL_READ_NAME=${slow#d/train/} REEL_READ_FROM=3 REEL_READ_ERROR=5 train broken --quiet --workers 2 ||
    fail "an image that cannot be read any more: exit $?: $(cat broken.err)"
[ "$(wc -l <broken/bad_files.jsonl)" -eq 1 ] && grep -q "\"name\":\"${slow#d/train/}\".*Input/output error" broken/bad_files.jsonl ||
    fail "expected ${slow#d/train/} alone: $(cat broken/bad_files.jsonl broken.err)"

# Deleted while the run is in its second epoch or third.
LD_PRELOAD=$shim REEL_READ_NAME=${slow#d/train/} REEL_READ_FROM=3 REEL_READ_SECONDS=0.5 REEL_READ_BEGUN=$PWD/begun train deleted --quiet --workers 2 &
run=$!
for _ in $(seq 500); do [ -e begun ] || sleep 0.02; done
[ -e begun ] || fail "the run did not come to the image"
rm "$gone"
code=0
wait $run || code=$?
[ "$code" -eq 0 ] || fail "an image was deleted: exit $code: $(cat deleted.err)"
[ "$(wc -l <deleted/bad_files.jsonl)" -eq 1 ] && grep -q "\"name\":\"${gone#d/train/}\".*No such file" deleted/bad_files.jsonl ||
    fail "expected ${gone#d/train/} alone: $(cat deleted/bad_files.jsonl deleted.err)"

# Whoever has had enough leaves: the second signal ends a run whose first batch never comes.
LD_PRELOAD=$shim REEL_READ_NAME=${slow#d/train/} REEL_READ_SECONDS=60 REEL_READ_BEGUN=$PWD/stuck \
    "$REEL_BIN" train d -o left --arch tiny --init model --epochs 3 -b 4 --seed 3 --threads 1 --workers 1 --quiet --slow-read 0.1 >left.out 2>left.err &
run=$!
for _ in $(seq 500); do { [ -e stuck ] && grep -q "has not been read" left.err; } || sleep 0.02; done
kill -INT $run
sleep 0.1
kill -INT $run
code=0
wait $run || code=$?
[ "$code" -eq 130 ] && grep -q "second signal: left at once" left.err ||
    fail "two signals during a stall: exit $code, expected 130 and a word about it: $(cat left.err)"
