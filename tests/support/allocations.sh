#!/bin/bash
# allocations.sh EVERY: lets each EVERY-th allocation of `reel` fail in turn, command by command: an error in one line or a result
# that is right all the same; never a crash, and nothing that is not given back.
set -eu
every=$1
shim=$REEL_BUILD/tests/libreel_fail_alloc.so
[ -e "$shim" ] || { echo "this build has no library that lets allocations fail"; exit 77; }
failed=0
export OMP_NUM_THREADS=1
"$REEL_BIN" synth d --train 4 --val 2 --classes 2 --size 48 --quiet
echo no >"$(find d/train -name '*.jpg' | sort | sed -n 3p)"
told=(--arch tiny --epochs 2 -b 3 --checkpoint-every 1 --max-bad 0.5 --threads 1 --workers 1 --log-every 1)
"$REEL_BIN" train d "${told[@]}" --quiet -o run >/dev/null 2>&1
"$REEL_BIN" train d "${told[@]}" --quiet -o begun --max-steps 1 >/dev/null 2>&1
one=$(find d/val -name '*.jpg' | sort | head -1)
code_of() { # code_of N COMMAND...: exit code; out, err and log are filled
    local at=$1 code=0
    shift
    rm -rf log new
    [ ! -d begun ] || { rm -rf resumed; cp -r begun resumed; }
    LD_PRELOAD=$shim REEL_FAIL_AT=$at REEL_FAIL_LOG=log "$REEL_BIN" "$@" >out 2>err || code=$?
    echo "$code" >code
}
untimed() { sed -E 's/"[a-z_]*seconds":[0-9.e-]+//g; s/[0-9]+:[0-9][0-9]//g' out; }
# What a command gives: what it prints, and the weights that it writes.
results() {
    untimed
    # Checkpoints are left out: they hold how long the run took.
    find new resumed -name '*.safetensors' ! -name 'checkpoint-*' 2>/dev/null | sort | xargs -r sha256sum
}
complain() {
    echo "$1"
    failed=$((failed + 1))
    [ "$failed" -lt 40 ] || exit 1
}
try() { # try COMMAND...: each of its allocations fails once
    code_of 0 "$@"
    local n want at code left silent=0 errors=0
    n=$(sed -nE 's/^calls ([0-9]+) .*/\1/p' log)
    want=$(cat code)
    left=$(sed -nE 's/^calls .* live ([0-9]+)/\1/p' log)
    results >right
    [ "$want" -eq 0 ] || complain "reel $*: exit $want, without any fault: $(cat err)"
    [ "$left" -eq 0 ] || complain "reel $*: $left blocks are not given back, without any fault: $(grep -E '^live' log | sort | uniq -c | tr '\n' ' ')"
    for ((at = 1; at <= n; at += every)); do
        code_of "$at" "$@"
        code=$(cat code)
        if [ ! -s log ] || [ "$code" -gt 5 ]; then
            complain "reel $*: allocation $at of $n fails: exit $code: $(tail -2 err)"
            continue
        fi
        left=$(sed -nE 's/^calls .* live ([0-9]+)/\1/p' log)
        [ "$left" -eq 0 ] || complain "reel $*: allocation $at of $n fails: $left blocks are not given back: $(grep -E '^live' log | sort | uniq -c | tr '\n' ' ')"
        if [ "$code" -ne "$want" ]; then
            errors=$((errors + 1))
            [ -s err ] || complain "reel $*: allocation $at of $n fails: exit $code and not a word"
        elif [ ! -s err ] && ! results | cmp -s - right; then
            complain "reel $*: allocation $at of $n fails: exit $code, not a word, and another result"
        fi
    done
    echo "reel $*: $n allocations, $errors errors"
}
try train d "${told[@]}" --quiet --json -o new
try train --resume auto -o resumed --verify --quiet
try finetune d --weights run/best.safetensors "${told[@]}" --freeze 'features.*' --quiet -o new
try eval d --weights run --max-bad 0.5 --threads 1 --workers 1 --quiet --json
try report run --json --quiet
try report run begun --json --quiet -o new
try predict --weights run "$one" --threads 1
try predict --weights run "$one" --copy-into new --threads 1
try predict --weights run "$one" --features avgpool --features-out new --threads 1 --quiet
try predict --weights run "$one" --annotate new --threads 1 --quiet
try summary --arch tiny --json
try summary run/model.safetensors
export XDG_CACHE_HOME=$PWD/cache REEL_WEIGHTS_URL=http://127.0.0.1:1
mkdir -p cache/reel/weights
if command -v python3 >/dev/null; then
    python3 "$REEL_SOURCE/tests/support/make_public_weights.py" cache/reel/weights/alexnet-owt-7be5be79.pth
    try summary torchvision/alexnet
fi
try synth new --train 2 --val 1 --classes 2 --size 48 --quiet
try gradcheck --quiet relu
try help --man

# Whole runs with what a run may have besides: fewer of their allocations, for there are many.
every=$((every > 1 ? 4 * every : 1))
try train d "${told[@]}" --mixup-alpha 0.2 --cutmix-alpha 1 --auto-augment ta_wide --random-erase 0.5 --class-weights balanced \
    --model-ema --model-ema-steps 1 --memory 2GB --quiet --json -o new
try train d "${told[@]}" --auto-augment augmix --class-balanced --freeze 'features.*' --unfreeze-after 1 --memory 2GB --quiet --json -o new
try train d "${told[@]}" --epochs 1 --k-fold 2 --quiet --json -o new
try train d "${told[@]}" --find-lr --find-lr-steps 5 --quiet --json -o new
[ "$failed" -eq 0 ] || { echo "$failed findings"; exit 1; }
