#!/bin/bash
# What a run leaves to look at: summary.csv, event files, report.html; after an interruption, too, and with odd names.
# report_page.sh: what the page says; report_layout.sh: how it lies in a browser.
set -eu
command -v python3 >/dev/null || { echo "skipped: no python3 to read HTML and event files with"; exit 77; }
support=$REEL_SOURCE/tests/support
. "$support/runs.sh"
"$REEL_BIN" synth d --train 20 --val 10 --classes 3 --size 48 --quiet
odd='<b>&"odd'
for split in train val; do
    first=$(ls d/$split | head -1)
    mv "d/$split/$first" "d/$split/$odd"
done
"$REEL_BIN" train d --arch tiny --epochs 4 -b 8 --lr 0.02 --log-every 1 --max-steps 10 --no-report --quiet -o run >log
[ ! -e run/report.html ] || fail "--no-report wrote a report"
"$REEL_BIN" train d --arch tiny --resume auto --max-steps 0 --epochs 4 --quiet -o run >>log 2>&1
[ -s run/report.html ] || fail "no report at the end of the run: $(cat log)"

# The page.
all="curves time classes confusion confused calibration mistakes filters saliency settings"
python3 "$support/check_report.py" run/report.html $all >pictures || fail "report.html: $(cat pictures)"
shown=$(cut -d' ' -f1 pictures)
mistakes=$(grep -o '"predicted": "' run/evaluation.json | wc -l)
[ "$shown" -ge 8 ] || fail "expected at least filters, 3 x 2 pictures of saliency and a mistake, got $shown ($mistakes mistakes)"
grep -q '&lt;b&gt;&amp;&quot;odd' run/report.html || fail "the odd class is not named in the page"
! grep -q '<b>&"odd' run/report.html || fail "a class name became HTML"

# Without the images the page has everything else, and says why.
mv d elsewhere
"$REEL_BIN" report run -o moved.html >log
python3 "$support/check_report.py" moved.html curves time classes confusion confused calibration mistakes filters settings >log ||
    fail "moved.html: $(cat log)"
grep -q 'Some pictures are left out: ' moved.html || fail "moved.html does not say what is missing"
"$REEL_BIN" report run --data elsewhere -o found.html >log
python3 "$support/check_report.py" found.html $all >log || fail "found.html: $(cat log)"
code=0
"$REEL_BIN" report elsewhere >log 2>&1 || code=$?
[ "$code" = 1 ] && grep -q "elsewhere: expected the folder of a run, found no config.json" log || fail "no run: code $code, $(cat log)"

# summary.csv: a line for each evaluation, of whole epochs and where --max-steps cut one; the best top-1 is evaluation.json's.
steps=$(tail -n +2 run/summary.csv | cut -d, -f2 | tr '\n' ' ')
[ "$steps" = "7 10 14 21 28 " ] || fail "summary.csv: evaluations at '$steps', expected 7 10 14 21 28"
python3 - <<'P' || exit 1
import csv, json
rows = list(csv.DictReader(open("run/summary.csv")))
best = json.load(open("run/evaluation.json"))
top = max(float(r["top1"]) for r in rows if r["step"] != "10")
assert abs(top - best["top1"]) < 1e-9, (top, best["top1"])
assert all(float(r["train_loss"]) > 0 and float(r["lr"]) >= 0 for r in rows), rows
P

# Event files: one for each process; every training step once, every evaluation, the filters with each.
[ "$(ls run/events.out.tfevents.* | wc -l)" = 2 ] || fail "expected two event files: $(ls run)"
python3 "$support/read_events.py" $(ls run/events.out.tfevents.* | sort) >events || fail "events: $(cat events)"
grep -q '^train/loss 28 28 ' events || fail "train/loss: expected 28 values up to step 28: $(cat events)"
grep -q '^eval/top1 5 28 ' events || fail "eval/top1: $(cat events)"
grep -q '^first_layer 5 28 image' events || fail "first layer: $(cat events)"
printf 'x' | dd of="$(ls run/events.out.tfevents.* | tail -1)" bs=1 seek=40 conv=notrunc 2>/dev/null
! python3 "$support/read_events.py" run/events.out.tfevents.* >events || fail "a damaged event file passed"
