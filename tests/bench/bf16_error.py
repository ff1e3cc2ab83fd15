#!/usr/bin/env python3
"""The errors of bf16's weight gradients, parameter by parameter: Reel's and PyTorch's, both against PyTorch's float64.

  bf16_error.py [--batch 16] [--size 224] [--seeds 3] [--weights torch kaiming trained] [--markdown] [--each]

AlexNet of torchvision without dropout, the same weights and batch for all three. PyTorch's bf16 is torch.autocast on the CPU, as
its documentation has it: forward and loss under autocast, float32 weights. Reel's is `reel replay --precision bf16`. An error is
|g - g64| / |g64| in the Euclidean norm. Weights:

  torch     as torchvision draws them
  kaiming   normal, variance 2 / fan_in; biases from -0.1 to 0.1
  trained   of kaiming, after --steps steps of AdamW in float32 on drawn images of 20 classes; the batch is a new one

The table has the root mean square of the errors over the seeds, the ratio of both, and the largest ratio of one seed. A ratio
below 1 means that Reel is nearer to float64. $REEL_BIN (build/reel) is the program that is measured. Needs torch and torchvision.
"""
import argparse, json, math, os, struct, subprocess, sys, tempfile

import torch
import torch.nn.functional as F
import torchvision

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REEL = os.environ.get("REEL_BIN", os.path.join(ROOT, "build", "reel"))
DTYPES = {torch.float32: "F32", torch.int64: "I64"}
CLASSES = 20  # of the drawn images; the network has 1000


def write_file(path, tensors):
    header, at = {}, 0
    for name, t in tensors.items():
        size = t.numel() * t.element_size()
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for t in tensors.values():
            out.write(t.contiguous().numpy().tobytes())


def read_file(path):
    with open(path, "rb") as source:
        (size,) = struct.unpack("<Q", source.read(8))
        header, data = json.loads(source.read(size)), bytearray(source.read())
    return {name: torch.frombuffer(data, dtype=torch.float32, count=math.prod(t["shape"]),
                                   offset=t["data_offsets"][0]).reshape(t["shape"])
            for name, t in header.items() if name != "__metadata__"}


def draw(generator, batch, size):
    """Images as a loader gives them, normalised: a grating whose direction, width and colour belong to the class, at a random
    place, with smooth and white noise."""
    def uniform(*shape):
        return torch.rand(shape, generator=generator)

    labels = torch.randint(0, CLASSES, (batch,), generator=generator)
    rows, columns = torch.meshgrid(torch.arange(size) / 112, torch.arange(size) / 112, indexing="ij")
    angle, waves = labels * (math.pi / CLASSES), 6.0 + 3 * (labels % 4)
    along = angle.cos()[:, None, None] * columns + angle.sin()[:, None, None] * rows
    grating = torch.sin(2 * math.pi * (waves[:, None, None] * along + uniform(batch, 1, 1)))
    colour = torch.stack([labels % 3 == k for k in range(3)], 1) * 0.6 + 0.4
    smooth = F.interpolate(torch.randn((batch, 3, 7, 7), generator=generator), size, mode="bilinear")
    noise = torch.randn((batch, 3, size, size), generator=generator)
    return grating[:, None] * colour[:, :, None, None] + 0.8 * smooth + 0.4 * noise, labels


def loss_of(net, images, labels):
    return F.cross_entropy(net(images), labels)


def gradients_of(net, images, labels, autocast):
    net.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        loss = loss_of(net, images, labels)
    loss.backward()
    return loss.item(), {name: p.grad.double() for name, p in net.named_parameters()}


def replay(net, images, labels, folder, *options):
    """`reel replay` of batches (steps, n, 3, h, w): the losses, and what it wrote to OUT of its options."""
    init, batches, out = (os.path.join(folder, name + ".safetensors") for name in ("init", "batches", "out"))
    write_file(init, {name: t.detach() for name, t in net.state_dict().items()})
    write_file(batches, {"images": images, "labels": labels})
    command = [REEL, "replay", init, batches, "--arch", "alexnet", "--json", "--quiet"]
    command += [out if o == "OUT" else o for o in options]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)["losses"], read_file(out)


def train(net, generator, folder, a):
    steps = [draw(generator, 32, 112) for _ in range(a.steps)]
    images, labels = (torch.stack([step[k] for step in steps]) for k in (0, 1))
    losses, weights = replay(net, images, labels, folder, "--opt", "adamw", "--lr", "1e-4", "--out", "OUT")
    print(f"trained, loss of every tenth step: {' '.join(f'{loss:.2f}' for loss in losses[::10])}", file=sys.stderr)
    net.load_state_dict(weights)


def make_net(weights, generator, folder, a):
    net = torchvision.models.alexnet(dropout=0.0)
    if weights != "torch":
        for p in net.parameters():
            if p.dim() > 1:
                torch.nn.init.kaiming_normal_(p, nonlinearity="relu")
            else:
                torch.nn.init.uniform_(p, -0.1, 0.1)
    if weights == "trained":
        train(net, generator, folder, a)
    return net


def error(got, exact):
    return ((got - exact).norm() / exact.norm()).item()


def measure(weights, seed, folder, a):
    """{parameter: (Reel's error, PyTorch's)}"""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(1000 + seed)
    net = make_net(weights, generator, folder, a)
    images, labels = draw(generator, a.batch, a.size)
    torch_loss, torch_grads = gradients_of(net, images, labels, True)
    losses, reel_grads = replay(net, images[None], labels[None], folder, "--precision", a.precision, "--gradients-out", "OUT")
    exact_loss, exact = gradients_of(net.double(), images.double(), labels, False)
    print(f"{weights}, seed {seed}: loss {exact_loss:.6f}, Reel {losses[0] - exact_loss:+.1e}, PyTorch {torch_loss - exact_loss:+.1e}",
          file=sys.stderr)
    errors = {name: (error(reel_grads[name].double(), g), error(torch_grads[name], g)) for name, g in exact.items()}
    for name, (reel, other) in errors.items():
        if a.each:
            print(f"  {name:24} {reel:9.2e} {other:9.2e} {reel / other:6.2f}")
    return errors


def mean_square(values):
    values = list(values)
    return math.sqrt(sum(v * v for v in values) / len(values))


def table(weights, runs, markdown):
    form = "| `{}` | {} | {} | {} | {} |" if markdown else "{:24} {:>9} {:>9} {:>7} {:>8}"
    print(f"\n{weights}, {len(runs)} seeds")
    print(form.format("parameter", "Reel", "PyTorch", "ratio", "largest").replace("`", ""))
    if markdown:
        print("|---|---|---|---|---|")
    for name in runs[0]:
        reel, other = (mean_square(run[name][side] for run in runs) for side in (0, 1))
        worst = max(run[name][0] / run[name][1] for run in runs)
        print(form.format(name, f"{reel:.2e}", f"{other:.2e}", f"{reel / other:.2f}", f"{worst:.2f}"), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=80)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", default="bf16", choices=("bf16", "float32"))
    parser.add_argument("--weights", nargs="+", default=["torch", "kaiming", "trained"], choices=("torch", "kaiming", "trained"))
    parser.add_argument("--markdown", action="store_true", help="tables for a README")
    parser.add_argument("--each", action="store_true", help="print the errors of each seed")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    with tempfile.TemporaryDirectory() as folder:
        for weights in a.weights:
            table(weights, [measure(weights, seed, folder, a) for seed in range(a.seeds)], a.markdown)


main()
