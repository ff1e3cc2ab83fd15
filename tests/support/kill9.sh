#!/bin/bash
# kill9.sh KILLS [OPTIONS OF REEL TRAIN...]: kills a small run at so many random moments with SIGKILL. After each, a copy of its
# folder is resumed to the end: weights, best weights and log must be those of a run that was left alone. Half the time the next
# kill hits the killed run's own continuation. Told at the end: what the kills fell into. KILL9_SEED repeats a sequence.
# KILL9_SET=table: the images are those of mixed_set.py, a CSV with images in many formats; else a folder of JPEGs.
set -eu
kills=$1
shift
fail() {
    echo "$1 (KILL9_SEED=$seed, kill $done_kills)"
    exit 1
}
seed=${KILL9_SEED:-$(date +%N | sed 's/^0*//')}
RANDOM=$((seed % 32768))
done_kills=0
if [ "${KILL9_SET:-}" = table ]; then
    python3 "$REEL_SOURCE/tests/support/mixed_set.py" d 48 240
else
    "$REEL_BIN" synth d --train 12 --val 60 --classes 4 --size 48 --quiet
fi
told=(--arch tiny --epochs 8 -b 4 --jitter 0.3 --seed 7 --log-every 1 --checkpoint-every 2 --keep 2 --quiet --threads 1 --workers 2 "$@")
train() { "$REEL_BIN" train d "${told[@]}" "$@" >out 2>err; }
now() { date +%s%N; }
started=$(now)
train -o whole
length=$((($(now) - started) / 1000000 + 50)) # milliseconds, a little more than a run takes
log() { # what happened at each step, without times
    grep -oE '"event":"[a-z]*","step":[0-9]*,"epoch":[0-9]*,"loss":[^,]*,"top1":[^,]*' "$1/metrics.jsonl" | LC_ALL=C sort
}
log whole >whole.log

declare -A fell=([steps]=0 [evaluation]=0 [checkpoint]=0 [before]=0 [after]=0)
while [ "$done_kills" -lt "$kills" ]; do
    if [ $((RANDOM % 2)) -eq 0 ] || [ ! -d run ]; then
        rm -rf run
        order=(-o run)
    else
        order=(-o run --resume auto)
    fi
    "$REEL_BIN" train d "${told[@]}" "${order[@]}" >out 2>err &
    pid=$!
    moment=$(((RANDOM * 32768 + RANDOM) % length))
    sleep "$(printf '%d.%03d' $((moment / 1000)) $((moment % 1000)))"
    code=0
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || code=$?
    [ "$code" -eq 137 ] || [ "$code" -eq 0 ] || fail "the run ended by itself with $code: $(cat err)"
    if [ "$code" -eq 0 ]; then # it was faster
        rm -rf run
        continue
    fi
    done_kills=$((done_kills + 1))
    if [ ! -s run/metrics.jsonl ]; then
        kind=before
    elif find run -name '.reel-*.tmp' | grep -q .; then
        kind=checkpoint
    else
        last=$(tail -1 run/metrics.jsonl)
        step=$(grep -oE '"step":[0-9]+' <<<"$last" | head -1 | cut -d: -f2)
        kind=steps
        if [ $((step % 12)) -eq 0 ]; then
            kind=evaluation
            case $last in *'"eval"'*) kind=steps ;; esac
        fi
    fi
    fell[$kind]=$((fell[$kind] + 1))
    [ -d run ] || mkdir run
    rm -rf copy
    cp -r run copy
    train -o copy --resume auto || fail "killed in $kind, resumed: exit $?: $(cat err)"
    for weights in model best ema best_ema; do
        [ ! -e whole/$weights.safetensors ] || cmp whole/$weights.safetensors copy/$weights.safetensors || fail "killed in $kind, resumed: another $weights.safetensors"
    done
    log copy | cmp - whole.log || fail "killed in $kind, resumed: another log"
    [ -z "$(find copy -name '*.tmp')" ] || fail "killed in $kind, resumed: a file that nobody finishes stayed"
done
echo "$done_kills kills: ${fell[before]} before the first step, ${fell[steps]} in a step, ${fell[checkpoint]} in the middle of a file," \
    "${fell[evaluation]} in an evaluation; every resumed run has the same bits (KILL9_SEED=$seed)"
