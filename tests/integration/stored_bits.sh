#!/bin/bash
# 20 training steps give the stored bits: of AlexNet and of the small network, weights and
# validation loss, under each instruction set of this machine. The hashes in
# tests/support/stored_bits.txt hold for every compiler and C library.
#
# If you change the bits on purpose, put the new hash (printed below) into that file in the same
# commit, and say in the commit why the bits changed.
set -eu
stored=$REEL_SOURCE/tests/support/stored_bits.txt
python3 "$REEL_SOURCE/tests/support/make_images.py" data

failed=0
check() { # check ISA NETWORK OPTION...: trains, then compares the hash
    local isa=$1 network=$2 got want
    shift 2
    rm -rf run
    REEL_ISA=$isa "$REEL_BIN" train data --arch "$network" --recipe torchvision --max-steps 20 \
        --jitter 0.2 --lighting 0.1 --seed 5 --workers 2 --quiet -o run "$@" >out 2>err || {
        echo "$isa $network: exit $?: $(cat err)"
        exit 1
    }
    got=$(python3 "$REEL_SOURCE/tests/support/hash_run.py" run)
    want=$(awk -v isa="$isa" -v network="$network" '$1 == isa && $2 == network { print $3 }' "$stored")
    if [ "$got" = "$want" ]; then
        echo "$isa $network: the stored bits"
    elif [ -z "$want" ] && [ "$isa" = neon ]; then
        echo "$isa $network: no hash is stored; got $got"
    else
        echo "$isa $network: expected ${want:-no hash}, got $got"
        failed=1
    fi
}

networks=${REEL_NETWORKS:-tiny alexnet} # an emulator is too slow for AlexNet
for isa in portable avx2 avx512 amx neon; do
    if ! REEL_ISA=$isa "$REEL_BIN" summary >/dev/null 2>&1; then
        echo "$isa: not on this machine"
        continue
    fi
    case $networks in *tiny*) check $isa tiny --epochs 10 -b 8 ;; esac
    case $networks in *alexnet*) check $isa alexnet --epochs 10 -b 4 ;; esac
done
exit $failed
