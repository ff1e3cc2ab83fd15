#!/bin/bash
# SIGINT and SIGTERM finish the step, save and leave with 130 and 143; going on gives the weights of an uninterrupted run.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 30 --val 4 --classes 4 --size 48 --quiet
options=(--arch tiny --epochs 60 -b 4 --quiet --threads 1 --workers 1)
"$REEL_BIN" train d "${options[@]}" -o whole >/dev/null
want=$(sha256sum <whole/model.safetensors)

interrupt() { # interrupt SIGNAL CODE: starts a run, waits for its first steps, signals it
    rm -rf cut
    env --default-signal=INT "$REEL_BIN" train d "${options[@]}" -o cut --log-every 1 >out 2>err &
    local pid=$! code=0
    for _ in $(seq 500); do
        [ -s cut/metrics.jsonl ] && break
        sleep 0.01
    done
    kill -s "$1" "$pid"
    wait "$pid" || code=$?
    if [ "$code" -eq 0 ]; then # it was done before the signal came: nothing was tried
        echo "the run ended before the signal"
        return 77
    fi
    [ "$code" -eq "$2" ] || fail "after SIG$1 the exit code is $code, expected $2: $(cat err)"
    grep -q "interrupted at step" err || fail "no word about the interruption: $(cat err)"
    [ "$(find cut -name 'checkpoint-*' | wc -l)" -ge 1 ] || fail "SIG$1 left no checkpoint"
    [ "$(find cut -name '*.tmp' | wc -l)" -eq 0 ] || fail "SIG$1 left a temporary file"
    "$REEL_BIN" train d -o cut --resume auto --quiet >/dev/null
    [ "$(sha256sum <cut/model.safetensors)" = "$want" ] || fail "resumed after SIG$1: other weights"
}
interrupt INT 130
interrupt TERM 143
