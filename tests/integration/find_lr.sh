#!/bin/bash
# --find-lr: rates, files and proposal follow the documented rule, the printed command runs, a run in the folder stays as it is; and
# --batch-size auto: a number that fits is chosen once, said and stored, and gives the bits of a run with that number.
set -eu
. "$REEL_SOURCE/tests/support/runs.sh"
"$REEL_BIN" synth d --train 24 --val 6 --classes 3 --size 40 --quiet
common=(--arch tiny --threads 1 --workers 1 --seed 5 --no-report)

# A range test into a new folder.
test=(-b 24 --find-lr --find-lr-steps 60)
"$REEL_BIN" train d "${common[@]}" "${test[@]}" -o found >out 2>err || fail "--find-lr: $(cat out err)"
[ "$(ls found | tr '\n' ' ')" = "find_lr.html find_lr.json " ] || fail "--find-lr left $(ls found)"
python3 - <<'PY' || fail "find_lr.json breaks the rule"
import json, math
f = json.load(open("found/find_lr.json"))
assert f["steps"] == 60 and f["images"] == 24, (f["steps"], f["images"])
n, mean, weight, smoothed = f["done"], 0.0, 1.0, []
assert n == len(f["lr"]) == len(f["loss"]) and (n == 60 or f["diverged"])
for i, (lr, loss) in enumerate(zip(f["lr"], f["loss"])):
    assert abs(lr / (1e-7 * (10 / 1e-7) ** (i / 59)) - 1) < 1e-9, (i, lr)
    mean, weight = 0.8 * mean + 0.2 * loss, weight * 0.8
    smoothed.append(mean / (1 - weight))
assert all(abs(a - b) < 1e-9 * abs(a) for a, b in zip(smoothed, f["smoothed"]))
early = 12 # a fifth
low = min(range(early, n), key=lambda i: smoothed[i])
base = sum(f["loss"][:early]) / early
noise = (sum((x - base) ** 2 for x in f["loss"][:early]) / (early - 1)) ** 0.5 / 3
assert base - smoothed[low] > max(0.005 * base, 2 * noise), (base, smoothed[low], noise)
assert f["lowest_lr"] == f["lr"][low] and f["steepest_lr"] <= f["lowest_lr"]
assert f["proposal"] == float(f"{f['lowest_lr'] / 10:.1e}"), (f["proposal"], f["lowest_lr"])
assert math.log(3) * 0.6 < f["loss"][0] < math.log(3) * 1.6, f["loss"][0]
PY
grep -q '<svg' found/find_lr.html && grep -q 'Proposal' found/find_lr.html || fail "no curve in the page"
grep -q 'http' found/find_lr.html && fail "the page loads something"

# `reel report` names the page, and prints the curve.
[ "$("$REEL_BIN" report found)" = found/find_lr.html ] || fail "report: $("$REEL_BIN" report found 2>&1)"
"$REEL_BIN" report found --json | python3 -c 'import json, sys; assert json.load(sys.stdin) == json.load(open("found/find_lr.json"))' || fail "report --json"
"$REEL_BIN" report found -o page.html >err 2>&1 && fail "report --out: exit 0"
grep -q -- "--out: found holds a learning rate range test, whose page is find_lr.html" err && [ ! -e page.html ] || fail "report --out: $(cat err)"

# The same test gives the same answer, as JSON too, and writes nothing but its two files into the folder of a run.
"$REEL_BIN" train d "${common[@]}" -b 12 --epochs 1 -o run >/dev/null 2>&1
before=$(cd run && find . -type f -exec sha256sum {} + | sort)
"$REEL_BIN" train d "${common[@]}" "${test[@]}" -o run --json 2>/dev/null >json
rm run/find_lr.json run/find_lr.html
[ "$before" = "$(cd run && find . -type f -exec sha256sum {} + | sort)" ] || fail "--find-lr touched a run"
python3 -c 'import json; a, b = json.load(open("json")), json.load(open("found/find_lr.json")); assert a == b' || fail "another answer the second time"

# The command that it prints trains, in the folder of the test.
line=$(grep '^  reel train d --lr ' out) || fail "no command: $(cat out)"
eval "${line/  reel/\"\$REEL_BIN\"} --epochs 1" >again 2>&1 || fail "$line: $(cat again)"
[ -e found/model.safetensors ] || fail "the proposed command trained nothing"

# A loss that falls nowhere; a loss that is not finite at once.
code=0
"$REEL_BIN" train d "${common[@]}" -b 72 --find-lr --find-lr-from 1e-12 --find-lr-to 1e-11 -o none >out 2>&1 || code=$?
[ "$code" -eq 1 ] && grep -q '^no proposal: the lowest smoothed loss, .* is not clearly below the ' out && grep -q 'a larger --batch-size and more --find-lr-steps (40 or more)' out && ! grep -q 'steepest' out && grep -q 'There is no proposal' none/find_lr.html && grep -q '"proposal": *null' none/find_lr.json && grep -q '"steps": *20' none/find_lr.json || fail "rates that do nothing: $code, $(cat out)"
code=0
"$REEL_BIN" train d "${common[@]}" -b 12 --find-lr --find-lr-from 1e5 --find-lr-to 1e6 --find-lr-steps 9 --clip-grad-norm 0 -o wild >out 2>&1 || code=$?
[ "$code" -eq 1 ] && grep -q 'passed 4 times' out || fail "wild rates: $code, $(cat out)"

refuse() { # refuse WORDS OPTIONS
    local words=$1 code=0
    shift
    "$REEL_BIN" train d "${common[@]}" -o no "$@" >refused 2>&1 || code=$?
    [ "$code" -eq 2 ] && [ "$(wc -l <refused)" -eq 1 ] && grep -qF -- "$words" refused || fail "$*: $code, $(cat refused)"
    [ ! -e no ] || fail "$*: left a folder"
}
refuse "--find-lr and --resume exclude each other" --find-lr --resume auto
refuse "--find-lr-steps: expected --find-lr" --find-lr-steps 50
refuse "--find-lr-from: expected less than --find-lr-to 1e-8, got 1e-7" --find-lr --find-lr-to 1e-8
refuse "--find-lr-steps: expected 5 to 1000000, got '4'" --find-lr --find-lr-steps 4
refuse "--find-lr and --k-fold exclude each other" --find-lr --k-fold 3
refuse "--batch-size: expected a number with --k-fold" --batch-size auto --k-fold 3
refuse "--batch-size: expected a whole number or auto, got 'fast'" --batch-size fast

# Both with mixed batches, whose loss has other targets.
"$REEL_BIN" train d "${common[@]}" --find-lr --mixup-alpha 0.2 -o mixed >out 2>&1 || [ $? -eq 1 ] || fail "mixed: $(cat out)"
[ -e mixed/find_lr.json ] || fail "mixed: $(cat out)"
"$REEL_BIN" train d "${common[@]}" -b auto --cutmix-alpha 1 --max-steps 1 -o mixed_auto >out 2>&1 || fail "auto, mixed: $(cat out)"
"$REEL_BIN" summary --arch tiny --memory 1e12TB >out 2>&1 && fail "1e12TB was taken"
grep -q -- "--memory: expected at most 1000 TB, got '1e12TB'" out || fail "1e12TB: $(cat out)"

# --batch-size auto: said, stored, the bits of the number given, kept on a resume.
"$REEL_BIN" train d "${common[@]}" -b auto --max-steps 1 -o few >out 2>&1 || fail "auto, 72 images: $(cat out)"
grep -q '^--batch-size auto: 8: [0-9.]* images/s; takes 8' out && tr '\n' ' ' <out | grep -q 'no larger size was tried: with 16, an epoch of 72 images has 4 training steps, fewer than 8' || fail "auto, 72 images: $(cat out)"
"$REEL_BIN" synth many --train 100 --val 2 --classes 3 --size 40 --quiet
"$REEL_BIN" train many "${common[@]}" -b auto --epochs 2 -o chosen --max-steps 1 >out 2>&1 || fail "auto: $(cat out)"
said=$(grep -o 'takes [0-9]*, the fastest' out | grep -o '[0-9]*') || fail "nothing said: $(cat out)"
grep -q '^--batch-size auto: 8: [0-9.]*, 16: [0-9.]*, .* images/s; takes' out || fail "no reasons: $(cat out)"
grep -q 'no larger size was tried: with 64, an epoch of 300 images has 4 training steps, fewer than 8\|no larger size was tried: the last two were slower' out || fail "no reason for the end: $(cat out)"
python3 - "$said" <<'PY' || fail "config.json: $(cat chosen/config.json)"
import json, sys
c = json.load(open("chosen/config.json"))
rates = c["batch_size_choice"]["images_per_second"]
assert c["options"]["batch-size"] == sys.argv[1] and c["batch_size_choice"]["chosen"] == int(sys.argv[1])
assert max(rates, key=rates.get) == sys.argv[1] and "8" in rates, rates
PY
"$REEL_BIN" train many "${common[@]}" -b auto --resume auto -o chosen >out 2>&1 || fail "resume: $(cat out)"
grep -q -- '--batch-size auto:' out && fail "a resumed run chose anew: $(cat out)"
grep -q 'warning' out && fail "a resumed run warns: $(cat out)"
grep -q '"batch_size_choice"' chosen/config.json || fail "a resumed run lost the note"
"$REEL_BIN" train many "${common[@]}" -b "$said" --epochs 2 -o given >/dev/null 2>&1
[ "$(sum chosen)" = "$(sum given)" ] || fail "--batch-size auto gives other weights than $said"

# With --accumulate 4 the whole batch of a step is measured; what is stored is a fourth of it, as if it had been typed.
accumulate=("${common[@]}" --accumulate 4)
"$REEL_BIN" train many "${accumulate[@]}" -b auto --epochs 2 -o turns --max-steps 1 >out 2>&1 || fail "auto, --accumulate: $(cat out)"
whole=$(grep -o 'takes [0-9]*, the fastest' out | grep -o '[0-9]*') || fail "--accumulate: nothing said: $(cat out)"
"$REEL_BIN" train many --resume auto -o turns >out 2>&1 || fail "resume, --accumulate: $(cat out)"
"$REEL_BIN" train many "${accumulate[@]}" -b $((whole / 4)) --epochs 2 -o turns_given --max-steps 1 >out 2>&1 || fail "-b, --accumulate: $(cat out)"
"$REEL_BIN" train many -b auto --resume auto -o turns_given >out 2>&1 || fail "-b auto on a resume, --accumulate: $(cat out)"
"$REEL_BIN" train many "${accumulate[@]}" -b $((whole / 4)) --epochs 2 -o turns_whole >out 2>&1 || fail "--accumulate: $(cat out)"
[ "$(sum turns)" = "$(sum turns_whole)" ] || fail "-b auto --accumulate 4, resumed: other weights than with -b $((whole / 4))"
[ "$(sum turns_given)" = "$(sum turns_whole)" ] || fail "-b auto on a resume with --accumulate 4: other weights"

# Within --memory; and where not even the smallest fits.
code=0
"$REEL_BIN" train d "${common[@]}" -b auto --memory 1MB -o no >out 2>&1 || code=$?
[ "$code" -eq 1 ] && grep -q -- '--memory: expected [0-9]*MB or more for a batch of 8' out && [ ! -e no ] || fail "auto within 1 MB: $code, $(cat out)"
# What auto chooses, the run does not refuse: layers that the run freezes, and images for the initial weights, count in both.
"$REEL_BIN" train d "${common[@]}" -b 8 --max-steps 1 --memory 1MB -o within >out 2>&1 && fail "8 images within 1 MB"
least=$(grep -o 'expected [0-9]*MB' out | grep -o '[0-9]*') || fail "no least limit: $(cat out)"
for ((limit = least; limit < least + 4; limit++)); do
    for options in "--freeze features.*" ""; do
        rm -rf within
        # shellcheck disable=SC2086 # options are words
        "$REEL_BIN" train d "${common[@]}" -b auto --max-steps 1 --memory ${limit}MB $options -o within >out 2>&1 ||
            fail "auto within $limit MB, $options: $(cat out)"
    done
done
"$REEL_BIN" summary --arch tiny -b auto >out 2>&1 && fail "summary -b auto was taken"
exit 0
