#!/usr/bin/env python3
"""make_pth.py OUT TAG: small .pth files of every kind torch.save writes, named TAG-*.pth; needs torch, any version from 1.6.

The files in tests/support/pth were made with torch 1.13 (t113) and 2.13 (t213). Element i, in row-major order, of tensor number t
is ((7 i + 3 t) mod 61 - 30) / 4: exact in every dtype. tests/unit/core/test_weights_pth.c knows the table.
"""
import argparse
import os
import sys
import zipfile
from collections import OrderedDict

import torch
from torch import nn

out, tag = sys.argv[1], sys.argv[2]
os.makedirs(out, exist_ok=True)


def fill(t, shape, dtype=torch.float32):
    n = 1
    for s in shape:
        n *= s
    values = torch.tensor([((7 * i + 3 * t) % 61 - 30) / 4 for i in range(n)], dtype=torch.float64)
    return (values.trunc() if dtype == torch.int64 else values).reshape(shape).to(dtype)


def variety():
    whole = torch.zeros(5, 8)  # one storage, three tensors
    whole[1:3] = fill(4, (2, 8))
    whole[3:5, 2:6] = fill(5, (2, 4))
    state = OrderedDict()
    state["float"] = fill(0, (2, 3))
    state["double"] = fill(1, (3,), torch.float64)
    state["half"] = fill(2, (2, 5), torch.float16)
    state["bfloat"] = fill(3, (4,), torch.bfloat16)
    state["rows"] = whole[1:3]
    state["window"] = whole[3:5, 2:6]
    state["transposed"] = fill(6, (3, 4)).t().contiguous().t()
    state["channels_last"] = fill(7, (2, 3, 4, 5)).contiguous(memory_format=torch.channels_last)
    state["long"] = fill(8, (6,), torch.int64)
    state["scalar"] = fill(9, ())
    state["empty"] = torch.zeros(0, 3)
    state["expanded"] = fill(11, (1, 3)).expand(4, 3)
    state["parameter"] = nn.Parameter(fill(12, (2, 2)))
    state["every_second"] = torch.repeat_interleave(fill(13, (5,)), 2)[::2]
    return state


def training_checkpoint():
    """What torchvision's references/classification/train.py saves, its model being in DistributedDataParallel."""
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        for t, p in enumerate(model.parameters()):
            p.copy_(fill(t, tuple(p.shape)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.ones(4, 3)).sum().backward()
    for p in model.parameters():
        p.grad.zero_()
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1)
    args = argparse.Namespace(data_path="/datasets01/imagenet", model="alexnet", device="cuda", lr=0.01, epochs=90, amp=False,
                              train_crop_size=224, norm_weight_decay=None)
    model.eval()
    return {"model": OrderedDict(("module." + k, v) for k, v in model.state_dict().items()),
            "optimizer": optimizer.state_dict(), "lr_scheduler": schedule.state_dict(), "epoch": 3, "args": args}


def save(name, thing, **how):
    torch.save(thing, os.path.join(out, f"{tag}-{name}.pth"), **how)


legacy = dict(_use_new_zipfile_serialization=False)
save("zip", variety())
save("legacy", variety(), **legacy)
save("training-zip", training_checkpoint())
save("training-legacy", training_checkpoint(), **legacy)
with zipfile.ZipFile(os.path.join(out, f"{tag}-zip.pth")) as source, \
        zipfile.ZipFile(os.path.join(out, f"{tag}-deflated.pth"), "w", zipfile.ZIP_DEFLATED) as packed:
    for name in source.namelist():  # packed again by some other program, below another folder
        packed.writestr("elsewhere/" + name.split("/", 1)[1], source.read(name))
