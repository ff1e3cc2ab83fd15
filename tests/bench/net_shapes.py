"""Shapes of the convolutions and poolings of well-known networks, as torchvision builds them.

A convolution is [c, h, w, oc, kernel, stride, padding, groups], with the dilation behind it where
that is not 1. A pooling is ["max", c, h, w, kernel, stride, padding, ceil] or ["avg", c, h, w]: the
mean of all pixels.
"""


def vgg16():
    """Simonyan and Zisserman 2015, configuration D."""
    layers, size, before = {}, 224, 3
    for block, (count, width) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
        for i in range(1, count + 1):
            layers[f"conv{block}_{i}"] = [before, size, size, width, 3, 1, 1, 1]
            before = width
        layers[f"pool{block}"] = ["max", width, size, size, 2, 2, 0, 0]
        size //= 2
    return layers


def resnet18():
    """He et al. 2016: blocks of two 3x3."""
    layers, before, size = {"conv1": [3, 224, 224, 64, 7, 2, 3, 1]}, 64, 56
    layers["pool1"] = ["max", 64, 112, 112, 3, 2, 1, 0]
    for stage, width in enumerate((64, 128, 256, 512), 2):
        stride = 1 if stage == 2 else 2
        inner = size // stride
        if stride == 2:
            layers[f"res{stage}a_3x3"] = [before, size, size, width, 3, stride, 1, 1]
            layers[f"res{stage}a_project"] = [before, size, size, width, 1, stride, 0, 1]
        layers[f"res{stage}_3x3"] = [width, inner, inner, width, 3, 1, 1, 1]
        before, size = width, inner
    layers["pool5"] = ["avg", 512, 7, 7]
    return layers


def resnet50():
    """He et al. 2016: the stride is in the 3x3. Each shape once."""
    layers, before, size = {"conv1": [3, 224, 224, 64, 7, 2, 3, 1]}, 64, 56
    layers["pool1"] = ["max", 64, 112, 112, 3, 2, 1, 0]
    for stage, width in enumerate((64, 128, 256, 512), 2):
        stride = 1 if stage == 2 else 2
        inner = size // stride
        layers[f"res{stage}a_reduce"] = [before, size, size, width, 1, 1, 0, 1]
        layers[f"res{stage}a_3x3"] = [width, size, size, width, 3, stride, 1, 1]
        layers[f"res{stage}a_project"] = [before, size, size, 4 * width, 1, stride, 0, 1]
        layers[f"res{stage}_expand"] = [width, inner, inner, 4 * width, 1, 1, 0, 1]
        layers[f"res{stage}b_reduce"] = [4 * width, inner, inner, width, 1, 1, 0, 1]
        layers[f"res{stage}b_3x3"] = [width, inner, inner, width, 3, 1, 1, 1]
        before, size = 4 * width, inner
    layers["pool5"] = ["avg", 2048, 7, 7]
    return layers


def squeezenet1_1():
    """Iandola et al. 2016, version 1.1: each fire module squeezes, then expands twice."""
    layers, before, size = {"conv1": [3, 224, 224, 64, 3, 2, 0, 1]}, 64, 55
    layers["pool1"] = ["max", 64, 111, 111, 3, 2, 0, 1]
    fires = [(16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256)]
    for i, (squeeze, expand) in enumerate(fires, 2):
        if i in (4, 6):
            layers[f"pool{i - 1}"] = ["max", before, size, size, 3, 2, 0, 1]
            size = (size - 2) // 2 + 1
        layers[f"fire{i}_squeeze"] = [before, size, size, squeeze, 1, 1, 0, 1]
        layers[f"fire{i}_expand1"] = [squeeze, size, size, expand, 1, 1, 0, 1]
        layers[f"fire{i}_expand3"] = [squeeze, size, size, expand, 3, 1, 1, 1]
        before = 2 * expand
    layers["conv10"] = [512, size, size, 1000, 1, 1, 0, 1]
    layers["pool10"] = ["avg", 1000, size, size]
    return layers


def mobilenet():
    """Howard et al. 2017, table 1: depthwise and pointwise pairs. Each shape once."""
    layers, before, size = {"conv1": [3, 224, 224, 32, 3, 2, 1, 1]}, 32, 112
    pairs = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (1024, 2), (1024, 1)]
    for i, (width, stride) in enumerate(pairs, 2):
        layers[f"depthwise{i}"] = [before, size, size, before, 3, stride, 1, before]
        size //= stride
        layers[f"pointwise{i}"] = [before, size, size, width, 1, 1, 0, 1]
        before = width
    return layers


def mobilenet_v2():
    """Sandler et al. 2018, table 2: expansion, depthwise, projection."""
    layers, before, size = {"conv1": [3, 224, 224, 32, 3, 2, 1, 1]}, 32, 112
    settings = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    block = 0
    for factor, width, count, first_stride in settings:
        for i in range(count):
            block, stride, inner = block + 1, first_stride if i == 0 else 1, before * factor
            if factor > 1:
                layers[f"block{block}_expand"] = [before, size, size, inner, 1, 1, 0, 1]
            layers[f"block{block}_depthwise"] = [inner, size, size, inner, 3, stride, 1, inner]
            size //= stride
            layers[f"block{block}_project"] = [inner, size, size, width, 1, 1, 0, 1]
            before = width
    layers["conv18"] = [before, size, size, 1280, 1, 1, 0, 1]
    layers["pool18"] = ["avg", 1280, size, size]
    return layers


def alexnet2012():
    """Krizhevsky et al. 2012, with the two groups of the two GPUs."""
    return {"conv1": [3, 227, 227, 96, 11, 4, 0, 1], "conv2": [96, 27, 27, 256, 5, 1, 2, 2], "conv3": [256, 13, 13, 384, 3, 1, 1, 1],
            "conv4": [384, 13, 13, 384, 3, 1, 1, 2], "conv5": [384, 13, 13, 256, 3, 1, 1, 2]}


def dilated():
    """3x3 kernels as segmentation networks dilate them, in maps of ResNet and of VGG."""
    return {"res2": [64, 56, 56, 64, 3, 1, 2, 1, 2], "res3": [128, 28, 28, 128, 3, 1, 2, 1, 2],
            "res4": [256, 28, 28, 256, 3, 1, 2, 1, 2], "res5": [512, 28, 28, 512, 3, 1, 4, 1, 4],
            "vgg5": [512, 28, 28, 512, 3, 1, 2, 1, 2]}


NETS = {net.__name__: net for net in (alexnet2012, vgg16, resnet50, mobilenet)}
MEASURED = (vgg16, resnet18, resnet50, squeezenet1_1, mobilenet_v2, dilated)
CLASSES = ("depthwise", "first", "strided", "1x1", "3x3", "dilated", "pool")


def convolutions(net):
    """The layers of NETS[net] without the poolings."""
    return {name: layer for name, layer in NETS[net]().items() if not isinstance(layer[0], str)}


def class_of(layer):
    if isinstance(layer[0], str):
        return "pool"
    c, _, _, _, kernel, stride, _, groups = layer[:8]
    if c <= 4:
        return "first"
    if groups == c:
        return "depthwise"
    if len(layer) > 8:
        return "dilated"
    if stride > 1:
        return "strided"
    return "1x1" if kernel == 1 else "3x3"


def multiply_adds(layer):
    """Of one image; of a pooling, values read."""
    if layer[0] == "avg":
        return layer[1] * layer[2] * layer[3]
    if layer[0] == "max":
        return layer[1] * layer[2] * layer[3] * layer[4] ** 2 // layer[5] ** 2
    c, h, w, oc, kernel, stride, padding, groups = layer[:8]
    taps = kernel * kernel * c // groups
    reach = (layer[8] if len(layer) > 8 else 1) * (kernel - 1) + 1
    return oc * taps * ((h + 2 * padding - reach) // stride + 1) * ((w + 2 * padding - reach) // stride + 1)


def measured_shapes(only=None):
    """All different shapes of MEASURED, of one class or of all: (class, "net/layer", layer)."""
    shapes, seen = [], set()
    for net in MEASURED:
        for name, layer in net().items():
            if tuple(layer) not in seen and only in (None, class_of(layer)):
                shapes.append((class_of(layer), f"{net.__name__}/{name}", layer))
            seen.add(tuple(layer))
    return shapes
