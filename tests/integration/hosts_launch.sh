#!/bin/bash
# `reel train --hosts FILE` on two hosts (namespaces): where ranks run, what reaches them, and that nothing stays when
# a rank, a link or `reel` goes. Another program stands in for the ranks.
set -eu
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 77
ldd "$REEL_BIN" | grep -q libgomp && spins=1000 || spins=''
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/two_hosts.sh"
unset "${!OMPI_@}" OMP_NUM_THREADS OMP_WAIT_POLICY
two_hosts_up
REAL_MPIRUN=$(command -v mpirun)
mkdir bin tmp
export REAL_MPIRUN TMPDIR=$PWD/tmp STAND_IN=$PWD/rank
fail() {
    echo "$1"
    for file in out err ranks; do
        [ ! -e "$file" ] || sed "s,^,$file: ," "$file"
    done
    exit 1
}
cp "$REEL_SOURCE/tests/support/real_mpirun.sh" bin/mpirun
cat >rank <<'END'
#!/bin/bash
trap 'exit 143' USR2
echo "$OMPI_COMM_WORLD_RANK $(hostname) $$ ${GOMP_SPINCOUNT-} ${REEL_OF_THE_USER-} $PWD" >>ranks
[ -z "${REEL_OF_THE_USER-}" ] || exit 0
for _ in $(seq 300); do sleep 0.1; done
END
chmod +x bin/mpirun rank
export PATH=$PWD/bin:$PATH

reel_train() { on_host reela "$REEL_BIN" train d --hosts "$@" >out 2>err; }
clean() { # clean WHAT: what other hosts still have to notice may take a moment
    local process
    for _ in $(seq 80); do
        [ -n "$(two_hosts_processes)$(ls -A tmp)$(ls -A two_hosts/tmp)" ] || return 0
        sleep 0.1
    done
    for process in $(two_hosts_processes); do
        ps -o pid,ppid,args -p "$process" || true
    done
    fail "$1: something stays: $(ls -d tmp/* two_hosts/tmp/* 2>/dev/null)"
}
begin() { # begin: a run on both hosts in the background, up to the start of both ranks
    rm -f ranks
    exec_on_host reela env --default-signal=INT "$REEL_BIN" train d --hosts two_hosts/hosts >out 2>err &
    for _ in $(seq 200); do
        [ ! -e ranks ] || [ "$(wc -l <ranks)" != 2 ] || return 0
        sleep 0.05
    done
    fail "the ranks do not start"
}
finish() { # finish WHAT CODE SECONDS: more of them than promised, because the machine may be busy
    local code=0 begun=$SECONDS
    wait "$!" || code=$?
    [ "$code" = "$2" ] || fail "$1: exit code $code, expected $2"
    [ $((SECONDS - begun)) -le "$3" ] || fail "$1: ends after $((SECONDS - begun)) s"
    clean "$1"
}
process_of() { awk -v rank="$1" '$1 == rank {print $3}' ranks; } # process_of RANK

# ---- where ranks run, and what reaches them ---------------------------------------------------------------------------------
export REEL_OF_THE_USER=yes
reel_train two_hosts/hosts || fail "two hosts: exit code $?"
sort ranks | sed 's/ [0-9]* / /' >where
for rank in "0 reela" "1 reelb"; do
    grep -q "^$rank $spins yes $PWD$" where || fail "expected rank $rank, with the user's variables: $(cat where)"
done
clean "two hosts"
rm ranks
sed 's/$/ # both/; s/slots=1/slots=2/' two_hosts/hosts >four
reel_train four --ranks 3 || fail "three ranks: exit code $?"
[ "$(sort ranks | cut -d' ' -f1,2 | tr '\n' ' ')" = "0 reela 1 reela 2 reelb " ] || fail "three ranks lie elsewhere"
unset REEL_OF_THE_USER

STAND_IN=$REEL_BUILD/tests/ranks reel_train two_hosts/hosts || fail "ranks that connect: exit code $?"
grep -q "train: 2 ranks on 2 hosts" out || fail "ranks that connect: not said"
clean "ranks that connect"

# A host that is not there.
printf '%s\n' "$reela" 198.18.7.9 >unknown
code=0
reel_train unknown || code=$?
[ "$code" = 1 ] && grep -q "a host of --hosts cannot be reached" err || fail "an unknown host: exit code $code"

# ---- ends -------------------------------------------------------------------------------------------------------------------
begin
kill -s INT "$!"
finish "SIGINT" 130 8
begin
on_host reelb kill -s KILL "$(process_of 1)" # its number there
finish "a rank is killed" 1 14
grep -q "^reel: rank 1 on host .* was killed by signal 9 (Killed)$" err && [ "$(wc -l <err)" = 1 ] || fail "a rank is killed"
begin
kill -s KILL "$!"
wait "$!" || true
clean "reel is killed"
begin
sleep 1 # what the daemons tell each other at the start has arrived: a lost packet is sent again for minutes
two_hosts_cut
finish "the link is down" 1 14
grep -q "^reel: the connection to host $reelb is lost$" err && [ "$(wc -l <err)" = 1 ] || fail "the link is down"
