#!/bin/bash
# --k-fold on several ranks: rank 0 alone sees the folder, and all folds, their summary and the output are those of one
# process; also interrupted, and resumed by another number of ranks.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
fail() {
    echo "$1"
    exit 1
}
# More folds than the optimizer has states: what a fold leaves behind shows in a later one.
"$REEL_BIN" synth d --train 5 --val 2 --classes 2 --size 32 --quiet
options=(--arch tiny --epochs 1 -b 4 --batch-pieces 4 --seed 3 --opt adamw --lr 0.002 --model-ema --threads 1 --workers 1)
cat >rank <<'END'
#!/bin/bash
# Each rank in a folder of its own, as on another host.
folder=$RUN${OMPI_COMM_WORLD_RANK:-0}
mkdir -p "$folder"
ln -sfn "$PWD/d" "$folder/d"
cd "$folder"
exec "$REEL_BIN" train "$@" -o run
END
folds() { # folds NAME RANKS OPTION...: of rank 0 the folder NAME0/run
    local ranks=$2
    export RUN=$1
    shift 2
    if [ "$ranks" = 1 ]; then set -- bash rank "$@"; else set -- mpi "$ranks" bash rank "$@"; fi
    "$@" >"$RUN.out" 2>"$RUN.err"
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1"; }
same() { # same NAME
    for fold in 1 2 3 4 5; do
        [ "$(hash_of "one0/run/fold-$fold")" = "$(hash_of "$1"0/run/fold-$fold)" ] || fail "$1: fold $fold has other files than with one process"
    done
    cmp one0/run/k-fold.json "$1"0/run/k-fold.json || fail "$1: another summary"
    grep -q fold-5 "$1"0/run/report.html || fail "$1: no page of all folds"
    [ ! -e "$1"1/run ] || fail "$1: rank 1 wrote into a folder of its own"
}
results() { sed 's/[0-9.]* s\b//g' "$1.out"; } # less times

folds one 1 d --k-fold 5 "${options[@]}" || fail "one process: $(cat one.err)"
for ranks in 2 3; do
    folds "by$ranks" "$ranks" d --k-fold 5 "${options[@]}" || fail "$ranks ranks: $(cat "by$ranks.err")"
    same "by$ranks"
    [ "$(results one)" = "$(results "by$ranks")" ] || fail "$ranks ranks: another output: $(diff one.out "by$ranks.out")"
done

# The second fold stops half-way; --resume auto alone goes on, with what rank 0's folder says.
cp -r by20 rest0
rm -r rest0/run/fold-[345] rest0/run/k-fold.json rest0/run/report.html rest0/run/fold-2
folds rest 3 --resume auto || fail "resumed by 3 ranks: $(cat rest.err)"
same rest
[ "$(grep -c '^5 folds: ' rest.out)" = 1 ] || fail "resumed by 3 ranks: expected one summary, got $(cat rest.out)"
code=0
folds rest 2 d --k-fold 4 --resume auto "${options[@]}" || code=$?
[ "$code" = 2 ] && [ "$(grep -c 'run/fold-1: expected a run with --k-fold 4' rest.err)" = 1 ] || fail "another K: exit $code: $(cat rest.err)"
