#!/bin/bash
# --weights torchvision/alexnet, from a server on the loopback address that fails in all the ways that servers fail. Afterwards the
# cache holds the whole file or none; what was interrupted goes on where it stopped. No test reaches another network.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
# shellcheck source=tests/support/runs.sh
. "$REEL_SOURCE/tests/support/runs.sh"

export XDG_CACHE_HOME=$PWD/cache HOME=$PWD/home no_proxy='*' NO_PROXY='*'
unset TORCH_HOME REEL_WEIGHTS_TIMEOUT http_proxy https_proxy all_proxy HTTPS_PROXY ALL_PROXY
name=torchvision/alexnet
file=alexnet-owt-7be5be79.pth
kept=cache/reel/weights/$file
python3 "$REEL_SOURCE/tests/support/make_public_weights.py" "$file" || fail "the stand-in for the weights is not as it was"

if "$REEL_BIN" summary "$name" 2>&1 | grep -q "without libcurl"; then
    # Such a build says what to do by hand, and uses the file that lies there then.
    "$REEL_BIN" summary "$name" >out 2>err && fail "without libcurl: expected a failure"
    grep -q "put https://download.pytorch.org/models/$file at $PWD/$kept" err || fail "without libcurl: $(cat err)"
    mkdir -p cache/reel/weights
    cp "$file" "$kept"
    "$REEL_BIN" summary "$name" >out 2>err || fail "without libcurl, put there by hand: $(cat err)"
    echo "built without libcurl: downloads cannot be tried"
    exit 0
fi

python3 "$REEL_SOURCE/tests/support/weights_server.py" "$file" port log &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
for _ in $(seq 100); do
    [ ! -e port ] || break
    sleep 0.1
done
address=http://127.0.0.1:$(cat port)

get() { # get FAULT [COMMAND...]: exit code in the file code; out, err; the server's log holds this run alone
    local fault=$1 code=0
    shift
    [ $# -gt 0 ] || set -- summary "$name"
    : >log
    local patience=30
    case $fault in hang | stall) patience=1 ;; esac
    REEL_WEIGHTS_URL=$address/$fault REEL_WEIGHTS_TIMEOUT=$patience timeout 120 "$REEL_BIN" "$@" >out 2>err || code=$?
    echo "$code" >code
}
expect_whole() { # expect_whole WHAT: the command worked and the cache holds the file, alone
    [ "$(cat code)" -eq 0 ] || fail "$1: exit $(cat code): $(cat err)"
    grep -q "16 tensors, 61100840 elements" out || fail "$1: $(cat out)"
    cmp "$file" "$kept" || fail "$1: other bytes"
    [ "$(ls cache/reel/weights)" = "$file" ] || fail "$1: the cache holds $(ls cache/reel/weights)"
}
expect_refused() { # expect_refused WHAT WORDS: exit 1, the words in the last line, and no file in the cache
    [ "$(cat code)" -eq 1 ] || fail "$1: exit $(cat code), expected 1: $(cat err)"
    tail -1 err | grep -qF -- "$2" || fail "$1: expected \"$2\", got: $(cat err)"
    tail -1 err | grep -qF "$PWD/$kept" || fail "$1: expected where to put the file, got: $(cat err)"
    [ ! -e "$kept" ] || fail "$1: a file came to the cache"
}
requests() { tr '\n' ';' <log; }

# ---- servers that give all in the end -----------------------------------------------------------
for fault in ok norange nolength cut cutnolength long otherrange busy stall; do
    rm -rf cache
    get $fault
    expect_whole "$fault"
done
rm -rf cache
get cut
[ "$(requests)" = "cut -;cut bytes=5242880-;cut bytes=10485760-;" ] || fail "cut: the requests were $(requests)"

# ---- servers that do not ------------------------------------------------------------------------
while read -r fault words; do
    rm -rf cache
    get "$fault"
    expect_refused "$fault" "$words"
    case $fault in
    stingy) ;; # what came is kept
    *) [ -z "$(ls cache/reel/weights)" ] || fail "$fault: the cache holds $(ls cache/reel/weights)" ;;
    esac
done <<'END'
404 the server answers 404
500 the server answers 500, 4 times in a row
loop the server redirects to an address that is not https
http the server redirects to an address that is not https
wrong the server sent other bytes
short the server sent other bytes
page the server sent other bytes
empty the server closed the connection
noise HTTP/0.9
huge the server offers 95367 MB, expected about 234
endless the server sends more than 263 MB
stingy the connection broke
hang no data for 1 s, 4 times in a row
END
[ "$(wc -l <log)" -eq 4 ] || fail "hang: $(wc -l <log) requests, expected 4"

# ---- without a network, offline afterwards ------------------------------------------------------
rm -rf cache
REEL_WEIGHTS_URL=http://127.0.0.1:1 "$REEL_BIN" summary "$name" >out 2>err && fail "no server: expected a failure"
echo 1 >code
expect_refused "no server" "http://127.0.0.1:1/$file"
get ok
expect_whole "ok"
get 404
expect_whole "offline afterwards"
[ ! -s log ] || fail "offline afterwards: the server was asked: $(requests)"

# Damage in the cache is seen, and mended; without a network it is named.
printf x | dd of="$kept" bs=1 seek=5000000 conv=notrunc 2>/dev/null
get 404
[ "$(cat code)" -eq 1 ] && grep -q "not used: $PWD/$kept: its SHA-256 begins with" err || fail "damaged, no network: $(cat err)"
get ok
expect_whole "damaged"

# ---- torch hub's copy ---------------------------------------------------------------------------
rm -rf cache
mkdir -p torch/hub/checkpoints cache/torch/hub/checkpoints
cp "$file" torch/hub/checkpoints/
TORCH_HOME=$PWD/torch get 404
[ "$(cat code)" -eq 0 ] && [ ! -e "$kept" ] || fail "TORCH_HOME's copy: exit $(cat code): $(cat err)"
cp "$file" cache/torch/hub/checkpoints/
get 404
[ "$(cat code)" -eq 0 ] && [ ! -e "$kept" ] || fail "torch hub's copy: exit $(cat code): $(cat err)"
head -c 1000000 "$file" >cache/torch/hub/checkpoints/$file # torch.hub was killed, say
get ok
expect_whole "torch hub's copy is damaged"
grep -q "not used: $PWD/cache/torch/hub" err || fail "torch hub's copy is damaged: $(cat err)"

# ---- interrupted, killed, and two at once -------------------------------------------------------
begin_slowly() { # begin_slowly: a download in the background that has received some bytes; its id in $download
    rm -rf cache
    : >log
    REEL_WEIGHTS_URL=$address/slow "$REEL_BIN" summary "$name" >out 2>err &
    download=$!
    for _ in $(seq 200); do
        [ ! -s "$kept.part" ] || return 0
        sleep 0.05
    done
    fail "slow: nothing came: $(cat err)"
}
for signal in INT TERM; do
    begin_slowly
    kill -$signal "$download"
    code=0
    wait "$download" || code=$?
    [ "$code" -eq $((128 + $(kill -l $signal))) ] || fail "SIG$signal: exit $code"
    [ "$(wc -l <err)" -eq 1 ] && grep -q "$name: interrupted (.* MB are kept; the next start continues)" err || fail "SIG$signal: $(cat err)"
    [ -s "$kept.part" ] && [ ! -e "$kept" ] || fail "SIG$signal: $(ls -l cache/reel/weights)"
done
get ok
expect_whole "after SIGTERM"
grep -q "^ok bytes=" log || fail "after SIGTERM: expected a range, got $(requests)"

for _ in 1 2 3; do
    begin_slowly
    sleep "0.$((RANDOM % 9))"
    kill -9 "$download"
    wait "$download" 2>/dev/null || true
    [ ! -e "$kept" ] || fail "kill -9: a file came to the cache"
    get ok
    expect_whole "after kill -9"
    grep -q "^ok bytes=" log || fail "after kill -9: expected a range, got $(requests)"
done

# What was received is damaged, or longer than the file: all is asked for again.
begin_slowly
kill -9 "$download"
wait "$download" 2>/dev/null || true
printf x | dd of="$kept.part" bs=1 seek=5 conv=notrunc 2>/dev/null
get ok
expect_whole "a damaged part"
rm "$kept"
cat "$file" "$file" >"$kept.part"
get ok
expect_whole "a part longer than the file"
cp "$file" "$kept.part" # killed before the file got its name
rm "$kept"
get 404
expect_whole "a whole part"
[ ! -s log ] || fail "a whole part: the server was asked: $(requests)"

begin_slowly
REEL_WEIGHTS_URL=$address/ok "$REEL_BIN" summary "$name" >out2 2>err2 || fail "two at once, the second: $(cat err2)"
wait "$download" || fail "two at once, the first: $(cat err)"
echo 0 >code
expect_whole "two at once"
cmp out out2 || fail "two at once: other answers"
grep -q "waiting for another process" err2 || fail "two at once: $(cat err2)"
[ "$(requests)" = "slow -;" ] || fail "two at once: the requests were $(requests)"

# ---- folders and disks --------------------------------------------------------------------------
rm -rf cache
echo >cache
get ok
[ "$(cat code)" -eq 1 ] && grep -q "cache.*cannot be created: Not a directory; XDG_CACHE_HOME chooses" err || fail "the cache is a file: $(cat err)"
rm cache
if [ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null; then
    mkdir cache
    # A disk of 8 MB: the server's length tells that the file does not fit; without it, the disk fills up.
    for fault in ok nolength; do
        code=0
        REEL_WEIGHTS_URL=$address/$fault unshare -m bash -c 'mount -t tmpfs -o size=8m none cache || exit 77
            code=0
            "$REEL_BIN" summary torchvision/alexnet >out 2>err || code=$?
            [ -z "$(find cache -type f)" ] || echo "left: $(find cache -type f)" >>err
            exit $code' || code=$?
        [ "$code" -ne 77 ] || { echo "skipped: nothing can be mounted here"; break; }
        [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && grep -q "No space left on device.*XDG_CACHE_HOME chooses" err || fail "a full disk, $fault: exit $code: $(cat err)"
    done
else
    echo "skipped: full disks need root"
fi

# Each call of the disk's that matters fails once: one line, no file or a whole one, and the next start mends it.
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null && ! grep -qa -E '__asan_init|__tsan_init' "$REEL_BIN"; then
    while read -r call at error; do
        rm -rf cache
        code=0
        REEL_WEIGHTS_URL=$address/ok strace -o calls -P "$PWD/$kept.part" -e trace="$call" -e inject="$call:error=$error:when=$at" \
            "$REEL_BIN" summary "$name" >out 2>err || code=$?
        grep -q "INJECTED" calls || fail "$error at $call $at: the call did not come"
        if [ "$error" != ENOLCK ]; then
            [ "$code" -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] && [ -z "$(ls cache/reel/weights)" ] ||
                fail "$error at $call $at: exit $code, $(ls cache/reel/weights): $(cat err)"
            grep -q "XDG_CACHE_HOME chooses\|No space left" err || fail "$error at $call $at: $(cat err)"
            get ok
        fi
        expect_whole "$error at $call $at"
    done <<'END'
pwrite64 1 ENOSPC
pwrite64 200 EIO
fsync 1 EIO
rename 1 EACCES
fcntl 1 ENOLCK
END
else
    echo "skipped: no strace, or it may not trace here"
fi
(ulimit -n 8 && REEL_WEIGHTS_URL=$address/ok "$REEL_BIN" summary "$name" >out 2>err) || true # with or without a file, but one line
[ "$(wc -l <err)" -le 1 ] || fail "8 descriptors: $(cat err)"
chmod -w . && rm -rf cache 2>/dev/null || true
if [ "$(id -u)" -ne 0 ]; then
    get ok
    [ "$(cat code)" -eq 1 ] && grep -q "cannot be created: Permission denied" err || fail "a folder without write permission: $(cat err)"
fi
chmod +w .

# ---- names, addresses -----------------------------------------------------------------------------
refused() { # refused WORDS COMMAND...
    local words=$1
    shift
    "$REEL_BIN" "$@" >out 2>err && fail "reel $*: expected a failure"
    grep -qF -- "$words" err || fail "reel $*: expected \"$words\", got: $(cat err)"
}
for word in torchvision/alexnt torchvison/alexnet alexnet AlexNet alexnet-owt-7be5be79.pth AlexNet_Weights.IMAGENET1K_V1; do
    mv "$file" aside
    refused "did you mean $name?" summary "$word"
    mv aside "$file"
done
for word in torchvision/resnet18 torchvision/vgg16 tiny alexnet2012; do
    refused "those there are: $name" summary "$word"
done
refused "no/such.pth: cannot be opened" summary no/such.pth
export REEL_WEIGHTS_URL=http://me:secret@127.0.0.1:1/x
refused "http://127.0.0.1:1/x/$file" summary "$name"
! grep -q secret err || fail "a password is shown: $(cat err)"
export REEL_WEIGHTS_URL=ftp://127.0.0.1
refused "REEL_WEIGHTS_URL: expected an address that begins with https:// or http://" summary "$name"
export REEL_WEIGHTS_URL=$address/ok REEL_WEIGHTS_TIMEOUT=soon
refused "REEL_WEIGHTS_TIMEOUT: expected 1 to 86400 seconds" summary "$name"
unset REEL_WEIGHTS_TIMEOUT

# ---- every command that takes weights -------------------------------------------------------------
"$REEL_BIN" synth d --train 3 --val 1 --classes 2 --size 64 --quiet
one=$(find d/val -name '*.jpg' | sort | head -1)
refused "nowhere: cannot be opened" finetune nowhere --weights "$name"
[ ! -e "$kept" ] || fail "finetune without DATA: weights were downloaded"
"$REEL_BIN" predict -w "$name" "$one" >out 2>err || fail "predict: $(cat err)"
grep -q "ImageNet's names are shown" err || fail "predict: $(cat err)"
[ "$(grep -c ' %  ' out)" -eq 5 ] || fail "predict: $(cat out)"
"$REEL_BIN" predict -q -w "$name" "$one" >out 2>err && [ ! -s err ] || fail "predict --quiet: $(cat err)"
refused "classes" eval d --weights "$name"
refused "classes" train d --test-only --weights "$name"
"$REEL_BIN" convert "$name" out.safetensors --quiet || fail "convert: exit $?"
rm out.safetensors
"$REEL_BIN" finetune d --weights "$name" -o run --freeze 'features.*' --max-steps 1 -b 2 --train-crop-size 64 --no-report --quiet >out 2>err ||
    fail "finetune: $(cat err)"
grep -q "\"weights\": *\"$name\"" run/config.json || fail "finetune: config.json does not name the weights: $(cat run/config.json)"
