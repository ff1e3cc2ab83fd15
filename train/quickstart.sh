#!/bin/bash
# quickstart.sh [--seed N] [--dir DIR] [--threads N]: from nothing to an AlexNet that names pictures.
#
# Installs what is missing (packages.sh), builds, draws a dataset of ten classes, trains the full AlexNet at 224 x 224 on it,
# evaluates, and names a few pictures. DIR (default: quickstart) receives the run, and nothing else. The drawn data goes to
# ${XDG_CACHE_HOME:-~/.cache}/reel/quickstart, is used again, and the last lines tell how to remove it.
set -eu
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

seed=0
dir=quickstart
threads=()
while [ $# -gt 0 ]; do
    case $1 in
    --seed | --dir | --threads)
        [ $# -ge 2 ] || { echo "quickstart.sh: $1 needs a value" >&2; exit 2; }
        case $1 in
        --seed) seed=$2 ;;
        --dir) dir=$2 ;;
        --threads) threads=(--threads "$2") ;;
        esac
        shift 2
        ;;
    -h | --help)
        sed -n '2,6s/^# \{0,1\}//p' train/quickstart.sh
        exit 0
        ;;
    *)
        echo "quickstart.sh: unknown option '$1' (--seed N, --dir DIR, --threads N)" >&2
        exit 2
        ;;
    esac
done

bash train/packages.sh
generator=()
if [ ! -e build/CMakeCache.txt ] && command -v ninja >/dev/null 2>&1; then generator=(-G Ninja); fi
fresh=()
[ -e build/CMakeCache.txt ] || fresh=(-DREEL_BUILD_TESTS=OFF) # Criterion is needed for the tests alone
cmake --preset release ${generator[@]+"${generator[@]}"} ${fresh[@]+"${fresh[@]}"} >/dev/null
cmake --build build --parallel "$(nproc)" --target reel

cache=${XDG_CACHE_HOME:-}
case $cache in # a relative path does not count, says the XDG specification
/*) ;;
*) cache=${HOME:-${TMPDIR:-/tmp}}/.cache ;;
esac
data=$cache/reel/quickstart/data-$seed
run=$dir/run-$seed
if [ -e "$run" ]; then
    echo "quickstart.sh: $run exists already; to continue it: build/reel train $data --resume auto --output-dir $run" >&2
    echo "quickstart.sh: to train again: --dir another folder (from $(pwd)), or remove it" >&2
    exit 1
fi

if [ ! -e "$data/complete" ]; then
    part=$data.part.$$ # another quick start may draw at the same time
    trap 'rm -rf -- "$part"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    mkdir -p "$(dirname "$data")"
    echo "Drawing a dataset of ten classes into $data"
    build/reel synth "$part" --train 400 --val 50 --seed "$seed" --quiet ${threads[@]+"${threads[@]}"}
    touch "$part/complete"
    if [ ! -e "$data/complete" ]; then
        rm -rf -- "$data"
        mv "$part" "$data"
    fi
    rm -rf -- "$part"
    trap - EXIT INT TERM
fi

echo "Training AlexNet from scratch; the run is kept in $run"
build/reel train "$data" --recipe quick --epochs 6 --dropout 0.2 --min-area 0.5 --jitter 0 \
    --seed "$seed" --output-dir "$run" ${threads[@]+"${threads[@]}"}
echo
build/reel eval "$data" --weights "$run/best.safetensors" ${threads[@]+"${threads[@]}"}
echo
build/reel predict --weights "$run/best.safetensors" ${threads[@]+"${threads[@]}"} \
    "$data/val/fish/fish-00000.jpg" "$data/val/key/key-00001.jpg" "$data/val/mug/mug-00002.jpg" "$data/val/star/star-00003.jpg"

cat <<END

The run is $run. The drawn images take $(du -sh "$data" | cut -f1) outside of it. To remove them:

    rm -r '$data'

Now your own photographs: one folder for each class, such as PHOTOS/cat and PHOTOS/dog, is enough. Reel holds out a fifth
of them for validation, unless you divide them into PHOTOS/train/CLASS and PHOTOS/val/CLASS. With fewer than about 2,000:

    build/reel finetune PHOTOS --weights torchvision/alexnet --output-dir run

With more, you may also train from scratch:

    build/reel train PHOTOS --output-dir run

Then:

    build/reel eval PHOTOS --weights run
    build/reel predict --weights run SOME.jpg
END
