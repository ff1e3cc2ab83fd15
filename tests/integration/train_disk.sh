#!/bin/bash
# A full disk: what fits is saved, the most wanted first; what is there already asks for no room; what is missing is named, and is had
# when the run is resumed with room, to the same bits.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
[ "$(id -u)" -eq 0 ] || { echo "only root may mount a small disk"; exit 77; }
unshare -m true 2>/dev/null || { echo "no mounting here"; exit 77; }
if [ "${1:-}" != inside ]; then exec unshare -m bash "$0" inside; fi
mkdir tm
mount -t tmpfs -o size=650k none tm 2>/dev/null || { echo "no mounting here"; exit 77; }

"$REEL_BIN" synth d --train 14 --val 4 --classes 4 --size 48 --quiet
told=(d --arch tiny -b 8 --seed 3 --threads 1 --workers 1 --quiet)
"$REEL_BIN" train "${told[@]}" --epochs 4 -o whole >/dev/null
"$REEL_BIN" train "${told[@]}" --epochs 2 -o half >/dev/null
average=(--model-ema --model-ema-steps 2 --model-ema-decay 0.9)
"$REEL_BIN" train "${told[@]}" "${average[@]}" --epochs 4 -o averaged >/dev/null
room() { stat -f -c '%a * %S' tm | xargs -I{} bash -c 'echo $(({}))'; }
leave() { # leave BYTES: a file of another takes all but so many bytes
    rm -f tm/other
    local free
    free=$(room)
    [ "$free" -le "$1" ] || head -c $((free - $1)) /dev/zero >tm/other
}
steps() { (cd "$1" && echo checkpoint-*) | tr -d 'a-z-' | sed 's/\.//g; s/\b0*//g'; }
sound() { for file in "$1"/*.safetensors; do "$REEL_BIN" summary "$file" >/dev/null || fail "$2: $file is damaged"; done; }
ends() { # ends CODE WORDS COMMAND...
    local want=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" "$@" >out 2>err || code=$?
    [ "$code" -eq "$want" ] || fail "reel $*: exit $code, expected $want: $(cat out err)"
    grep -q -- "$words" out err || fail "reel $*: expected '$words': $(cat out err)"
}

# One more checkpoint fits, and no second one beside it. (--epochs changes the learning rates: not the bits of `whole`.)
cp -r half tm/run
leave 260000
ends 0 "done after 28 steps" train --resume auto -o tm/run --epochs 4 --quiet
[ "$(steps tm/run)" = "14 28" ] || fail "expected checkpoints 14 and 28: $(steps tm/run)"
for file in best model; do [ -e tm/run/$file.safetensors ] || fail "$file.safetensors is missing: $(ls tm/run)"; done
sound tm/run "a nearly full disk"

# A run that is at its end asks for nothing.
leave 0
before=$(sha256sum tm/run/*.safetensors)
ends 0 "done after 28 steps" train --resume auto -o tm/run --quiet
[ "$before" = "$(sha256sum tm/run/*.safetensors)" ] || fail "resumed at its end: files changed"

# It has steps to make, and no checkpoint of them would fit: refused. With an older one to remove, it goes on.
rm -rf tm/run && cp -r half tm/run
leave 40000
ends 1 "^reel train: tm/run: expected 0.0. MB of free disk space" train --resume auto -o tm/run --epochs 4 --keep 1 --quiet
! grep -q '"event":"train","step":2' tm/run/metrics.jsonl || fail "it was trained, though nothing could be saved"

# A new run that is refused begins by the same command once there is room.
rm -rf tm/run
leave 100000
ends 1 "^reel train: tm/run: expected 0.3. MB of free disk space" train "${told[@]}" --epochs 4 -o tm/run
rm tm/other
ends 0 "done after 28 steps" train "${told[@]}" --epochs 4 -o tm/run

# With an average of the weights: the last model and the last average make room for the checkpoint, and come again.
rm -rf tm/run tm/other
mount -o remount,size=800k tm
"$REEL_BIN" train "${told[@]}" "${average[@]}" --epochs 4 -o tm/run --keep 1 --max-steps 20 >/dev/null
leave 120000
ends 0 "done after 28 steps" train --resume auto -o tm/run --quiet
for file in best best_ema model ema; do
    cmp averaged/$file.safetensors tm/run/$file.safetensors || fail "a nearly full disk: another $file.safetensors"
done

# The disk fills while the run goes on: it goes on to its end; what is there stays intact, and the rest is had by the same command.
for keep in 1 2 average; do
    rm -rf tm/run tm/other
    more=() whole=whole files="best model"
    if [ $keep = average ]; then keep=1 more=("${average[@]}") whole=averaged files="best best_ema model ema"; fi
    "$REEL_BIN" train "${told[@]}" "${more[@]}" --epochs 4 -o tm/run --keep $keep --max-steps 8 --checkpoint-every 4 >/dev/null
    cp -r tm/run begun
    "$REEL_BIN" train --resume auto -o tm/run --keep $keep --quiet >out 2>err &
    pid=$!
    for _ in $(seq 1000); do
        grep -q '"event":"train","step":1[2-9]' tm/run/metrics.jsonl 2>/dev/null && break
        sleep 0.005
    done
    kill -s STOP $pid
    leave 0
    kill -s CONT $pid
    code=0
    wait $pid || code=$?
    sound tm/run "filled on the way, --keep $keep"
    [ -n "$(steps tm/run)" ] || fail "filled on the way: no checkpoint is left"
    grep -q "after 28 steps.*best validation top-1" out || fail "filled on the way: the result is lost: $(cat out err)"
    if [ $code -ne 0 ]; then
        [ $code -eq 1 ] || fail "filled on the way: exit $code, expected 1: $(cat err)"
        grep -q "^reel train: not saved: .*; free some space, then \`reel train --resume auto -o tm/run\` " err || fail "filled on the way: $(cat err)"
    fi
    [ $keep -eq 1 ] || [ $code -eq 0 ] || ! grep -q "not saved: .*checkpoint" err || [ "$(steps tm/run)" != "" ] || fail "an older checkpoint could have made room: $(cat err)"
    rm -f tm/other
    ends 0 "done after 28 steps" train --resume auto -o tm/run --quiet
    for file in $files; do
        cmp $whole/$file.safetensors tm/run/$file.safetensors || fail "filled on the way, then resumed with room: another $file.safetensors"
    done
    rm -rf begun
done
