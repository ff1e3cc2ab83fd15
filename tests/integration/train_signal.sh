#!/bin/bash
# SIGINT, SIGTERM and SIGHUP finish the step, save and leave with 130, 143 and 129; under nohup the last does nothing. Going on gives the weights of an uninterrupted run.
set -eu
fail() {
    echo "$1"
    exit 1
}
stepped() { # stepped RUN: waits until it has made a step, or for 20 seconds
    for _ in $(seq 2000); do
        grep -qs '"event":"train"' "$1/metrics.jsonl" && break
        sleep 0.01
    done
}
"$REEL_BIN" synth d --train 30 --val 4 --classes 4 --size 48 --quiet
options=(--arch tiny --epochs 30 -b 4 --quiet --threads 1 --workers 1)
"$REEL_BIN" train d "${options[@]}" -o whole >/dev/null
want=$(sha256sum <whole/model.safetensors)

# Mostly evaluation: there the signal ends it, and a resumed run makes up for it.
"$REEL_BIN" synth much --train 2 --val 60 --classes 4 --size 48 --quiet
evaluated() { "$REEL_BIN" train much --arch tiny --epochs 25 -b 4 --quiet --threads 1 --workers 1 "$@" >/dev/null; }
evaluated -o much_whole
code=0
(
    env --default-signal=INT "$REEL_BIN" train much --arch tiny --epochs 25 -b 4 --quiet --threads 1 --workers 1 -o much_cut >/dev/null 2>&1 &
    pid=$!
    for _ in $(seq 500); do
        [ -s much_cut/metrics.jsonl ] && break
        sleep 0.01
    done
    kill -s INT "$pid"
    wait "$pid"
) || code=$?
if [ "$code" -ne 0 ]; then
    [ "$code" -eq 130 ] || fail "SIGINT during evaluation: exit $code, expected 130"
    evaluated -o much_cut --resume auto
    cmp much_whole/model.safetensors much_cut/model.safetensors || fail "resumed after SIGINT in an evaluation: other weights"
    cmp much_whole/best.safetensors much_cut/best.safetensors || fail "resumed after SIGINT in an evaluation: other best weights"
fi

interrupt() { # interrupt SIGNAL CODE: starts a run, waits for its first steps, signals it
    rm -rf cut
    env --default-signal=INT "$REEL_BIN" train d "${options[@]}" -o cut --log-every 1 >out 2>err &
    local pid=$! code=0
    stepped cut
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
interrupt HUP 129

# A terminal that is closed sends two, one when its shell ends: still one request. Steps that take a while (in a slow build
# the first one may not have ended yet).
env --default-signal=INT "$REEL_BIN" train d --arch tiny -b 120 --train-crop-size 400 --epochs 9 --threads 1 --workers 1 --quiet -o closed >out 2>err &
pid=$!
stepped closed
kill -s HUP "$pid"
sleep 0.1
kill -s HUP "$pid" 2>/dev/null || true
code=0
wait "$pid" || code=$?
[ "$code" -eq 129 ] && grep -q "interrupted " err || fail "two of SIGHUP: exit $code, expected 129: $(cat err)"

# nohup: the terminal may go.
(
    trap '' HUP
    exec "$REEL_BIN" train d "${options[@]}" -o nohup --log-every 1 >out 2>err
) &
pid=$!
for _ in $(seq 500); do
    [ -s nohup/metrics.jsonl ] && break
    sleep 0.01
done
kill -s HUP "$pid" 2>/dev/null || true
wait "$pid" || fail "SIGHUP under nohup: exit $?, expected 0: $(cat err)"
[ "$(sha256sum <nohup/model.safetensors)" = "$want" ] || fail "SIGHUP under nohup: other weights"

# Ctrl-C is answered at once, in the words of what the run does; the run leaves provisional best weights and a report.
env --default-signal=INT "$REEL_BIN" train d --arch tiny -b 120 --epochs 3000 --threads 1 --workers 1 -o answered --log-every 1 >out 2>err &
pid=$!
stepped answered
kill -s INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || fail "SIGINT: exit $code, expected 130: $(cat err)"
grep -Eq "^(finishing step [0-9]+|stopping the evaluation), then saving; press Ctrl-C again to leave without saving" err ||
    fail "SIGINT is not answered: $(cat err)"
[ -s answered/report.html ] && [ -s answered/best.safetensors ] || fail "SIGINT: no report, or no best weights: $(ls answered)"

# Before the first step there is nothing to wait for.
env --default-signal=INT "$REEL_BIN" train d --arch tiny -b 120 --epochs 9 --threads 1 --workers 1 --train-crop-size 400 --max-steps 2 -o early >out 2>err &
pid=$!
sleep 0.3
kill -s INT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || fail "SIGINT at the beginning: exit $code, expected 130: $(cat err)"
grep -q "interrupted before the first step\|finishing step 1," err || fail "SIGINT at the beginning: $(cat err)"

# Every line of a run fits a terminal of 80 columns, but those that name files.
"$REEL_BIN" train d --arch tiny -b 8 --epochs 12 -o wide >out 2>err
awk 'length($0) > 80 && /^epoch/ { print; bad = 1 } END { exit bad }' err || fail "lines of epochs: more than 80 columns"

# The command that is shown can be pasted, whatever the folder is called, on the terminal and in the report; both say where the run stands.
folder="My Pics/it's \$(run) 2"
"$REEL_BIN" train d "${options[@]}" --epochs 300 --log-every 1000 -o "$folder" >out 2>err &
pid=$!
for _ in $(seq 2000); do
    [ "$(grep -c '"event":"eval"' "$folder/metrics.jsonl" 2>/dev/null || true)" -ge 2 ] 2>/dev/null && break
    sleep 0.01
done
kill -s TERM "$pid"
wait "$pid" || true
shown=$(sed -n 's/^reel train: interrupted at step [0-9]*, saved; `reel \(.*\)` continues$/\1/p' err)
[ -n "$shown" ] || fail "expected the command that continues: $(cat err)"
page=$(python3 -c 'import html, re, sys; print(html.unescape(re.search(r"<code>reel (.*?)</code>", open(sys.argv[1]).read()).group(1)))' "$folder/report.html")
[ "$page" = "$shown" ] || fail "the report shows another command: $page, expected $shown"
stands=$(grep -o 'Interrupted at step [0-9]*, in epoch [0-9]*' "$folder/report.html" | tr -dc '0-9 ' | xargs)
bash -c "\"\$REEL_BIN\" $shown --max-steps 1" >out 2>err || fail "pasted: $shown: $(cat err)"
[ "$(sed -n 's/^resumed from .*: step \([0-9]*\), epoch \([0-9]*\), batch.*/\1 \2/p' err)" = "$stands" ] ||
    fail "the report says step and epoch $stands, the resumed run: $(grep resumed err)"
