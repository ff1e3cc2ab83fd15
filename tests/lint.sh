#!/bin/bash
# lint.sh [FILE.c ...]: clang-tidy with the checks of .clang-tidy and cppcheck over the tree (or the files given). No output and exit
# 0 when there is nothing to say. Debian: apt-get install clang-tidy cppcheck.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
for program in clang-tidy cppcheck; do
    command -v $program >/dev/null || { echo "lint.sh: $program is missing (Debian: apt-get install $program)" >&2; exit 1; }
done
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'core/*.c' 'layers/*.c' 'optim/*.c' 'data/*.c' 'train/*.c'); fi
folder=build-lint
cmake -S . -B $folder -DCMAKE_C_COMPILER=clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
result=0
cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,performance,portability --suppressions-list=tests/support/cppcheck.txt \
    --error-exitcode=1 -DREEL_X86=1 -DREEL_REAL_BITS=64 -I. -I$folder/generated "${files[@]}" || result=1
printf '%s\0' "${files[@]}" | xargs -0 -n 8 -P "$(nproc)" clang-tidy -p $folder --quiet 2>$folder/clang-tidy.log || result=1
exit $result
