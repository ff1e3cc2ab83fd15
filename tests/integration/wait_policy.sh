#!/bin/bash
# The program sees to it that idle threads do not spin for long, stays the process it was, and respects a choice made for it.
set -eu
fail() {
    echo "$1"
    exit 1
}
ldd "$REEL_BIN" | grep -q libgomp || exit 77 # another OpenMP library is told by a call, which does not show from outside
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 77
unset OMP_WAIT_POLICY GOMP_SPINCOUNT KMP_BLOCKTIME OMP_PROC_BIND OMP_PLACES GOMP_CPU_AFFINITY LD_PRELOAD

# Starts a long run with the given environment, and prints what it sets for libgomp once it computes.
spins_of() {
    env "$@" "$REEL_BIN" bench step --arch tiny --batch 2 --steps 1000000 --threads 2 >/dev/null 2>&1 &
    local pid=$! i
    for ((i = 0; i < 100; i++)); do # two threads: it computes
        [ "$(find "/proc/$pid/task" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l)" -ge 2 ] && break
        sleep 0.1
    done
    tr '\0' '\n' <"/proc/$pid/environ" | sed -n 's/^GOMP_SPINCOUNT=//p'
    tr '\0' ' ' <"/proc/$pid/cmdline" >arguments
    cat "/proc/$pid/comm" >name
    kill "$pid"
    wait "$pid" || true
}
got=$(spins_of A=1)
[ "$got" = 1000 ] || fail "GOMP_SPINCOUNT: expected 1000, got '$got'"
[ "$(cat name)" = "$(basename "$REEL_BIN")" ] || fail "the process is called $(cat name)"
[ "$(cat arguments)" = "$REEL_BIN bench step --arch tiny --batch 2 --steps 1000000 --threads 2 " ] || fail "$(cat arguments)"
for choice in GOMP_SPINCOUNT=7 OMP_WAIT_POLICY=active KMP_BLOCKTIME=3 OMP_PROC_BIND=true; do
    got=$(spins_of "$choice")
    case $choice in
    GOMP_SPINCOUNT=*) expected=7 ;;
    *) expected= ;;
    esac
    [ "$got" = "$expected" ] || fail "$choice: expected '$expected', got '$got'"
done
# Binding leaves the main thread on one CPU; the process still has all of them.
count() { env "$@" "$REEL_BIN" bench step --arch tiny --batch 2 --steps 1 --json | grep -o '"threads":[0-9]*'; }
[ "$(count A=1)" = "$(count OMP_PROC_BIND=true)" ] || fail "threads: $(count A=1), bound $(count OMP_PROC_BIND=true)"
[ "$(taskset -c 0 "$REEL_BIN" bench step --arch tiny --batch 2 --steps 1 --json | grep -o '"threads":[0-9]*')" = '"threads":1' ] ||
    fail "an affinity mask of one CPU is not respected"
