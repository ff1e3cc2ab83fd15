#!/bin/bash
# `reel eval` and `reel check` as several processes print the bytes of one, also where files are
# broken; a rank that sees something else, is interrupted or fails ends all with one message.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
fail() {
    echo "$1"
    [ ! -e err ] || cat err
    exit 1
}
# After an exit code that is not 0, Open MPI ends the other ranks: at once, instead of after seconds.
export OMPI_MCA_odls_base_sigkill_timeout=0
# Without Open MPI's own words about an exit code that is not 0, which stand between ruled lines.
own_words() { sed '/^-----/,/^-----/d' "$1" | grep -v '^$' || true; }

"$REEL_BIN" synth d --train 6 --val 8 --classes 3 --size 40 --quiet
"$REEL_BIN" train d --arch tiny --epochs 1 -b 6 --quiet -o run >run.log
"$REEL_BIN" train d --arch tiny --epochs 1 -b 6 --seed 9 --quiet -o other >other.log
set -- d/val/*
broken=("$1"/*3.jpg "$2"/*[14].jpg "$3"/*5.jpg "$3"/*7.jpg)
for file in "${broken[@]}"; do echo "no image" >"$file"; done
cp "$3"/*2.jpg "$1/again.jpg"
cp "$(find d/train -name '*1.jpg' | sort | tail -1)" "$2/leak.png"

# same RANKS ARGUMENTS...: stdout, messages and exit code are those of one process.
same() {
    local ranks=$1 code=0 one=0
    shift
    "$REEL_BIN" "$@" >one.out 2>one.err || one=$?
    mpi "$ranks" "$REEL_BIN" "$@" >out 2>err || code=$?
    [ "$code" = "$one" ] || fail "$ranks ranks, $*: exit code $code instead of $one"
    cmp one.out out || fail "$ranks ranks, $*: another result"
    own_words err | cmp one.err - || fail "$ranks ranks, $*: other messages"
}
# 26 images in batches of 4: 7 batches; in batches of 13 there are fewer batches than ranks.
same 1 eval d -w run -b 4 --max-bad 0.5 --json
same 2 eval d -w run -b 4 --max-bad 0.5
REEL_TEST_HOSTS=2 same 3 eval d -w run -b 4 --max-bad 0.5 --json
same 5 eval d -w run -b 13 --max-bad 0.5 --json --ten-crop
# Too many broken files: the verdict falls on the third rank's images, or already on the second's.
same 3 eval d -w run -b 4 --max-bad 0.15
same 3 eval d -w run -b 2 --max-bad 0.05 --json
same 2 eval d -w run --no-such-option
same 2 check d --max-bad 1 --json
same 3 check d
same 5 check d --examples 2 --json --workers 2 --max-bad 1
grep -q '"duplicate"' out && grep -q '"duplicate_across_sets"' out || fail "no duplicates: $(cat out)"

# A file that is written: by rank 0 alone.
mpi 3 "$REEL_BIN" eval d -w run --max-bad 0.5 --csv table.csv --quiet >out 2>err || fail "--csv: exit $?"
"$REEL_BIN" eval d -w run --max-bad 0.5 --csv alone.csv --quiet >out 2>err
cmp alone.csv table.csv || fail "--csv: another table"

# refused WORDS COMMAND...: each rank in its own folder; rank 0 says what another rank has.
mkdir rank0 rank1
ln -s "$PWD/d" rank0/d
ln -s "$PWD/run" rank0/run
ln -s "$PWD/run" rank1/run
refused() {
    local words=$1 code=0
    shift
    # shellcheck disable=SC2016
    mpi 2 bash -c 'cd "rank$OMPI_COMM_WORLD_RANK" && exec "$@"' - "$REEL_BIN" "$@" >out 2>err || code=$?
    [ "$code" = 1 ] || fail "$*: exit code $code"
    [ "$(own_words err | wc -l)" = 1 ] && grep -q "$words" err || fail "$*: expected one line, '$words'"
}
refused "reel eval: rank 1 (host .*): d: " eval d -w run --quiet
cp -r d rank1/d
rm "rank1/${broken[0]}"
refused "d/val is not the same for all ranks: rank 0 (host .*) has 26 images in 3 classes, fingerprint .*; rank 1 .*has 25 images" \
    eval d -w run --quiet
refused "DATA is not the same for all ranks" check d --quiet
rm -r rank1/run rank1/d
ln -s "$PWD/other" rank1/run
ln -s "$PWD/d" rank1/d
refused "run is not the same for all ranks: rank 0 .* has CRC-32 .*; rank 1 .* has CRC-32" eval d -w run --quiet

# One rank gets SIGINT: all end.
interrupted() { # interrupted COMMAND...
    local code=0 begun=$SECONDS process=""
    # shellcheck disable=SC2016
    mpi 3 bash -c 'echo $$ >pid.$OMPI_COMM_WORLD_RANK; exec "$@"' - "$REEL_BIN" "$@" >out 2>err &
    local started=$!
    for _ in $(seq 100); do
        sleep 0.1
        [ -e pid.2 ] && process=$(cat pid.2) && grep -q '^SigCgt:.*[2367abef]$' "/proc/$process/status" && break
    done
    sleep 0.5
    kill -INT "$process"
    wait "$started" || code=$?
    [ "$code" = 130 ] || fail "interrupted $*: exit code $code"
    [ $((SECONDS - begun)) -lt 15 ] || fail "interrupted $*: ends after $((SECONDS - begun)) s"
    [ "$(own_words err | grep -c 'interrupted')" = 1 ] || fail "interrupted $*: no message, or several"
    rm pid.*
}
interrupted eval "synth:train=1,val=200000,classes=3,size=40" -w run -b 16 --quiet
interrupted check "synth:train=200000,val=200000,classes=3,size=40" --quiet
