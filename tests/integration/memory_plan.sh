#!/bin/bash
# What `reel summary` plans, `reel bench step` says too, and the system's own count agrees within 10 %.
set -eu
fail() {
    echo "$1"
    exit 1
}
grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN" && exit 77 # sanitizers take memory of their own
number() { grep -o "\"$1\":[0-9]*" "$2" | tail -1 | cut -d: -f2; }

check() {
    "$REEL_BIN" bench step --threads 2 --steps 1 --json "$@" >bench
    "$REEL_BIN" summary --threads 2 --json "$@" | grep -o '"memory":{[^}]*}' >plan
    local planned peak
    planned=$(number total plan)
    peak=$(number peak_rss_bytes bench)
    echo "$*: planned $planned, peak $peak"
    [ "$planned" = "$(number plan_bytes bench)" ] || fail "$*: summary plans $planned, bench step $(number plan_bytes bench)"
    [ $((planned * 10)) -gt $((peak * 9)) ] && [ $((planned * 10)) -lt $((peak * 11)) ] || fail "$*: more than 10 % apart"
}
check --batch 8
check --batch 32 --infer
check --batch 8 --arch alexnet2012
[ "$(number gradients plan)" = "$(number momentum plan)" ] || fail "momentum is not as large as the gradients"
"$REEL_BIN" summary --batch 128 | grep -q 'memory of a training step at batch 128' || fail "no plan in the table"
