#!/bin/bash
# Frozen layers take neither gradient nor momentum: with AlexNet's two large linear layers frozen (54.5 million numbers, 218 MB an
# array), fine-tuning stays a whole array below what it takes with all layers learning.
set -eu
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=\(Release\|Debug\)$' "$REEL_BUILD/CMakeCache.txt" || exit 77 # sanitizers take memory of their own
"$REEL_BIN" synth d --train 4 --val 1 --classes 3 --size 48 --quiet
"$REEL_BIN" train d --arch alexnet --max-steps 1 -b 4 -q --no-report -o base >/dev/null
cat >peak.py <<'PY'
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(code)
PY
peak() { # peak OPTIONS: the run's most, in MiB
    python3 peak.py "$REEL_BIN" finetune d --weights base/model.safetensors --max-steps 2 -b 4 -q --no-report -o run "$@"
    rm -rf run
}
all=$(peak)
frozen=$(peak --freeze 'features.*,classifier.1.*,classifier.4.*')
[ $((all - frozen)) -ge 200 ] || { echo "all layers learning: $all MiB, the large ones frozen: $frozen MiB, expected 200 less"; exit 1; }

# --memory counts them so, and keeps its limit.
summary=("$REEL_BIN" summary --arch alexnet -b 4 --json)
total() { "${summary[@]}" "$@" | grep -o '"total":[0-9]*' | tail -1 | cut -d: -f2; }
large='features.*,classifier.1.*,classifier.4.*'
[ $(($(total) - $(total --freeze "$large"))) -ge 400000000 ] || { echo "summary plans $(total), and $(total --freeze "$large") with the large layers frozen"; exit 1; }
least() { # least OPTIONS: of a run that is never begun, in MB
    "$REEL_BIN" train d --arch alexnet -b 4 -q -o run --memory 1MB "$@" 2>&1 | grep -o 'expected [0-9]*MB' | grep -o '[0-9]*'
}
of_all=$(least) of_frozen=$(least --freeze "$large")
[ $((of_all - of_frozen)) -ge 200 ] || { echo "least --memory: $of_all MB, $of_frozen MB with the large layers frozen"; exit 1; }
python3 peak.py "$REEL_BIN" train d --arch alexnet --max-steps 2 -b 4 -q --no-report -o run --freeze "$large" --memory "${of_frozen}MB" >taken
[ $(($(cat taken) * 1048576)) -le $((of_frozen * 1000000)) ] || { echo "--memory ${of_frozen}MB: the run took $(cat taken) MiB"; exit 1; }
