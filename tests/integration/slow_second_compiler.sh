#!/bin/bash
# Another compiler than the build's, where one is installed: the kernel tests pass, and 20 training
# steps give the stored bits.
set -eu
used=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$REEL_BUILD/CMakeCache.txt")
if ! grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "$REEL_BUILD/CMakeCache.txt"; then
    echo "only beside a release build"
    exit 77
fi

version() { # for example: clang 19.1.7
    local words
    words=$("$1" --version 2>/dev/null | head -n 1) || return 0
    case $words in *clang*) printf clang ;; *) printf gcc ;; esac
    sed 's/.*[^0-9.]\([0-9][0-9]*\.[0-9]*\.[0-9]*\).*/ \1/' <<<"$words"
}
can_build() { # does it compile and link a program with OpenMP?
    printf '#include <omp.h>\nint main(void)\n{\n    return omp_get_max_threads() < 1;\n}\n' >probe.c
    "$1" -fopenmp probe.c -o probe >/dev/null 2>&1
}
second=
for name in clang clang-{21..14} gcc gcc-{16..12}; do
    program=$(command -v "$name" || true)
    [ -n "$program" ] && [ "$(version "$program")" != "$(version "$used")" ] || continue
    if can_build "$program"; then
        second=$program
        break
    fi
done
if [ -z "$second" ]; then
    echo "no second compiler with OpenMP is installed beside $used"
    exit 77
fi
echo "second compiler: $(version "$second")"

# A compiler cache that the build uses serves this one, too. Downloads and further image formats compute no bit of training.
launcher=$(sed -n 's/^CMAKE_C_COMPILER_LAUNCHER:[A-Z]*=//p' "$REEL_BUILD/CMakeCache.txt")
cmake -S "$REEL_SOURCE" -B second -DCMAKE_C_COMPILER="$second" -DCMAKE_C_COMPILER_LAUNCHER="$launcher" -DCMAKE_BUILD_TYPE=Release \
    -DREEL_CURL=OFF -DREEL_WEBP=OFF -DREEL_TIFF=OFF -DREEL_GIF=OFF >cmake.log 2>&1 || {
    cat cmake.log
    exit 1
}
tests=(test_kernels_gemm test_kernels_conv test_kernels_winograd test_kernels_rounding)
cmake --build second --parallel "$(nproc)" --target reel "${tests[@]}" >build.log 2>&1 || {
    tail -n 30 build.log
    exit 1
}
for program in "${tests[@]}"; do
    said=$("second/tests/$program" -j1 --color=never 2>&1) || {
        echo "$program: $said"
        exit 1
    }
done
mkdir bits
cd bits
REEL_BIN=$PWD/../second/reel bash "$REEL_SOURCE/tests/integration/stored_bits.sh"
