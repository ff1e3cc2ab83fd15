#!/bin/bash
# A packed set that unpacks to far more than it holds, or than the disk has, is refused in one line and leaves nothing behind.
set -eu
fail() {
    echo "$1"
    exit 1
}
mkdir tmp
export TMPDIR=$PWD/tmp
# 400 MB of zeros in 400 kB; as a tar's member, as images and as a list.
python3 - <<'P'
import gzip, tarfile, io
class Zeros(io.RawIOBase):
    def readable(self): return True
    def readinto(self, b):
        b[:] = bytes(len(b))
        return len(b)
size = 400 << 20
with gzip.open("train.tar.gz", "wb", compresslevel=1) as z, tarfile.open(fileobj=z, mode="w") as t:
    for name in ("a.cls", "a.jpg"):
        member = tarfile.TarInfo(name)
        member.size = 1 if name == "a.cls" else size
        t.addfile(member, io.BytesIO(b"0") if member.size == 1 else Zeros())
with gzip.open("train.txt.gz", "wb", compresslevel=1) as z:
    for _ in range(size >> 20): z.write(b"\n" * (1 << 20))
P
for data in train.tar.gz train.txt.gz; do
    code=0
    timeout 60 "$REEL_BIN" train $data -o run --quiet >out 2>err || code=$?
    [ $code -eq 1 ] && [ "$(wc -l <err)" -eq 1 ] || fail "$data: exit $code, expected 1 and one line: $(cat err)"
    grep -q "$data: [0-9]* bytes unpack to more than 100 times as many" err || fail "$data: not told: $(cat err)"
    [ -z "$(ls tmp)" ] && [ ! -e run ] || fail "$data: left behind: $(ls tmp run)"
done

# A small disk keeps a twentieth free.
[ "$(id -u)" -eq 0 ] && unshare -m true 2>/dev/null || exit 0
python3 -c 'import os
for i in range(300000): print(os.urandom(20).hex() + ".jpg", i % 2)' | gzip -1 >noise.txt.gz
code=0
unshare -m bash -c 'mount -t tmpfs -o size=10m none tmp || exit 1
    timeout 60 "$REEL_BIN" check noise.txt.gz >out 2>err' || code=$?
[ $code -eq 1 ] && grep -q "noise.txt.gz: unpacked into a temporary file (\$TMPDIR), it would leave less than 1 MB free" err ||
    fail "a small disk: exit $code, expected 1: $(cat err)"
