#!/bin/bash
# --memory counts frozen layers as frozen, up to the epoch in which they learn, and changes no weight.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 32 --val 2 --classes 2 --size 40 --quiet
cat >net <<'NET'
reel network 1
input 3x32x32
Conv2d 24 3 padding=1 bias=false
BatchNorm2d
ReLU
Conv2d 24 3 padding=1
ReLU
Conv2d 16 3 padding=1
ReLU
Flatten
Linear classes
NET
told=(--arch net -b 64 --epochs 2 --threads 1 --workers 1 --seed 3 --lr 0.02 --init kaiming --no-report)
front=(--freeze '0.*,1.*,3.*')
train() { # train DIR OPTIONS
    local out=$1
    shift
    "$REEL_BIN" train d "${told[@]}" -o "$out" "$@" >"$out.log" 2>&1 || fail "$out: $(cat "$out.log")"
}
planned() { # what a run with these options plans, in MB
    rm -rf planned
    train planned --max-steps 1 --memory 2GB "$@"
    grep -o 'planned [0-9]*' planned.log | grep -o '[0-9]*'
}
all=$(planned) frozen=$(planned "${front[@]}")
[ $((all - frozen)) -ge 4 ] || fail "planned $all MB, and $frozen with the front frozen"
[ "$(planned "${front[@]}" --unfreeze-after 2)" = "$frozen" ] || fail "a run of 2 epochs counts on --unfreeze-after 2"
[ "$(planned "${front[@]}" --unfreeze-after 1)" = "$all" ] || fail "--unfreeze-after 1 does not count"

# Within the least limit of a run in which all layers learn, its frozen epochs keep their bits, too.
code=0
"$REEL_BIN" train d "${told[@]}" -o refused --memory 1MB >refused.log 2>&1 || code=$?
limit=$(grep -o 'expected [0-9]*MB or more' refused.log | grep -o '[0-9]*MB')
[ "$code" -eq 1 ] && [ -n "$limit" ] || fail "--memory 1MB: exit $code, $(cat refused.log)"
train kept "${front[@]}" --unfreeze-after 1
train again "${front[@]}" --unfreeze-after 1 --memory "$limit"
grep -q "values of a step are computed again" again.log || fail "$(cat again.log)"
[ "$(sum kept)" = "$(sum again)" ] || fail "--memory changes the weights with --unfreeze-after"
