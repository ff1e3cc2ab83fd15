#!/bin/bash
# reel report RUN RUN...: curves of runs of different lengths over one another, what differs, folds; names from outside; refusals.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3 to read HTML and JSON with"; exit 77; }
support=$REEL_SOURCE/tests/support
. "$support/runs.sh"
"$REEL_BIN" synth d --train 8 --val 6 --classes 3 --size 48 --quiet
train() { "$REEL_BIN" train d --arch tiny -b 8 --no-report --quiet --log-every 1 "$@" >log 2>&1; }
train --epochs 3 --lr 0.02 -o base
train --epochs 5 --lr 0.05 -o 'deep/<b>&'
train --epochs 3 --lr 0.02 --seed 3 --max-steps 4 -o cut
mkdir -p cv
for fold in 1 2 3; do train --epochs 2 --lr 0.02 --seed $fold -o cv/fold-$fold; done
find base deep cut cv -type f | sort | xargs sha256sum >before

# Three runs: one page with a curve each, sound HTML, nothing loaded; the runs' folders stay as they are.
said=$("$REEL_BIN" report base 'deep/<b>&' cut/ -o page.html 2>err) || fail "exit $?: $(cat err)"
[ "$said" = page.html ] && [ ! -s err ] || fail "said: $said $(cat err)"
python3 "$support/check_report.py" page.html curves runs >log || fail "page.html: $(cat log)"
find base deep cut cv -type f | sort | xargs sha256sum | cmp - before || fail "a run's folder has changed"
"$REEL_BIN" report base 'deep/<b>&' cut --json >data.json
python3 - <<'P' || exit 1
import json, re
page, data = open("page.html").read(), json.load(open("data.json"))
runs = {r["name"]: r for r in data["runs"]}
assert list(runs) == ["base", "<b>&", "cut"], list(runs)
assert sorted(data["differs"]) == ["epochs", "lr", "seed"], data["differs"]
for name, folder in ("base", "base"), ("<b>&", "deep/<b>&"), ("cut", "cut"):
    lines = [json.loads(line) for line in open(folder + "/metrics.jsonl")]
    tops = [l["top1"] for l in lines if l["event"] == "eval"]
    r = runs[name]
    best = json.load(open(folder + "/evaluation.json"))["top1"]
    assert r["top1"] == best and best in tops and r["step"] == max(l["step"] for l in lines), r
    assert r["parameters"] == 83224 - 65000 + 3 * 65, r  # as reel summary counts, with three classes
    options = json.load(open(folder + "/config.json"))["options"]
    assert r["settings"] == {k: options[k] for k in data["differs"]}, r["settings"]
    error = json.load(open(folder + "/evaluation.json"))["calibration"]["ece"]
    assert r["ece"] == error and f"<td>{100 * error:.1f} %</td>" in page, r
    shown = "&lt;b&gt;&amp;" if name == "<b>&" else name
    assert f'>{shown}</span> <span class="soft">{r["state"]}</span></td><td>{100 * best:.2f} %</td>' in page, name
assert runs["cut"]["state"] == "max-steps" and runs["base"]["state"] == "complete", runs
# Each chart has a line for each run, as long as that run.
chart = re.search(r'<figcaption>Training loss.*?</svg>', page, re.S).group(0)
lines = re.findall(r'<polyline class="s(\d)" points="([^"]*)"', chart)
assert [(int(s), len(p.split())) for s, p in lines] == [(0, 9), (1, 15), (2, 4)], lines
assert lines[1][1].split()[-1].startswith("1000.0,") and not lines[0][1].split()[-1].startswith("1000.0,"), "x is not shared"
titles = re.findall(r'<figcaption>([A-Z][^<]*?) ?<', page)
assert titles == ["Validation top-1", "Validation loss"] * 2 + ["Training loss", "Learning rate"], titles
assert re.search(r'<title>epoch 1: base [\d.]+ %\nepoch 1: &lt;b&gt;&amp; ', page), "hover"
P

# Evaluations within epochs: none of them is the best one, whatever it was, and charts over epochs leave them out.
train --epochs 3 --lr 0.02 --eval-every 1 -o within
sed -i '/"event":"eval","step":2,/s/"top1":[0-9.]*/"top1":0.99/' within/metrics.jsonl
grep -q '"top1":0.99' within/metrics.jsonl || fail "no evaluation at step 2: $(cat within/metrics.jsonl)"
"$REEL_BIN" report base within -o within.html --quiet
"$REEL_BIN" report base within --json >data.json
python3 - <<'P' || exit 1
import json, re
page, runs = open("within.html").read(), {r["name"]: r for r in json.load(open("data.json"))["runs"]}
assert runs["within"]["top1"] == json.load(open("within/evaluation.json"))["top1"] == runs["base"]["top1"], runs
charts = re.findall(r'<figcaption>Validation top-1.*?</svg>', page, re.S)
points = [[len(p.split()) for p in re.findall(r'<polyline class="s\d" points="([^"]*)"', chart)] for chart in charts]
assert points == [[3, 3], [3, 9]], points
P

# The folds of a cross-validation, by their folder: the page lies in it. A run that trains, two of one name.
[ "$("$REEL_BIN" report cv)" = cv/report.html ] || fail "folds: another page"
grep -q '<h1>3 runs compared</h1>' cv/report.html && grep -q 'mean of the best top-1 of 3 runs' cv/report.html || fail "folds: $(head -c 300 cv/report.html)"
# Folds that are missing are named, and the others are shown.
mkdir part
cp -r cv/fold-1 cv/fold-3 part
mv part/fold-1 part/fold-2
said=$("$REEL_BIN" report part 2>err) && [ "$said" = part/report.html ] || fail "folds without the first: $said $(cat err)"
grep -q "part: fold-1 is missing" err || fail "a missing fold is not named: $(cat err)"
grep -q '<h1>2 runs compared</h1>' part/report.html && grep -q '>Missing: fold-1</p>' part/report.html || fail "folds without the first: $(head -c 300 part/report.html)"
rm -r part/fold-2
cp -r cv/fold-1 part/
"$REEL_BIN" report part --json 2>err | grep -q '"missing":\["fold-2"\]' || fail "a fold is missing: $("$REEL_BIN" report part --json)"
sed -i 's/"k-fold": "0"/"k-fold": "4"/' part/fold-*/config.json
"$REEL_BIN" report part --json 2>err | grep -q '"missing":\["fold-2","fold-4"\]' || fail "two folds are missing: $(cat err)"
cp -r base other
mkdir again
mv other again/base
"$REEL_BIN" report base again/base --quiet
grep -q '<span class="key s1">again/base</span>' compare.html && grep -q '>nothing</td>' compare.html || fail "two of one name"
"$REEL_BIN" train d --arch tiny -b 8 --epochs 100000 --no-report --quiet -o on >log 2>&1 &
trainer=$!
for _ in $(seq 600); do
    grep -qs '"event":"eval"' on/metrics.jsonl && break
    sleep 0.1
done
"$REEL_BIN" report base on --quiet
kill -TERM "$trainer"
wait "$trainer" || true
grep -q '>on</span> <span class="soft">running</span>' compare.html || fail "a run that trains"

# Twenty runs, the most there may be; a run before its first evaluation.
many=()
for i in $(seq 20); do
    cp -r cut "many-$i"
    many+=("many-$i")
done
echo '{"event":"start","step":0}' >many-20/metrics.jsonl
rm many-20/*.safetensors many-20/evaluation.json
"$REEL_BIN" report "${many[@]}" --quiet || fail "twenty runs"
grep -q 'class="key s19">many-20</span> <span class="soft">[a-z]*</span></td><td>&ndash;</td><td>&ndash;</td><td>&ndash;</td><td>0</td><td>0:00</td><td>&ndash;</td>' compare.html || fail "a run without evaluation: $(grep -o 'many-20.*' compare.html | tail -1)"
python3 "$support/check_report.py" compare.html curves runs >log || fail "twenty runs: $(cat log)"
python3 "$support/check_layout.py" compare.html page.html >layout || [ $? -eq 77 ] || fail "layout: $(cat layout)"

# A log whose lines tell no epoch: that run has no curve by epoch, the others have.
cp -r cut bare
sed -i 's/"epoch":[0-9]*,//' bare/metrics.jsonl
"$REEL_BIN" report bare base --quiet
grep -q '>bare</span>' compare.html && ! grep -q '[ ",]-*nan[ ",.]' compare.html || fail "a log without epochs: $(grep -o '.\{30\}nan.*' compare.html | head -3)"

refused() { # refused CODE WORDS ARGUMENTS...
    local expected=$1 words=$2 code=0
    shift 2
    "$REEL_BIN" report "$@" >out 2>err || code=$?
    [ "$code" -eq "$expected" ] && [ ! -s out ] && grep -qF -- "$words" err || fail "report $*: exit $code, expected $expected and \"$words\": $(cat err)"
}
refused 1 "expected at most 20 runs" "${many[@]}" base
refused 1 "d: expected the folder of a run, found no config.json in it" base d
refused 2 "--data: expected one run, got several" base cut --data d
refused 1 "log: this file is no page that Reel wrote" base cut -o log
# Somebody else's compare.html stays; a page of an early version, which names no generator, is replaced.
cp compare.html ours
printf '<!DOCTYPE html>\n<html lang="en">\n<head><title>Cameras compared</title></head></html>\n' >compare.html
cp compare.html theirs
refused 1 "compare.html: this file is no page that Reel wrote, so it is not replaced; choose another name with --out" base cut
cmp -s compare.html theirs || fail "a page that Reel did not write was replaced"
grep -v '<meta name="generator" content="Reel">' ours >compare.html
"$REEL_BIN" report base cut --quiet || fail "a page of an early version was not replaced"
grep -q '<h1>2 runs compared</h1>' compare.html || fail "a page of an early version was not replaced"
