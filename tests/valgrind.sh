#!/bin/bash
# valgrind.sh [PATTERN]: the C tests under valgrind (memcheck): no invalid read or write, no jump that depends on what was never
# set, no leak. Builds into build/ as run.sh does. PATTERN (a regular expression) picks programs by name, as unit_core. A leak
# and a read past the end must be found first: they are canaries.
#
# valgrind 3.19 knows nothing of AVX-512 and says so to the program, which takes AVX2. Tests that bound times and memory may fail
# here; that is for the other runs to judge. Python that a test starts is left alone. Two tests that train AlexNet in full size
# would take hours and are left out; AddressSanitizer runs them. All: about 35 minutes on two cores.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
pattern=${1:-.}
left_out='slow_|canary|steady_step|thread_bits'
command -v valgrind >/dev/null || { echo "valgrind.sh: valgrind is not installed (Debian: valgrind)" >&2; exit 1; }
bash train/packages.sh tests
[ -e build/CMakeCache.txt ] || cmake --preset release -DREEL_BUILD_TESTS=ON
cmake --build build --parallel "$(nproc)"
# libjpeg-turbo's vector code computes on padding that nobody set and nobody reads; valgrind cannot tell. Its plain code has the
# same bits.
export JSIMD_FORCENONE=1
export OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 REEL_SOURCE=$PWD REEL_BUILD=$PWD/build LC_ALL=C.UTF-8
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

one() { # one PROGRAM [ARGUMENTS]: 0 where valgrind found nothing, whatever the test says of its times
    local name at program=$1
    name=$(basename "$program")
    shift
    at=$logs/$name
    mkdir -p "$at"
    timeout 3000 valgrind -q --suppressions=tests/support/valgrind.supp --trace-children=yes --trace-children-skip="*python*" --child-silent-after-fork=no --log-file="$at/%p" --leak-check=full \
        --show-leak-kinds=definite --errors-for-leak-kinds=definite "$program" "$@" >"$at/out" 2>&1 || true
    if grep -qE '^==[0-9]+== [^ ]' "$at"/[0-9]*; then
        echo "$name: found"
        cat "$at"/[0-9]* | head -40
        return 1
    fi
    echo "$name: $(grep -oE 'Tested: [0-9]+ .*' "$at/out" || echo a plain program), nothing found"
}
export -f one
export logs

for canary in a_leak a_read_past_the_end; do
    if one build/tests/test_canary -j1 --filter "canary/$canary" >/dev/null; then
        echo "valgrind.sh: $canary was not found" >&2
        exit 1
    fi
done
echo "a leak and a read past the end are found, as they should be"
find build/tests -maxdepth 1 -name 'test_*' -type f -executable | grep -Ev "$left_out" | grep -E "$pattern" | sort |
    xargs -P "$(nproc)" -I{} bash -c 'one "$1" $(strings -n 8 "$1" | grep -q criterion && echo "-j1 --color=never")' _ {}
