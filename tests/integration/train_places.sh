#!/bin/bash
# Where a run is started from and what it writes to: closed or broken stdout, no stderr, a locale with a decimal comma, a folder that
# is read-only or goes away, a signal in the middle of anything, a checkpoint of a version to come.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 13 --val 4 --classes 4 --size 48 --quiet
told=(--arch tiny --epochs 4 -b 8 --seed 3 --threads 1 --workers 1 --log-every 1 --checkpoint-every 1)
"$REEL_BIN" train d "${told[@]}" -o whole --quiet >/dev/null
same() { cmp whole/model.safetensors "$1/model.safetensors" || fail "$2: other weights"; }

# Nothing to talk to: what is said must not end up in the run's files.
code=0
"$REEL_BIN" train d "${told[@]}" -o closed >&- 2>&- <&- || code=$?
[ "$code" -eq 1 ] || fail "stdout closed: exit $code, expected 1, for the result could not be told"
same closed "stdout, stderr and stdin closed"
"$REEL_BIN" summary closed/checkpoint-00000024.safetensors >/dev/null || fail "stdout, stderr and stdin closed: a damaged checkpoint"
python3 -c 'import json; [json.loads(l) for l in open("closed/metrics.jsonl")]; json.load(open("closed/config.json"))' || fail "stdout closed: files"
code=0
"$REEL_BIN" train d "${told[@]}" -o full --quiet >/dev/full 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "stdout" err || fail "a full stdout: exit $code, expected 1: $(cat err)"
same full "a full stdout"
"$REEL_BIN" train d "${told[@]}" -o head 2>&1 | head -1 >/dev/null
[ "${PIPESTATUS[0]}" -eq 0 ] || fail "into head: exit ${PIPESTATUS[0]}"
same head "into head"
! grep -q $'\r\|\033' <("$REEL_BIN" train d "${told[@]}" -o plain 2>&1) || fail "no terminal, and yet it draws"

# A decimal comma
mkdir loc
if localedef -i de_DE -f UTF-8 loc/de_DE.UTF-8 >/dev/null 2>&1; then
    # glibc's newlocale does not give back its copy of LOCPATH, which LeakSanitizer sees.
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 LOCPATH=$PWD/loc LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 "$REEL_BIN" train d "${told[@]}" --lr 0.01 -o comma --json >out 2>err || fail "de_DE: $(cat err)"
    python3 -c 'import json; json.load(open("out")); [json.loads(l) for l in open("comma/metrics.jsonl")]' || fail "de_DE: $(cat out)"
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 LOCPATH=$PWD/loc LC_ALL=de_DE.UTF-8 "$REEL_BIN" train --resume auto -o comma --quiet --verify >out 2>err || fail "de_DE, resumed: $(cat err)"
    same comma "a decimal comma"
fi

# A folder that is moved on the way is followed (train_lock.sh has more); one that goes away with its parent: warnings, and an error
# in the end.
for way in moved removed; do
    mkdir parent
    "$REEL_BIN" train d "${told[@]}" --epochs 4000 -o parent/gone --quiet >out 2>err &
    pid=$!
    for _ in $(seq 1000); do
        [ -n "$(find parent/gone -name "checkpoint-*" 2>/dev/null)" ] && break
        sleep 0.01
    done
    kill -s STOP "$pid"
    if [ $way = moved ]; then mv parent elsewhere; else rm -rf parent; fi
    kill -s CONT "$pid"
    for _ in $(seq 1000); do
        grep -q "warning: .*gone" err && break
        sleep 0.01
    done
    kill -s TERM "$pid"
    code=0
    wait "$pid" || code=$?
    [ "$code" -eq "$([ $way = moved ] && echo 143 || echo 1)" ] && grep -q "warning: .*gone" err || fail "the folder was $way: exit $code: $(head -3 err)"
    [ ! -e parent ] || fail "the folder was $way, and something made it anew"
done
"$REEL_BIN" train --resume auto --verify -o elsewhere/gone --epochs 2 --quiet >out 2>err || fail "a folder that was moved is no run: $(cat err)"

# It is moved while a file of it is written: that file is written anew.
shim=$REEL_BUILD/tests/libreel_folder_sync.so
if [ -e "$shim" ]; then
    for name in best.safetensors model.safetensors checkpoint-00000012.safetensors; do
        rm -rf parent elsewhere2
        LD_PRELOAD=$shim REEL_SYNC_MOVE=$name,parent,elsewhere2 "$REEL_BIN" train d "${told[@]}" -o parent/gone --quiet >out 2>err ||
            fail "the folder was moved while $name was written: exit $?: $(cat err)"
        grep -q "the run's folder was moved, to .*/elsewhere2/gone" err || fail "moved while $name was written: $(cat err)"
        ! grep -q "not saved" err || fail "moved while $name was written: $(cat err)"
        same elsewhere2/gone "the folder was moved while $name was written"
        [ -e elsewhere2/gone/best.safetensors ] && [ ! -e parent ] || fail "moved while $name was written: $(find parent elsewhere2)"
    done
fi

# A log that is a pipe or a device would be read for ever.
cp -r elsewhere/gone piped
rm piped/metrics.jsonl
mkfifo piped/metrics.jsonl
for command in "train --resume auto -o piped --quiet" "report piped"; do
    code=0
    timeout 20 "$REEL_BIN" $command >out 2>err || code=$?
    [ "$code" -eq 1 ] && grep -q "metrics.jsonl: expected a file, got a device or pipe" err || fail "a log that is a pipe, $command: exit $code: $(cat err)"
done

# Signals at random moments, mostly in the middle of a checkpoint
for i in 1 2 3 4 5 6 7 8; do
    rm -rf cut
    signal=$([ $((i % 2)) -eq 0 ] && echo TERM || echo INT)
    env --default-signal=INT "$REEL_BIN" train d "${told[@]}" --quiet -o cut >out 2>err &
    pid=$!
    sleep "0.0$((RANDOM % 90 + 10))"
    kill -s "$signal" "$pid" 2>/dev/null || true
    code=0
    wait "$pid" || code=$?
    case $code in 0 | 130 | 143) ;; *) fail "SIG$signal: exit $code: $(cat err)" ;; esac
    "$REEL_BIN" train d "${told[@]}" -o cut --resume auto --quiet >out 2>err || fail "resumed after SIG$signal: $(cat err)"
    same cut "resumed after SIG$signal"
done

# A version to come: not "damaged", but refused, and nothing is touched.
python3 - whole/checkpoint-00000024.safetensors <<'P'
import json, struct, sys, zlib
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
head = data[8:8 + size].replace(b'"reel.format":"1"', b'"reel.format":"2"')
own = json.loads(head)["__metadata__"]["crc32.header"].encode()
blank = head.replace(b'"crc32.header":"' + own, b'"crc32.header":"        ')
head = blank.replace(b'"crc32.header":"        ', b'"crc32.header":"%08x' % zlib.crc32(blank))
open(sys.argv[1], "wb").write(data[:8] + head + data[8 + size:])
P
before=$(cat whole/*.safetensors whole/*.jsonl | sha256sum)
code=0
"$REEL_BIN" train d --resume auto -o whole --quiet >out 2>err || code=$?
[ "$code" -eq 1 ] && grep -q "written by a newer Reel (format 2" err || fail "a version to come: exit $code, expected 1: $(cat err)"
[ "$before" = "$(cat whole/*.safetensors whole/*.jsonl | sha256sum)" ] || fail "a version to come: files changed"

# A read-only folder
[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || exit 0
mkdir ro
code=0
unshare -m bash -c 'mount -t tmpfs none ro && mount -o remount,ro ro || exit 0
    shift; code=0; "$REEL_BIN" train d "$@" -o ro/run --quiet >out 2>err || code=$?
    [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q "Read-only file system" err' _ _ "${told[@]}" || fail "a read-only folder: $(cat err)"
