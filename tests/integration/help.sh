#!/bin/bash
# What follows from the option table: help pages, man page, completion, the tables of the guides.
set -eu
fail() {
    echo "$1"
    exit 1
}
reel=$REEL_BIN
mapfile -t commands < <("$reel" help | sed -n '/^commands:/,/^$/s/^  \([a-z]* \?[a-z]*\)  .*/\1/p' | sed 's/ *$//')
[ "${#commands[@]}" -ge 16 ] || fail "reel help lists ${#commands[@]} commands"
"$reel" help | awk 'length > 80 { print "over 80 columns: " $0; bad = 1 } END { exit bad }' || fail "reel help"

# Each page: a heading over every option, help beside it, examples at the end, 80 columns.
# Options that come with an optimizer or a schedule stand in no guide: those of `reel train` that are no row of options.def.
page_options() { sed -nE 's/^  (-[a-z], |    )(--[a-z0-9-]+).*/\2/p' "$1"; }
"$reel" help train --help-all >all
sed -nE 's/.*\.name = "([a-z0-9-]+)".*/--\1/p' "$REEL_SOURCE/train/run/options.def" >of_train
page_options all | grep -vxFf of_train >of_kinds
grep -qx -e --beta1 of_kinds || fail "no option of an optimizer: $(cat of_kinds)"

for name in "${commands[@]}"; do
    # shellcheck disable=SC2086
    "$reel" help $name >common
    # shellcheck disable=SC2086
    "$reel" $name --help-all >all
    # shellcheck disable=SC2086
    "$reel" help $name --markdown >tables
    if grep -q '^usage.*\[options\]' all; then
        awk '/^[a-z].*:$/ { heading = 1 } /^  (-[a-z], |    )--/ && !heading { exit 1 }' all ||
            fail "reel $name --help-all: an option without a heading"
    fi
    grep -q '^examples:' common || fail "reel help $name: no examples"
    awk 'length > 80 && !/^      --/ && !/^  -[a-z], --/ { print; bad = 1 } END { exit bad }' all || fail "reel help $name: over 80 columns"
    # A row of the table for every option of the page, with help in its last cell.
    options=$(page_options all | grep -cvxFf of_kinds)
    [ "$(grep -cE '^\| `-.* \| .+ \|$' tables)" = "$options" ] ||
        fail "reel help $name --markdown: expected $options rows: $(cat tables)"
done
"$reel" help train >common
"$reel" help train --help-all >all
"$reel" train --help-all | cmp - all || fail "'help train --help-all' and 'train --help-all' differ"
[ "$(wc -l <common)" -lt "$(wc -l <all)" ] || fail "--help-all shows no more than --help"
if grep -q -e --lr-power common; then fail "reel help train shows a rare option"; fi
grep -q 'more options: reel train --help-all' common || fail "reel help train does not name --help-all"
[ "$(grep -n '^common options:' common | cut -d: -f1)" -lt "$(grep -n '^learning rate:' common | cut -d: -f1)" ] ||
    fail "reel help train: common options come first"

# The list of layers: in 80 columns, and each line is one that a network can have, with all of its names and defaults.
"$reel" help layers | awk 'length > 80 || / $/ { print "over 80 columns, or a blank at the end: " $0; bad = 1 } END { exit bad }' || fail "reel help layers"
"$reel" help layers --markdown | sed -nE 's/^\| `([A-Za-z0-9]+)` \|(.*)$/\1 \2/p' | tr -d '`|' >layers
[ "$(wc -l <layers)" -ge 23 ] && grep -q '^Conv2d  *out_channels kernel_size stride=1 ' layers || fail "reel help layers --markdown: $(cat layers)"
while read -r kind arguments; do
    line=$kind
    for word in $arguments; do
        case $word in
        *_init) continue ;;
        approximate=*) word=approximate=tanh ;;
        out_features) word=out_features=classes ;;
        *=kernel_size | *=stride | *=dilation | *=output_size) word=${word%%=*}=1 ;;
        p) word=p=0.5 ;;
        *=*) ;;
        *) word=$word=1 ;;
        esac
        line+=" $word"
    done
    flat=
    case $kind in Linear | Softmax) flat=Flatten ;; esac
    printf 'input 3x8x8\nclasses 4\n%s\n%s\nFlatten\nLinear classes\n' "$flat" "$line" >one.net
    "$reel" summary --arch one.net >/dev/null 2>err || fail "reel help layers: $line: $(cat err)"
done <layers
"$reel" help | grep -q '^  reel help layers$' || fail "reel help does not name reel help layers"

# Suggestions, in the words of other programs too.
suggests() { # suggests WORDS ARGUMENTS...
    local words=$1
    shift
    "$reel" "$@" >out 2>err && fail "reel $*: taken"
    grep -qF -- "$words" err || fail "reel $*: expected '$words', got: $(cat err)"
}
suggests "unknown option --epoch; did you mean --epochs?" train d --epoch 3
suggests "did you mean the folder as an argument: reel train DATA?" train --data-path d
suggests "did you mean --workers?" train d --num-workers 3
suggests "did you mean --lr?" train d --learning-rate 3
suggests "did you mean 'train'?" trian d
suggests "did you mean --optimizer?" train d --optimiser sgd
suggests "did you mean '--version'?" --versoin
suggests "did you mean alexnet?" train d --arch alexnett
suggests "did you mean the folder as an argument: reel train DATA?" train --data-dir d
suggests "did you mean --lr-scheduler?" train d --sched cosine
suggests "did you mean --dropout?" train d --drop 0.2
suggests "did you mean --output-dir?" train d --output run
suggests "did you mean --lr-milestones, or --max-steps?" train d --steps 3
suggests "did you mean --lr?" train d --learning_rate 3
suggests "did you mean --batch-size?" train d --batch_size 3
suggests "did you mean --lr?" train d -lr 3
suggests "did you mean 'eval'?" evaluate d
suggests "expected one of 'run' and --weights other" summary run -w other
suggests "expected IN OUT" convert out.onnx
suggests "did you mean torchvision/alexnet? (--arch names a network)" summary alexnet
suggests "(--arch names a network)" summary tiny
suggests "expected RUN" report
suggests "did you mean 'eval'?" test d
suggests "did you mean 'help'?" hlep
suggests "bench: expected \`reel bench step\`" bench
"$reel" help bench >out || fail "reel help bench: exit $?"
"$reel" bench --help | cmp - out || fail "reel bench --help: other than reel help bench"
grep -q "bench loader " out || fail "reel help bench names no command: $(cat out)"

# The man page: no warning, every command and option in it.
"$reel" help --man >reel.1
if command -v groff >/dev/null; then
    warnings=$(groff -man -ww -Tutf8 -z reel.1 2>&1) || true
    [ -z "$warnings" ] || fail "reel.1: $warnings"
fi
if command -v man >/dev/null && man --version >/dev/null 2>&1; then
    warnings=$(LC_ALL=C.UTF-8 man --warnings -l reel.1 2>&1 >page) || true
    [ -z "$warnings" ] || fail "reel.1: $warnings"
fi
for name in "${commands[@]}"; do
    grep -q "^\.SS \"reel $name" reel.1 || fail "reel.1: no section for reel $name"
done
[ "$(grep -c '\\-\\-lr\\-power' reel.1)" = 2 ] || fail "reel.1: --lr-power stands under reel train and reel finetune"

# bash completes commands, options, words and files.
"$reel" help --completion bash >reel.bash
"$reel" help --completion | cmp - reel.bash || fail "bash is not the default of --completion"
bash -n reel.bash || fail "reel.bash"
mkdir photos
cat >complete.sh <<'EOF'
source ./reel.bash
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_reel
echo "${COMPREPLY[*]}"
EOF
completes() { # completes EXPECTED WORDS...
    local expected=$1 got
    shift
    got=$(bash complete.sh "$@")
    [ "$got" = "$expected" ] || fail "completion of '$*': expected '$expected', got '$got'"
}
completes "train" reel tr
completes "--epochs" reel train --epo
completes "--lr-step-size" reel train photos --epochs 3 --lr-st
completes "random-resized random" reel train photos --crop r
completes "alexnet alexnet2012 alexnet_bn" reel eval photos -a alex
completes "step" reel bench st
completes "--steps" reel bench step --st
completes "photos" reel train ph

# zsh: the script is read without an error.
"$reel" help --completion zsh >_reel
head -1 _reel | grep -qx '#compdef reel' || fail "_reel: no #compdef"
if command -v zsh >/dev/null; then zsh -n _reel || fail "_reel"; fi
suggests "--completion: expected one of bash|zsh" help --completion fish

# The tables of a guide can be renewed (that they are up to date is integration/docs' to see). What a new optimizer adds stands
# in no table.
mkdir -p guide
printf '# A guide\n\n<!-- reel help train -->\nold\n<!-- end -->\n' >guide/guide.md
python3 "$REEL_SOURCE/tests/support/check_docs.py" guide --reel "$reel" --write || fail "check_docs.py --write"
grep -q -e '--arch NETWORK' guide/guide.md || fail "no table was written: $(cat guide/guide.md)"
if grep -q -e '--beta1' guide/guide.md; then fail "the table has an optimizer's own options"; fi
