# For scripts that compare runs of several ranks: `. "$REEL_SOURCE/tests/support/rank_data.sh"`. own_data makes a small
# network with batch norm and dropout, the file `net`, and the dataset `d`: 80 training and 28 validation images.
own_data() {
    cat >net <<'NET'
reel network 1
about two convolutions with batch norm
input 3x24x24
features:
    Conv2d 8 3 padding=1
    BatchNorm2d
    ReLU
    MaxPool2d 2
    Conv2d 12 3 padding=1
    BatchNorm2d
    ReLU
pool: GlobalAvgPool2d
flatten: Flatten
classifier:
    Dropout 0.3
    Linear classes
NET
    "$REEL_BIN" synth d --train 20 --val 7 --classes 4 --size 32 --quiet
}
