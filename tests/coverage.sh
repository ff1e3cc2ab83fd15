#!/bin/bash
# coverage.sh [ctest's arguments]: builds the coverage preset, runs the tests (all but the slow ones), and prints which share of the
# lines of core, layers, optim and data they reach, and which lines they do not. Exit 1 when a test fails, or a folder's share is
# below 95 %. Needs gcc and gcovr.
set -eu -o pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
command -v gcovr >/dev/null || { echo "coverage.sh: gcovr is missing (Debian: apt-get install gcovr)" >&2; exit 1; }
folder=build-coverage
generator=()
if [ ! -e $folder/CMakeCache.txt ] && command -v ninja >/dev/null 2>&1; then generator=(-G Ninja); fi
cmake --preset coverage ${generator[@]+"${generator[@]}"} >/dev/null
cmake --build $folder --parallel "$(nproc)"
find $folder -name '*.gcda' -delete
result=0
# AlexNet in full size, instrumented and without vectors, takes hours; what these tests run, others run in small.
large='unit/layers/steady_step|unit/layers/thread_bits|integration/bench_kernels|integration/memory_plan|integration/train_memory'
ctest --test-dir $folder -LE '^slow$' -E "$large" --output-on-failure "$@" </dev/null | tail -30 || result=$?
# REEL_ASSERT's other branch and lines behind it cannot be reached by a test that passes.
gcovr --root . $folder -j "$(nproc)" --exclude-lines-by-pattern '.*REEL_ASSERT\(.*' \
    --filter 'core/' --filter 'layers/' --filter 'optim/' --filter 'data/' --txt $folder/coverage.txt --json-summary $folder/coverage.json
python3 - "$folder/coverage.json" <<'PY' || result=1
import json, sys
files = json.load(open(sys.argv[1]))["files"]
low = False
for part in "core", "layers", "optim", "data":
    here = [f for f in files if f["filename"].startswith(part + "/")]
    total, covered = sum(f["line_total"] for f in here), sum(f["line_covered"] for f in here)
    share = 100 * covered / max(total, 1)
    print(f"{part:7} {covered:6} of {total:6} lines, {share:.1f} %" + ("" if share >= 95 else ": expected at least 95 %"))
    low = low or share < 95
sys.exit(low)
PY
echo "line by line: $folder/coverage.txt"
exit $result
