#!/bin/bash
# What report.html says: whether the run goes on, the terminal's times, one order of mistakes, text from outside escaped; and the
# same data as JSON.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3 to read HTML and JSON with"; exit 77; }
support=$REEL_SOURCE/tests/support
. "$support/runs.sh"
state_of() { "$REEL_BIN" report "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["state"]["name"])'; }
says() { grep -qF -- "$2" "$1/report.html" || fail "$1/report.html does not say \"$2\""; }
trained_for() { grep -oE 'steps?, [0-9:]+' "$1" | tail -1 | cut -d' ' -f2; }

"$REEL_BIN" synth d --train 20 --val 20 --classes 3 --size 48 --quiet
common=(--arch tiny -b 8 --lr 0.02 --log-every 1)

# A run in two processes. Each line of the terminal has its time on the page.
"$REEL_BIN" train d "${common[@]}" --epochs 4 --max-steps 10 -o run >first 2>err
says run "Stopped at step 10, in epoch 2 of 4, by --max-steps."
says run "<b>$(trained_for first)</b><span class=\"soft\">running time</span>"
"$REEL_BIN" train d "${common[@]}" --epochs 4 --max-steps 0 --resume auto -o run >second 2>err
says run "Complete: 28 steps, 4 epochs."
says run "running time of 2 processes; the last $(trained_for second)</span>"
says run '<b>28</b><span class="soft">steps</span>'
! grep -q 'top-5' run/report.html || fail "top-5 of 3 classes is shown"

# The order of mistakes is that of the printed figure, and that of reel eval. Saliency tells right from wrong.
python3 - run/report.html >shown <<'P'
import re, sys
page = open(sys.argv[1]).read().split('id="mistakes"')[1].split('<h2')[0]
print("\n".join(re.findall(r"</b>, ([\d.]+) %</figcaption>", page)))
P
"$REEL_BIN" eval d -w run --quiet | sed -n '/^worst mistakes/,$p' | grep -oE '^ +[0-9.]+ %' | grep -oE '[0-9.]+' >printed
[ -s shown ] && cmp shown printed || fail "the page has $(xargs <shown), reel eval $(xargs <printed)"
sort -rg shown | cmp - shown || fail "mistakes are not sorted: $(xargs <shown)"
marks=$(grep -o '<b class="\(right\|wrong\)">' run/report.html | wc -l)
[ "$marks" = 3 ] || fail "expected 3 saliency maps marked right or wrong, got $marks"

[ "$(grep -o 'alt="Grad-CAM"' run/report.html | wc -l)" = 3 ] || fail "expected 3 Grad-CAM pictures"
says run ' In colour, where layer features.4 finds that class (Grad-CAM): its 7 by 7 maps'

# All of the page's data as JSON: nothing is written, nothing else is printed.
rm run/report.html
"$REEL_BIN" report run --json --quiet >data.json 2>err
[ ! -e run/report.html ] && [ ! -s err ] || fail "--json wrote a page, or said: $(cat err)"
python3 - <<'P' || exit 1
import json
d, best = json.load(open("data.json")), json.load(open("run/evaluation.json"))
lines = [json.loads(line) for line in open("run/metrics.jsonl")]
keys = "folder state train eval time evaluation best_ema config starts examples left_out".split()
assert sorted(d) == sorted(keys), sorted(d)
assert d["evaluation"] == best and d["config"] == json.load(open("run/config.json"))
for event, key in ("train", "train"), ("eval", "eval"), ("start", "starts"):
    assert d[key] == [line for line in lines if line["event"] == event], event
ends = [line["seconds"] for line in lines if line["event"] == "end"]
s = d["state"]
assert (s["name"], s["step"], s["epoch"], s["epochs"], s["processes"]) == ("complete", 28, 4, 4, 2), s
assert abs(s["seconds"] - sum(ends)) < 1e-9 and s["last_seconds"] == ends[-1], (s, ends)
assert len(d["examples"]) == 3 and d["left_out"] is None, d["examples"]
assert all(e["right"] == (e["truth"] == e["predicted"]) and 0 < e["probability"] <= 1 for e in d["examples"]), d["examples"]
shares = [m["probability"] for m in best["worst"]]
assert shares == sorted(shares, reverse=True) and all(m["truth"] != m["predicted"] for m in best["worst"]), best["worst"]
P
[ -z "$("$REEL_BIN" report run --quiet 2>&1)" ] && [ -s run/report.html ] || fail "--quiet printed something, or wrote no page"

# Calibration: bins that hold every image; the page says what reel eval says. Runs of earlier versions have none.
error=$("$REEL_BIN" eval d -w run --quiet | sed -nE 's/^calibration error ([0-9.]+) %.*/\1/p')
says run "The expected calibration error is <b>$error %</b> (Guo et al. 2017, 15 bins)"
python3 - <<'P' || exit 1
import json
e = json.load(open("run/evaluation.json"))
c, n = e["calibration"], e["images"]
bins = [b for b in c["bins"] if b["images"]]
assert len(c["bins"]) == 15 and sum(b["images"] for b in bins) == n, c
assert all(b["low"] < b["confidence"] <= b["high"] for b in bins), bins
assert abs(sum(b["images"] * b["accuracy"] for b in bins) / n - e["top1"]) < 1e-9, c
assert abs(sum(b["images"] * abs(b["accuracy"] - b["confidence"]) for b in bins) / n - c["ece"]) < 1e-9, c
e.pop("calibration")
json.dump(e, open("old.json", "w"))
P
cp -r run earlier
cp old.json earlier/evaluation.json
"$REEL_BIN" report earlier --quiet
! grep -q 'id="calibration"' earlier/report.html || fail "a run of an earlier version has a calibration"

# A log without the last line of its process, as of Reel 0.1.0; a run of one step, whose charts are numbers.
cp -r run old
grep -v '"event":"end"' run/metrics.jsonl >old/metrics.jsonl
[ "$(state_of old)" = complete ] || fail "a whole run without a last line: $(state_of old)"
"$REEL_BIN" train d "${common[@]}" --epochs 1 --max-steps 1 --quiet -o one >log
says one 'training, step 1</p>'
! grep -q '<polyline' one/report.html || fail "one point was drawn as a curve"

# While the run trains, after a signal, after a kill, and after an error.
for signal in TERM KILL; do
    "$REEL_BIN" train d "${common[@]}" --epochs 100000 --quiet -o "cut$signal" >log 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        grep -qs '"event":"eval"' "cut$signal/metrics.jsonl" && break
        sleep 0.1
    done
    [ "$(state_of "cut$signal")" = running ] || fail "while it trains: $(state_of "cut$signal")"
    kill -"$signal" "$pid"
    wait "$pid" || true
    "$REEL_BIN" report "cut$signal" --quiet
    says "cut$signal" 'class="interrupted">Interrupted at step '
    says "cut$signal" "To continue: <code>reel train --resume auto -o cut$signal</code>"
done
! REEL_TEST_NAN=3 "$REEL_BIN" train d "${common[@]}" --epochs 2 --on-nan stop --quiet -o nan >log 2>&1 || fail "no error"
[ "$(state_of nan)" = error ] || fail "after NaN: $(state_of nan), $(cat log)"

# Class names that are formulas, markup, commands to a terminal, or change the direction of writing.
names=('=HYPERLINK("x")' $'\tc\x1b[31m\xc2\x9b2J' $'\xe2\x80\xaegnp.<b>&')
"$REEL_BIN" synth e --train 8 --val 8 --classes 3 --size 48 --quiet
for split in train val; do
    i=0
    for class in e/$split/*; do
        mv "$class" "e/$split/${names[$((i++))]}"
    done
done
"$REEL_BIN" train e "${common[@]}" --epochs 2 --quiet -o odd >log
python3 "$support/check_report.py" odd/report.html curves time classes confusion confused calibration mistakes filters saliency settings >log ||
    fail "odd/report.html: $(cat log)"
says odd '=HYPERLINK(&quot;x&quot;)'
says odd 'c\x1b[31m\xc2\x9b2J'
says odd '\xe2\x80\xaegnp.&lt;b&gt;&amp;'
"$REEL_BIN" eval e -w odd --csv odd.csv --quiet >log
python3 - <<'P' || exit 1
import csv
cells = [row["class"] for row in csv.DictReader(open("odd.csv", newline=""))]
assert cells[0].startswith("'\\x09c\\x1b[31m"), cells
assert cells[1] == "'=HYPERLINK(\"x\")", cells
assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for cell in cells for c in cell), cells
P

# A plain folder: the pictures are of the images that the run held out.
"$REEL_BIN" train d/train "${common[@]}" --epochs 1 --quiet -o plain >log || fail "a plain folder: $(cat log)"
"$REEL_BIN" report plain --json >plain.json
python3 - <<'P' || fail "a plain folder: pictures that the run has learned are shown"
import json
held = set(json.load(open("plain/split.json"))["validation"])
shown = [e["file"] for e in json.load(open("plain.json"))["examples"]]
assert len(shown) == 3 and set(shown) <= held, (shown, held)
P
