#!/usr/bin/env python3
"""predict_time.py REEL WEIGHTS IMAGE [PAIRS]: the parts of `reel predict` of one image beside a plain read of the weights file
(1 MB at a time, one thread, from the page cache), in turn. Prints medians and ranges."""
import json
import os
import statistics
import subprocess
import sys
import time


def plain_read(path):
    room = bytearray(1 << 20)
    file = os.open(path, os.O_RDONLY)
    began = time.perf_counter()
    while os.readv(file, [room]) > 0:
        pass
    seconds = time.perf_counter() - began
    os.close(file)
    return seconds


def main(reel, weights, image, pairs="9"):
    rows = []
    plain_read(weights)
    for _ in range(int(pairs)):
        read = plain_read(weights)
        began = time.perf_counter()
        answer = subprocess.run([reel, "predict", "-w", weights, image, "--json"], check=True, capture_output=True).stdout
        whole = time.perf_counter() - began
        parts = json.loads(answer)["seconds"]
        rows.append({"plain read": read, **parts, "whole process": whole})
    for name in rows[0]:
        times = [1e3 * row[name] for row in rows]
        print(f"{name:14} {statistics.median(times):6.1f} ms ({min(times):.1f} to {max(times):.1f})")
    for name, parts in (("weights", ["weights"]), ("start + weights", ["start", "weights"])):
        ratios = [sum(row[p] for p in parts) / row["plain read"] for row in rows]
        print(f"{name} / plain read: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    ratios = [(row["whole process"] - row["network"]) / row["plain read"] for row in rows]
    print(f"all but the network / plain read: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
