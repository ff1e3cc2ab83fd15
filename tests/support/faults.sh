#!/bin/bash
# faults.sh EVERY: lets the disk fail at each EVERY-th write, writev, fsync and rename of a small run in turn, with ENOSPC and EIO, once or
# from there on. The program must not crash; no checkpoint that was in place may be lost or damaged; resumed on a sound disk, the
# run ends with the weights of one that met no fault. Needs strace.
set -eu
every=$1
command -v strace >/dev/null || { echo "strace is not installed: cannot be tried"; exit 77; }
strace -o /dev/null true 2>/dev/null || { echo "strace may not trace here: cannot be tried"; exit 77; }
grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN" && { echo "sanitizers do not work under strace"; exit 77; }
fail() {
    echo "$1"
    exit 1
}
python3 "$REEL_SOURCE/tests/support/mixed_set.py" d 12 8
echo no >"$(find d/images -name 'train-002-*')" # so that bad_files.jsonl is written
told=(--arch tiny --epochs 2 -b 4 --seed 7 --log-every 1 --checkpoint-every 1 --keep 2 --max-bad 0.5 --quiet --threads 1 --workers 1)
"$REEL_BIN" train d "${told[@]}" -o whole >out 2>err
runs=0
for call in write writev fsync rename; do
    strace -o calls -e "trace=$call" "$REEL_BIN" train d "${told[@]}" -o counted >out 2>err
    rm -rf counted
    n=$(grep -c "^$call(" calls)
    for ((at = 1; at <= n; at += every)); do
        for error in ENOSPC EIO; do
            for when in $at $at+; do
                rm -rf run
                code=0
                strace -o calls -e "trace=$call,rename,unlink" -e "inject=$call:error=$error:when=$when" \
                    "$REEL_BIN" train d "${told[@]}" -o run >out 2>err || code=$?
                here="$error at $call $when of $n"
                runs=$((runs + 1))
                [ "$code" -le 1 ] || fail "$here: exit $code: $(cat err)"
                [ "$code" -eq 0 ] || [ -s err ] || [ "$call" = write ] || fail "$here: exit 1 and not a word"
                # One fault ends a run only before its first step, or after its last.
                [ "$code" -eq 0 ] || [ "$when" != "$at" ] || ! grep -qs '"event":"train","step":1,' run/metrics.jsonl ||
                    grep -q '"event":"train","step":6,' run/metrics.jsonl || fail "$here: ended on the way: $(cat err)"
                # The checkpoint that was put in place last
                last=$(sed -nE 's/^rename\(.*"(run\/checkpoint-[0-9]*\.safetensors)"\) *= 0.*/\1/p' calls | tail -1)
                [ -z "$last" ] || "$REEL_BIN" summary "$last" >/dev/null || fail "$here: $last is lost"
                for file in run/*.safetensors; do
                    [ ! -e "$file" ] || "$REEL_BIN" summary "$file" >/dev/null || fail "$here: $file is damaged"
                done
                [ -d run ] || continue
                "$REEL_BIN" train d "${told[@]}" -o run --resume auto >out 2>err || fail "$here, resumed: exit $?: $(cat err)"
                cmp whole/model.safetensors run/model.safetensors || fail "$here, resumed: other weights"
                cmp whole/best.safetensors run/best.safetensors || fail "$here, resumed: other best weights"
                [ -z "$(find run -name '*.tmp')" ] || fail "$here, resumed: a file that nobody finishes stayed"
            done
        done
    done
    echo "$call: $n calls"
done
echo "$runs runs with a fault: no crash, no checkpoint lost, the same bits in the end"

# A thread that cannot be started, in the evaluation after the first epoch: the epoch is saved.
code=0
strace -o calls -e trace=clone,clone3 -e inject=clone,clone3:error=EAGAIN:when=3+ "$REEL_BIN" train d "${told[@]}" --checkpoint-every 1000 -o threads >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "cannot start worker" err || fail "a thread that cannot be started: exit $code, expected 1: $(cat err)"
[ -e threads/checkpoint-00000003.safetensors ] || fail "a thread that cannot be started: the epoch is lost: $(ls threads)"

# SIGTERM while a rollback reads its checkpoint: the run is saved as it stands then, and the step that goes bad again leads it to the
# checkpoint before, as if it had not been ended.
back=("${told[@]}" --on-nan rollback --keep 9)
parameter=$("$REEL_BIN" summary --arch tiny --json | grep -o '"name":"[^"]*weight"' | sed -n 2p | cut -d'"' -f4)
REEL_TEST_NAN=4:$parameter:2 "$REEL_BIN" train d "${back[@]}" -o twice >out 2>err || fail "two rollbacks: exit $?: $(cat err)"
code=0
REEL_TEST_NAN=4:$parameter:1 strace -o calls -P back/checkpoint-00000003.safetensors -e inject=openat:signal=TERM:when=1 \
    "$REEL_BIN" train d "${back[@]}" -o back >out 2>err || code=$?
[ "$code" -eq 143 ] || fail "SIGTERM in a rollback: exit $code, expected 143: $(cat err)"
REEL_TEST_NAN=4:$parameter:1 "$REEL_BIN" train -o back --resume auto --quiet >out 2>err || fail "SIGTERM in a rollback, resumed: exit $?: $(cat err)"
cmp twice/model.safetensors back/model.safetensors || fail "SIGTERM in a rollback, resumed: other weights"

# SIGUSR1 while the checkpoint to resume is read: the run saves at its first step and goes on.
"$REEL_BIN" train d "${told[@]}" --max-steps 2 -o early >out 2>err
strace -o calls -P early/checkpoint-00000002.safetensors -e inject=openat:signal=USR1:when=1 \
    "$REEL_BIN" train d "${told[@]}" --checkpoint-every 1000 --keep 9 -o early --resume auto >out 2>err || fail "SIGUSR1 while resuming: exit $?: $(cat err)"
[ -e early/checkpoint-00000003.safetensors ] || fail "SIGUSR1 while resuming: expected a checkpoint after the next step: $(ls early)"

# A disk that is too small for a second checkpoint, a little larger each time.
[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || exit 0
mkdir small
for size in 120 200 280 360 440 520 600 680; do
    code=0
    unshare -m bash -c 'set -eu
        mount -t tmpfs -o size=$1k none small || exit 77
        shift
        code=0
        "$REEL_BIN" train d "$@" -o small/run >out 2>err || code=$?
        [ "$code" -le 1 ] || { echo "exit $code: $(cat err)"; exit 1; }
        for file in small/run/*.safetensors; do [ ! -e "$file" ] || "$REEL_BIN" summary "$file" >/dev/null; done
        [ -d small/run ] || exit 0
        mount -o remount,size=20m small
        "$REEL_BIN" train d "$@" -o small/run --resume auto >out 2>err
        cmp whole/model.safetensors small/run/model.safetensors' size "$size" "${told[@]}" || code=$?
    [ "$code" -ne 77 ] || exit 0
    [ "$code" -eq 0 ] || fail "a disk of $size kB: $(cat err)"
done
echo "disks of 120 to 680 kB: the same"
