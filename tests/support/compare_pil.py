#!/usr/bin/env python3
"""Says what PIL and torchvision make of images, for tests/unit/data/test_pil.c to compare bit for bit.

usage: compare_pil.py SCRATCH [FOLDER [COUNT]]    writes image files of the usual kinds into SCRATCH, beside what is there,
                                                and takes COUNT images from FOLDER besides
       compare_pil.py --stored FOLDER           the files in FOLDER, by name alone and with fewer results each:
                                                what is in tests/support/pil_kinds.tsv

Prints a line per result: kind, parameters, CRC-32 of the bytes, path; fields separated by tabs. Exit 77: PIL, numpy or
torchvision is not here.
"""
import os
import random
import sys
import warnings
import zlib

try:
    import numpy as np
    from PIL import Image, ImageOps, features
    from torchvision import transforms
    from torchvision.transforms import functional as F
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)

warnings.filterwarnings("ignore", message="Palette images with Transparency")


def scene(width, height, seed):
    """Smooth colour, hard edges and noise: what exercises DCT, upsampling and rounding."""
    noise = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    planes = [127 + 120 * np.sin(x / (3.0 + c + seed % 5) + y / (17.0 - 4 * c)) for c in range(3)]
    image = np.stack(planes, -1) + noise.normal(0, 12, (height, width, 3))
    image[height // 4 : height // 2, width // 3 : width // 2] = (250, 10, 30)
    image[: height // 5, : width // 6] = (0, 0, 255)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8), "RGB")


def write_kinds(scratch):
    jpegs = {
        "444.jpg": dict(subsampling=0, quality=95),
        "422.jpg": dict(subsampling=1, quality=80),
        "420.jpg": dict(subsampling=2, quality=50),
        "progressive.jpg": dict(progressive=True, quality=85),
        "optimised.jpg": dict(optimize=True, quality=30),
    }
    for seed, (width, height) in enumerate([(400, 533), (333, 251), (64, 64), (17, 301), (1, 9), (9, 1), (2, 2), (1, 1)]):
        image = scene(width, height, seed)
        where = os.path.join(scratch, "%dx%d_" % (width, height))
        for name, options in jpegs.items():
            image.save(where + name, **options)
        image.convert("L").save(where + "grey.jpg", quality=90)
        image.convert("CMYK").save(where + "cmyk.jpg", quality=90)
        image.save(where + "rgb.png")
        image.convert("L").save(where + "grey.png")
        image.convert("1").save(where + "bits.png")
        image.convert("LA").save(where + "grey_alpha.png")
        image.convert("RGBA").save(where + "alpha.png")
        image.quantize(200).save(where + "palette.png")
        image.quantize(13).save(where + "palette4.png", transparency=3)
        image.quantize(4).save(where + "palette2.png", bits=2)


def write_held(scratch):
    """Every orientation, as cameras store it; PIL writes a PNG's as an eXIf chunk."""
    folder = os.path.join(scratch, "held")
    os.mkdir(folder)
    for orientation in range(0, 10):
        image = scene(301, 203, orientation)
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x010F] = "maker of some length"
        name = os.path.join(folder, "%d_" % orientation)
        image.save(name + "444.jpg", subsampling=0, exif=exif)
        image.save(name + "420.jpg", subsampling=2, exif=exif)
        image.save(name + "progressive.jpg", progressive=True, exif=exif)
        image.convert("L").save(name + "grey.jpg", exif=exif)
        image.save(name + "rgb.png", exif=exif)
    return sorted(os.path.join(folder, name) for name in os.listdir(folder))


def crc(data):
    return "%08x" % (zlib.crc32(data) & 0xFFFFFFFF)


def say(kind, parameters, data, path):
    print(kind, " ".join("%.17g" % p for p in parameters), crc(data), path, sep="\t")


def examine(path, rng):
    image = Image.open(path).convert("RGB")
    width, height = image.size
    say("decode", [], image.tobytes(), path)
    for _ in range(4):
        w, h = rng.randint(1, width), rng.randint(1, height)
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        size = rng.choice([224, 227, 64, 96])
        say("crop", [x, y, w, h, size], F.resized_crop(image, y, x, h, w, [size, size]).tobytes(), path)
    w, h = rng.uniform(0.1, 1) * width, rng.uniform(0.1, 1) * height
    x, y = rng.uniform(0, 1) * (width - w), rng.uniform(0, 1) * (height - h)
    box = [float(np.float32(v)) for v in (x, y, x + w, y + h)]
    if box[2] <= width and box[3] <= height:
        out = (rng.randint(1, 300), rng.randint(1, 300))
        say("box", [*box, *out], image.resize(out, Image.BILINEAR, box=box).tobytes(), path)
    if max(width, height) / min(width, height) <= 100:
        evaluate(image, ((224, 256), (227, 259), (64, 64), (96, 40)), path)
    adjusters = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation)
    for name, adjust in zip(("brightness", "contrast", "saturation"), adjusters):
        factor = float(np.float32(rng.uniform(0, 2)))
        say(name, [factor], adjust(image, factor).tobytes(), path)
    factor = rng.uniform(-0.5, 0.5)
    say("hue", [factor], F.adjust_hue(image, factor).tobytes(), path)


def evaluate(image, sizes, path):
    for size, resize in sizes:
        steps = [transforms.Resize(resize), transforms.CenterCrop(size), transforms.ToTensor()]
        steps.append(transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
        tensor = transforms.Compose(steps)(image)
        say("eval", [size, resize], tensor.permute(1, 2, 0).contiguous().numpy().tobytes(), path)


def store(folder):
    """A line about the file itself, so that a reader knows when it has other ones, then what is made of it."""
    print("libjpeg-turbo", features.version("libjpeg_turbo"), "", "", sep="\t")
    os.chdir(folder)
    rng = random.Random(2)
    for path in sorted(os.listdir(".")):
        image = Image.open(path).convert("RGB")
        width, height = image.size
        say("file", [], open(path, "rb").read(), path)
        say("decode", [], image.tobytes(), path)
        w, h = rng.randint(1, width), rng.randint(1, height)
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        say("crop", [x, y, w, h, 224], F.resized_crop(image, y, x, h, w, [224, 224]).tobytes(), path)
        evaluate(image, ((224, 256), (96, 40)), path)


def examine_held(path, rng):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    width, height = image.size
    for _ in range(4):
        w, h = rng.randint(1, width), rng.randint(1, height)
        x, y = rng.randint(0, width - w), rng.randint(0, height - h)
        say("held_crop", [x, y, w, h, 64], F.resized_crop(image, y, x, h, w, [64, 64]).tobytes(), path)
    steps = [transforms.Resize(73), transforms.CenterCrop(64), transforms.ToTensor()]
    steps.append(transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    tensor = transforms.Compose(steps)(image)
    say("held_eval", [64, 73], tensor.permute(1, 2, 0).contiguous().numpy().tobytes(), path)


def main():
    if sys.argv[1] == "--stored":
        return store(sys.argv[2])
    scratch = sys.argv[1]
    write_kinds(scratch)
    paths = [os.path.join(scratch, name) for name in sorted(os.listdir(scratch))]
    if len(sys.argv) > 2:
        found = sorted(os.path.join(d, n) for d, _, names in os.walk(sys.argv[2]) for n in names)
        found = [p for p in found if p.lower().endswith((".jpg", ".jpeg", ".png"))]
        count = int(sys.argv[3]) if len(sys.argv) > 3 else 120
        paths += found[:: max(1, len(found) // count)][:count]
    rng = random.Random(1)
    for path in paths:
        examine(path, rng)
    for path in write_held(scratch):
        examine_held(path, rng)


main()
