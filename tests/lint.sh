#!/bin/bash
# lint.sh [FILE.c ...]: clang-format 19 (.clang-format), clang-tidy (.clang-tidy) and cppcheck over the tree, or over the
# files given. Prints one line for each finding; exit 1 if there is one. clang-tidy gets 5 minutes for each group of 8 files.
# Debian 12 and 13: apt-get install clang-format-19 clang-tidy cppcheck.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
for program in clang-tidy cppcheck; do
    command -v $program >/dev/null || { echo "lint.sh: $program is missing (Debian: apt-get install $program)" >&2; exit 2; }
done
format=
for program in clang-format-19 clang-format; do
    if "$program" --version 2>/dev/null | grep -q 'version 19\.'; then format=$program && break; fi
done
[ -n "$format" ] || { echo "lint.sh: clang-format 19 is missing (Debian: apt-get install clang-format-19); other versions format differently" >&2; exit 2; }
if [ $# -gt 0 ]; then files=("$@"); else mapfile -t files < <(git ls-files 'core/*.c' 'layers/*.c' 'optim/*.c' 'data/*.c' 'train/*.c'); fi
if [ $# -gt 0 ]; then formatted=("$@"); else mapfile -t formatted < <(git ls-files '*.c' '*.h'); fi
format_result=0
"$format" --dry-run -Werror "${formatted[@]}" 2>&1 | grep 'error:' && format_result=1
folder=build-lint
cmake -S . -B $folder -DCMAKE_C_COMPILER=clang -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
result=$format_result
timeout 600 cppcheck -q -j "$(nproc)" --std=c11 --enable=warning,performance,portability \
    --suppressions-list=tests/support/cppcheck.txt --error-exitcode=1 -DREEL_X86=1 -DREEL_REAL_BITS=64 --include=tests/support/cppcheck.h -I. -I$folder/generated \
    "${files[@]}" 2>&1 || result=1
printf '%s\0' "${files[@]}" |
    xargs -0 -n 8 -P "$(nproc)" timeout 300 clang-tidy -p $folder --quiet 2>$folder/clang-tidy.log || result=1
[ $result -eq 0 ] || echo "lint.sh: findings, or a run that did not end (see $folder/clang-tidy.log)" >&2
exit $result
