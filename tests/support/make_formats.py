#!/usr/bin/env python3
"""Small WebP, BMP, GIF and TIFF images of every kind, and what Pillow makes of them.

usage: make_formats.py >tests/support/formats.tsv      needs Pillow 13 and numpy
       make_formats.py --files FOLDER                  writes the images as files besides

Prints a line per image: name, EXIF orientation (0: none), CRC-32 of Pillow's upright RGB pixels, the file in base64;
fields separated by tabs. Where Pillow is known to differ on purpose, `expected` of the image has the pixels.
"""
import base64
import io
import os
import struct
import sys
import zlib

import numpy as np
from PIL import Image, ImageOps

IMAGES = []  # (name, bytes, expected RGB array or None)


def add(name, data, expected=None):
    IMAGES.append((name, bytes(data), expected))


def scene(width, height, seed=1):
    """Waves, an edge and noise, from integers alone."""
    state, values = seed * 2654435761 % 2**32, []
    for y in range(height):
        for x in range(width):
            for c in range(3):
                state = (state * 1664525 + 1013904223) % 2**32
                wave = (x * (5 + c) + y * (9 - 2 * c)) * 4 % 200
                values.append(min(255, wave + (state >> 27) + (20 if x > width // 2 else 0)))
    return np.array(values, np.uint8).reshape(height, width, 3)


def indices(width, height, most, seed=3):
    return (scene(width, height, seed)[:, :, 1].astype(int) * most // 256).astype(np.uint8)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pack(row, bits):
    """Samples to bits, the first in the highest ones."""
    if bits == 8:
        return bytes(row)
    text = "".join(format(int(v), "0%db" % bits) for v in row)
    text += "0" * (-len(text) % 8)
    return bytes(int(text[i : i + 8], 2) for i in range(0, len(text), 8))


# ---- BMP ----


def bmp(header, width, height, bits, pixels, palette=b"", compression=0, colours=0, masks=None, offset=None):
    """header: its length. A negative height: rows from the top down."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, 0, 2835, 2835, colours, 0)
        head = struct.pack("<I", header) + head[4:]
        fields = struct.pack("<4I", *(masks or (0, 0, 0, 0)))
        if header == 40:
            head += fields[:12] if masks else b""
        else:
            head += (fields + b"\0" * 100)[: header - 40]
    begin = 14 + len(head) + len(palette)
    place = begin if offset is None else offset
    return b"BM" + struct.pack("<IHHI", begin + len(pixels), 0, 0, place) + head + palette + pixels


def rows_of(lines, top_down=False):
    lines = [line + b"\0" * (-len(line) % 4) for line in lines]
    return b"".join(lines if top_down else lines[::-1])


def colours_of(n, bytes_each=4, seed=5):
    rgb = scene(n, 1, seed)[0]
    return b"".join(bytes(c[::-1]) + b"\0" * (bytes_each - 3) for c in rgb)


def greys_of(values):
    return b"".join(bytes((v, v, v, 0)) for v in values)


def bmp_indexed():
    width, height = 13, 7
    for bits in (1, 4, 8):
        most = 1 << bits
        lines = [pack(row, bits) for row in indices(width, height, most)]
        for header in (12, 40, 52, 56, 64, 108, 124):
            palette = colours_of(most, 3 if header == 12 else 4)
            add("%d_bits_header_%d.bmp" % (bits, header), bmp(header, width, height, bits, rows_of(lines), palette))
        add("%d_bits_top_down.bmp" % bits, bmp(40, width, -height, bits, rows_of(lines, True), colours_of(most)))
        few = [pack(row, bits) for row in indices(width, height, 2)]
        add("%d_bits_2_colours.bmp" % bits, bmp(40, width, height, bits, rows_of(few), colours_of(2), colours=2))
        no_place = bmp(40, width, height, bits, rows_of(lines), colours_of(most), offset=0)
        add("%d_bits_no_place.bmp" % bits, no_place)
        place = bmp(40, width, height, bits, rows_of(lines), colours_of(most), offset=54)
        add("%d_bits_place_of_palette.bmp" % bits, place)
    lines = [pack(row, 1) for row in indices(width, height, 2)]
    add("1_bit_black_white.bmp", bmp(40, width, height, 1, rows_of(lines), greys_of((0, 255))))
    add("1_bit_white_black.bmp", bmp(40, width, height, 1, rows_of(lines), greys_of((255, 0))))
    add("1_bit_only_black.bmp", bmp(40, width, height, 1, rows_of(lines), greys_of((0,)), colours=1))
    lines = [bytes(row) for row in indices(width, height, 256)]
    add("8_bits_grey.bmp", bmp(40, width, height, 8, rows_of(lines), greys_of(range(256))))
    add("8_bits_100_greys.bmp", bmp(40, width, height, 8, rows_of(lines), greys_of(range(100)), colours=100))
    add("8_bits_100_colours.bmp", bmp(40, width, height, 8, rows_of(lines), colours_of(100), colours=100))
    most = np.frombuffer(colours_of(300), np.uint8).reshape(-1, 4)[:, 2::-1]
    add("8_bits_300_colours.bmp", bmp(40, width, height, 8, rows_of(lines), colours_of(300), colours=300),
        most[indices(width, height, 256)])  # Pillow refuses palettes of more than 256
    gap = bmp(40, width, height, 8, b"\x55" * 6 + rows_of(lines), colours_of(256), offset=54 + 1024 + 6)
    add("8_bits_gap.bmp", gap)


def bmp_true_colour():
    width, height = 11, 6
    rgb = scene(width, height).astype(np.uint32)
    r, g, b = rgb[:, :, 0], rgb[:, :, 1], rgb[:, :, 2]
    words15 = (r >> 3) << 10 | (g >> 3) << 5 | b >> 3
    words16 = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
    lines15 = [row.astype("<u2").tobytes() for row in words15]
    lines16 = [row.astype("<u2").tobytes() for row in words16]
    lines24 = [row[:, ::-1].astype(np.uint8).tobytes() for row in rgb]
    add("16_bits.bmp", bmp(40, width, height, 16, rows_of(lines15)))
    add("16_bits_top_down.bmp", bmp(40, width, -height, 16, rows_of(lines15, True)))
    add("24_bits.bmp", bmp(40, width, height, 24, rows_of(lines24)))
    add("24_bits_os2.bmp", bmp(12, width, height, 24, rows_of(lines24)))
    add("24_bits_top_down.bmp", bmp(40, width, -height, 24, rows_of(lines24, True)))
    add("24_bits_last_padding_missing.bmp", bmp(40, width, height, 24, rows_of(lines24))[:-3])
    masks16, masks15 = (0xF800, 0x7E0, 0x1F, 0), (0x7C00, 0x3E0, 0x1F, 0)
    masks24 = (0xFF0000, 0xFF00, 0xFF, 0)
    for header in (40, 52, 56, 108, 124):
        add("565_header_%d.bmp" % header, bmp(header, width, height, 16, rows_of(lines16), compression=3, masks=masks16))
    add("555_fields.bmp", bmp(40, width, height, 16, rows_of(lines15), compression=3, masks=masks15))
    add("24_fields.bmp", bmp(40, width, height, 24, rows_of(lines24), compression=3, masks=masks24))
    layouts = {
        "bgrx": (0xFF0000, 0xFF00, 0xFF, 0),
        "xbgr": (0xFF000000, 0xFF0000, 0xFF00, 0),
        "bgxr": (0xFF000000, 0xFF00, 0xFF, 0),
        "abgr": (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        "rgba": (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        "bgra": (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        "bgar": (0xFF000000, 0xFF00, 0xFF, 0xFF0000),
        "none": (0, 0, 0, 0),
    }
    for name, masks in layouts.items():
        used = masks if any(masks) else layouts["bgrx"]
        words = sum(plane * (mask & -mask) for plane, mask in zip((r, g, b), used))
        words = words | used[3] & 0x5A5A5A5A
        lines = [row.astype("<u4").tobytes() for row in words]
        add("32_fields_%s.bmp" % name, bmp(56, width, height, 32, rows_of(lines), compression=3, masks=masks))
    lines = [(row[:, 0] << 16 | row[:, 1] << 8 | row[:, 2] | 0x7F << 24).astype("<u4").tobytes() for row in rgb]
    add("32_bits.bmp", bmp(40, width, height, 32, rows_of(lines)))
    add("32_bits_top_down.bmp", bmp(108, width, -height, 32, rows_of(lines, True)))
    wide = (r << 2 | 1) << 20 | (g << 2) << 10 | b << 2
    expected = np.stack([(v & 1023) * 255 // 1023 for v in (wide >> 20, wide >> 10, wide)], -1)
    lines = [row.astype("<u4").tobytes() for row in wide]
    masks = (0x3FF00000, 0xFFC00, 0x3FF, 0)
    add("10_10_10_fields.bmp", bmp(40, width, height, 32, rows_of(lines), compression=3, masks=masks), expected)


def bmp_runs():
    width, height = 10, 6
    palette = colours_of(256)
    body = bytes((4, 9, 6, 200, 0, 0))  # 4 of one, 6 of another, end of row
    body += bytes((0, 5)) + bytes((1, 2, 3, 4, 5, 0)) + bytes((5, 7, 0, 0))  # 5 as they are, padded
    body += bytes((0, 4)) + bytes((9, 8, 7, 6)) + bytes((9, 5, 0, 0))  # clipped at the end of the row
    body += bytes((2, 1, 0, 2, 3, 1)) + bytes((5, 44, 0, 0))  # goes right 3, up 1
    body += bytes((10, 3, 0, 1))
    add("rle8.bmp", bmp(40, width, height, 8, body, palette, compression=1))
    body = bytes((10, 0x12, 0, 0, 3, 0x45, 7, 0x67, 0, 0)) + bytes((0, 5, 0x12, 0x34, 0x50, 0))
    body += bytes((5, 0x89, 0, 0, 0, 7, 0xAB, 0xCD, 0xEF, 0x10, 3, 0x22, 0, 0))
    body += bytes((1, 0x30, 0, 2, 4, 0, 5, 0x76, 0, 0, 10, 0xFE, 0, 1))
    add("rle4.bmp", bmp(40, width, height, 4, body, colours_of(16), compression=2))
    short = bytes((10, 1, 0, 0, 4, 9, 0, 0, 10, 7, 0, 0, 0, 2, 2, 0, 8, 6, 0, 0, 10, 5, 0, 0, 10, 4))
    add("rle8_short_row.bmp", bmp(40, width, height, 8, short, palette, compression=1))
    add("rle8_greys.bmp", bmp(40, width, height, 8, short, greys_of(range(256)), compression=1))


# ---- GIF ----


def gif_codes(values, size):
    """LZW that never uses its table: a clear code before it grows."""
    clear, bits, count = 1 << size, size + 1, 0
    out = []
    for i, v in enumerate(values):
        if i % ((1 << size) - 2) == 0:
            out.append(clear)
        out.append(int(v))
    out.append(clear + 1)
    number = 0
    for code in out:
        number |= code << count
        count += bits
    data = number.to_bytes((count + 7) // 8, "little")
    blocks = b"".join(bytes((len(data[i : i + 255]),)) + data[i : i + 255] for i in range(0, len(data), 255))
    return bytes((size,)) + blocks + b"\0"


def gif(screen, frame, pixels, colours=None, local=None, interlaced=False, transparent=None, background=0, before=b""):
    """frame: left, top. colours, local: tables of 3 bytes a colour, a power of 2 of them."""

    def bits_of(table):
        return (len(table) // 3).bit_length() - 2

    flags = 0x80 | bits_of(colours) if colours else 0
    out = b"GIF89a" + struct.pack("<HHBBB", *screen, flags, background, 0) + (colours or b"") + before
    if transparent is not None:
        out += b"!\xf9\4" + struct.pack("<BHB", 1, 10, transparent) + b"\0"
    height, width = pixels.shape
    flags = (0x80 | bits_of(local) if local else 0) | (0x40 if interlaced else 0)
    out += b"," + struct.pack("<HHHHB", *frame, width, height, flags) + (local or b"")
    order = range(height)
    if interlaced:
        order = [y for first, step in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(first, height, step)]
    most = max(2, int(pixels.max()).bit_length())
    return out + gif_codes(np.concatenate([pixels[y] for y in order]), most) + b";"


def gifs():
    table = scene(16, 1, 8)[0].tobytes()
    other = scene(16, 1, 9)[0].tobytes()
    pixels = indices(13, 9, 16)
    size = (13, 9)
    add("plain.gif", gif(size, (0, 0), pixels, table))
    add("interlaced.gif", gif(size, (0, 0), pixels, table, interlaced=True))
    add("local_table.gif", gif(size, (0, 0), pixels, table, local=other))
    add("only_local_table.gif", gif(size, (0, 0), pixels, local=other))
    add("no_table.gif", gif(size, (0, 0), pixels))
    add("transparent.gif", gif(size, (0, 0), pixels, table, transparent=5))
    add("offset.gif", gif((20, 15), (4, 3), pixels, table))
    add("offset_transparent.gif", gif((20, 15), (4, 3), pixels, table, transparent=7))
    add("offset_background.gif", gif((20, 15), (4, 3), pixels, table, background=9))
    add("offset_interlaced_local.gif", gif((20, 15), (4, 3), pixels, table, local=other, interlaced=True, transparent=3))
    add("offset_no_table.gif", gif((20, 15), (4, 3), pixels, transparent=3))
    add("juts_out.gif", gif((8, 12), (2, 1), pixels, table, transparent=2))
    add("screen_of_1.gif", gif((1, 1), (0, 0), pixels, table))
    add("table_of_4.gif", gif(size, (0, 0), pixels, table[:12]))
    ramp = bytes(v for v in range(8) for _ in range(3))
    add("grey_ramp_of_8.gif", gif(size, (0, 0), pixels, ramp))
    add("local_ramp.gif", gif(size, (0, 0), pixels, table, local=ramp))
    comment = b"!\xfe\5hello\0" + b"!\xff\x0bNETSCAPE2.0\3\1\0\0\0"
    add("comment.gif", gif(size, (0, 0), pixels, table, before=comment))
    image = Image.fromarray(scene(40, 30)).quantize(100)
    add("lzw.gif", saved(image, "GIF"))
    add("lzw_interlaced.gif", saved(image, "GIF", interlace=True))
    frames = [Image.fromarray(scene(24, 17, s)).quantize(32) for s in (1, 2, 3)]
    add("animated.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0))
    add("tall_interlaced.gif", gif((2, 33), (0, 0), indices(2, 33, 16), table, interlaced=True))
    add("grey.gif", saved(Image.fromarray(scene(20, 10)).convert("L"), "GIF"))


# ---- WebP ----


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webps():
    rgb = Image.fromarray(scene(21, 13))
    alpha = rgb.copy()
    alpha.putalpha(Image.fromarray(scene(21, 13, 4)[:, :, 0]))
    for quality in (1, 60, 100):
        add("lossy_%d.webp" % quality, saved(rgb, "WEBP", quality=quality))
    add("lossless.webp", saved(rgb, "WEBP", lossless=True))
    add("lossless_alpha.webp", saved(alpha, "WEBP", lossless=True, exact=True))
    add("lossy_alpha.webp", saved(alpha, "WEBP", quality=70))
    add("lossy_lossy_alpha.webp", saved(alpha, "WEBP", quality=70, alpha_quality=20))
    add("palette.webp", saved(Image.fromarray(scene(21, 13)).quantize(7).convert("RGB"), "WEBP", lossless=True))
    add("one_pixel.webp", saved(rgb.crop((0, 0, 1, 1)), "WEBP", lossless=True))
    add("one_lossy_pixel.webp", saved(rgb.crop((0, 0, 1, 1)), "WEBP"))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        exif[0x010F] = "maker of some length"
        add("held_%d.webp" % orientation, saved(rgb, "WEBP", lossless=True, exif=exif))
    marked = saved(rgb.crop((0, 0, 9, 5)), "WEBP", lossless=True, exif=b"Exif\0\0" + exif.tobytes()[6:])
    add("held_8_marked.webp", marked)
    others = [Image.fromarray(scene(21, 13, s)) for s in (6, 7)]
    add("animated.webp", saved(rgb, "WEBP", save_all=True, append_images=others, lossless=True))
    add("animated_lossy_alpha.webp", saved(alpha, "WEBP", save_all=True, append_images=[alpha.rotate(90)], quality=50))
    add("profile.webp", saved(rgb, "WEBP", lossless=True, icc_profile=b"no profile at all" * 9))
    still = saved(rgb.crop((0, 0, 10, 6)), "WEBP", lossless=True)[12:]
    frame = b"".join(v.to_bytes(3, "little") for v in (2, 1, 9, 5, 100)) + b"\0" + still
    body = chunk(b"VP8X", b"\x12\0\0\0" + b"".join(v.to_bytes(3, "little") for v in (19, 11)))
    body += chunk(b"ANIM", b"\x40\x80\xc0\xff\0\0") + chunk(b"ANMF", frame)
    add("animated_offset.webp", b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


# ---- TIFF ----


def tiff(tags, blocks, order="<", offsets=273, counts=279):
    """tags: {tag: (type, values)}. Blocks are strips, or with 324 and 325 tiles."""
    kinds = {1: "B", 3: "H", 4: "I"}
    tags = dict(tags)
    tags[offsets] = (4, [0] * len(blocks))
    tags[counts] = (4, [len(b) for b in blocks])
    directory = 2 + 12 * len(tags) + 4
    extra, place = {}, 8 + directory
    for tag in sorted(tags):
        kind, values = tags[tag]
        size = struct.calcsize(order + kinds[kind]) * len(values)
        if size > 4:
            extra[tag] = place
            place += size + size % 2
    starts = []
    for b in blocks:
        starts.append(place)
        place += len(b) + len(b) % 2
    tags[offsets] = (4, starts)
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    out += struct.pack(order + "H", len(tags))
    behind = b""
    for tag in sorted(tags):
        kind, values = tags[tag]
        data = struct.pack(order + "%d%s" % (len(values), kinds[kind]), *values)
        out += struct.pack(order + "HHI", tag, kind, len(values))
        if tag in extra:
            out += struct.pack(order + "I", extra[tag])
            behind += data + b"\0" * (len(data) % 2)
        else:
            out += data + b"\0" * (4 - len(data))
    out += b"\0\0\0\0" + behind
    return out + b"".join(b + b"\0" * (len(b) % 2) for b in blocks)


def packed(samples, bits, order):
    """(rows, columns, samples) to bytes."""
    rows = samples.reshape(samples.shape[0], -1)
    if bits == 16:
        return b"".join(row.astype(order + "u2").tobytes() for row in rows)
    return b"".join(pack(row, bits) for row in rows)


def blocks_of(samples, bits, order, rows, tile):
    height, width, _ = samples.shape
    if not tile:
        return [packed(samples[y : y + rows], bits, order) for y in range(0, height, rows)]
    padded = np.pad(samples, ((0, -height % tile), (0, -width % tile), (0, 0)), mode="edge")
    high, wide = padded.shape[0], padded.shape[1]
    at = [(y, x) for y in range(0, high, tile) for x in range(0, wide, tile)]
    return [packed(padded[y : y + tile, x : x + tile], bits, order) for y, x in at]


def tiff_of(samples, bits, photometric, order="<", rows=4, tile=0, planar=False, deflate=False, **more):
    """more: further tags, as tag_NUMBER=(type, values)."""
    height, width, n = samples.shape
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits] * n), 262: (3, [photometric]), 277: (3, [n])}
    tags[284] = (3, [2 if planar else 1])
    tags[259] = (3, [8 if deflate else 1])
    if tile:
        tags[322] = tags[323] = (4, [tile])
    else:
        tags[278] = (4, [rows])
    tags.update({int(name[4:]): value for name, value in more.items()})
    planes = [samples[:, :, i : i + 1] for i in range(n)] if planar else [samples]
    blocks = [b for p in planes for b in blocks_of(p, bits, order, rows, tile)]
    if deflate:
        blocks = [zlib.compress(b) for b in blocks]
    where = (324, 325) if tile else (273, 279)
    return tiff(tags, blocks, order, *where)


def tiff_greys():
    for order, end in (("<", "little"), (">", "big")):
        for bits in (1, 2, 4, 8):
            grey = indices(19, 11, 1 << bits)[:, :, None]
            for photometric, name in ((0, "white_0"), (1, "black_0")):
                add("%s_%d_bits_%s.tif" % (name, bits, end), tiff_of(grey, bits, photometric, order))
            table = (scene(1 << bits, 1, 6)[0].astype(int) * 256 + 77).T.ravel().tolist()
            palette = tiff_of(grey, bits, 3, order, tag_320=(3, table))
            add("palette_%d_bits_%s.tif" % (bits, end), palette)
        deep = scene(19, 11)[:, :, :1].astype(np.uint16) * 257 - scene(19, 11, 2)[:, :, :1] // 2
        seen = np.repeat(deep >> 8, 3, 2)
        add("grey_16_bits_%s.tif" % end, tiff_of(deep, 16, 1, order), seen)
        add("white_0_16_bits_%s.tif" % end, tiff_of(deep, 16, 0, order), 255 - seen)
        add("grey_16_bits_tiles_%s.tif" % end, tiff_of(deep, 16, 1, order, tile=16, deflate=True), seen)
    two = scene(19, 11)[:, :, :2]
    for kind in (0, 1, 2):
        add("grey_extra_%d.tif" % kind, tiff_of(two, 8, 1, tag_338=(3, [kind])), grey_alpha(two, kind))


def grey_alpha(two, kind):
    """Pillow keeps La as it is when it becomes RGB by way of LA: computed here."""
    grey, alpha = two[:, :, 0].astype(int), two[:, :, 1].astype(int)
    if kind == 1:
        grey = np.where(alpha > 0, np.minimum(255, grey * 255 // np.maximum(alpha, 1)), 0)
    return np.repeat(grey[:, :, None], 3, 2)


def tiff_colours():
    rgb = scene(19, 11)
    deep = rgb.astype(np.uint16) * 257 - scene(19, 11, 2) // 2
    alpha = scene(19, 11, 4)[:, :, :1]
    four = np.concatenate([rgb, alpha], 2)
    four[0, :5, 3] = (0, 255, 1, 0, 128)
    deep4 = four.astype(np.uint16) * 257
    ink = np.concatenate([rgb, scene(19, 11, 5)[:, :, :1] // 3], 2)
    for order, end in (("<", "little"), (">", "big")):
        add("rgb_%s.tif" % end, tiff_of(rgb, 8, 2, order))
        add("rgb_16_%s.tif" % end, tiff_of(deep, 16, 2, order))
        add("rgba_16_%s.tif" % end, tiff_of(deep4, 16, 2, order, tag_338=(3, [2])))
        add("multiplied_16_%s.tif" % end, tiff_of(deep4, 16, 2, order, tag_338=(3, [1])))
        add("ink_16_%s.tif" % end, tiff_of(ink.astype(np.uint16) * 257, 16, 5, order))
    for kind in (0, 1, 2):
        add("rgb_extra_%d.tif" % kind, tiff_of(four, 8, 2, tag_338=(3, [kind])))
        five = np.concatenate([four, alpha], 2)
        add("rgb_extra_%d_0.tif" % kind, tiff_of(five, 8, 2, tag_338=(3, [kind, 0])))
    add("rgb_extra_untold.tif", tiff_of(four, 8, 2))
    add("ink.tif", tiff_of(ink, 8, 5))
    add("ink_deflate.tif", tiff_of(ink, 8, 5, deflate=True))
    for tile in (0, 16):
        for deflate in (False, True):
            name = "%s%s.tif" % ("tiles" if tile else "strips", "_deflate" if deflate else "")
            add("rgb_" + name, tiff_of(rgb, 8, 2, tile=tile, deflate=deflate))
            add("rgb_16_" + name, tiff_of(deep, 16, 2, tile=tile, deflate=deflate))
    for tile in (0, 16):
        name = "tiles" if tile else "strips"
        add("planes_%s.tif" % name, tiff_of(rgb, 8, 2, planar=True, tile=tile))
        add("planes_%s_deflate.tif" % name, tiff_of(rgb, 8, 2, planar=True, tile=tile, deflate=True))
        add("planes_alpha_%s.tif" % name, tiff_of(four, 8, 2, planar=True, tile=tile, deflate=True, tag_338=(3, [2])))
        add("planes_ink_%s.tif" % name, tiff_of(ink, 8, 5, planar=True, tile=tile, deflate=True))
        add("planes_16_%s.tif" % name, tiff_of(deep, 16, 2, planar=True, tile=tile, deflate=True), deep >> 8)
    add("one_strip.tif", tiff_of(rgb, 8, 2, rows=11))
    add("strip_a_row.tif", tiff_of(rgb, 8, 2, rows=1))
    add("rows_untold.tif", tiff_of(rgb, 8, 2, rows=11, tag_278=(4, [2**32 - 1])))
    for orientation in range(1, 9):
        add("held_%d.tif" % orientation, tiff_of(rgb, 8, 2, tag_274=(3, [orientation])))
        add("held_%d_deflate.tif" % orientation, tiff_of(rgb, 8, 2, deflate=True, tag_274=(3, [orientation])))


def tiff_compressed():
    rgb = Image.fromarray(scene(27, 17))
    bits = Image.fromarray(scene(27, 17, 3)[:, :, 0]).convert("1")
    for name in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "tiff_deflate"):
        add("rgb_%s.tif" % name, saved(rgb, "TIFF", compression=name))
        add("palette_%s.tif" % name, saved(rgb.quantize(16), "TIFF", compression=name))
        add("grey_%s.tif" % name, saved(rgb.convert("L"), "TIFF", compression=name))
        add("ink_%s.tif" % name, saved(rgb.convert("CMYK"), "TIFF", compression=name))
    for name in ("group3", "group4", "tiff_ccitt", "packbits", "tiff_lzw"):
        add("bits_%s.tif" % name, saved(bits, "TIFF", compression=name))
    add("rgb_lzw_predictor.tif", saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}))
    add("fill_order_2.tif", saved(bits, "TIFF", compression="group4", tiffinfo={266: 2}))
    for quality in (50, 95):
        add("rgb_jpeg_%d.tif" % quality, saved(rgb, "TIFF", compression="jpeg", quality=quality))
    add("grey_jpeg.tif", saved(rgb.convert("L"), "TIFF", compression="jpeg", quality=80))
    add("ink_jpeg.tif", saved(rgb.convert("CMYK"), "TIFF", compression="jpeg", quality=80))
    pages = [Image.fromarray(scene(12, 9, s)) for s in (5, 6)]
    add("pages.tif", saved(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    add("big_tiff.tif", saved(pages[0], "TIFF", big_tiff=True))
    add("ycc.tif", saved(rgb.convert("YCbCr"), "TIFF"))
    add("ycc_lzw.tif", saved(rgb.convert("YCbCr"), "TIFF", compression="tiff_lzw"))


def pillows(data):
    image = Image.open(io.BytesIO(data))
    return ImageOps.exif_transpose(image).convert("RGB").tobytes()


def orientation_of(data):
    return Image.open(io.BytesIO(data)).getexif().get(0x0112, 0)


def main():
    for draw in (bmp_indexed, bmp_true_colour, bmp_runs, gifs, webps, tiff_greys, tiff_colours, tiff_compressed):
        draw()
    folder = sys.argv[2] if len(sys.argv) > 2 else None
    for name, data, expected in IMAGES:
        if folder:
            with open(os.path.join(folder, name), "wb") as out:
                out.write(data)
        try:
            pixels = pillows(data) if expected is None else np.asarray(expected, np.uint8).tobytes()
            fields = (name, orientation_of(data) if expected is None else 0, "%08x" % zlib.crc32(pixels))
        except Exception as why:  # pylint: disable=broad-except
            sys.exit("%s: Pillow says: %r" % (name, why))
        print(*fields, base64.b64encode(data).decode(), sep="\t")


main()
