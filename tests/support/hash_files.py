"""hash_files.py RUN: the SHA-256 of all that a training run left: every tensor and the metadata of its
safetensors files, metrics.jsonl, summary.csv, bad_files.jsonl and evaluation.json. Left out: times and
rates, the run's identity, and where it ran (threads, workers, processor, ranks). REEL_HASH_EACH=1
prints one hash a file."""
import csv
import glob
import hashlib
import json
import os
import re
import struct
import sys

LEFT_OUT = re.compile(r"second|time|run_id|wait|processor|thread|worker|compiler|images_per|output-dir|ranks|hosts|resume")


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if not LEFT_OUT.search(k)}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def of_weights(path):
    blob = open(path, "rb").read()
    length, = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + length])
    metadata = header.pop("__metadata__", {})
    metadata.pop("crc32.header", None)  # of the times among them
    for key, value in metadata.items():
        try:
            metadata[key] = without_times(json.loads(value))
        except ValueError:
            pass
    return json.dumps([header, metadata], sort_keys=True).encode() + blob[8 + length:]


def of_table(path):
    rows = list(csv.reader(open(path)))
    kept = [i for i, name in enumerate(rows[0]) if not LEFT_OUT.search(name)]
    return json.dumps([[row[i] for i in kept] for row in rows]).encode()


def of_lines(path):
    lines = [json.loads(line) for line in open(path)]
    return json.dumps([without_times(l) for l in lines if l.get("event") not in ("start", "end")]).encode()


run = sys.argv[1]
readers = {".safetensors": of_weights, ".csv": of_table, ".jsonl": of_lines,
           ".json": lambda path: json.dumps(without_times(json.load(open(path))), sort_keys=True).encode()}
names = sorted(os.path.basename(p) for p in glob.glob(f"{run}/*.safetensors"))
names += [n for n in ("metrics.jsonl", "summary.csv", "bad_files.jsonl", "evaluation.json")
          if os.path.exists(f"{run}/{n}")]
digest = hashlib.sha256()
for name in names:
    one = hashlib.sha256(readers[os.path.splitext(name)[1]](f"{run}/{name}")).hexdigest()
    digest.update(f"{name} {one}\n".encode())
    if os.environ.get("REEL_HASH_EACH"):
        print(one[:16], name)
print(digest.hexdigest())
