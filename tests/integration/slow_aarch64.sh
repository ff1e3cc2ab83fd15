#!/bin/bash
# Another architecture, aarch64 with NEON: built with Debian's cross compiler, run in qemu-user.
# Kernels, gradients and operators pass their tests; the program draws images and trains on them;
# it gives the stored bits, which for the portable kernels are those of x86-64.
#
#     REEL_PROGRAMS="..."    which test programs, as in the list below; "" = none
#     REEL_PATIENCE=1800     seconds for a fourth of a program
set -eu
packages="gcc-aarch64-linux-gnu qemu-user-static libgomp1:arm64"
for library in libjpeg libpng zlib1g libjansson; do packages+=" $library-dev:arm64"; done
skipped() {
    echo "skipped: $*"
    echo "(Debian: dpkg --add-architecture arm64; apt-get update; apt-get install $packages)"
    exit 77
}
fail() {
    echo "$*"
    exit 1
}
if ! grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=Release$' "$REEL_BUILD/CMakeCache.txt"; then
    echo "skipped: only beside a release build"
    exit 77
fi
command -v aarch64-linux-gnu-gcc >/dev/null || skipped "no aarch64-linux-gnu-gcc, the cross compiler"
qemu=$(command -v qemu-aarch64-static || command -v qemu-aarch64) || skipped "no qemu-aarch64"
for library in jpeg png z jansson; do
    [ -e "/usr/lib/aarch64-linux-gnu/lib$library.so" ] || skipped "no lib$library for arm64"
done
[ -e /lib/ld-linux-aarch64.so.1 ] || skipped "no C library for arm64"
[ -e /usr/lib/aarch64-linux-gnu/libgomp.so.1 ] || skipped "no libgomp for arm64"

# ---- build ----
# Left out, because an emulator takes too long: the bits of every number of threads, and what tests the checker of gradients
# alone (edges, ties, wrong gradients).
tests=(
    kernels_{rounding,philox,peak,gemm,gemm_pieces,conv,conv_choice,conv_pieces,winograd,few_tiles,relu_pool,batch_norm,bf16,conv_bf16}
    gradient_{operators,layers,gradcheck,random_uses,macros}
    unit_core_{op_table,op_edges,ops_forward,ops_shapes,ops_against_torch,recompute_ops}
    unit_core_{elementary,rng,ctx} unit_data_resize unit_optim_trajectories_against_torch
)
[ -z "${REEL_PROGRAMS+set}" ] || read -ra tests <<<"$REEL_PROGRAMS"
launcher=$(sed -n 's/^CMAKE_C_COMPILER_LAUNCHER:[A-Z]*=//p' "$REEL_BUILD/CMakeCache.txt")
generator=$(sed -n 's/^CMAKE_GENERATOR:[A-Z]*=//p' "$REEL_BUILD/CMakeCache.txt")
cmake --preset aarch64 -S "$REEL_SOURCE" -B "$PWD/arm" -G "$generator" -DCMAKE_C_COMPILER_LAUNCHER="$launcher" >cmake.log 2>&1 || {
    cat cmake.log
    exit 1
}
cmake --build arm --parallel "$(nproc)" --target reel test_canary "${tests[@]/#/test_}" >build.log 2>&1 || {
    tail -n 30 build.log
    exit 1
}

# ---- tests, after those that must fail ----
in_qemu() { "$qemu" -R 64G "$@"; } # -R: see core/install/aarch64.cmake
for canary in a_failed_assertion a_failed_assertion_in_fini a_crash; do
    if in_qemu arm/tests/test_canary --filter "canary/$canary" >out 2>&1; then fail "canary $canary passes: $(cat out)"; fi
done

# An emulator is slow: each program in four parts, as many at a time as there are cores.
one_part() { # one_part TEST PART: its output in TEST.PART, which becomes TEST.PART.failed; its seconds in TEST.PART.took
    local code=0 begun=$SECONDS
    timeout "$patience" "$qemu" -R 64G "arm/tests/test_$1" --part "$2/4" >"$1.$2" 2>&1 || code=$?
    echo $((SECONDS - begun)) >"$1.$2.took"
    [ $code != 124 ] || echo "no answer in $patience s" >>"$1.$2"
    [ $code = 0 ] || mv "$1.$2" "$1.$2.failed"
}
export -f one_part
export qemu patience=${REEL_PATIENCE:-1800}
for test in "${tests[@]}"; do printf "$test %s\n" 0 1 2 3; done | xargs -r -P "$(nproc)" -n 2 bash -c 'one_part "$@"' one_part
sum() { awk '{ n += $1 } END { print n + 0 }'; }
bad=0
for test in "${tests[@]}"; do
    for part in "$test".*.failed; do
        [ ! -e "$part" ] || { bad=1 && echo "$part: $(tail -n 30 "$part")"; }
    done
    passed=$(cat "$test".[0-3] "$test".[0-3].failed 2>/dev/null | sed -n 's/.*Tested: [0-9]* | Passing: \([0-9]*\) .*/\1/p' | sum)
    [ "$passed" -gt 0 ] || { bad=1 && echo "$test: no test ran"; }
    echo "$test: $passed passed, $(cat "$test".*.took | sum) s"
done
[ $bad = 0 ] || exit 1

# ---- the program ----
printf '#!/bin/sh\nexec "%s" -R 64G "%s/arm/reel" "$@"\n' "$qemu" "$PWD" >reel
chmod +x reel
./reel synth shapes --size 32 --train 40 --val 8 --classes 4 >out 2>&1 || fail "synth: $(cat out)"
train() { # train ISA: twelve steps of the small network
    REEL_ISA=$1 ./reel train shapes -o "$1" --arch tiny --batch-size 16 --epochs 2 --max-steps 12 --lr 0.05 --min-area 0.5 \
        --log-every 1 --seed 3 --quiet >out 2>&1 || fail "train with $1: $(cat out)"
}
train neon
train portable
python3 - <<'EOF'
import json, sys

def losses(run):
    return [x["loss"] for x in map(json.loads, open(run + "/metrics.jsonl")) if x["event"] == "train"]

neon, portable = losses("neon"), losses("portable")
worst = max((abs(a - b) / b for a, b in zip(neon, portable)), default=0)
print(f"{len(neon)} losses, {neon[0]:.4f} to {neon[-1]:.4f}; neon and portable differ by {worst:.1e} at most")
if len(neon) != len(portable) or len(neon) < 12 or worst > 1e-3 or neon == portable:
    sys.exit(f"expected at least 12 losses that differ by rounding: {neon} {portable}")
EOF
mkdir bits
cd bits
REEL_BIN=$PWD/../reel REEL_NETWORKS=tiny bash "$REEL_SOURCE/tests/integration/stored_bits.sh"
