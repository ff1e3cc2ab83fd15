"""read_events.py FILE...: the records of TensorBoard event files, checked and counted: a line "TAG COUNT LAST_STEP LAST_VALUE" each.
A reader of its own: lengths, both checksums, and the protocol buffers, from their published formats. Exit 1 with what is wrong."""
import struct, sys


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(data):
    """(number, value) of a message; value: int or bytes."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        size = {1: 8, 5: 4}.get(key & 7)
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = varint() if size is None else size
        if at + size > len(data):
            raise ValueError("a field is longer than its message")
        yield key >> 3, data[at:at + size]
        at += size


assert crc32c(b"123456789") == 0xE3069283
tags = {}
for path in sys.argv[1:]:
    data, at, first = open(path, "rb").read(), 0, True
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        body = data[at + 12:at + 12 + length]
        check, = struct.unpack_from("<I", data, at + 8)
        check_body, = struct.unpack_from("<I", data, at + 12 + length)
        if check != masked(data[at:at + 8]) or check_body != masked(body):
            sys.exit(f"{path}: byte {at}: a checksum is wrong")
        at += 16 + length
        event = list(fields(body))
        step = next((v for k, v in event if k == 2), 0)
        if first and (3, b"brain.Event:2") not in event:
            sys.exit(f"{path}: the first record is no file version")
        first = False
        for summary in (v for k, v in event if k == 5):
            for value in (dict(fields(v)) for k, v in fields(summary) if k == 1):
                tag = value[1].decode()
                shown = struct.unpack("<f", value[2])[0] if 2 in value else "image"
                if 4 in value:
                    image = dict(fields(value[4]))
                    width, height = struct.unpack(">II", image[4][16:24])
                    if not image[4].startswith(b"\x89PNG") or (image[1], image[2], image[3]) != (height, width, 3):
                        sys.exit(f"{path}: {tag}: no PNG of the size it claims")
                count = tags[tag][0] if tag in tags else 0
                tags[tag] = (count + 1, step, shown)
for tag, (count, step, shown) in tags.items():
    print(tag.replace(" ", "_"), count, step, shown)
