#!/bin/bash
# `reel train --ranks`: what mpirun is given, what becomes of its messages, its exit codes and of
# signals; and that nothing stays behind, whoever is killed. A script stands in for mpirun.
set -eu
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 77 # the sanitizers' own threads and exit codes
. "$REEL_SOURCE/tests/support/mpi.sh"
unset "${!OMPI_@}"
mkdir bin tmp fake
cp "$REEL_SOURCE/tests/support/fake_mpirun.sh" bin/mpirun
chmod +x bin/mpirun
export TMPDIR=$PWD/tmp FAKE=$PWD/fake
plain=$PATH
fail() {
    echo "$1"
    for file in out err fake/signals; do
        [ ! -e "$file" ] || sed "s,^,$file: ," "$file"
    done
    exit 1
}
gone() { # gone PROCESS: it has ended, or waits for its parent to notice
    [ ! -e "/proc/$1" ] || grep -q '^State:.*[ZX]' "/proc/$1/status" 2>/dev/null
}
clean() { # clean WHAT: no process and no file of the last run is there
    local process folder
    for process in $(cat fake/process fake/orphan 2>/dev/null); do
        gone "$process" || fail "$1: process $process stays"
    done
    [ -z "$(ls tmp)" ] || fail "$1: files stay: $(find tmp)"
    while read -r folder; do
        [ ! -e "$folder" ] || fail "$1: $folder stays"
    done <fake/folders
}
# run CODE ACTS OPTION...: `reel train` on two ranks ends with this code, and leaves nothing.
run() {
    local expected=$1 acts=$2 code=0
    shift 2
    rm -f fake/*
    PATH=$PWD/bin:$plain FAKE_ACTS=$acts "$REEL_BIN" train d --ranks 2 "$@" >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "$acts: exit code $code, expected $expected"
    clean "$acts"
}
# begin ACTS: the same in the background, up to the act `wait`. $! is the process.
begin() {
    rm -f fake/*
    PATH=$PWD/bin:$plain FAKE_ACTS=$1 env --default-signal=INT "$REEL_BIN" train d --ranks 2 >out 2>err &
    for _ in $(seq 500); do
        [ ! -e fake/ready ] || return 0
        sleep 0.01
    done
    fail "$1: the stand-in does not start"
}
# finish WHAT CODE SECONDS: more of them than promised, because the machine may be busy
finish() {
    local code=0 begun=${EPOCHREALTIME/./}
    wait "$!" || code=$?
    local passed=$(((${EPOCHREALTIME/./} - begun) / 1000))
    [ "$code" = "$2" ] || fail "$1: exit code $code, expected $2"
    [ "$passed" -le $(($3 * 1000)) ] || fail "$1: ends after $passed ms"
    clean "$1"
}
frame=$(printf -- '-%.0s' $(seq 74))

# mpirun hangs after a death: the keeper ends it. Meanwhile the other cases are tried.
printf '%s\nmpirun noticed that process rank 1 with PID 0 on node b exited on signal 9 (Killed).\n%s\n' "$frame" "$frame" >banner
(
    mkdir hang hang/tmp hang/fake
    cp -r bin banner hang
    cd hang
    export TMPDIR=$PWD/tmp FAKE=$PWD/fake
    begin "warn banner deaf wait"
    finish "mpirun hangs" 1 14
) &
hang=$!

# ---- what mpirun gets -------------------------------------------------------------------------------------------------------
run 0 "" --threads 3 --json -o "a b"
tr '\n' ' ' <fake/argv >line
grep -qF -- "-n 2 --map-by slot:OVERSUBSCRIBE --bind-to none --wdir $PWD $REEL_BIN train d --ranks 2 --threads 3 --json -o a b " line ||
    fail "the command line: $(cat line)"
for setting in OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_oob_tcp_keepalive_time=2; do
    grep -qx "$setting" fake/environment || fail "not in the environment: $setting"
done
grep -q "^TMPDIR=$PWD/tmp/reel-ranks-" fake/environment || fail "TMPDIR: $(grep TMPDIR fake/environment)"
OMPI_MCA_oob_tcp_keepalive_time=9 OMPI_MCA_hwloc_base_binding_policy=numa run 0 ""
grep -qx OMPI_MCA_oob_tcp_keepalive_time=9 fake/environment || fail "a setting of the user's is replaced"
! grep -q bind-to fake/argv || fail "the user's binding is replaced"

printf 'a slots=2 # the first\nb.lab\n' >hosts
REEL_LAUNCH_AGENT=/bin/agent run 0 "" --hosts hosts --ranks 3
[ "$(cat fake/hosts)" = $'a slots=2\nb.lab slots=1' ] || fail "mpirun's hosts: $(cat fake/hosts)"
grep -qx OMPI_MCA_plm_rsh_agent=/bin/agent fake/environment || fail "REEL_LAUNCH_AGENT"
grep -A1 -x -- -x fake/argv | grep -qx REEL_LAUNCH_AGENT || fail "variables for other hosts"

# ---- what it says ----------------------------------------------------------------------------------------------------------
printf '{"loss":0.5}\n12 images\n2 total processes failed to start\n\000\377no end' >said
run 3 "say said leave 3"
printf '{"loss":0.5}\n12 images\n\000\377no end' | cmp - out || fail "stdout is changed"
run 1 "warn banner leave 137"
[ "$(cat err)" = "reel: rank 1 on host b was killed by signal 9 (Killed)" ] || fail "a rank is killed: $(cat err)"
run 1 "leave 137"
[ "$(cat err)" = "reel: a rank was killed by signal 9; mpirun does not say which rank" ] || fail "no banner: $(cat err)"
run 1 "leave 213"
[ "$(cat err)" = "reel: mpirun ended with exit code 213" ] || fail "no words of mpirun's"
for code in 1 2 3 4 5 143; do
    run "$code" "leave $code"
    [ ! -s err ] || fail "exit code $code: $(cat err)"
done

# ---- signals ---------------------------------------------------------------------------------------------------------------
for case in "TERM 143" "INT 130" "HUP 129"; do
    begin "stop 143 wait"
    kill -s "${case% *}" "$!"
    finish "SIG$case" "${case#* }" 4
    [ "$(cat fake/signals)" = USR2 ] || fail "SIG$case: the ranks are not asked to stop"
done
begin "stop 0 wait" # the run was done before the signal came
kill -s TERM "$!"
finish "done" 0 4
begin "stop 140 wait"
kill -s TERM "$!"
finish "early" 143 4
grep -q "interrupted before the first step" err || fail "a rank without handlers"
begin "stop 143 wait"
kill -s USR1 "$!"
sleep 0.2
kill -s TERM "$!"
finish "SIGUSR1" 143 4
[ "$(tr '\n' ' ' <fake/signals)" = "USR1 USR2 " ] || fail "SIGUSR1: the ranks are not asked to save"
begin "deaf wait"
kill -s TERM "$!"
kill -s TERM "$!" # timeout(1) sends two at once: one request
sleep 0.3
kill -s INT "$!"
finish "a second signal" 130 8
grep -q "second signal: left at once" err || fail "a second signal: nothing is said"

# ---- whoever is killed -----------------------------------------------------------------------------------------------------
begin "orphan wait"
kill -s KILL "$(cat fake/process)"
finish "mpirun is killed" 1 8
grep -q "mpirun was killed by signal 9" err || fail "mpirun is killed: nothing is said"
begin "orphan wait"
kill -s KILL "$(awk '{print $4}' "/proc/$(cat fake/process)/stat")"
finish "the keeper is killed" 1 8
begin "orphan wait"
kill -s KILL "$!"
wait "$!" || true
for _ in $(seq 60); do
    sleep 0.1
    [ -n "$(ls tmp)" ] || break
done
sleep 0.1
clean "reel is killed"

# ---- nothing to start ------------------------------------------------------------------------------------------------------
# refused CODE WORDS COMMAND...: one line, and mpirun is not started
refused() {
    local expected=$1 words=$2 code=0
    shift 2
    rm -f fake/*
    PATH=$PWD/bin:$plain "$@" >out 2>err || code=$?
    [ "$code" = "$expected" ] || fail "$*: exit code $code, expected $expected"
    grep -q -- "$words" err && [ "$(wc -l <err)" = 1 ] || fail "$*: expected one line with '$words'"
    [ ! -e fake/argv ] && [ -z "$(ls tmp)" ] || fail "$*: mpirun is started"
}
refused 1 "mpirun is missing, .*: install Open MPI" env PATH=/nowhere "$REEL_BIN" train d --ranks 2
refused 1 "expected Open MPI's, found 'HYDRA build'" env FAKE_VERSION="HYDRA build" "$REEL_BIN" train d --ranks 2
refused 1 "--ranks: cannot load the module" env REEL_MPI_MODULE=/nowhere.so "$REEL_BIN" train d --ranks 2
refused 1 "nohosts: cannot be opened" "$REEL_BIN" train d --hosts nohosts
refused 2 "--ranks 4: hosts has slots for 3" "$REEL_BIN" train d --hosts hosts --ranks 4
echo "a b" >wrong
refused 2 "wrong:1: expected NAME or NAME slots=N (1 to 4096), found 'a b'" "$REEL_BIN" train d --hosts wrong
refused 2 "--comm-timeout" "$REEL_BIN" train d --ranks 2 --comm-timeout 0
refused 1 "d: " "$REEL_BIN" train d --ranks 1 -o alone
launched="OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_RANK=0"
# shellcheck disable=SC2086
refused 2 "--ranks 3: a launcher has started 2 processes" env $launched "$REEL_BIN" train d --ranks 3
# ---- the real mpirun -------------------------------------------------------------------------------------------------------
REAL_MPIRUN=$(command -v mpirun)
export REAL_MPIRUN STAND_IN=$REEL_BUILD/tests/ranks
cp "$REEL_SOURCE/tests/support/real_mpirun.sh" bin/mpirun
PATH=$PWD/bin:$plain "$REEL_BIN" train --ranks 3 >out 2>err || fail "ranks that connect: exit code $?"
[ "$(cat out)" = "train: 3 ranks on 1 hosts; " ] && [ ! -s err ] || fail "ranks that connect: not said"
[ -z "$(ls tmp)" ] || fail "ranks that connect: files stay"

cat >rank <<'END'
#!/bin/bash
trap 'echo saved' USR1
trap 'exit 143' USR2
echo "$OMPI_MCA_btl_vader_backing_directory" >fake/folders
touch "$OMPI_MCA_btl_vader_backing_directory/segment"
echo $$ >>fake/process
[ "$(wc -l <fake/process)" != 2 ] || touch fake/ready
for _ in $(seq 300); do sleep 0.1; done
END
chmod +x rank
STAND_IN=$PWD/rank begin ""
kill -s USR1 "$!"
sleep 0.5
kill -s TERM "$!"
finish "SIGTERM, the real mpirun" 143 8
[ "$(cat out)" = $'saved\nsaved' ] || fail "SIGUSR1, the real mpirun"
for victim in mpirun reel; do
    STAND_IN=$PWD/rank begin ""
    process=$!
    [ "$victim" = reel ] || process=$(awk '{print $4}' "/proc/$(head -n 1 fake/process)/stat")
    kill -s KILL "$process"
    wait "$!" || true
    for _ in $(seq 50); do
        [ -n "$(ls tmp)" ] || break
        sleep 0.1
    done
    sleep 0.1
    clean "$victim is killed, the real mpirun"
done

wait "$hang" || fail "mpirun hangs: see above"
