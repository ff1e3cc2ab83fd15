#!/bin/bash
# Slurm's srun starts ranks as mpirun does: the same weights, one refusal where it cannot connect them, and the signals
# of scancel and scontrol.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/slurm.sh"
slurm_up
srun --mpi=list 2>&1 | grep -qw pmix || slurm_skip "this Slurm has no PMIx"
fail() {
    echo "$1"
    for file in out err; do
        [ ! -e "$file" ] || sed "s,^,$file: ," "$file"
    done
    exit 1
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_run.py" "$1"; }

"$REEL_BIN" synth d --train 20 --val 4 --classes 4 --size 32 --quiet
options=(--arch tiny -b 8 --batch-pieces 2 --seed 3 --threads 1 --workers 1 --no-report --quiet)
"$REEL_BIN" train d -o one --epochs 2 "${options[@]}" >out 2>err
want=$(hash_of one)

two() { # two FOLDER OPTION...: srun with these options; two ranks train into FOLDER
    local folder=$1
    shift
    timeout -k 5 60 srun -n 2 "$@" "$REEL_BIN" train d -o "$folder" --epochs 2 "${options[@]}" >out 2>err
}
two pmix --mpi=pmix || fail "srun --mpi=pmix: exit $?"
[ "$(hash_of pmix)" = "$want" ] || fail "srun --mpi=pmix: other weights than one process has"
[ "$(grep -c '^done' out err | awk -F: '{n += $2} END {print n}')" = 1 ] || fail "srun --mpi=pmix: not one run"

# Without PMIx each process would train alone, all into one folder.
for way in none pmi2; do
    code=0
    two $way --mpi=$way || code=$?
    [ "$code" = 1 ] || fail "srun --mpi=$way: exit $code, expected 1"
    [ "$(grep -vcE '^(srun|slurmstepd)' err)" = 1 ] || fail "srun --mpi=$way: expected one line"
    grep -q "started 2 processes, but Open MPI .* connects none of them; .* srun --mpi=pmix" err ||
        fail "srun --mpi=$way: not refused in the documented words"
    [ ! -e $way ] || fail "srun --mpi=$way: trains all the same"
done

code=0
timeout 60 srun -n 2 --mpi=pmix --kill-on-bad-exit=1 "$REEL_BIN" train d --epochs x >out 2>err || code=$?
[ "$code" = 2 ] || fail "a wrong option: exit $code, expected 2"
[ "$(grep -c '^reel train: --epochs' err)" = 1 ] || fail "a wrong option: expected one line"

# A batch script is no rank, but may start ranks of its own.
cat >batch <<END
#!/bin/bash
"$REEL_BIN" train d -o batch1 --epochs 2 ${options[@]}
"$REEL_BIN" train d -o batch2 --epochs 2 --ranks 2 ${options[@]}
END
timeout 60 sbatch -W -n 2 -o out batch >/dev/null 2>err || fail "a batch script: exit $?"
for run in batch1 batch2; do
    [ "$(hash_of $run)" = "$want" ] || fail "$run: other weights than one process has"
done

trained() { grep -c '"event":"train"' "$1/metrics.jsonl" 2>/dev/null || true; }
has_trained() { [ "$(($(trained "$1") + 0))" -ge "$2" ]; } # has_trained RUN N: N lines at least
has_saved() { find "$1" -name 'checkpoint-*' | grep -q .; }
wait_until() { # wait_until COMMAND...: succeeds
    for _ in $(seq 600); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    fail "$*: not within 30 s"
}
begin() { # begin RUN: a long run, until it trains; `job` is its number
    timeout -k 5 60 srun -J "$1" -n 2 --mpi=pmix "$REEL_BIN" train d -o "$1" --epochs 100000 "${options[@]}" \
        --checkpoint-every 1000000 >out 2>err &
    started=$!
    wait_until has_trained "$1" 1
    job=$(slurm_job "$1")
}
finish() { # finish RUN CODE: srun ends with this code, and one process continues the run from its checkpoint
    local code=0 step
    wait $started || code=$?
    [ "$code" = "$2" ] || fail "$1: exit $code, expected $2"
    wait_until has_saved "$1"
    step=$(find "$1" -name 'checkpoint-*' | sort | tail -1 | sed 's/.*checkpoint-0*//; s/\..*//')
    "$REEL_BIN" train -o "$1" --resume auto --max-steps $((step + 2)) --quiet >out 2>err || fail "$1: resumed: exit $?"
    tail -1 "$1/metrics.jsonl" | grep -q "\"step\":$((step + 2))," || fail "$1: resumed: other steps than expected"
}

# A suspended job continues where it was. It saves on request, and stops on request.
begin stop
scontrol suspend "$job"
sleep 0.5
scontrol resume "$job"
wait_until has_trained stop $(($(trained stop) + 3))
if has_saved stop; then fail "stop: a checkpoint too early"; fi
scancel --signal=USR1 "$job"
wait_until has_saved stop
wait_until has_trained stop $(($(trained stop) + 3))
scancel --signal=USR2 "$job"
finish stop 143

begin cancel
scancel "$job"
finish cancel 143

# A rank is killed: Slurm ends the others, and the last checkpoint stays.
begin kill
scancel --signal=USR1 "$job"
wait_until has_saved kill
kill -KILL "$(pgrep -n -x reel)"
finish kill 137
