#!/bin/bash
# On a terminal of 80 columns no line of a run, and none of `reel summary`, is wider; without a terminal a message is one line.
set -eu
fail() {
    echo "$1"
    exit 1
}
"$REEL_BIN" synth d --train 12 --val 3 --classes 3 --size 48 --quiet
touch d/train/one.heic d/train/two.docx d/train/three.psd d/train/notes.txt
python3 - <<'P' || fail "a line is wider than the terminal, or a command is broken over two"
import fcntl, os, pty, re, struct, termios
def on_terminal(columns, command):
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(2, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        os.execv(os.environ["REEL_BIN"], command.split())
    data = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), data.decode().replace("\r\n", "\n")

run = "a-run-with-a-name-that-takes-room"
code, text = on_terminal(80, f"reel train d/train --arch tiny --epochs 1 -b 4 -o {run}")
lines = [re.sub(r"\x1b\[[0-9;]*[mK]", "", l.split("\r")[-1]) for l in text.split("\n")]
wide = [l for l in lines if len(l) > 80 and not l.startswith("done after")]  # the result is for stdout
assert code == 0 and len(lines) > 10, (code, lines)
assert any("held out" in l for l in lines), lines
assert not wide, wide

for columns in range(72, 200, 4):
    code, text = on_terminal(columns, f"reel train {run} --resume auto")
    assert f"`reel train --resume auto -o {run}`" in text, (columns, text)
    assert all(len(l) <= columns for l in text.split("\n")), (columns, text)
P
"$REEL_BIN" train d/train --arch tiny --epochs 1 -b 4 -o run 2>err >/dev/null
grep -q "^DATA has no validation images of its own: .* split.json lists them$" err || fail "without a terminal a message is one line: $(cat err)"
for arch in alexnet alexnet2012 tiny; do
    "$REEL_BIN" summary --arch $arch -b 128 >out
    [ -z "$(awk 'NR > 1 && length($0) > 80' out)" ] || fail "summary --arch $arch: $(awk 'NR > 1 && length($0) > 80' out)"
done
