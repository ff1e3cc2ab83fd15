#!/bin/bash
# Faults of runs on 2 and 4 ranks, on one host and on two, at random moments: each run ends in time, with an exit code and
# a message that name the fault; its newest checkpoint is valid; no process and no file stays. A run that fails is told,
# its folder is kept, and the others are tried.
#
#     REEL_TIMES=20            how often each fault is tried on one host, and again on two
#     REEL_FAULTS="..."        which faults: names of the functions fault_NAME
#     REEL_HOSTS="1 2"         on how many hosts
#     REEL_SEED=N              repeats a sequence of moments and ranks
#     REEL_ROOM=10             seconds for a busy machine, besides those that are promised
set -eu
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 77 # the sanitizers' own threads and exit codes
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_runs.sh"
. "$REEL_SOURCE/tests/support/two_hosts.sh"
unset "${!OMPI_@}"
times=${REEL_TIMES:-20} room=${REEL_ROOM:-10}
seed=${REEL_SEED:-$(($(date +%s%N) / 1000 % 32768))}
RANDOM=$seed
timeout=3  # s, --comm-timeout
death=10   # s from the death of a process to the end of the run
silence=$((timeout + 10))
shim=$REEL_BUILD/tests/libreel_fail_alloc.so
REAL_MPIRUN=$(command -v mpirun)
export REAL_MPIRUN STAND_IN=$PWD/rank
plain=$PATH

own_data
mkdir bin at0 at1 at2 at3
cp "$REEL_SOURCE/tests/support/real_mpirun.sh" bin/mpirun
for rank in 0 1 2 3; do ln -s ../net "at$rank/net"; done
# In the place of a rank: each has a way of its own to the dataset; one of them may lack memory.
cat >rank <<'RANK'
#!/bin/bash
cd "at$OMPI_COMM_WORLD_RANK" || exit 1
if [ "$OMPI_COMM_WORLD_RANK" = "${REEL_TEST_RANK:-}" ]; then
    [ -z "${REEL_TEST_SPACE:-}" ] || ulimit -v "$REEL_TEST_SPACE"
    [ -z "${REEL_TEST_SHIM:-}" ] || export LD_PRELOAD=$REEL_TEST_SHIM
fi
exec "$REEL_BIN" "$@"
RANK
chmod +x bin/mpirun rank
told=(--arch net -b 16 --batch-pieces 8 --model-ema --opt adamw --lr 0.001 --eval-every 4 --checkpoint-every 5
    --log-every 1 --seed 3 --threads 1 --no-report --quiet)

# ---- one run ---------------------------------------------------------------------------------------------------------------
count=0
begin() { # begin [VARIABLE=VALUE...] -- OPTION...: starts a run on $ranks ranks and $hosts hosts
    local variables=() launch=(--ranks "$ranks")
    while [ "$1" != -- ]; do
        variables+=("$1")
        shift
    done
    shift
    count=$((count + 1))
    run=$PWD/${folder:-.}/faults-$$-$count
    launch+=(--comm-timeout ${timeout}s -o "$run")
    : >out
    : >err
    if [ "$hosts" = 1 ]; then
        env "${variables[@]}" "$REEL_BIN" train d "${told[@]}" "${launch[@]}" "$@" >out 2>err &
    else
        sed "s/slots=1/slots=$((ranks / 2))/" two_hosts/hosts >hosts
        exec_on_host reela env "${variables[@]}" "$REEL_BIN" train d "${told[@]}" --hosts hosts "${launch[@]}" "$@" >out 2>err &
    fi
    process=$!
    begun=$(now_ms)
}

# A rank that is stopped before the ranks are connected has no name yet.
unconnected='the ranks are not connected after 8 s: another rank is stopped'

# Half of the moments lie in the first seconds, when ranks start; the others within the first 2 s of training.
random_moment() {
    draw 2
    if [ $drawn = 0 ]; then
        draw 2500
    else
        for _ in $(seq 400); do
            ! grep -qs '"event":"train"' "$run/metrics.jsonl" || break
            sleep 0.05
        done
        draw 2000
    fi
    pause $drawn
}

wait_for_process() { # wait_for_process COMMAND...: its output, once there is one, becomes $victim
    for _ in $(seq 200); do
        victim=$("$@" | head -n 1 || true)
        [ -z "$victim" ] || return 0
        sleep 0.05
    done
    complain "expected a process of: $*; there are: $(leftovers "$run" | head -n 8)"
    return 1
}

trouble=''
complain() { trouble="$trouble${trouble:+; }$1"; }
says() { grep -qE -- "$1" err || complain "expected a message '$1'"; }

# finish CODES SECONDS: the run ends within so many seconds, and with one of these codes; nothing stays.
finish() {
    local codes=$1 seconds=$2
    code=none
    if wait_gone "$process" $((seconds + room)) 2>/dev/null; then
        code=0
        wait "$process" || code=$?
        [[ " $codes " == *" $code "* ]] || complain "exit code $code, expected $codes"
        [ "$waited" -le $((seconds * 1000)) ] || late=$((late + 1))
    else
        complain "the run is there after $((seconds + room)) s"
        ! command -v gdb >/dev/null || show_stacks >"stacks-$count" 2>/dev/null
    fi
    [ "$waited" -le "$longest" ] || longest=$waited
    # The daemon of another host notices the end of mpirun by itself. If a message of its own was under way when the link
    # went down, it waits for the link (train/launch/README.md, "Limits").
    [ $kind != cut ] || wait_clean "$run" 10 || {
        two_hosts_join
        waited_for_link=$((waited_for_link + 1))
    }
    wait_clean "$run" $((5 + room)) || complain "something stays: $(leftovers "$run" | head -n 5)"
}

show_stacks() {
    for victim in $(rank_process "$run" '[0-9]*'); do
        tr '\0' '\n' <"/proc/$victim/environ" | grep COMM_WORLD_RANK
        gdb -p "$victim" -batch -ex 'thread apply all bt 14' | grep -E '^#|^Thread'
    done
}

newest_step() { find "$run" -name 'checkpoint-*.safetensors' 2>/dev/null | sort | tail -n 1 | sed 's/.*checkpoint-0*//; s/\..*//'; }

# The newest checkpoint is whole: a run of one process makes one more step from it.
resume() {
    local step code=0
    step=$(newest_step)
    [ -n "$step" ] || return 0
    resumed=$((resumed + 1))
    timeout 60 "$REEL_BIN" train d "${told[@]}" --epochs 2000 -o "$run" --resume auto --max-steps $((step + 1)) >again 2>&1 || code=$?
    [ $code = 0 ] && grep -q "stopped after $((step + 1)) steps" again && ! grep -q 'checkpoint-' again ||
        complain "resumed from step $step: exit code $code: $(head -n 3 again)"
}

# ---- the faults ------------------------------------------------------------------------------------------------------------
draw_rank() {
    draw "$ranks"
    rank=$drawn
    host=$(hostname)
    [ "$hosts" = 1 ] || { [ "$rank" -lt $((ranks / 2)) ] && host=reela || host=reelb; }
}

fault_killed() {
    draw_rank
    begin -- --epochs 2000
    random_moment
    wait_for_process rank_process "$run" "$rank" || return 0
    kill -s KILL "$victim"
    finish 1 $death
    # Now and then mpirun has no words for a rank that dies while the ranks connect.
    says "rank $rank on host [^ ]+ was killed by signal 9|a rank was killed by signal 9"
    ! grep -q 'a rank was killed' err || unnamed=$((unnamed + 1))
}

fault_stopped() {
    draw_rank
    begin -- --epochs 2000
    random_moment
    wait_for_process rank_process "$run" "$rank" || return 0
    kill -s STOP "$victim"
    finish 1 $silence
    says "rank $rank \(host $host\) is lost: no sign of life for $((hosts == 1 ? timeout : 8)) s; waited for [a-z]|$unconnected"
}

# Every second time the rank's allocations fail from a random one on; else its address space is small. It may suffice:
# then the run is whole. The moment is not known: the time is that of the whole run.
fault_memory() {
    draw_rank
    export PATH=$PWD/bin:$plain
    if [ $((time % 2)) = 0 ] && [ -e "$shim" ]; then
        draw 3600 # as many as a run of 12 epochs has
        begin REEL_TEST_RANK=$rank REEL_TEST_SHIM="$shim" REEL_FAIL_AT=$((drawn + 1))+ -- --epochs 12
    else
        draw 300000
        begin REEL_TEST_RANK=$rank REEL_TEST_SPACE=$((50000 + drawn)) -- --epochs 12
    fi
    finish "0 1 2 3" $((silence + 20))
    export PATH=$plain
    if [ "$code" != 0 ]; then
        [ -s err ] || complain "not a word"
    elif [ -z "$trouble" ]; then
        saved=$((saved + 1))
        [ "$(tensors "$run/model.safetensors")" = "$whole" ] || complain "other weights than the whole run has"
        rm -rf "$run" # it is done: there is nothing to resume
    fi
}

# Rank 0 writes, so the others do not matter here. The run goes on to its end.
fault_disk() {
    folder=small
    begin -- --epochs 12 --keep 1
    folder=''
    for _ in $(seq 400); do
        [ -z "$(newest_step)" ] || break
        sleep 0.02
    done
    draw 800
    pause $drawn
    cat /dev/zero >small/filled 2>/dev/null || true
    finish "0 1" 60
    [ "$code" != 1 ] || says "^reel train: not saved: .*free some space"
    [ "$code" != 0 ] || saved=$((saved + 1))
    rm small/filled
    if [ -z "$trouble" ]; then
        "$REEL_BIN" train d "${told[@]}" --epochs 12 --keep 1 -o "$run" --resume auto >again 2>&1 || complain "resumed with room: $(head -n 3 again)"
        [ "$(tensors "$run/model.safetensors")" = "$whole" ] || complain "resumed with room: other weights"
    fi
}

# Every second time a rank has none from the start; else its images are removed while the run trains.
fault_dataset() {
    draw_rank
    export PATH=$PWD/bin:$plain
    if [ $((time % 2)) = 0 ]; then
        rm -rf "at$rank/d"
        begin -- --epochs 2000
        finish 1 $((silence + 10))
    else
        begin -- --epochs 2000
        for _ in $(seq 400); do
            ! grep -qs '"event":"train"' "$run/metrics.jsonl" || break
            sleep 0.05
        done
        draw 2000
        pause $drawn
        rm -rf "at$rank/d"
        finish "1 3" $silence
    fi
    export PATH=$plain
    cp -r d "at$rank/d"
    # In an evaluation, the first unreadable images in the order of the set are told, not who could not read them.
    if grep -q "of 28 samples are unreadable" err; then return 0; fi
    if [ "$rank" = 0 ]; then says "^reel train: .*(d(/|:)|cannot open|by rank 0)"; else says "rank $rank \(host $host\)"; fi
}

fault_nan() {
    draw 40
    begin REEL_TEST_NAN=$((drawn + 1)) -- --epochs 2000
    finish 4 $((silence + 10))
    [ "$(grep -c 'weights were not updated' err)" = 1 ] || complain "expected 'weights were not updated' once"
}

fault_cut() {
    [ "$hosts" = 2 ] || return 0
    begin -- --epochs 2000
    random_moment
    wait_for_process rank_process "$run" "[0-9]*" || return 0
    two_hosts_cut
    finish 1 $silence
    two_hosts_join
    says "the connection to host [^ ]+ is lost|rank [0-9]+ \(host reel[ab]\) is lost|$unconnected"
}

mpirun_of() { pgrep -P "$(pgrep -P "$process" -x reel | head -n 1 || echo none)" -x mpirun; }
fault_launcher() {
    begin -- --epochs 2000
    random_moment
    wait_for_process mpirun_of || return 0
    kill -s KILL "$victim"
    finish 1 $death
    says "mpirun was killed by signal 9"
}

# ---- all of them -----------------------------------------------------------------------------------------------------------
failed=0
try_one() {
    trouble=''
    "fault_$kind"
    [ -n "$trouble" ] || resume
    if [ -n "$trouble" ]; then
        failed=$((failed + 1)) bad=$((bad + 1))
        echo "FAILED: $kind on $ranks ranks and $hosts hosts, time $time, rank ${rank:-none} (REEL_SEED=$seed): $trouble"
        sed 's,^,    err: ,' err
        end_run "$run"
        cp err "failed-$failed"
        cp -r "$run" "failed-$failed-run" 2>/dev/null || true
    fi
    rm -rf "$run"
}

for rank in 0 1 2 3; do cp -r d "at$rank/d"; done
mkdir small
disk=no
if [ "${RANK_RUNS_INSIDE:-}" = yes ] && mount -t tmpfs -o size=600k none small 2>/dev/null; then disk=yes; fi
"$REEL_BIN" train d "${told[@]}" --epochs 12 --keep 1 -o whole >out 2>err || { cat err; exit 1; }
whole=$(tensors whole/model.safetensors)
echo "REEL_SEED=$seed, promised: $death s after a death, $silence s else; room for a busy machine: $room s"
for hosts in ${REEL_HOSTS:-1 2}; do
    for kind in ${REEL_FAULTS:-killed stopped memory disk dataset nan cut launcher}; do
        if [ "$kind" = cut ] && [ "$hosts" = 1 ]; then continue; fi
        if [ "$kind" = disk ] && [ $disk = no ]; then
            echo "$kind: no small disk can be mounted here"
            continue
        fi
        [ "$hosts" = 1 ] || two_hosts_up # anew for each kind: the hosts live for 10 minutes
        longest=0 late=0 resumed=0 bad=0 saved=0 waited_for_link=0 unnamed=0 rank=''
        for ((time = 1; time <= times; time++)); do
            ranks=$((time % 4 < 2 ? 2 : 4))
            try_one
        done
        [ "$hosts" = 1 ] || two_hosts_down
        echo "$kind, $hosts hosts: $times times, $bad failed; the longest time to the end $longest ms, $late later than promised;" \
            "$resumed checkpoints resumed$([ $saved = 0 ] || echo ", $saved had enough after all")$([ $unnamed = 0 ] || echo ", $unnamed times mpirun did not name the rank")$([ "$kind" != cut ] || echo ", a daemon waited for the link $waited_for_link times")"
    done
done
[ $failed = 0 ] || exit 1
