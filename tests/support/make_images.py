#!/usr/bin/env python3
"""make_images.py FOLDER: a small image-folder dataset without any image library, and weights that know its classes.

FOLDER/{train,val}/{blue,green,red}/NN.png  noisy images in which one colour prevails
FOLDER/{blue,green,red}.ppm                 one image each as raw RGB
FOLDER/colours.safetensors                  weights of the model `tiny` for 3 classes, written by hand: class = prevailing colour
"""
import json
import os
import random
import struct
import sys
import zlib

CLASSES = ("blue", "green", "red")
CHANNEL = {"red": 0, "green": 1, "blue": 2}


def pixels(random_, colour, size):
    base = [random_.randint(20, 120) for _ in range(3)]
    base[CHANNEL[colour]] += 110
    return bytes(max(0, min(255, base[i % 3] + random_.randint(-20, 20))) for i in range(size * size * 3))


def png(path, rgb, size):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = b"".join(b"\0" + rgb[y * size * 3:(y + 1) * size * 3] for y in range(size))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def safetensors(path, tensors):
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def tensor(shape, entries, fill=0.0):
    count = 1
    for size in shape:
        count *= size
    values = [fill] * count
    for index, value in entries.items():
        flat = 0
        for size, i in zip(shape, index):
            flat = flat * size + i
        values[flat] = value
    return shape, values


def colour_net():
    """Channels R, G, B pass through the convolutions, are averaged, and become the scores of (blue, green, red)."""
    return {
        "features.0.weight": tensor([8, 3, 5, 5], {(c, c, 2, 2): 1.0 for c in range(3)}),
        "features.0.bias": tensor([8], {}, 3.0),  # keeps the ReLU open
        "features.3.weight": tensor([16, 8, 3, 3], {(c, c, 1, 1): 1.0 for c in range(3)}),
        "features.3.bias": tensor([16], {}),
        "classifier.1.weight": tensor([64, 256], {(c, c * 16 + i): 1 / 16 for c in range(3) for i in range(16)}),
        "classifier.1.bias": tensor([64], {}),
        "classifier.3.weight": tensor([3, 64], {(k, CHANNEL[name]): 4.0 for k, name in enumerate(CLASSES)}),
        "classifier.3.bias": tensor([3], {}),
    }


def main():
    folder = sys.argv[1]
    random_ = random.Random(1)
    for part, count in (("train", 24), ("val", 8)):
        for colour in CLASSES:
            os.makedirs(os.path.join(folder, part, colour), exist_ok=True)
            for i in range(count):
                png(os.path.join(folder, part, colour, f"{i:02}.png"), pixels(random_, colour, 40), 40)
    for colour in CLASSES:
        with open(os.path.join(folder, colour + ".ppm"), "wb") as file:
            file.write(b"P6\n40 40\n255\n" + pixels(random_, colour, 40))
    safetensors(os.path.join(folder, "colours.safetensors"), colour_net())


main()
