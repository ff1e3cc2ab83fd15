#!/bin/bash
# kill -9 of one process of a run on several ranks, at a random moment: of the `reel` that the user started, of its
# keeper, of mpirun, or of a rank. Then the run is resumed with another random number of ranks, and killed again, until
# it is done. Its tensors are those of the run that was never killed. REEL_KILLS: how many kills in all; REEL_SEED
# repeats a sequence; REEL_ROOM: seconds for a busy machine, besides what is promised.
set -eu
ldd "$REEL_BIN" | grep -qE 'lib[at]san' && exit 77 # the sanitizers' own threads and exit codes
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_runs.sh"
kills=${REEL_KILLS:-50} room=${REEL_ROOM:-10}
seed=${REEL_SEED:-$(($(date +%s%N) / 1000 % 32768))}
RANDOM=$seed
done_kills=0
run=none
fail() {
    echo "$1 (REEL_SEED=$seed, kill $done_kills)"
    [ ! -e err ] || sed 's,^,err: ,' err
    end_run "$run"
    exit 1
}

own_data
everything=(--arch net --epochs 30 -b 12 --batch-pieces 6 --mixup-alpha 0.2 --cutmix-alpha 1 --label-smoothing 0.1
    --class-weights balanced --model-ema --model-ema-steps 1 --clip-grad-norm 0.5 --auto-augment ta_wide --random-erase 0.2
    --opt adamw --lr 0.001 --lr-warmup-epochs 1 --eval-every 4 --checkpoint-every 3 --seed 3 --threads 1 --no-report --quiet)
"$REEL_BIN" train d "${everything[@]}" -o whole >out 2>err || fail "the run that is never killed: exit code $?"
kept="model ema best best_ema"
for file in $kept; do want="${want:-} $(tensors whole/$file.safetensors)"; done

# victim_of PROCESS: one of the processes that a `reel` has started, drawn. It may not be there yet: then the user's.
victim_of() {
    local keeper mpirun ranks
    victim=$1 name=reel
    [ "$ranks_now" -gt 1 ] || return 0
    draw 4
    keeper=$(pgrep -P "$1" -x reel | head -n 1 || true)
    mpirun=$([ -z "$keeper" ] || pgrep -P "$keeper" -x mpirun || true)
    ranks=($([ -z "$mpirun" ] || pgrep -P "$mpirun" -x reel || true))
    case $drawn in
    1) [ -z "$keeper" ] || { victim=$keeper name=keeper; } ;;
    2) [ -z "$mpirun" ] || { victim=$mpirun name=mpirun; } ;;
    3)
        [ "${#ranks[@]}" = 0 ] || {
            draw "${#ranks[@]}"
            victim=${ranks[drawn]} name=rank
        }
        ;;
    esac
}

# The codes with which `reel` ends when one of its processes is killed.
expected_code() {
    case $1 in
    reel) echo 137 ;;
    *) echo 1 ;;
    esac
}

declare -A hit=([reel]=0 [keeper]=0 [mpirun]=0 [rank]=0) moments=([before]=0 [within]=0)
numbers=(1 2 3 4 6)
finished=0 longest=0 ranks_now=0
while :; do
    if [ ! -d "$run" ]; then
        [ "$done_kills" -lt "$kills" ] || break
        run=kills-$$-$finished
    fi
    before=$ranks_now
    while [ "$ranks_now" = "$before" ]; do
        draw ${#numbers[@]}
        ranks_now=${numbers[drawn]}
    done
    launch=()
    [ "$ranks_now" = 1 ] || launch=(--ranks "$ranks_now")
    : >out
    "$REEL_BIN" train d "${everything[@]}" -o "$run" --resume auto "${launch[@]}" >out 2>err &
    process=$!

    killed=no
    if [ "$done_kills" -lt "$kills" ]; then
        draw 4000
        pause $drawn
        victim_of "$process"
        lines=$(cat "$run/metrics.jsonl" 2>/dev/null | wc -l)
        if ! gone "$process" && kill -s KILL "$victim" 2>/dev/null; then killed=yes; fi
    fi
    # All ends within 10 s of a death; a run that is left alone may take its time.
    limit=$((10 + room))
    [ $killed = yes ] || limit=300
    wait_gone "$process" "$limit" 2>/dev/null || fail "$ranks_now ranks, $name killed: reel is there after $limit s: $(leftovers "$run")"
    code=0
    wait "$process" 2>/dev/null || code=$?
    wait_clean "$run" 10 || fail "$ranks_now ranks, ${name:-nothing} killed: something stays: $(leftovers "$run")"

    if [ "$code" = 0 ]; then # it was done before the signal came
        got=
        for file in $kept; do got="$got $(tensors "$run/$file.safetensors")"; done
        [ "$got" = "$want" ] || fail "the tensors differ from those of a run that was never killed: $got, expected $want"
        finished=$((finished + 1))
        rm -rf "$run"
        continue
    fi
    [ $killed = yes ] || fail "$ranks_now ranks: exit code $code, and nothing was killed"
    [ "$code" = "$(expected_code $name)" ] || fail "$ranks_now ranks, $name killed: exit code $code, expected $(expected_code $name)"
    done_kills=$((done_kills + 1))
    hit[$name]=$((hit[$name] + 1))
    if [ "$lines" = 0 ]; then moments[before]=$((moments[before] + 1)); else moments[within]=$((moments[within] + 1)); fi
    [ "$waited" -le "$longest" ] || longest=$waited
done
echo "$done_kills kills over $finished runs (REEL_SEED=$seed): reel ${hit[reel]}, its keeper ${hit[keeper]}, mpirun ${hit[mpirun]}, a rank ${hit[rank]};" \
    "${moments[before]} before a run's first line, ${moments[within]} later; the longest time to the end: $longest ms"
