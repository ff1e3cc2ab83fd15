#!/bin/bash
# A rank that is stopped, killed, or that does something else: all ranks end soon, the message names
# it, and nothing stays behind.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
ranks=$REEL_BUILD/tests/ranks
export TMPDIR=$PWD/session # Open MPI's folders lie here
mkdir session
fail() {
    echo "$1"
    [ ! -e said ] || cat said
    exit 1
}
# What Open MPI keeps in /dev/shm; other runs may have files there, too.
segments() { find /dev/shm -name "vader_segment.*.$(awk '$1 == "ready" {printf "%x", $4; exit}' said).*"; }

# begin WHAT: starts 4 ranks with a timeout of 2 s, and waits until all are ready.
begin() {
    : >said
    mpi 4 "$ranks" "$1" 2 >said 2>&1 &
    started=$!
    for _ in $(seq 100); do
        [ "$(grep -c '^ready' said)" -lt 4 ] || return 0
        sleep 0.1
    done
    fail "$1: the ranks are not ready within 10 s"
}
process_of() { awk -v rank="$1" '$1 == "ready" && $2 == rank {print $3}' said; }

# end SECONDS CODE: mpirun ends within so many seconds, with this code, and no rank lives on.
end() {
    local code=0 begun=$SECONDS process
    wait "$started" || code=$?
    [ $((SECONDS - begun)) -le "$1" ] || fail "the ranks end after $((SECONDS - begun)) s"
    [ "$code" = "$2" ] || fail "exit code $code instead of $2"
    for process in $(awk '$1 == "ready" {print $3}' said); do
        [ ! -e "/proc/$process" ] || grep -q '^State:.*Z' "/proc/$process/status" || fail "process $process stays"
    done
    [ -z "$(find session -mindepth 1 ! -type d -o -name 'ompi*')" ] || fail "files stay: $(find session)"
    [ -z "$(segments)" ] || fail "files stay in /dev/shm: $(segments)"
}

begin loss
if [ -n "$(find /dev/shm -name 'vader_segment*')" ] && [ -z "$(segments)" ]; then fail "the run's files have other names"; fi
kill -STOP "$(process_of 2)"
end 6 5
grep -q "rank 2 (host .*) is lost: no sign of life for 2 s; waited for the sum of a test" said ||
    fail "a stopped rank: no message"

# Ranks that share no memory are on several hosts: there the limit is 8 s.
REEL_TEST_HOSTS=0 begin loss
kill -STOP "$(process_of 2)"
end 13 5
grep -q "rank 2 (host .*) is lost: no sign of life for 8 s" said || fail "a stopped rank of another host: no message"

begin loss
kill -KILL "$(process_of 1)"
end 6 137

begin busy
kill -STOP "$(process_of 3)"
end 8 6
grep -q "on_lost: rank 3 (host .*) is lost" said || fail "on_lost: no message"

: >said
code=0
mpi 3 "$ranks" mixed-up >said 2>&1 || code=$?
[ "$code" = 5 ] || fail "mixed up: exit code $code"
grep -q 'does something else: exchange .* "the ' said || fail "mixed up: no message"

# A rank that never connects: connecting has a limit, too.
: >said
code=0
# shellcheck disable=SC2016
mpi 2 bash -c '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exec sleep 50; exec "$0" loss 2' "$ranks" >said 2>&1 || code=$?
[ "$code" = 6 ] || fail "a rank does not connect: exit code $code"
grep -q "on_lost: the ranks are not connected after 8 s" said || fail "a rank does not connect: no message"
