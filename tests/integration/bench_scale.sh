#!/bin/bash
# `reel bench scale`: a table and JSON from a small network, costs from a file, refusals.
set -eu
fail() { echo "$*"; exit 1; }

scale() { "$REEL_BIN" bench scale --arch tiny --size 40 --batch 64 --sizes 1,4 --steps 1 --threads 1 "$@"; }

scale --nodes 1,2,...,8 --link 10Gbit,100Gbit --json >out.json
python3 - <<'PY'
import json
answer = json.load(open("out.json"))
rows = answer["results"]
assert [r["nodes"] for r in rows] == [1, 2, 4, 8] * 2, rows
assert [r["link"] for r in rows] == ["10Gbit"] * 4 + ["100Gbit"] * 4, rows
for r in rows:
    assert r["batch_a_node"] == 64 / r["nodes"] and "timeline" not in r, r
    assert abs(r["images_per_second"] * r["step_s"] - 64) < 1e-6, r
    assert r["step_s"] >= r["computing_s"] * (1 - 1e-12), r
    assert abs(r["imagenet_90_epochs_days"] * r["images_per_second"] * 86400 - 1281167 * 90) < 1, r
assert rows[0]["efficiency"] == 1 and rows[0]["link_s"] == 0, rows[0]
assert 0 < answer["gradient_bytes"] < 1e6 and [m["batch"] for m in answer["measured"]] == [1, 4], answer
PY

# Fully connected layers exchange factors while the batch is small.
cat >net <<'NET'
reel network 1
input 3x40x40
Conv2d 4 3 padding=1
AdaptiveAvgPool2d 4
Flatten
Linear 2000
ReLU
Linear 500
ReLU
Linear classes
NET
for batch in 8 4096; do
    "$REEL_BIN" bench scale --arch net --size 40 --batch $batch --sizes 1 --steps 1 --threads 1 --nodes 2 --link 1Gbit --json >at$batch.json
done
python3 - <<'PY'
import json
small, large = (json.load(open(f"at{n}.json")) for n in (8, 4096))
numbers = 8 * (64 + 2000 + 2000 + 500 + 500 + 1000)
biases_and_conv = 2000 + 500 + 1000 + 4 * 27 + 4
assert small["exchanged_gradient_bytes"] == 4 * (numbers + biases_and_conv), small
assert large["exchanged_gradient_bytes"] == large["gradient_bytes"] == small["gradient_bytes"], large
assert small["results"][0]["link_s"] < 0.6 * large["results"][0]["link_s"], (small, large)
PY

# The timeline: gradients from the last layer to the first, weights needed from the first to the last.
scale --nodes 4 --link 1Gbit --timeline --json >out.json
python3 - <<'PY'
import json
(row,) = json.load(open("out.json"))["results"]
line = row["timeline"]
assert line[0]["layer"] == "features.0", line[0]
for a, b in zip(line, line[1:]):
    assert a["gradient_ready_s"] > b["gradient_ready_s"] and a["needed_s"] < b["needed_s"], (a, b)
for layer in line:
    assert layer["gradient_ready_s"] <= layer["exchange_begins_s"] < layer["summed_s"] < layer["exchange_ends_s"], layer
PY
[ "$(scale --nodes 4 --link 1Gbit --timeline | grep -c '^    features\.')" -ge 2 ] || fail "no timeline"
scale --nodes 2 --link 1Gbit --ranks-a-node 2 | grep -q '2 processes a machine' || fail "--ranks-a-node is not said"

# Costs from a file; what is typed wins.
echo '{"alpha_s": 0.25, "cpu_s_per_gb": 2, "efficiency": 0.5}' >comm.json
scale --nodes 2 --link 1Gbit --comm comm.json --efficiency 0.75 --latency 0.125 --json >out.json
python3 - <<'PY'
import json
answer = json.load(open("out.json"))
assert answer["alpha_s"] == 0.125 and answer["cpu_s_per_gb"] == 2 and answer["efficiency"] == 0.75, answer
assert answer["results"][0]["link_s"] > 0.25, answer
PY

refused() { # exit code, text of the message, arguments
    local code=$1 text=$2 got=0
    shift 2
    scale "$@" >out 2>err || got=$?
    [ $got = "$code" ] || fail "$*: exit $got, expected $code"
    [ "$(wc -l <err)" = 1 ] && grep -qF -e "$text" err || fail "$*: $(cat err)"
}
refused 2 "--nodes: expected" --nodes 2,1
refused 2 "--nodes: expected at most one for each image of --batch 64, got 128" --nodes 128
[ "$(scale --link 1Gbit --json | tr '{' '\n' | grep -c '"nodes"')" = 7 ] || fail "the default list goes beyond 64 nodes"
refused 2 "--link: expected" --link 10GB
refused 2 "--sizes: expected" --sizes 0
echo '{"alpha_s": "x"}' >bad.json
refused 1 'bad.json: "alpha_s": expected a number' --comm bad.json
echo '{"efficiency": 2}' >bad.json
refused 1 '"efficiency": expected more than 0' --comm bad.json
refused 1 "nowhere.json" --comm nowhere.json
