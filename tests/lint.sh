#!/bin/bash
# lint.sh [FILE.c ...]: clang-tidy with the checks of .clang-tidy and cppcheck over the tree (or the files given), as many files at
# once as there are cores, at most 5 minutes for each group of 8. A line for each finding, and exit 1 if there is one; without
# any, no output and exit 0. Debian: apt-get install clang-tidy cppcheck.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
for program in clang-tidy cppcheck; do
    command -v $program >/dev/null || { echo "lint.sh: $program is missing (Debian: apt-get install $program)" >&2; exit 2; }
done
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'core/*.c' 'layers/*.c' 'optim/*.c' 'data/*.c' 'train/*.c'); fi
folder=build-lint
cmake -S . -B $folder -DCMAKE_C_COMPILER=clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
result=0
timeout 600 cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,performance,portability \
    --suppressions-list=tests/support/cppcheck.txt --error-exitcode=1 -DREEL_X86=1 -DREEL_REAL_BITS=64 -I. -I$folder/generated \
    "${files[@]}" 2>&1 || result=1
printf '%s\0' "${files[@]}" |
    xargs -0 -n 8 -P "$(nproc)" timeout 300 clang-tidy -p $folder --quiet 2>$folder/clang-tidy.log || result=1
[ $result -eq 0 ] || echo "lint.sh: findings, or a run that did not end (see $folder/clang-tidy.log)" >&2
exit $result
