#!/bin/bash
# Help, completion, man page and the answers that need no data.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" --version | head -n 1 | grep -qE '^reel [0-9]+\.[0-9]+\.[0-9]+$' || fail "--version: $("$REEL_BIN" --version)"
mkdir alone && cp "$REEL_BIN" alone/reel
ranks=$(env -u REEL_MPI_MODULE alone/reel --version | sed -n 's/^several ranks: no; //p')
case $ranks in "" | "reel_mpi.so is not built: \`cmake -B build && cmake --build build --target reel_mpi\` builds it; "*) ;; *) fail "--version without the module: $ranks" ;; esac
[ "$("$REEL_BIN" -V)" = "$("$REEL_BIN" --version)" ] || fail "-V: $("$REEL_BIN" -V)"
for words in trian "help foo"; do
    # shellcheck disable=SC2086
    "$REEL_BIN" $words >out 2>&1 && fail "$words: exit 0"
    grep -q '(`reel help` lists the commands)$' out || fail "$words: $(cat out)"
done
"$REEL_BIN" help >all
while read -r name; do # every command is in the list, and has help of its own
    # shellcheck disable=SC2086
    "$REEL_BIN" help $name >one
    grep -q "^usage: reel $name" one || fail "help $name: $(head -1 one)"
    # shellcheck disable=SC2086
    "$REEL_BIN" $name --help >two
    cmp one two || fail "'help $name' and '$name --help' differ"
done < <(sed -n '/^commands:/,/^$/s/^  \([a-z]* \?[a-z]*\)  .*/\1/p' all | grep -v '^help' | sed 's/ *$//')
# Help shows what is in force for the command: the recipe's values, not the table's.
"$REEL_BIN" help train >one
"$REEL_BIN" help finetune >two
in_force() { # in_force FILE OPTION: what help shows
    grep -A3 -e "--$2[ ,]" "$1" | sed -n 's/.*\[\(.*\)\]$/\1/p' | head -1
}
while read -r option train finetune; do
    [ "$(in_force one "$option")" = "$train" ] || fail "help train, --$option: expected $train, got $(in_force one "$option")"
    [ "$(in_force two "$option")" = "$finetune" ] ||
        fail "help finetune, --$option: expected $finetune, got $(in_force two "$option")"
done <<'END'
recipe quick finetune
lr 0.01 0.005
head-lr-mult 1 2
early-stop 0 8
epochs 30 5 to 40, by the number of images
END
"$REEL_BIN" help --completion >completion
bash -n completion
"$REEL_BIN" help --man >reel.1
grep -q '^\.TH REEL 1' reel.1 || fail "no man page"
code=0
"$REEL_BIN" >out 2>err || code=$?
[ "$code" -eq 2 ] && [ ! -s out ] && grep -q usage err || fail "without arguments: exit $code"

parameters() { "$REEL_BIN" summary --json "$@" | grep -o '"parameters":[0-9]*' | head -1 | cut -d: -f2; }
[ "$(parameters --arch alexnet)" = 61100840 ] || fail "alexnet: $(parameters --arch alexnet) parameters"
[ "$(parameters --arch alexnet2012)" = 60965224 ] || fail "alexnet2012: $(parameters --arch alexnet2012) parameters"
[ "$(parameters --arch alexnet --head gap)" = 2726696 ] || fail "alexnet, gap: $(parameters --arch alexnet --head gap) parameters"
"$REEL_BIN" summary --arch alexnet | grep -q 0.714 || fail "alexnet: 0.714 billion multiply-adds are missing"

"$REEL_BIN" gradcheck 'conv*d' --json >out
grep -q '"passed":true' out || fail "gradcheck: $(cat out)"
"$REEL_BIN" gradcheck net/tiny >out || fail "gradcheck of a net: exit $?: $(cat out)"
"$REEL_BIN" gradcheck --fuzz 3 --seed 5 >out || fail "gradcheck --fuzz: exit $?"
grep -q 'op/conv2d: 3 random' out && grep -q 'layer/conv2d: 3 random' out || fail "gradcheck --fuzz: $(cat out)"
code=0
"$REEL_BIN" gradcheck op/tanh --tolerance 1e-12 --step 1e-3 >out 2>err || code=$?
[ "$code" -eq 5 ] || fail "a failing gradient check: exit $code, expected 5"

"$REEL_BIN" bench step --arch tiny --batch 4 --steps 3 --threads 1 --json >out
for key in images_per_second step_ms best_ms first_step_s peak_rss_bytes threads isa batch; do
    grep -q "\"$key\":" out || fail "bench step: $key is missing: $(cat out)"
done
"$REEL_BIN" bench step --arch tiny --batch 4 --steps 3 --threads 1 --infer --size 40 --json >out

# A closed stdout is a failure, not a crash.
code=0
"$REEL_BIN" summary --json >/dev/full 2>err || code=$?
[ "$code" -eq 1 ] || fail "stdout is full: exit $code, expected 1"
