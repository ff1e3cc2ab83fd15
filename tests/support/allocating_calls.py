"""allocating_calls.py PROGRAM REACHED: which lines of PROGRAM's that allocate are not among the return addresses in REACHED.

A line counts as reached when one of the calls that the compiler made of it is. Exit 1 when more than a twentieth was not: an
allocation that no scenario comes to is one whose failure nobody tried.
"""
import os
import re
import subprocess
import sys

program, reached = sys.argv[1:3]
# Only several ranks come here: where one has no memory, all end (tests/comm).
OF_SEVERAL_RANKS = re.compile(r"core/comm/(exchange|hosts|overlap|ping|parallel_plan|parallel_memory|parallel_step|share)\.c:")
root = os.path.realpath(f"{os.path.dirname(__file__)}/../..") + "/"


def output(command, text=None):
    return subprocess.run(command, input=text, check=True, capture_output=True, text=True).stdout.splitlines()


with open(reached) as file:
    seen = {int(line, 16) for line in file}
after_call, calls = False, []
for line in output(["objdump", "-d", "--no-show-raw-insn", program]):
    step = re.match(r" *([0-9a-f]+):\t(.*)", line)
    if step and after_call:
        calls.append(int(step[1], 16))
    after_call = step and re.match(r"call +[0-9a-f]+ <(malloc|calloc|realloc|aligned_alloc|strn?dup|asprintf|open_memstream|mmap)>", step[2])


def in_tree(place):
    """The place's path from the root; a compiler cache may have kept the path of another checkout."""
    match = re.search(r".*?/((?:core|layers|optim|data)/.*)", os.path.normpath(place))
    return match[1] if match and os.path.exists(root + match[1].split(":")[0]) else place


places = output(["addr2line", "-e", program], "\n".join(f"{at - 1:x}" for at in calls))
places = [in_tree(place.split(" (")[0]) for place in places]
lines = {}
for at, place in zip(calls, places):
    if place.startswith(("core/", "layers/", "optim/", "data/")) and not OF_SEVERAL_RANKS.match(place):
        lines[place] = lines.get(place, False) or at in seen
missed = sorted(place for place, was_reached in lines.items() if not was_reached)
for place in missed:
    print(f"not reached: {place}")
print(f"{len(lines) - len(missed)} of {len(lines)} lines that allocate were reached")
sys.exit(len(lines) == 0 or 20 * len(missed) > len(lines))
