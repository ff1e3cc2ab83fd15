#!/bin/bash
# Names with C0, C1 and bidirectional controls, and bytes that are not UTF-8: what a terminal would obey never reaches it, nor the
# report's page, nor the table; and no cell of the table is a formula.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 6 --val 4 --classes 4 --size 48 --quiet
classes=($'=cmd|\x1b[31m' $'b\xc2\x9b31m' $'c\xe2\x80\xaegpj\xd8\x9c' $'-d\x9b')
old=(d/train/*)
for i in 0 1 2 3; do
    for split in train val; do
        mv "d/$split/${old[i]##*/}" "d/$split/${classes[i]}"
        first=$(find "d/$split/${classes[i]}" -name '*.jpg' | sort | head -1)
        mv "$first" "${first%.jpg}"$'\xe2\x81\xa6\xc2\x85\x07.jpg'
    done
done
echo no >d/train/"${classes[1]}"/$'bad\xc2\x9b\xe2\x80\xae.jpg'
echo no >d/val/"${classes[2]}"/$'bad\xc2\x9b\xe2\x80\xae.jpg'

# clean FILE...: UTF-8 without anything that commands
clean() {
    python3 - "$@" <<'P' || fail "$1: characters that command: $(od -c "$1" | head -40)"
import sys, unicodedata
for path in sys.argv[1:]:
    text = open(path, "rb").read().decode("utf-8")
    bad = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") and c != "\n"}
    if bad: sys.exit(f"{path}: {sorted(map(hex, map(ord, bad)))}")
P
}
run=$'run\xc2\x9b\xe2\x80\xae'
said() { # said CODE COMMAND...
    local want=$1 code=0
    shift
    "$REEL_BIN" "$@" >out 2>err || code=$?
    [ $code -eq "$want" ] || fail "$1: exit $code, expected $want: $(cat err)"
    clean out err
}
said 0 train d --arch tiny --epochs 1 -b 8 --max-bad 0.5 -o "$run"
grep -q 'skipped train/b\\xc2\\x9b31m/bad\\xc2\\x9b\\xe2\\x80\\xae.jpg' err || fail "the unreadable image is not named: $(cat err)"
clean "$run/report.html"
said 0 report "$run"
said 0 eval d -w "$run" --max-bad 0.5 --csv table.csv
clean table.csv
said 0 eval d -w "$run" --max-bad 0.5 --json
python3 -c 'import json; assert [c["name"] for c in json.load(open("out"))["classes"]][2] == "b\x9b31m"' || fail "eval --json: other names: $(cat out)"
said 0 summary "$run/best.safetensors"
said 1 predict d/val -w "$run"
said 1 predict d/val -w "$run" --json
said 3 check d
said 3 check d --json
said 1 train "d"$'\xc2\x9b' -o "$run"2
said 2 train d --$'\xc2\x9b\xe2\x80\xae'
said 1 train d -o "$run"

# A spreadsheet computes what begins with = + - @: an apostrophe makes it text.
python3 - <<'P' || fail "table.csv: $(cat table.csv)"
import csv
names = [row[0] for row in csv.reader(open("table.csv"))][1:]
assert names == ["'-d\\x9b", "'=cmd|\\x1b[31m", "b\\xc2\\x9b31m", "c\\xe2\\x80\\xaegpj\\xd8\\x9c"], names
P
