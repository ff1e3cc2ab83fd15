"""hash_run.py RUN: the SHA-256 of what a training run computed: every tensor of model.safetensors, by
name, and the losses and accuracies in metrics.jsonl. Times and the file's other metadata are left out."""
import hashlib
import json
import struct
import sys

run = sys.argv[1]
digest = hashlib.sha256()

blob = open(f"{run}/model.safetensors", "rb").read()
length, = struct.unpack("<Q", blob[:8])
tensors = json.loads(blob[8:8 + length])
data = blob[8 + length:]
for name in sorted(set(tensors) - {"__metadata__"}):
    begin, end = tensors[name]["data_offsets"]
    digest.update(f"{name} {tensors[name]['dtype']} {tensors[name]['shape']}\n".encode())
    digest.update(data[begin:end])

for line in open(f"{run}/metrics.jsonl"):
    event = json.loads(line)
    if event["event"] == "end":
        continue
    figures = [repr(event[key]) for key in ("loss", "top1", "top5") if key in event]
    digest.update((event["event"] + " " + " ".join(figures) + "\n").encode())
print(digest.hexdigest())
