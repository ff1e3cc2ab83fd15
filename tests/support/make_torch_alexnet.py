#!/usr/bin/env python3
"""AlexNet as PyTorch holds it, against AlexNet here; needs torch (any version from 1.6) and numpy.

  make_torch_alexnet.py make DIR   random weights in every file that torch.save makes of them, the same bytes as .safetensors, and
                                   probe.safetensors: an input and the logits for it, computed in float64. Kaiming weights: the
                                   logits depend on the images, which PyTorch's own would hardly let them
  make_torch_alexnet.py back DIR   DIR/reel.safetensors has the bits of DIR/alexnet.pth, and goes into DIR/back.pth
"""
import argparse
import json
import os
import struct
import sys

import numpy as np
import torch
from torch import nn


class AlexNet(nn.Module):
    def __init__(self, classes):
        super().__init__()
        layers, channels = [], 3
        for out, kernel, stride, padding, pool in ((64, 11, 4, 2, 1), (192, 5, 1, 2, 1), (384, 3, 1, 1, 0), (256, 3, 1, 1, 0),
                                                   (256, 3, 1, 1, 1)):
            layers += [nn.Conv2d(channels, out, kernel, stride, padding), nn.ReLU()] + [nn.MaxPool2d(3, 2)] * pool
            channels = out
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(9216, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096),
                                        nn.ReLU(), nn.Linear(4096, classes))
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.kaiming_normal_(p, nonlinearity="relu")
            else:
                nn.init.uniform_(p, -0.1, 0.1)

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def write_safetensors(path, tensors):
    header, at = {}, 0
    for name, a in tensors.items():
        assert a.dtype == np.float32
        header[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a).tobytes())


def read_safetensors(path):
    with open(path, "rb") as f:
        (size,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
        data = f.read()
    return {name: torch.from_numpy(np.frombuffer(data[slice(*t["data_offsets"])], np.float32).reshape(t["shape"]).copy())
            for name, t in header.items() if name != "__metadata__"}


def make(out):
    torch.manual_seed(7)
    os.makedirs(out, exist_ok=True)
    model = AlexNet(1000).eval()
    images = torch.randn(6, 3, 224, 224)
    state = model.state_dict()
    with torch.no_grad():
        exact = AlexNet(1000).eval().double()
        exact.load_state_dict(state)
        logits = exact(images.double()).float()
    parallel = {"module." + name: value for name, value in state.items()}
    torch.save(state, os.path.join(out, "alexnet.pth"))
    torch.save(state, os.path.join(out, "alexnet-legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save({"model": parallel, "optimizer": torch.optim.SGD(model.parameters(), lr=0.01).state_dict(), "epoch": 3,
                "args": argparse.Namespace(lr=0.01, data_path="imagenet")}, os.path.join(out, "wrapped.pth"))
    write_safetensors(os.path.join(out, "alexnet.safetensors"), {name: value.numpy() for name, value in state.items()})
    write_safetensors(os.path.join(out, "probe.safetensors"), {"input": images.numpy(), "logits": logits.numpy()})


def back(out):
    want, got = torch.load(os.path.join(out, "alexnet.pth")), read_safetensors(os.path.join(out, "reel.safetensors"))
    assert set(want) == set(got), (set(want) ^ set(got))
    for name in want:
        assert want[name].shape == got[name].shape, (name, got[name].shape)
        assert torch.equal(want[name].view(torch.int32), got[name].view(torch.int32)), name
    torch.save({name: got[name] for name in want}, os.path.join(out, "back.pth"))


{"make": make, "back": back}[sys.argv[1]](sys.argv[2])
