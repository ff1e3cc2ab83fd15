#!/bin/bash
# `reel bench kernels` and `reel bench peak`: what they print, that every pass is exact, and that no shapes file upsets them.
set -eu
failed=0
complain() {
    echo "$1"
    failed=1
}

"$REEL_BIN" bench peak --threads 1 --json >peak.json
for key in peaks fma_gflops_1_thread fma_gflops triad_gb_per_s threads isa; do
    grep -q "\"$key\":" peak.json || complain "bench peak: $key is missing: $(cat peak.json)"
done
"$REEL_BIN" bench peak --threads 1 | grep -q '^portable .*GFLOP/s' || complain "bench peak: no line for portable"

cat >shapes.json <<'END'
{"small": {"3x3": [32, 9, 9, 16, 3, 1, 1, 1], "grouped": [8, 7, 9, 12, 3, 2, 1, 4], "1x1": [5, 6, 6, 7, 1, 1, 0, 1],
           "depthwise": [20, 10, 11, 20, 3, 1, 1, 20], "strided over all": [3, 9, 9, 4, 2, 9, 0, 1]}}
END
"$REEL_BIN" bench kernels --shapes shapes.json --batch 5 --runs 1 --threads 2 --json >out.json
[ "$(wc -l <out.json)" = 16 ] || complain "expected 15 passes and a summary, got $(wc -l <out.json) lines"
for key in name pass implementation isa ms gflops peak_percent peak_gflops error batch threads shape; do
    [ "$(grep -c "\"$key\":" out.json)" -ge 15 ] || complain "$key is missing: $(cat out.json)"
done
tail -1 out.json | grep -q '"summary":"geometric mean"' || complain "the last line is no summary: $(tail -1 out.json)"
grep -o '"error":[^,}]*' out.json | cut -d: -f2 | awk '!($1 >= 0 && $1 <= 1e-5) { print "error " $1; bad = 1 } END { exit bad }' ||
    complain "a pass is off by more than 1e-5"
lines=$("$REEL_BIN" bench kernels --shapes shapes.json --net 3x3 --pass weight-grad --runs 1 --threads 1 | wc -l)
[ "$lines" = 3 ] || complain "one pass of one shape: expected 3 lines (header, pass, summary), got $lines"
"$REEL_BIN" bench kernels --net fc8 --batch 2 --runs 1 --json >out.json
[ "$(grep -c '"kind":"product"' out.json)" = 3 ] || complain "fc8: expected three orientations: $(cat out.json)"

refuse() { # refuse WORDS TEXT: a shapes file of this text is refused, in one line that names it and holds the words
    local got=0
    printf '%s' "$2" >bad.json
    "$REEL_BIN" bench kernels --shapes bad.json --runs 1 --threads 1 >out 2>err || got=$?
    [ "$got" = 1 ] || complain "$2: exit $got, expected 1"
    [ ! -s out ] || complain "$2: wrote on stdout: $(head -c 200 out)"
    [ "$(wc -l <err)" = 1 ] || complain "$2: $(wc -l <err) lines on stderr"
    grep -qF -- "$1" err || complain "$2: expected '$1', got: $(head -c 400 err)"
    grep -qF bad.json err || complain "$2: the file is not named: $(head -c 400 err)"
}
refuse "expected an object" '[1, 2]'
refuse "n: expected an object" '{"n": 3}'
refuse "expected one layer or more" '{}'
refuse "expected one layer or more" '{"n": {}}'
refuse "n/l: expected 8 numbers" '{"n": {"l": [3, 8, 8, 4, 3, 1, 1]}}'
refuse "n/l: expected 8 numbers" '{"n": {"l": [3, 8, 8, 4, 3, 1, 1, 1, 1]}}'
refuse "n/l: expected 8 numbers" '{"n": {"l": {"c": 3}}}'
refuse "n/l: field 2 (h): expected a whole number from 1 to 1000000, got 8.5" '{"n": {"l": [3, 8.5, 8, 4, 3, 1, 1, 1]}}'
refuse "n/l: field 1 (c): expected a whole number" '{"n": {"l": ["3", 8, 8, 4, 3, 1, 1, 1]}}'
refuse "field 4 (oc): expected a whole number from 1 to 1000000, got -4" '{"n": {"l": [3, 8, 8, -4, 3, 1, 1, 1]}}'
refuse "field 4 (oc): expected a whole number from 1 to 1000000, got 9223372036854775807" \
    '{"n": {"l": [3, 8, 8, 9223372036854775807, 3, 1, 1, 1]}}'
refuse "line 1" '{"n": {"l": [3, 8, 8, 92233720368547758080, 3, 1, 1, 1]}}'
refuse "field 6 (stride): expected a whole number from 1" '{"n": {"l": [3, 8, 8, 4, 3, 0, 1, 1]}}'
refuse "field 6 (stride): expected at most 10" '{"n": {"l": [3, 8, 8, 4, 3, 11, 1, 1]}}'
refuse "field 7 (padding): expected a whole number from 0" '{"n": {"l": [3, 8, 8, 4, 3, 1, -1, 1]}}'
refuse "field 5 (kernel): expected at most 10, the padded input's side, got 11" '{"n": {"l": [3, 8, 9, 4, 11, 1, 1, 1]}}'
refuse "field 8 (groups): expected a divisor of c 4 and oc 6, got 4" '{"n": {"l": [4, 8, 8, 6, 3, 1, 1, 4]}}'
refuse "memory" '{"n": {"l bad.json": [1000000, 1000000, 1000000, 1000000, 1, 1, 0, 1]}}'
refuse "memory" '{"n": {"l bad.json": [1, 1, 1, 1, 1000000, 1, 1000000, 1]}}'
refuse "line 1" '{"n": {"l": [3, 8, 8, 4, 3, 1, 1, 1], "l": [3, 8, 8, 4, 3, 1, 1, 1]}}'
refuse "line 1" '{"n": '
refuse "line 1" ''
refuse "line 1" "$(printf '\377\376')"
refuse "depth" "$(printf '[%.0s' $(seq 3000))"
got=0
"$REEL_BIN" bench kernels --shapes nowhere.json >out 2>err || got=$?
[ "$got" = 1 ] && grep -q 'nowhere.json: cannot be read' err || complain "a missing file: exit $got, $(cat err)"
got=0
"$REEL_BIN" bench kernels --shapes shapes.json --net nothing >out 2>err || got=$?
[ "$got" = 1 ] && grep -q -- "--net: expected part of a shape's name" err || complain "a name that is not: exit $got, $(cat err)"

# What is odd but possible runs; a name that a terminal would obey is shown tamely.
printf '{"\\u001b[31m": {"a": [1, 1, 1, 1, 1, 1000000, 1000000, 1], "b": [1, 3, 2, 2, 9, 7, 5, 1]}}' >odd.json
timeout 60 "$REEL_BIN" bench kernels --shapes odd.json --batch 1 --runs 1 --threads 1 >out || complain "odd.json: exit $?"
grep -q $'\033' out && complain "an escape character reached the table"
exit "$failed"
