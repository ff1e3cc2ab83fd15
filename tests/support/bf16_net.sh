# For scripts that train in bf16: the file `net`, a small AlexNet whose convolutions run as Winograd's and whose linear layers
# multiply bf16 where a batch has more than 8 images.
bf16_net() {
    cat >net <<'NET'
reel network 1
about a small AlexNet
input 3x32x32
features:
    Conv2d 16 3 padding=1
    ReLU
    MaxPool2d 2
    Conv2d 32 3 padding=1
    ReLU
    Conv2d 32 3 padding=1
    ReLU
    MaxPool2d 2
flatten: Flatten
classifier:
    Dropout 0.3
    Linear 256
    ReLU
    Linear 128
    ReLU
    Linear classes
NET
}
