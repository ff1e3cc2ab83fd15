# For scripts that end runs of several ranks by force: `. "$REEL_SOURCE/tests/support/rank_runs.sh"` after mpi.sh. Where
# namespaces are allowed, the script starts again with a /dev/shm of its own. TMPDIR is the folder tmp. So what a run
# leaves behind is all that lies in the two. A run is known by its output folder, whose name is nowhere else.
#
#     draw N                   drawn becomes a random number below N; RANDOM=seed repeats the sequence
#     pause MS                 sleeps
#     own_data                 of rank_data.sh
#     run_processes RUN        the processes that have the run's name on their command line
#     rank_process RUN RANK    the process of a rank; rank_process RUN '[0-9]*': of all
#     gone PROCESS             it has ended, or waits for its parent to notice
#     wait_gone PROCESS SEC    waits until it is; `waited` is the time in ms; fails after SEC seconds
#     leftovers RUN            processes and files that are left
#     wait_clean RUN SEC       waits until nothing is left; fails after SEC seconds
#     end_run RUN              kills what is left
#     tensors FILE             the hash of the tensors of a safetensors file

if [ "${RANK_RUNS_INSIDE:-}" != yes ] && [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    RANK_RUNS_INSIDE=yes exec unshare --mount bash "$0"
fi
shm_is_own=no
if [ "${RANK_RUNS_INSIDE:-}" = yes ] && mount -t tmpfs none /dev/shm 2>/dev/null; then shm_is_own=yes; fi
mkdir tmp
export TMPDIR=$PWD/tmp

draw() { drawn=$(((RANDOM * 32768 + RANDOM) % $1)); }
pause() { sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"; }
now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

. "$REEL_SOURCE/tests/support/rank_data.sh"

# The pattern does not match the command line of grep itself.
run_processes() { grep -l -a -- "[${1:0:1}]${1:1}" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3; }

rank_process() {
    local process
    for process in $(run_processes "$1"); do
        if [ "$(readlink "/proc/$process/exe")" = "$REEL_BIN" ] &&
            { tr '\0' '\n' <"/proc/$process/environ"; } 2>/dev/null | grep -q "^OMPI_COMM_WORLD_RANK=$2$"; then
            echo "$process"
        fi
    done
}

gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.*[ZX]' "/proc/$1/status" 2>/dev/null; }

wait_gone() {
    local begun
    begun=$(now_ms)
    while :; do
        waited=$(($(now_ms) - begun))
        if gone "$1"; then return 0; fi
        [ "$waited" -le $(($2 * 1000)) ] || return 1
        sleep 0.05
    done
}

words_of() { { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | cut -c1-200; }

leftovers() {
    local process
    for process in $(run_processes "$1"); do
        gone "$process" || echo "process $process: $(words_of "$process")"
    done
    if declare -F two_hosts_processes >/dev/null; then
        for process in $(two_hosts_processes); do
            gone "$process" || echo "process $process of a host: $(words_of "$process")"
        done
    fi
    find tmp two_hosts/tmp -mindepth 1 -maxdepth 1 2>/dev/null || true
    [ "$shm_is_own" = no ] || find /dev/shm -mindepth 1 -maxdepth 1
}

wait_clean() {
    local begun
    begun=$(now_ms)
    while [ -n "$(leftovers "$1")" ]; do
        [ $(($(now_ms) - begun)) -le $(($2 * 1000)) ] || return 1
        sleep 0.1
    done
}

end_run() {
    local process
    for process in $(run_processes "$1"); do
        kill -s KILL "$process" 2>/dev/null || true
    done
    sleep 1
    find tmp two_hosts/tmp -mindepth 1 -delete 2>/dev/null || true
    [ "$shm_is_own" = no ] || find /dev/shm -mindepth 1 -delete
}

tensors() {
    python3 - "$1" <<'PY'
import hashlib, struct, sys
blob = open(sys.argv[1], "rb").read()
length, = struct.unpack("<Q", blob[:8])
print(hashlib.sha256(blob[8 + length:]).hexdigest())
PY
}
