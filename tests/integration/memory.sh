#!/bin/bash
# --memory: weights are equal byte for byte with and without, however a run is cut and with another limit behind the cut; what is planned is
# what the system counts, within 2 % and 20 MB, and never above the limit; too small a limit is refused with the least that would do.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 24 --val 6 --classes 2 --size 72 --quiet
cat >net <<'NET'
reel network 1
input 3x64x64
Conv2d 24 3 padding=1 bias=false
BatchNorm2d
ReLU
residual:
    Conv2d 24 3 padding=1 bias=false
    BatchNorm2d
    ReLU
    Conv2d 24 3 padding=1 bias=false
    BatchNorm2d
ReLU
MaxPool2d 2
concat:
    branch:
        Conv2d 16 1
        ReLU
    branch:
        Conv2d 16 3 padding=1
        ReLU
Dropout 0.3
AdaptiveAvgPool2d 4
Flatten
Linear 600
ReLU
Dropout 0.3
Linear classes
NET
train() { # train DIR OPTIONS: 2 epochs
    local out=$1
    shift
    "$REEL_BIN" train d --arch net -o "$out" --epochs 2 -b 24 --threads 2 --workers 1 --seed 3 --lr 0.02 --no-report "$@" >"$out.log" 2>&1 || fail "$out: $(cat "$out.log")"
}
least() { # of a run with these options, as the refusal of 1 MB says it
    local code=0
    "$REEL_BIN" train d --arch net -o refused -b 24 --threads 2 --workers 1 --memory 1MB "$@" >refused.log 2>&1 || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <refused.log)" -eq 1 ] || fail "--memory 1MB: exit code $code, $(cat refused.log)"
    [ ! -e refused ] || fail "a refused run left a folder"
    grep -o 'expected [0-9]*MB or more' refused.log | grep -o '[0-9]*MB' || fail "$(cat refused.log)"
}

train plain
limit=$(least)
train small --memory "$limit"
grep -q "within ${limit%MB} MB: planned .* instead of .* values of a step are computed again, .* more multiply-adds" small.log || fail "$(cat small.log)"
[ "$(sum plain)" = "$(sum small)" ] || fail "--memory changes the weights"

# Cut after the first step; another limit, then none.
train cut --memory "$limit" --max-steps 1
train cut --resume auto --memory 2GiB
grep -q "within 2147.48 MB: planned [0-9.]* MB of memory, and [0-9.]* for the program itself$" cut.log || fail "$(cat cut.log)"
[ "$(sum plain)" = "$(sum cut)" ] || fail "a resumed run with another --memory has other weights"
grep -q warning cut.log && fail "$(cat cut.log)"

# With accumulation, another optimizer and an average.
more=(--accumulate 2 -b 8 --opt adam --lr 0.001 --model-ema --model-ema-steps 1)
train plain2 "${more[@]}"
limit=$(least "${more[@]}")
train small2 "${more[@]}" --memory "$limit"
[ "$(sum plain2)" = "$(sum small2)" ] && cmp plain2/ema.safetensors small2/ema.safetensors || fail "--memory changes the weights with ${more[*]}"

# Units, and what is no size.
for bad in 1 900 900M -1MB 1e400MB MB ""; do
    code=0
    "$REEL_BIN" summary --arch tiny --memory "$bad" >refused.log 2>&1 || code=$?
    [ "$code" -eq 2 ] && grep -q -- '--memory: expected a size such as 900MB, 0.88GB or 900MiB, got' refused.log || fail "--memory '$bad': $code, $(cat refused.log)"
done
for same in 0.5GB 500MB "500 MB" 500000KB 488281.25KiB; do
    "$REEL_BIN" summary --arch net --memory "$same" | grep -q '^within 500 MB: planned' || fail "--memory '$same'"
done
code=0
"$REEL_BIN" summary --arch net --infer --memory 1GB >refused.log 2>&1 || code=$?
[ "$code" -ne 0 ] && grep -q 'exclude each other' refused.log || fail "$(cat refused.log)"

# Planned and counted.
grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN" && exit 0 # sanitizers take memory of their own
number() { grep -o "\"$1\":[0-9]*" "$2" | tail -1 | cut -d: -f2; }
check() { # check LIMIT-IN-MB OPTIONS
    local limit=$(($1 * 1000000)) planned peak
    shift
    "$REEL_BIN" bench step --threads 2 --steps 1 --json --memory $((limit / 1000000))MB "$@" >bench
    "$REEL_BIN" summary --threads 2 --json --memory $((limit / 1000000))MB "$@" | grep -o '"limit":{[^}]*}' >plan
    planned=$(number total plan)
    peak=$(number peak_rss_bytes bench)
    echo "$*: limit $limit, planned $planned, peak $peak"
    [ "$planned" = "$(number plan_bytes bench)" ] || fail "$*: summary plans $planned, bench step $(number plan_bytes bench)"
    [ "$peak" -le "$limit" ] || fail "$*: $peak bytes are over the limit"
    [ $((peak - planned)) -lt $((planned / 50 + 20000000)) ] && [ $((planned - peak)) -lt $((planned / 50 + 20000000)) ] || fail "$*: planned $planned, counted $peak"
}
check 400 --arch net -b 128 --num-classes 10
check 800 -b 32
