#!/bin/bash
# Too few descriptors are told as that: no healthy image is called unreadable, and the line says which limit to raise.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 20 --val 5 --classes 3 --size 48 --quiet
python3 "$REEL_SOURCE/tests/support/mixed_set.py" table 40 12
told=(--arch tiny --epochs 1 -b 8 --quiet)
for data in d table; do "$REEL_BIN" train $data "${told[@]}" -o whole-$data >/dev/null; done

# with LIMIT COMMAND...: the program with so few descriptors; exit 0, or 1 and a line with advice
with() {
    local limit=$1 code=0
    shift
    (ulimit -n "$limit" && exec "$REEL_BIN" "$@") >out 2>err || code=$?
    case $code in
    0) good=$((good + 1)) ;;
    1 | 127) refused=$((refused + 1)) ;; # 127: not even the program's libraries can be opened
    *) fail "ulimit -n $limit, $1: exit $code, expected 0 or 1: $(cat err)" ;;
    esac
    if [ $code -eq 1 ] && ! grep -q "ulimit -n" err; then fail "ulimit -n $limit, $1: no advice: $(cat err)"; fi
    ! grep -q "skipped\|unreadable\|corrupt" err out || fail "ulimit -n $limit, $1: healthy images are blamed: $(cat err)"
}
good=0 refused=0
for data in d table; do
    for limit in 4 5 6 7 8 9 10 12; do
        rm -rf run
        with $limit train $data "${told[@]}" -o run
        [ ! -e run/bad_files.jsonl ] || fail "ulimit -n $limit: bad_files.jsonl: $(cat run/bad_files.jsonl)"
        [ ! -e run/best.safetensors ] || cmp run/model.safetensors whole-$data/model.safetensors || fail "ulimit -n $limit: other weights"
        with $limit check $data
        if [ $data = d ]; then images=d/val; else images=table/images; fi
        with $limit predict -w whole-$data $images
        with $limit eval $data -w whole-$data
    done
done
[ $good -ge 16 ] && [ $refused -ge 8 ] || fail "expected some runs to work and some to be refused: $good and $refused"

# A file of a run that is a pipe is refused; nothing waits for a writer.
for name in config.json evaluation.json; do
    rm -rf piped
    cp -r whole-d piped
    rm piped/$name
    mkfifo piped/$name
    code=0
    timeout 20 "$REEL_BIN" report piped >out 2>err || code=$?
    [ $code -eq 1 ] && grep -q "$name: expected a file, got a device or pipe" err || fail "$name is a pipe: exit $code: $(cat err)"
done
