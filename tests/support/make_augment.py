#!/usr/bin/env python3
"""Writes tests/support/augment.tsv: what torchvision's auto-augmentation and PIL's resizes make of drawn pictures, for
tests/unit/data/test_operations.c and test_policies.c to compare.

usage: make_augment.py >tests/support/augment.tsv    needs torch, torchvision and PIL (stored: 2.13, 0.29, 13.0)

Lines, fields separated by tabs; numbers with fractions are hexadecimal, CRC-32 is of the bytes:

    operation  name picture width height interpolation magnitude crc
    resize     interpolation picture width height left top right bottom new-width new-height crc
    range      policy name side signed magnitude ...    of a square image of that side; one magnitude: there is no choice
    pair       number name probability magnitude signed name probability magnitude signed    at side 48
    mix        picture side interpolation own share share share, then 3 chains: name magnitude name magnitude; crc
    erase      size, then mean and deviation of: share of the area, log(height / width), left and top over their room
"""
import math
import random
import zlib

import numpy as np
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms.autoaugment import _apply_op

HOW = {"bilinear": InterpolationMode.BILINEAR, "bicubic": InterpolationMode.BICUBIC, "nearest": InterpolationMode.NEAREST}
PIL_HOW = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "nearest": Image.NEAREST}
GEOMETRY = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate")


def picture(kind, width, height):
    """As draw_picture of the tests: 0 noise, 1 slopes and edges, 2 noise within a narrow range, 3 one colour."""
    state = (width * 31 + height) * 2654435761 + kind & 0xFFFFFFFF
    pixels = np.empty((height, width, 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for c in range(3):
                state = state * 1664525 + 1013904223 & 0xFFFFFFFF
                noise = state >> 24
                slope = (7 * x + (c + 3) * y + (90 if x > width // 2 else 0)) & 255
                pixels[y, x, c] = (noise, slope, 100 + 10 * c + (noise >> 3), 40 * c + 17)[kind]
    return Image.fromarray(pixels)


def say(*fields):
    print(*((f.hex() if isinstance(f, float) else f) for f in fields), sep="\t")


def crc(image):
    return "%08x" % zlib.crc32(image.tobytes())


POLICIES = {
    "ta_wide": lambda side: transforms.TrivialAugmentWide()._augmentation_space(31),
    "ra": lambda side: transforms.RandAugment()._augmentation_space(31, (side, side)),
    "augmix": lambda side: transforms.AugMix()._augmentation_space(10, (side, side)),
}


def magnitudes_of(values):
    return [float(v) for v in values.tolist()] if values.ndim else [0.0]


def say_operations(rng):
    known = {}
    for space in [of(48) for of in POLICIES.values()] + [transforms.AutoAugment()._augmentation_space(10, (48, 48))]:
        for name, (values, signed) in space.items():
            known.setdefault(name, set()).update(m * s for m in magnitudes_of(values) for s in ((1, -1) if signed else (1,)))
    shapes = [(1, 48, 48), (0, 48, 48), (2, 33, 21), (3, 16, 16), (1, 1, 9), (0, 2, 2), (1, 97, 64), (2, 300, 5)]
    for name, magnitudes in known.items():
        told = sorted(m for m in magnitudes if not (name == "Posterize" and m < 1))  # PIL refuses 0 bits
        chosen = told if len(told) <= 10 else rng.sample(told, 8) + [told[0], told[-1]]
        if name == "Rotate":
            chosen += [90.0, -90.0, 45.0]
        if name.startswith("Shear"):
            chosen += [0.25]
        for i, magnitude in enumerate(chosen):
            for how in HOW if name in GEOMETRY else ("bilinear",):
                for kind, width, height in (shapes[0], shapes[1 + i % (len(shapes) - 1)]):
                    result = _apply_op(picture(kind, width, height), name, magnitude, HOW[how], None)
                    say("operation", name, kind, width, height, how, float(magnitude), crc(result))


def by_pillow_12(image, size, how, box):
    """The horizontal pass first, as before Pillow 13."""
    (w, h), top, bottom = size, box[1], box[3]
    across = image.resize((w, image.height), how, box=(box[0], 0, box[2], image.height))
    return across.resize((w, h), how, box=(0, top, w, bottom))


def say_resizes():
    shapes = [(53, 37, 24, 16), (53, 37, 100, 75), (200, 3, 64, 64), (1, 40, 16, 16), (40, 1, 16, 16), (2, 2, 5, 5), (1, 1, 7, 9),
              (53, 37, 53, 20), (53, 37, 20, 37), (53, 37, 53, 37), (300, 200, 9, 4), (64, 64, 65, 63), (100, 100, 30, 70)]
    for how in HOW:
        for kind in (0, 1):
            for width, height, w, h in shapes:
                whole = (0.0, 0.0, float(width), float(height))
                for box in (whole, (0.25 * width, 0.125 * height, 0.75 * width, 0.875 * height)):
                    resize = by_pillow_12 if how == "bilinear" else Image.Image.resize
                    result = resize(picture(kind, width, height), (w, h), PIL_HOW[how], box=box)
                    say("resize", how, kind, width, height, *box, w, h, crc(result))


def say_policies():
    for policy, space in POLICIES.items():
        for side in (48, 33) if policy != "ta_wide" else (48,):
            for name, (values, signed) in space(side).items():
                say("range", policy, name, side, int(signed), *magnitudes_of(values))
    policy = transforms.AutoAugment()
    space = policy._augmentation_space(10, (48, 48))
    for number, pair in enumerate(policy.policies):
        fields = []
        for name, probability, i in pair:
            values, signed = space[name]
            fields += [name, float(probability), 0.0 if i is None else float(values[i]), int(signed)]
        say("pair", number, *fields)


def say_mixes(rng):
    """AugMix's sum of PIL's operations: torchvision has its own tensor operations there, with other roundings."""
    space = {k: v for k, v in POLICIES["augmix"](48).items() if k != "Posterize"}
    for how in HOW:
        for kind in (0, 1, 2):
            image = picture(kind, 48, 48)
            shares = torch._sample_dirichlet(torch.ones(4))
            sum_ = shares[0] * transforms.functional.pil_to_tensor(image)
            chains = []
            for c in range(3):
                one = image
                for _ in range(2):
                    name = rng.choice(list(space))
                    values, signed = space[name]
                    magnitude = rng.choice(magnitudes_of(values)) * (-1 if signed and rng.random() < 0.5 else 1)
                    one = _apply_op(one, name, magnitude, HOW[how], None)
                    chains += [name, magnitude]
                sum_.add_(shares[1 + c] * transforms.functional.pil_to_tensor(one))
            result = transforms.functional.to_pil_image(sum_.to(torch.uint8))
            say("mix", kind, 48, how, *(float(s) for s in shares), *chains, crc(result))


def say_erased():
    for size in (48, 224):
        image = torch.empty(3, size, size)
        drawn = []
        for _ in range(100000):
            y, x, h, w, _ = transforms.RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0.0])
            drawn.append((h * w / size**2, math.log(h / w), x / (size - w), y / (size - h)))
        drawn = np.array(drawn)
        say("erase", size, *(float(v) for pair in zip(drawn.mean(0), drawn.std(0)) for v in pair))


if __name__ == "__main__":
    torch.manual_seed(1)
    chosen = random.Random(1)
    say_operations(chosen)
    say_resizes()
    say_policies()
    say_mixes(chosen)
    say_erased()
