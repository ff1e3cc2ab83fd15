#!/usr/bin/python3
"""Writes tests/unit/train/mix_cases.h: batches as torchvision's MixUp and CutMix make them, for given lambdas and centres.

    python3 tests/unit/train/make_mix_cases.py [OUTPUT]

Needs torch and torchvision (the stored file was made with 2.13.0 and 0.29.1). The images are (i * 37 % 101) / 16 - 3 at place i of
(n, c, h, w); floats are stored as the whole number of their bits.
"""
import os
import struct
import sys

import torch
from torchvision.transforms import v2

N, C, H, W, CLASSES = 3, 3, 3, 5, 4
LABELS = [2, 0, 2]
CASES = [("mixup", 0.3, 0, 0), ("mixup", 0.5, 0, 0), ("mixup", 0.0, 0, 0), ("mixup", 0.8125001, 0, 0),
         ("cutmix", 0.3, 2, 1), ("cutmix", 0.3, 0, 0), ("cutmix", 0.3, 4, 2), ("cutmix", 0.0, 2, 1), ("cutmix", 1.0, 2, 1)]


class Drawn:
    """A distribution that draws this number."""

    def __init__(self, value):
        self.value = value

    def sample(self, *shape):
        return torch.tensor(self.value, dtype=torch.float64)


def bits(tensor):
    return ", ".join(str(b) + "u" for b in struct.unpack(f"<{tensor.numel()}I", struct.pack(f"<{tensor.numel()}f", *tensor.flatten().tolist())))


def mixed(kind, lam, x, y):
    images = torch.tensor([(i * 37 % 101) / 16 - 3 for i in range(N * C * H * W)], dtype=torch.float32).reshape(N, C, H, W)
    transform = (v2.MixUp if kind == "mixup" else v2.CutMix)(alpha=1.0, num_classes=CLASSES)
    transform._dist = Drawn(lam)
    draws = iter([x, y])
    real = torch.randint
    torch.randint = lambda *args, **options: torch.tensor([next(draws)])  # CutMix draws x, then y
    try:
        return transform(images, torch.tensor(LABELS))
    finally:
        torch.randint = real


path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "mix_cases.h")
with open(path, "w") as out:
    out.write("/* Batches mixed by torchvision, as make_mix_cases.py writes them; floats as their bits. */\n")
    out.write("/* clang-format off */\n#ifndef REEL_TESTS_UNIT_TRAIN_MIX_CASES_H\n#define REEL_TESTS_UNIT_TRAIN_MIX_CASES_H\n\n#include <stdint.h>\n\n")
    out.write(f"enum {{ MIX_N = {N}, MIX_C = {C}, MIX_H = {H}, MIX_W = {W}, MIX_CLASSES = {CLASSES} }};\n")
    out.write(f"static const int64_t mix_labels[MIX_N] = {{{', '.join(map(str, LABELS))}}};\n\n")
    out.write("typedef struct mix_case {\n    int cut;\n    double lambda;\n    int64_t x, y;\n    uint32_t images[MIX_N * MIX_C * MIX_H * MIX_W];\n"
              "    uint32_t targets[MIX_N * MIX_CLASSES];\n} mix_case;\n\nstatic const mix_case mix_cases[] = {\n")
    for case in CASES:
        images, targets = mixed(*case)
        words = (bits(images) + "}, {" + bits(targets)).split(" ")
        lines, line = [], "     {"
        for word in words:
            if len(line) + len(word) + 1 > 98:
                lines.append(line.rstrip())
                line = "      "
            line += word + " "
        lines.append(line.rstrip())
        out.write(f"    {{{int(case[0] == 'cutmix')}, {case[1]!r}, {case[2]}, {case[3]},\n" + "\n".join(lines) + "}},\n")
    out.write("};\n\n#endif\n")
