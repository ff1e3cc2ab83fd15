#!/bin/bash
# Every number of ranks gives the files of one process, bit for bit, with everything on that draws, averages, clips or
# counts: a small network with batch norm under each instruction set of this machine, and AlexNet under the best one.
# REEL_STEPS is the number of training steps of a run (a multiple of 5).
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_data.sh"
unset OMP_NUM_THREADS # each rank gets its share of the cores, or what --threads says
steps=${REEL_STEPS:-20}
fail() {
    echo "$1"
    [ ! -e err ] || cat err
    exit 1
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1" | tail -1; }

own_data
"$REEL_BIN" synth large --train 20 --val 4 --classes 4 --size 256 --quiet
for n in 9 50; do truncate -s 300 "$(find d/train -name '*.jpg' | sort | sed -n ${n}p)"; done
truncate -s 300 "$(find d/val -name '*.jpg' | sort | sed -n 5p)"

# Both sets have 80 training images, so 5 steps of 16 images are an epoch. Each epoch ends with an evaluation.
everything=(-b 16 --epochs $((steps / 5)) --mixup-alpha 0.2 --cutmix-alpha 1 --label-smoothing 0.1 --class-weights balanced
    --model-ema --model-ema-steps 1 --clip-grad-norm 0.5 --auto-augment ta_wide --random-erase 0.2 --opt adamw --lr 0.001
    --lr-warmup-epochs 1 --eval-every 4 --max-bad 0.1 --checkpoint-every 10 --seed 3 --no-report --quiet)

# one_more WHAT RANKS OPTION...: a run; its hash is that of the first run since `want` was emptied.
want='' runs=0
one_more() {
    local what=$1 ranks=$2 code=0 hash launch=()
    shift 2
    [ "$ranks" = 1 ] || launch=(--ranks "$ranks")
    rm -rf run
    timeout -k 5 1200 "$REEL_BIN" train "$@" "${everything[@]}" "${launch[@]}" -o run >out 2>err || code=$?
    [ "$code" = 0 ] || fail "$what: exit code $code"
    grep -q "^done after $steps steps" out && [ -s run/evaluation.json ] || fail "$what: expected $steps steps and an evaluation: $(cat out)"
    hash=$(hash_of run)
    if [ -z "$want" ]; then
        want=$hash
        mv run first
    fi
    if [ "$hash" != "$want" ]; then
        for folder in first run; do REEL_HASH_EACH=1 python3 "$REEL_SOURCE/tests/support/hash_files.py" $folder; done
        fail "$what: other files than the first run has"
    fi
    runs=$((runs + 1))
}
begin() { # begin: the next run is the one to compare with
    want='' runs=0 begun=$SECONDS
    rm -rf first
}

best=
for isa in portable avx2 avx512 amx neon; do
    if ! REEL_ISA=$isa "$REEL_BIN" summary >/dev/null 2>&1; then
        echo "$isa: not on this machine"
        continue
    fi
    best=$isa
    export REEL_ISA=$isa
    begin
    for ranks in 1 2 3 4 5 8; do
        for threads in 1 2; do
            one_more "$isa, $ranks ranks, $threads threads" $ranks d --arch net --batch-pieces 8 --threads $threads
        done
    done
    [ "$(wc -l <run/bad_files.jsonl)" = 3 ] || fail "$isa: expected 3 unreadable images in bad_files.jsonl"
    echo "$isa: $runs runs of $steps steps, 1 to 8 ranks, 1 and 2 threads, one hash: ${want:0:16} ($((SECONDS - begun)) s)"
done

export REEL_ISA=$best
begin
for ranks in 1 2 4; do
    one_more "AlexNet, $ranks ranks" $ranks large --arch alexnet --batch-pieces 4 --keep 1
done
echo "AlexNet, $best: $runs runs of $steps steps, 1, 2 and 4 ranks, one hash: ${want:0:16} ($((SECONDS - begun)) s)"
