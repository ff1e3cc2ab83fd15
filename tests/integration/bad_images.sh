#!/bin/bash
# Every kind of bad image at once, a tenth of the set and more: each is left out and named with its reason, nothing else is; 1, 3 and
# 8 workers meet the same ones and give the same weights; the other commands name them as well.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 90 --val 3 --classes 3 --size 40 --quiet
python3 "$REEL_SOURCE/tests/support/make_bad_images.py" d/train >expected.json
train() { # OUT WORKERS [OPTION...]
    local to=$1 workers=$2
    shift 2
    timeout 100 "$REEL_BIN" train d -o "$to" --arch tiny --epochs 2 -b 8 --seed 5 --threads 1 --workers "$workers" "$@" >"$to.out" 2>"$to.err"
}
code=0
train strict 2 --quiet || code=$?
[ "$code" -eq 3 ] || fail "more bad files than 1 %: exit $code, expected 3: $(cat strict.err)"
for n in 1 3 8; do
    train "run$n" $n --max-bad 0.2 --json || fail "$n workers: exit $?: $(cat "run$n.err")"
    cmp run1/model.safetensors "run$n/model.safetensors" || fail "$n workers gave other weights"
    cmp run1/bad_files.jsonl "run$n/bad_files.jsonl" || fail "$n workers met other bad files, or in another order"
done
train exact 2 --max-bad 0.2 --decode exact --quiet || fail "--decode exact: exit $?: $(cat exact.err)"
cmp run1/bad_files.jsonl exact/bad_files.jsonl || fail "--decode exact met other bad files"
python3 - <<'PY' || exit 1
import json, os, sys
expected = json.load(open("expected.json"))
got = {}
for line in open("run1/bad_files.jsonl", encoding="utf-8"):
    entry = json.loads(line)
    assert entry["name"] not in got, "named twice: %r" % entry["name"]
    got[entry["name"]] = entry["reason"]
for name in sorted(set(expected) | set(got)):
    if name not in got:
        print("not named:", name)
    elif name not in expected:
        print("named, and is right: %s: %s" % (name, got[name]))
    elif expected[name] not in got[name]:
        print("%s: expected '%s', got '%s'" % (name, expected[name], got[name]))
    else:
        continue
    sys.exit(1)
images = sum(len(names) for _, _, names in os.walk(b"d/train"))
assert len(expected) * 10 >= images, "%d of %d are bad, expected a tenth" % (len(expected), images)
result = json.load(open("run1.out"))
assert result["bad_files"] == len(expected), (result["bad_files"], len(expected))
PY
plain() { if LC_ALL=C.UTF-8 grep -qP '[\x00-\x08\x0b-\x1f\x7f]' "$1" || ! iconv -f utf-8 -t utf-8 "$1" >/dev/null; then fail "$1 is no plain text"; fi; }
plain run1.err
[ "$(grep -c 'skipped train/' run1.err)" -eq 5 ] || fail "expected five bad files on stderr: $(cat run1.err)"

code=0
"$REEL_BIN" check d --quiet --json >check.json || code=$?
[ "$code" -eq 3 ] || fail "check: exit $code, expected 3"
"$REEL_BIN" check d --quiet --examples 1000 --max-bad 1 >check.txt || fail "check --max-bad 1: exit $?"
plain check.txt
code=0
"$REEL_BIN" predict --weights run1 d/train --top 1 >predict.out 2>predict.err || code=$?
[ "$code" -eq 1 ] || fail "predict: exit $code, expected 1"
plain predict.err && plain predict.out
code=0
timeout 100 "$REEL_BIN" pack d packed --quiet --max-bad 0.2 >out 2>err || fail "pack: exit $?: $(cat err)"
python3 - <<'PY' || exit 1
import json
expected = set(json.load(open("expected.json")))
found = json.load(open("check.json"))["findings"]["corrupt"]["count"]
assert found == len(expected), "check finds %d corrupt images, expected %d" % (found, len(expected))
lines = open("predict.err", encoding="utf-8").read().splitlines()
missing = [n for n in expected if "pipe" not in n and not any(n in line for line in lines)]
assert not missing, "predict does not name %s" % missing
packed = {json.loads(line)["name"] for line in open("packed/bad_files.jsonl", encoding="utf-8")}
assert packed == expected, packed ^ expected
PY
