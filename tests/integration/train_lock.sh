#!/bin/bash
# One trainer a folder: a second one is refused in one line that names the first; a killed one leaves no lock behind.
# SIGUSR1 saves and the run goes on to the same weights; signals that come together are one; --max-time ends a run.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 30 --val 4 --classes 4 --size 48 --quiet
options=(--arch tiny --epochs 400 -b 4 --quiet --threads 1 --workers 1 --log-every 1 --keep 100000)

start() { # start DIR OPTIONS...: a run in the background, after its first steps
    local dir=$1
    shift
    env --default-signal=INT "$REEL_BIN" train d "${options[@]}" -o "$dir" "$@" >"$dir.out" 2>"$dir.err" &
    pid=$!
    for _ in $(seq 1000); do
        grep -qs '"event":"train"' "$dir/metrics.jsonl" && return
        sleep 0.01
    done
    fail "no step within ten seconds: $(cat "$dir.err")"
}
refused() { # refused WORDS OPTIONS...
    local words=$1 code=0
    shift
    "$REEL_BIN" train d --arch tiny "$@" >out 2>err || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q -- "$words" err ||
        fail "reel train $*: expected exit 1 and one line with '$words', got $code: $(cat err)"
}

start run
sums() { find run -name 'checkpoint-*' | sort | xargs -r sha256sum; }
refused "process $pid is training in it" -o run --resume auto
refused "holds a run already" -o run
checkpoints() { find run -name 'checkpoint-*' | wc -l; }
[ "$(checkpoints)" -eq 0 ] || fail "a checkpoint before anybody asked for it"
kill -s USR1 "$pid"
for _ in $(seq 1000); do
    [ "$(checkpoints)" -ge 1 ] && break
    sleep 0.01
done
[ "$(checkpoints)" -ge 1 ] || fail "SIGUSR1 saved nothing"
kill -0 "$pid" || fail "SIGUSR1 ended the run: $(cat run.err)"
at=$(find run -name 'checkpoint-*' | tr -dc '0-9\n' | sed 's/^0*//' | sort -n | tail -1)
kill -KILL "$pid"
wait "$pid" || true
"$REEL_BIN" train d -o run --resume auto --max-steps $((at + 3)) --quiet >out 2>err || fail "after a kill: $(cat err)"
"$REEL_BIN" train d "${options[@]}" -o whole --max-steps $((at + 3)) >out 2>err
cmp run/model.safetensors whole/model.safetensors || fail "saved by SIGUSR1 and resumed: other weights"

# A run that another one begins in its folder while it is looked at: the lock decides, not the look.
mkdir both
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o both --quiet >one.out 2>one.err &
first=$!
code=0
"$REEL_BIN" train d --arch tiny --epochs 1 -b 4 -o both --quiet >two.out 2>two.err || code=$?
other=0
wait "$first" || other=$?
[ $((code + other)) -eq 1 ] || fail "two runs begun at once: exit $code and $other, expected one 0 and one 1: $(cat one.err two.err)"

# timeout(1) signals the run and then the group that both are in: one request to end, which must not cost what was done since the
# last checkpoint. The program is stopped meanwhile, so that it finds two signals at once.
start twice
kill -s STOP "$pid"
kill -s INT "$pid"
kill -s TERM "$pid"
kill -s CONT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 130 ] || [ "$code" -eq 143 ] || fail "two signals at once: exit $code, expected 130 or 143"
grep -q "interrupted at step .*, saved" twice.err || fail "two signals at once: not saved: $(cat twice.err)"

# --max-time is an end like another: evaluated, saved, exit 0, and resumed to the same weights.
"$REEL_BIN" train d "${options[@]}" -o timed --max-time 0.3s --json >out 2>err || fail "--max-time: exit $?: $(cat err)"
grep -q '"end":"max-time"' out || fail "--max-time: $(cat out)"
step=$(grep -o '"step":[0-9]*' out | cut -d: -f2)
"$REEL_BIN" train d -o timed --resume auto --max-steps $((step + 2)) --quiet >out 2>err
"$REEL_BIN" train d "${options[@]}" -o untimed --max-steps $((step + 2)) >out 2>err
cmp timed/model.safetensors untimed/model.safetensors || fail "ended by --max-time and resumed: other weights"

told() { # told WORDS FILE: waits until the file has them
    for _ in $(seq 2000); do
        grep -q "$1" "$2" && return
        sleep 0.01
    done
    fail "expected '$1': $(cat "$2")"
}
as_undisturbed() { # as_undisturbed NAME DIR: ends the run in the background; resumed for 3 steps, DIR has the weights that it should
    kill -s TERM "$pid"
    local code=0 at
    wait "$pid" || code=$?
    [ "$code" -eq 143 ] || fail "$1: exit $code, expected 143: $(cat "$1.err")"
    at=$(grep -oE 'interrupted at step [0-9]+' "$1.err" | tr -dc 0-9)
    "$REEL_BIN" train d -o "$2" --resume auto --max-steps $((at + 3)) --quiet >out 2>err || fail "$1, resumed: $(cat err)"
    "$REEL_BIN" train d "${options[@]}" -o "$1_undisturbed" --max-steps $((at + 3)) >out 2>err
    cmp "$2/model.safetensors" "$1_undisturbed/model.safetensors" || fail "$1, resumed: other weights"
}
other() { # another run, of one epoch
    "$REEL_BIN" train d --arch tiny --epochs 1 -b 4 --seed 9 -o "$1" --quiet >out 2>err || fail "another run in $1: $(cat err)"
}
other alone

# The folder of a run that goes on is moved: followed, also when another run begins in its place.
start old
mv old elsewhere
other old
told "moved, to .*/elsewhere: it goes on there" old.err
as_undisturbed old elsewhere
cmp old/model.safetensors alone/model.safetensors || fail "a moved run wrote into another one's folder"

# It is removed: made anew. It is removed and another run begins there: the forgotten one ends, and the other's files stay its own.
start gone
kill -s STOP "$pid"
rm -rf gone
kill -s CONT "$pid"
told "gone was removed: it is made anew" gone.err
as_undisturbed gone gone
# With what is known of its files: those held back, those that cannot be read.
"$REEL_BIN" train d --arch tiny --epochs 1 -b 8 -o whence --quiet >out 2>err
cp -r d bad
find bad/train -name '*.jpg' | sort | sed -n '5p;50p' | while read -r f; do echo no >"$f"; done
"$REEL_BIN" finetune bad/train --weights whence/model.safetensors --arch tiny --epochs 400 -b 4 --quiet --threads 1 --workers 1 --max-bad 0.1 -o held >out 2>held.err &
pid=$!
for _ in $(seq 2000); do
    [ "$(cat held/bad_files.jsonl 2>/dev/null | wc -l)" -eq 2 ] && break
    sleep 0.01
done
cp held/split.json held/bad_files.jsonl .
kill -s STOP "$pid"
rm -rf held
kill -s CONT "$pid"
told "held was removed: it is made anew" held.err
kill -s TERM "$pid"
wait "$pid" || true
cmp split.json held/split.json && cmp <(sort bad_files.jsonl) <(sort held/bad_files.jsonl) || fail "made anew without split.json or bad_files.jsonl: $(ls held)"
start taken
kill -s STOP "$pid"
rm -rf taken
other taken
kill -s CONT "$pid"
code=0
wait "$pid" || code=$?
[ "$code" -eq 1 ] || fail "a run whose folder became another one: exit $code, expected 1: $(cat taken.err)"
grep -q "expected the folder in which the run began" taken.err || fail "a run whose folder became another one: $(cat taken.err)"
cmp taken/model.safetensors alone/model.safetensors || fail "a forgotten run wrote into another one's folder"
[ "$(find taken -name 'checkpoint-*' | wc -l)" -eq 1 ] || fail "a forgotten run left a checkpoint: $(ls taken)"
