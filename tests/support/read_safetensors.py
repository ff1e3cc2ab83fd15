"""Reads a safetensors file by the format's description alone (struct, json, zlib, numpy) and checks what it finds: layout, every
CRC-32, and that element i of each tensor, in row-major order, is i / 8. Prints the names in file order."""
import json
import struct
import sys
import zlib

import numpy as np

blob = open(sys.argv[1], "rb").read()
length, = struct.unpack("<Q", blob[:8])
header, data = blob[8:8 + length], blob[8 + length:]
assert length % 8 == 0 and header[:1] == b"{", "padding and first byte of the header"
tensors = json.loads(header.decode("utf-8"))
metadata = tensors.pop("__metadata__")
blanked = header.replace(('"crc32.header":"' + metadata["crc32.header"]).encode(), b'"crc32.header":"' + b" " * 8)
assert int(metadata["crc32.header"], 16) == zlib.crc32(blanked), "CRC-32 of the header"
end = 0
for name, tensor in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
    begin, stop = tensor["data_offsets"]
    assert begin == end, f"{name}: begins at {begin}, expected {end}"
    end = stop
    raw = data[begin:stop]
    assert int(metadata["crc32." + name], 16) == zlib.crc32(raw), f"CRC-32 of {name}"
    dtype = {"F32": "<f4", "F64": "<f8"}[tensor["dtype"]]
    assert begin % np.dtype(dtype).itemsize == 0, f"{name} is not aligned"
    values = np.frombuffer(raw, dtype).reshape(tensor["shape"])
    assert np.array_equal(values.ravel(), np.arange(values.size) / 8), f"values of {name}"
    print(name)
assert end == len(data), f"data ends at {end}, expected {len(data)}"
