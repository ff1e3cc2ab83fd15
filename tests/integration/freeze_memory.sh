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
