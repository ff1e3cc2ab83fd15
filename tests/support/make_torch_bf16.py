#!/usr/bin/env python3
"""Writes tests/support/torch_bf16.tsv: how far PyTorch's bf16 gradients of two small networks are from its float64 ones, for
tests/gradient/test_bf16_against_torch.c, which draws the same numbers.

    tests/support/make_torch_bf16.py [OUTPUT]

Needs torch and numpy, and nothing of this project. bf16 is torch.autocast on the CPU: forward and loss under autocast, float32
weights. Each network is drawn with SEEDS seeds, which a row takes together. Columns:

  net, steps         the network, and steps of SGD in float64 before the gradients are taken
  parameter          its name
  norm, projection   of the float64 gradients g: root mean square of |g|, and mean of the sum of g u for drawn u; they show that
                     both programs mean the same
  error              root mean square of |g16 - g| / |g|, where g16 is bf16's gradient
"""
import os
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH, CLASSES, SEEDS, STEPS, RATE = 16, 10, 40, 20, 0.05
# Streams of drawn numbers: weights and projections take these plus the parameter's number, batches their step.
TEXTURES, WEIGHTS, PROJECTIONS, IMAGES = 1, 100, 200, 300


def mix(z):
    """The end of splitmix64."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def drawn(seed, stream, n):
    """n numbers from -1 to 1 with 24 bits."""
    with np.errstate(over="ignore"):
        key = mix(np.uint64(seed * 1000 + stream))
        z = mix(key + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return torch.from_numpy((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1)


class Plain(nn.Module):
    SIZE = 47

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(16, 32, 5, padding=2),
                                      nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2))
        self.classifier = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, CLASSES))

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Normed(nn.Module):
    SIZE = 18

    def __init__(self):
        super().__init__()
        conv = [nn.Conv2d(c, 16, 3, padding=1, bias=False) for c in (3, 16, 16)]
        self.features = nn.ModuleDict({"0": conv[0], "1": nn.BatchNorm2d(16), "3": conv[1], "4": nn.BatchNorm2d(16), "6": conv[2],
                                       "7": nn.BatchNorm2d(16), "10": nn.Conv2d(16, 32, 1)})
        self.classifier = nn.Sequential(nn.Linear(32, CLASSES))

    def forward(self, x):
        f = self.features
        x = F.relu(f["1"](f["0"](x)))
        x = F.relu(x + f["7"](f["6"](F.relu(f["4"](f["3"](x))))))
        x = F.relu(f["10"](F.max_pool2d(x, 3, 2)))
        return self.classifier(F.adaptive_avg_pool2d(x, 1).flatten(1))


def begin(net, seed):
    """Weights from -1 to 1 times (6 / fan_in)^(1/2); batch norm's 1 + 0.25 u; biases 0.125 u; all in float32."""
    for k, (name, p) in enumerate(net.named_parameters()):
        u = drawn(seed, WEIGHTS + k, p.numel()).reshape(p.shape)
        if p.dim() > 1:
            u = u * np.sqrt(6 / p[0].numel())
        elif name.endswith("bias"):
            u = u / 8
        else:
            u = 1 + u / 4
        p.data = u.float().double()


def batch(seed, step, size):
    """Half noise, half the texture of the class, of 8 x 8 pixels; image i has class 7 i + step, modulo the classes."""
    labels = (7 * torch.arange(BATCH) + step) % CLASSES
    textures = drawn(seed, TEXTURES, CLASSES * 3 * 64).reshape(CLASSES, 3, 8, 8)
    at = torch.arange(size) % 8
    noise = drawn(seed, IMAGES + step, BATCH * 3 * size * size).reshape(BATCH, 3, size, size)
    return (noise / 2 + textures[labels][:, :, at][:, :, :, at] / 2).float().double(), labels


def gradients(net, images, labels, bf16):
    net.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        loss = F.cross_entropy(net(images), labels)
    loss.backward()
    return loss.item(), [p.grad.double().clone() for p in net.parameters()]


def train(net, seed, steps):
    for step in range(steps):
        loss, grads = gradients(net, *batch(seed, step, net.SIZE), False)
        for p, g in zip(net.parameters(), grads):
            p.data -= RATE * g
    for p in net.parameters():
        p.data = p.data.float().double()


def measure(kind, seed, steps):
    """{parameter: (|g|^2, projection, squared error)}"""
    net = kind().double()
    begin(net, seed)
    train(net, seed, steps)
    images, labels = batch(seed, steps, net.SIZE)
    loss, exact = gradients(net, images, labels, False)
    half = gradients(net.float(), images.float(), labels, True)[1]
    print(f"{kind.__name__}, seed {seed}, {steps} steps: loss {loss:.3f}")
    result = {}
    for k, (parameter, _) in enumerate(net.named_parameters()):
        g = exact[k]
        projection = (g.flatten() * drawn(seed, PROJECTIONS + k, g.numel())).sum()
        result[parameter] = np.array([g.square().sum(), projection, (half[k] - g).square().sum() / g.square().sum()])
    return result


def main():
    torch.set_num_threads(1)
    folder = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(folder, "torch_bf16.tsv")
    with open(path, "w") as out:
        out.write(f"# make_torch_bf16.py, PyTorch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}\n")
        for name, kind in (("plain", Plain), ("normed", Normed)):
            for steps in (0, STEPS):
                draws = [measure(kind, seed, steps) for seed in range(1, SEEDS + 1)]
                for parameter in draws[0]:
                    norm, projection, error = sum(draw[parameter] for draw in draws) / SEEDS
                    out.write(f"{name}\t{steps}\t{parameter}\t{norm**0.5:.12e}\t{projection:.12e}\t{error**0.5:.4e}\n")


main()
