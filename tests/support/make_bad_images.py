#!/usr/bin/env python3
"""make_bad_images.py FOLDER: puts files that cannot be read, and odd ones that can, among the images of an image folder.

FOLDER is a split: a folder per class, JPEGs. Prints the names of the bad ones as JSON: {shown name: words of the reason}. Names
are shown as Reel shows them: control characters and what is no UTF-8 as \\xNN. The number of files becomes a multiple of 8.
"""
import json
import os
import struct
import sys
import zlib

root = os.fsencode(sys.argv[1])
classes = sorted(os.listdir(root))
photos = [os.path.join(root, c, n) for c in classes for n in sorted(os.listdir(os.path.join(root, c)))]
bad = {}


def shown(name):
    text = ""
    for c in name.decode("utf-8", "surrogateescape"):
        plain = " " <= c < "\x7f" and c != "\\" or c > "\xa0" and not "\udc80" <= c <= "\udcff"
        text += c if plain else "\\x%02x" % (ord(c) & 255)
    return text


def put(name, data, reason=None, place=[0]):
    """Into the classes by turns. reason: words, where the file is bad."""
    name = os.path.join(classes[place[0] % len(classes)], name)
    place[0] += 1
    if data is not None:
        with open(os.path.join(root, name), "wb") as file:
            file.write(data)
    if reason:
        bad[shown(name)] = reason
    return os.path.join(root, name)


def chunk(kind, data, size=None):
    return struct.pack(">I", len(data) if size is None else size) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, before=b"", interlace=0):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def rgb(width, height):
    row = b"\0" + bytes((x * 7) & 255 for x in range(3 * width))
    return png(width, height, 8, 2, row * height)


jpeg = open(photos[0], "rb").read()
# Odd, and to be read.
put(b"png.JPEG", rgb(40, 30))
put(b"jpeg.png", jpeg)
put(b"wide.png", rgb(300, 1))
put(b"high.png", rgb(1, 300))
put(b"two.png", rgb(2, 2))
put(b"point.png", rgb(1, 1))
put(b"deep.png", png(9, 9, 16, 2, (b"\0" + bytes(54)) * 9))
put(b"bits.png", png(9, 9, 1, 3, (b"\0\xaa\x80") * 9, chunk(b"PLTE", b"abcdef")))
exif = b"\xff\xe1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
put(b"turned.jpg", jpeg[:2] + exif + jpeg[2:])
put(b"exif.jpg", jpeg[:2] + exif[:20] + b"\xee" * (len(exif) - 20) + jpeg[2:])
put(b"trailer.jpg", jpeg + b"x" * 100)
put(b"text_bomb.png", png(8, 8, 8, 2, (b"\0" + bytes(24)) * 8, chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50 << 20), 9))))
put(b"line\nbreak.jpg", jpeg)
put(b" space .jpg", jpeg)
put(b"\xff\xfe.jpg", jpeg)
put(b"--help.jpg", jpeg)
put(b"caf\xc3\xa9.jpg", jpeg)
put(b"n" * 251 + b".jpg", jpeg)

# Bad.
put(b"empty.jpg", b"", "empty")
for i in range(1, 16):
    put(b"cut%02d.jpg" % i, jpeg[:len(jpeg) * i // 16], "JPEG")
put(b"text.jpg", b"just a note\n", "text")
put(b"page.jpg", b"<!DOCTYPE html><html><body>404</body></html>", "HTML")
tables = b"\xff\xdb\0\x43\0" + b"\1" * 64
header = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + tables
header += b"\xff\xc0\0\x11\x08\xff\xdc\xff\xdc\3\1\x11\0\2\x11\0\3\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0"
assert len(header) == 118
put(b"claims.jpg", header, "65500 x 65500")
block = b"\xff\xd8" + tables + b"\xff\xc2\0\x0b\x08\0\x08\0\x08\1\1\x11\0" + b"\xff\xc4\0\x14\0\1" + bytes(16)
put(b"scans.jpg", block + b"\xff\xda\0\x08\1\1\0\0\0\0\x7f" * 5000 + b"\xff\xd9", "scans")
put(b"large.png", png(2**31 - 1, 2**31 - 1, 8, 2, b""), "PNG")
put(b"larger.png", png(2**31, 1, 8, 2, b""), "PNG")
put(b"bomb.png", png(13000, 13000, 8, 2, b"\0" * 1000), "PNG")
put(b"chunk.png", rgb(4, 4)[:33] + struct.pack(">I", 0x7ffffff0) + b"IDAT" + b"x" * 100, "PNG")
put(b"cut.png", rgb(40, 30)[:90], "PNG")
put(b"bad\nline.jpg", b"", "empty")
put(b"bad\xff\xfe.jpg", b"", "empty")
put(b"-rf bad.jpg", b"", "empty")
put(b"b" * 251 + b".jpg", b"", "empty")
os.symlink(b"nowhere.jpg", put(b"dangling.jpg", None, "No such file"))
os.symlink(b"round.jpg", put(b"round.jpg", None, "symbolic links"))
os.mkfifo(put(b"pipe.jpg", None, "regular file"))

count = sum(len(os.listdir(os.path.join(root, c))) for c in classes)
for photo in photos[1:1 + count % 8]:
    os.unlink(photo)
json.dump(bad, sys.stdout)
