"""Writes the images of an image folder as every other kind of dataset that Reel reads.

    make_sources.py FOLDER OUT

FOLDER/train and FOLDER/val hold a folder of JPEGs per class, named like WNIDs. OUT receives a folder for each kind: list, names,
wds, wds_gz, kaggle, caffe, devkit, devkit_tar, lines, tars. Samples keep the order they have in the image folder.
"""
import io
import os
import random
import struct
import sys
import tarfile
import zlib

source, out = sys.argv[1:3]
classes = sorted(os.listdir(f"{source}/train"))
rank = {name: i for i, name in enumerate(classes)}


def samples(split):
    return [(c, f, f"{source}/{split}/{c}/{f}") for c in classes for f in sorted(os.listdir(f"{source}/{split}/{c}"))]


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def copy(path, to):
    os.makedirs(os.path.dirname(to), exist_ok=True)
    if not os.path.exists(to):
        os.link(path, to)


def names(folder):
    write(f"{folder}/classes.txt", "\r\n".join(classes) + "\r\n")


def add(tar, name, data):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


# Lists: numbers, with a byte order mark, CRLF and spaces in names; and class names after a tab.
for split in "train", "val":
    numbered, named = "\ufeff", ""
    for c, f, path in samples(split):
        copy(path, f"{out}/list/my images/{split} {f}")
        numbered += f"my images/{split} {f} {rank[c]}  \r\n\r\n"
        named += f"../list/my images/{split} {f}\t{c}\n"
    write(f"{out}/list/{split}.txt", numbered)
    write(f"{out}/names/{split}.tsv", named)
names(f"{out}/list")

# WebDataset, plain (pax and GNU headers by turns, long names) and packed by gzip; more than one shard.
for kind, end, mode in ("wds", "tar", "w"), ("wds_gz", "tar.gz", "w:gz"):
    for split in "train", "val":
        everything = samples(split)
        for shard in range(2):
            half = len(everything) // 2
            part = everything[:half] if shard == 0 else everything[half:]
            path = f"{out}/{kind}/{split}-{shard:03d}.{end}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            form = tarfile.PAX_FORMAT if shard == 0 else tarfile.GNU_FORMAT
            with tarfile.open(path, mode, format=form) as tar:
                folder = tarfile.TarInfo("deep")
                folder.type = tarfile.DIRTYPE
                tar.addfile(folder)
                for i, (c, f, image) in enumerate(part):
                    key = ("deep/" + "x" * 120 + "/" if i % 5 == 0 else "") + f"{shard}{i:05d}"
                    add(tar, key + ".cls", f"{rank[c]}\n".encode())
                    add(tar, key + ".json", b"{}")
                    add(tar, key + ".jpg", read(image))
    names(f"{out}/{kind}")

# ImageNet: validation images in one folder, numbered in an order that has nothing to do with their classes.
everything = samples("val")
random.Random(1).shuffle(everything)
flat = [(f"ILSVRC2012_val_{i + 1:08d}", c, path) for i, (c, f, path) in enumerate(everything)]
ids = list(range(1, len(classes) + 1))  # the devkit's ids: not the ranks
random.Random(2).shuffle(ids)
id_of = dict(zip(classes, ids))

for kind, train, val in (("kaggle", "ILSVRC/Data/CLS-LOC/train", "ILSVRC/Data/CLS-LOC/val"), ("caffe", "train", "val"),
                         ("devkit", "train", "val"), ("devkit_tar", "train", "val"), ("lines", "train", "val")):
    for c, f, path in samples("train"):
        copy(path, f"{out}/{kind}/{train}/{c}/{f}")
    for name, c, path in flat:
        copy(path, f"{out}/{kind}/{val}/{name}.JPEG")
write(f"{out}/kaggle/LOC_val_solution.csv",
      "ImageId,PredictionString\n" + "".join(f"{n},{c} 1 2 3 4 {c} 5 6 7 8 \n" for n, c, _ in sorted(flat, key=lambda x: x[1])))
write(f"{out}/caffe/val.txt", "".join(f"{n}.JPEG {rank[c]}\n" for n, c, _ in flat))
write(f"{out}/lines/imagenet_2012_validation_synset_labels.txt", "".join(c + "\n" for _, c, _ in flat))


def element(kind, data):
    if 0 < len(data) <= 4:
        return struct.pack("<I", len(data) << 16 | kind) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(number, dims, body, name=b""):
    return element(14, element(6, struct.pack("<II", number, 0)) + element(5, struct.pack(f"<{len(dims)}i", *dims)) +
                   element(1, name) + body)


def text(s):
    return matrix(4, (1, len(s)), element(4, s.encode("utf-16-le")))


def meta(packed):
    rows = sorted((id_of[c], c) for c in classes) + [(len(classes) + 1, "n99999999")]  # a group, as the devkit has
    fields = b"".join(f.ljust(16, b"\0") for f in (b"ILSVRC2012_ID", b"WNID", b"words"))
    body = element(5, struct.pack("<i", 16)) + element(1, fields)
    for number, wnid in rows:
        body += matrix(6, (1, 1), element(2 if number < 256 else 4, struct.pack("<B" if number < 256 else "<H", number)))
        body += text(wnid) + text("a, b")
    data = matrix(2, (len(rows), 1), body, b"synsets")
    if packed:
        data = zlib.compress(data)
        data = struct.pack("<II", 15, len(data)) + data
    return b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + data


truth = "".join(f"{id_of[c]}\n" for _, c, _ in flat)
write(f"{out}/devkit/ILSVRC2012_devkit_t12/data/meta.mat", meta(True))
write(f"{out}/devkit/ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", truth)
with tarfile.open(f"{out}/devkit_tar/ILSVRC2012_devkit_t12.tar.gz", "w:gz") as tar:
    add(tar, "ILSVRC2012_devkit_t12/data/meta.mat", meta(False))
    add(tar, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", truth.encode())

# ImageNet's tars: one of tars, and one of images in any order.
os.makedirs(f"{out}/tars")
with tarfile.open(f"{out}/tars/ILSVRC2012_img_train.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
    for c in reversed(classes):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as one:
            for _, f, path in reversed([s for s in samples("train") if s[0] == c]):
                add(one, f, read(path))
        add(tar, c + ".tar", inner.getvalue())
with tarfile.open(f"{out}/tars/ILSVRC2012_img_val.tar", "w") as tar:
    for name, c, path in reversed(flat):
        add(tar, name + ".JPEG", read(path))
os.link(f"{out}/devkit_tar/ILSVRC2012_devkit_t12.tar.gz", f"{out}/tars/ILSVRC2012_devkit_t12.tar.gz")


# Small images: CIFAR and MNIST beside image folders of PNGs with the same pixels.
def png(width, height, channels, pixels):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    row = width * channels
    raw = b"".join(b"\0" + pixels[y * row:(y + 1) * row] for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


ten = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
draw = random.Random(3)
records = {"train": [], "val": []}
digits = {"train": [], "val": []}
for split, each in ("train", 4), ("val", 2):
    for c in range(10):
        for i in range(each):
            planes = bytes(draw.randrange(256) for _ in range(3072))
            records[split].append(bytes([c]) + planes)
            pixels = bytes(planes[k * 1024 + p] for p in range(1024) for k in range(3))
            write(f"{out}/cifar_folder/{split}/{ten[c]}/{i:03d}.png", png(32, 32, 3, pixels))
            grey = bytes(draw.randrange(256) for _ in range(28 * 30))
            digits[split].append((c, grey))
            write(f"{out}/mnist_folder/{split}/{c}/{i:03d}.png", png(30, 28, 1, grey))
for i in range(5):
    write(f"{out}/cifar/cifar-10-batches-bin/data_batch_{i + 1}.bin", b"".join(records["train"][8 * i:8 * i + 8]))
write(f"{out}/cifar/cifar-10-batches-bin/test_batch.bin", b"".join(records["val"]))
write(f"{out}/cifar/cifar-10-batches-bin/batches.meta.txt", "\n".join(ten) + "\n\n")
write(f"{out}/cifar100/train.bin", b"".join(bytes([0, i % 100]) + records["train"][i % 40][1:] for i in range(200)))
write(f"{out}/cifar100/test.bin", b"".join(bytes([0, i % 100]) + records["val"][i % 20][1:] for i in range(100)))
for split, prefix in ("train", "train"), ("val", "t10k"):
    n = len(digits[split])
    images = struct.pack(">IIII", 2051, n, 28, 30) + b"".join(pixels for _, pixels in digits[split])
    labels = struct.pack(">II", 2049, n) + bytes(c for c, _ in digits[split])
    for kind, end in ("mnist", ""), ("mnist_gz", ".gz"):
        for name, data in ("images-idx3", images), ("labels-idx1", labels):
            if end:
                packer = zlib.compressobj(9, zlib.DEFLATED, 31)
                data = packer.compress(data) + packer.flush()
            write(f"{out}/{kind}/{prefix}-{name}-ubyte{end}", data)
# Tables with quotes, commas in names of classes, and one line twice.
for split in "train", "val":
    lines = [f'"../cifar_folder/{split}/{name}/00{i}.png","{name}, called ""{name[0]}"""' for name in ten for i in range(2)]
    write(f"{out}/quoted/{split}.csv", "filename,label\r\n" + "\r\n".join(lines + lines[:1]) + "\r\n")
