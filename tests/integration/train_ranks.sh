#!/bin/bash
# Several ranks train one run: every file has the bits of one process, also resumed by other numbers
# of ranks, with NaN, unreadable images and signals.
set -eu
. "$REEL_SOURCE/tests/support/mpi.sh"
. "$REEL_SOURCE/tests/support/rank_data.sh"
fail() {
    echo "$1"
    exit 1
}
hash_of() { python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1" | tail -1; }
same() { # same FOLDER WANT WHAT
    [ "$(hash_of "$1")" = "$2" ] && return
    REEL_HASH_EACH=1 python3 "$REEL_SOURCE/tests/support/hash_files.py" "$1"
    fail "$3: other files than one process has"
}

own_data
for n in 9 50; do truncate -s 300 "$(find d/train -name '*.jpg' | sort | sed -n ${n}p)"; done
truncate -s 300 "$(find d/val -name '*.jpg' | sort | sed -n 5p)"

# Everything that draws, averages, clips or counts.
everything=(--arch net --epochs 2 -b 12 --batch-pieces 6 --mixup-alpha 0.2 --cutmix-alpha 1 --label-smoothing 0.1
    --class-weights balanced --model-ema --model-ema-steps 1 --clip-grad-norm 0.5 --auto-augment ta_wide --random-erase 0.2
    --opt adamw --lr 0.001 --lr-warmup-epochs 1 --eval-every 4 --max-bad 0.1 --seed 3 --threads 1 --quiet)
train() { # train RANKS FOLDER OPTIONS
    local ranks=$1 out=$2
    shift 2
    if [ "$ranks" = 1 ]; then
        "$REEL_BIN" train d -o "$out" "${everything[@]}" --no-report "$@" >"$out.out" 2>"$out.err"
    else
        mpi "$ranks" "$REEL_BIN" train d -o "$out" "${everything[@]}" --no-report "$@" >"$out.out" 2>"$out.err"
    fi
}

# Each of two ranks has half of the memory of their host.
huge=(--arch resnet18 -b 60 --train-crop-size 8000 --val-crop-size 63)
for ranks in 1 2; do
    code=0
    train $ranks "huge$ranks" "${huge[@]}" || code=$?
    [ "$code" = 1 ] || fail "60 images of 8000 x 8000 with $ranks ranks: exit $code: $(cat "huge$ranks.err")"
done
gigabytes() { sed -n "s/.* \\([0-9.]*\\) GB${2:-}: .*/\\1/p" "$1.err"; }
awk -v whole="$(gigabytes huge1)" -v half="$(gigabytes huge2 ' for each of 2 ranks')" 'BEGIN { exit !(half > whole / 3 && half < whole / 1.5) }' ||
    fail "memory of one process and of 2 ranks: $(cat huge1.err huge2.err)"

train 1 one
want=$(hash_of one)
[ "$(wc -l <one/bad_files.jsonl)" = 3 ] || fail "expected 3 unreadable images in one/bad_files.jsonl"
for ranks in 2 3 6; do
    train "$ranks" "by$ranks" || fail "$ranks ranks: $(cat "by$ranks.err")"
    same "by$ranks" "$want" "$ranks ranks"
done
REEL_TEST_HOSTS=2 train 3 hosts || fail "3 ranks on 2 hosts: $(cat hosts.err)"
same hosts "$want" "3 ranks on 2 hosts"

# A rank whose CPU has fewer instructions: all compute with those that each has.
REEL_ISA=portable train 1 portable
mpi 2 bash -c '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || export REEL_ISA=portable; exec "$@"' rank \
    "$REEL_BIN" train d -o mixed "${everything[@]}" --no-report >mixed.out 2>mixed.err || fail "mixed: $(cat mixed.err)"
same mixed "$(hash_of portable)" "a rank without vector instructions"
if REEL_ISA=no_such_set train 2 unknown; then fail "an unknown instruction set: not refused"; fi
grep -q "ISA: expected portable.* got 'no_such_set'" unknown.err || fail "an unknown instruction set: $(cat unknown.err)"

# Interrupted, and resumed by other numbers of ranks.
train 3 cut --max-steps 3
train 1 cut --max-steps 8 --resume auto
train 2 cut --resume auto
python3 - one/model.safetensors cut/model.safetensors <<'END' || fail "resumed by 1 and 2 ranks: other weights"
import json, struct, sys
def tensors(path):
    blob = open(path, "rb").read()
    length, = struct.unpack("<Q", blob[:8])
    return blob[8 + length:]
sys.exit(tensors(sys.argv[1]) != tensors(sys.argv[2]))
END

# Layers that are frozen later have an average that differs from their weights: all hosts evaluate it.
train 1 thawed --max-steps 6
for run in frozen frozen2; do cp -r thawed $run; done
train 1 frozen --resume auto --freeze 'features.*'
REEL_TEST_HOSTS=2 train 2 frozen2 --resume auto --freeze 'features.*' || fail "--freeze with --model-ema on 2 hosts: $(cat frozen2.err)"
same frozen2 "$(hash_of frozen)" "--freeze with --model-ema on 2 hosts"

# NaN: left out, or back to the last checkpoint, by all ranks alike.
for action in skip rollback; do
    REEL_TEST_NAN=5 train 1 "$action" --on-nan "$action" --checkpoint-every 2
    REEL_TEST_NAN=5 train 3 "$action"3 --on-nan "$action" --checkpoint-every 2 || fail "--on-nan $action: $(cat "${action}3.err")"
    same "${action}3" "$(hash_of "$action")" "--on-nan $action with 3 ranks"
done
code=0
REEL_TEST_NAN=5 train 2 stop || code=$?
[ "$code" = 4 ] || fail "NaN with 2 ranks: exit $code, expected 4: $(cat stop.err)"
[ "$(grep -c 'weights were not updated' stop.err)" = 1 ] || fail "NaN must be told once: $(cat stop.err)"

# An infinite gradient in the share of the last rank alone is told as infinite, in the words of one process.
for ranks in 1 2 3; do
    for clip in 0 0.5; do
        code=0
        REEL_TEST_NAN=5:classifier.1.weight:1:inf train "$ranks" "infinite$ranks" --clip-grad-norm $clip || code=$?
        [ "$code" = 4 ] || fail "an infinite gradient with $ranks ranks: exit $code, expected 4: $(cat "infinite$ranks.err")"
        grep -q "the gradient of classifier.1.weight is inf, weights" "infinite$ranks.err" ||
            fail "an infinite gradient with $ranks ranks, --clip-grad-norm $clip: $(cat "infinite$ranks.err")"
        diff <(grep '^reel' infinite1.err) <(grep '^reel' "infinite$ranks.err") || fail "an infinite gradient with $ranks ranks: other words"
        rm -r "infinite$ranks"
    done
done

# Weights that an update made NaN (0 / 0), in the share of the last rank alone: no batch helps, and all ranks say so at once.
sed 's/Dropout 0.3/Dropout 0.99/' net >sparse
for ranks in 1 2; do
    code=0
    train "$ranks" "lost$ranks" --arch sparse --freeze 'features.*' --eps 0 --lr-warmup-epochs 0 --on-nan skip || code=$?
    [ "$code" = 4 ] || fail "weights of NaN with $ranks ranks: exit $code, expected 4: $(cat "lost$ranks.err")"
done
grep -q "was not finite before the step" lost1.err || fail "weights of NaN: $(cat lost1.err)"
diff <(grep '^reel' lost1.err) <(grep '^reel' lost2.err) || fail "weights of NaN with 2 ranks: other words"

# A run that stands on a plateau: norms and dead units are those of one process.
stalls=(--arch tiny --epochs 30 -b 8 --batch-pieces 4 --seed 3 --lr 1e-6 --weight-decay 0 --momentum 0 --init kaiming --max-steps 201 --threads 1 --workers 1)
"$REEL_BIN" synth whole --train 20 --val 2 --classes 4 --size 32 --quiet
"$REEL_BIN" train whole -o stall "${stalls[@]}" --no-report --quiet >stall.out 2>stall.err
grep -q '"event":"stall"' stall/metrics.jsonl || fail "no plateau: $(cat stall.err)"
for hosts in 1 3; do
    REEL_TEST_HOSTS=$hosts mpi 3 "$REEL_BIN" train whole -o "stall$hosts" "${stalls[@]}" --no-report --quiet >"stall$hosts.out" 2>"stall$hosts.err" ||
        fail "a plateau on $hosts hosts: $(cat "stall$hosts.err")"
    diff <(grep '"event":"stall"' stall/metrics.jsonl) <(grep '"event":"stall"' "stall$hosts/metrics.jsonl") || fail "a plateau on $hosts hosts: another report"
    diff stall.err "stall$hosts.err" || fail "a plateau on $hosts hosts: other words"
done

# Too many unreadable images, and command lines that cannot work: one line, the documented code.
refused() { # refused CODE PATTERN RANKS OPTIONS
    local code=0 want=$1 pattern=$2 ranks=$3
    shift 3
    rm -rf no
    train "$ranks" no "$@" || code=$?
    [ "$code" = "$want" ] || fail "$*: exit $code, expected $want: $(cat no.err)"
    [ "$(grep -c -- "$pattern" no.err)" = 1 ] || fail "$*: expected one line with '$pattern': $(cat no.err)"
}
refused 3 "unreadable" 2 --max-bad 0
refused 1 "--batch-pieces 12 does" 7
"$REEL_BIN" synth e --train 20 --val 7 --classes 4 --size 32 --seed 9 --quiet
cat >other.sh <<'END'
#!/bin/bash
# The second rank sees another dataset.
data=d
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || data=e
rm -rf "at$OMPI_COMM_WORLD_RANK"
mkdir "at$OMPI_COMM_WORLD_RANK"
ln -s "../$data" "at$OMPI_COMM_WORLD_RANK/data"
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || rm -f e/train/*/*1.jpg
cd "at$OMPI_COMM_WORLD_RANK"
exec "$REEL_BIN" train data -o run --arch tiny --epochs 1 -b 8 --batch-pieces 2 --quiet
END
code=0
mpi 2 bash other.sh >out 2>err || code=$?
[ "$code" = 1 ] || fail "two datasets: exit $code, expected 1: $(cat err)"
grep -q "rank 1 (host .*): data: training images: expected 80, as rank 0 has, got" err || fail "two datasets: $(cat err)"

# A signal: all ranks finish the step and save one checkpoint. What rank 1 got of the weights to start from is closed then.
(exec timeout -k 5 60 mpirun -n 2 "$REEL_BIN" train d -o signal "${everything[@]}" --weights one/model.safetensors --epochs 2000 --no-report >signal.out 2>signal.err) &
launcher=$!
for _ in $(seq 200); do
    grep -q '"event":"train"' signal/metrics.jsonl 2>/dev/null && break
    sleep 0.1
done
copies=$(find $(pgrep -f -- "-o signal " | sed 's|.*|/proc/&/fd|') -lname '*memfd:reel*' 2>/dev/null) || true
[ -z "$copies" ] || fail "a rank keeps a copy of the weights: $copies"
kill -USR2 "$(pgrep -P "$launcher" mpirun || echo "$launcher")"
code=0
wait "$launcher" || code=$?
[ "$code" = 143 ] || fail "SIGUSR2: exit $code, expected 143: $(cat signal.err)"
find signal -name 'checkpoint-*' | grep -q . || fail "SIGUSR2: no checkpoint"
refused 2 "expected" 2 --epochs x
