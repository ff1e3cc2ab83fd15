#!/usr/bin/env python3
"""mixed_set.py FOLDER TRAIN VAL: a table as spreadsheets write it (train.csv, val.csv) of images in many formats.

Byte order mark, CRLF, quotes, an index column, and the images of formats.tsv in turn: WebP, GIF, BMP and TIFF. A format
whose library this build lacks ($REEL_BIN check tells) is left out. TRAIN and VAL images of four classes."""
import base64, json, os, subprocess, sys

folder, counts = sys.argv[1], {"train": int(sys.argv[2]), "val": int(sys.argv[3])}
classes = ["cat", "dog, small", 'the "bird"', "fish"]
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "formats.tsv")) as table:
    stored = [line.rstrip("\n").split("\t") for line in table]


def decodes(ending):
    """Has this build the library for it?"""
    name, _, _, text = next(row for row in stored if row[0].endswith(ending))
    os.makedirs(os.path.join(folder, "probe", "c"), exist_ok=True)
    path = os.path.join(folder, "probe", "c", name)
    with open(path, "wb") as file:
        file.write(base64.b64decode(text))
    answer = subprocess.run([os.environ["REEL_BIN"], "check", os.path.join(folder, "probe"), "--json", "--quiet"],
                            capture_output=True, text=True).stdout
    os.remove(path)
    return "corrupt" not in json.loads(answer)["findings"]


endings = [e for e in (".bmp", ".gif", ".webp", ".tif") if decodes(e)]
os.rmdir(os.path.join(folder, "probe", "c"))
os.rmdir(os.path.join(folder, "probe"))
by_format = [[row for row in stored if row[0].endswith(e)] for e in endings]
os.makedirs(os.path.join(folder, "images"), exist_ok=True)
for split, count in counts.items():
    lines = ["\ufeff,Image,Id"]
    for i in range(count):
        rows = by_format[i % len(by_format)]
        name, _, _, text = rows[(i // len(by_format) + (7 if split == "val" else 0)) % len(rows)]
        file_name = "images/%s-%03d-%s" % (split, i, name)
        with open(os.path.join(folder, file_name), "wb") as file:
            file.write(base64.b64decode(text))
        lines.append('%d,"%s","%s"' % (i, file_name, classes[i % 4].replace('"', '""')))
    with open(os.path.join(folder, split + ".csv"), "w", newline="", encoding="utf-8") as table:
        table.write("\r\n".join(lines) + "\r\n")
