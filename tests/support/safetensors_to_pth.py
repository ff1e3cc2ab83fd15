#!/usr/bin/env python3
"""safetensors_to_pth.py IN OUT [WRAPPER]: float32 tensors as torch.save would write them, without torch: the zip container, its pickle
made by Python's own pickler. WRAPPER "model" puts them under that key, their names behind "module.", beside an epoch."""
import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})


class FloatStorage:
    __module__ = "torch"


def _rebuild_tensor_v2():
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
torch.FloatStorage, utils._rebuild_tensor_v2 = FloatStorage, _rebuild_tensor_v2


class Storage:
    def __init__(self, key, numel):
        self.id = ("storage", FloatStorage, key, "cpu", numel)


class Tensor:
    def __init__(self, key, shape):
        self.shape, self.stride, step = tuple(shape), [], 1
        for n in reversed(shape):
            self.stride.insert(0, step)
            step *= n
        self.storage = Storage(key, step)

    def __reduce__(self):
        return _rebuild_tensor_v2, (self.storage, 0, self.shape, tuple(self.stride), False, OrderedDict())


class Pickler(pickle._Pickler):
    def persistent_id(self, thing):
        return thing.id if isinstance(thing, Storage) else None


with open(sys.argv[1], "rb") as f:
    (size,) = struct.unpack("<Q", f.read(8))
    header, data = json.loads(f.read(size)), f.read()
header.pop("__metadata__", None)
wrapped = len(sys.argv) > 3
state = OrderedDict((("module." if wrapped else "") + name, Tensor(str(i), t["shape"])) for i, (name, t) in enumerate(header.items()))
out = io.BytesIO()
Pickler(out, 2).dump({sys.argv[3]: state, "epoch": 3} if wrapped else state)
with zipfile.ZipFile(sys.argv[2], "w") as archive:
    archive.writestr("weights/data.pkl", out.getvalue())
    for i, t in enumerate(header.values()):
        assert t["dtype"] == "F32", t
        archive.writestr(f"weights/data/{i}", data[slice(*t["data_offsets"])])
    archive.writestr("weights/version", "3\n")
