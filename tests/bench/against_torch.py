#!/usr/bin/env python3
"""Reel against PyTorch: the same work in turn, A B A B, and the ratio of neighbouring runs. Needs torch and torchvision.

  against_torch.py step [--batch 128] [--infer] [--pairs 3] [--compile] [--avx2]     a whole step of AlexNet, data in memory
  against_torch.py convolutions alexnet2012|vgg16|resnet50|mobilenet [--batch 16]    each layer, all three passes
  against_torch.py loader DATA/train [--reel PACKED] [--exact]     files to batches: RandomResizedCrop 224, flip, normalise; 2 workers
  against_torch.py shapes FILE                                     those layers, for `reel bench kernels --shapes FILE`

PyTorch gets what makes it fastest here: channels-last for steps and the better of both layouts for each convolution, huge pages and
a malloc that keeps them, bound threads, OpenBLAS on its AVX-512 kernels. $REEL_BIN (build/reel) is the program that is measured.
A ratio above 1 means that Reel is faster. Nothing else should run: on a shared host, look at the range of the pairs.
"""
import argparse, json, math, os, statistics, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REEL = os.environ.get("REEL_BIN", os.path.join(ROOT, "build", "reel"))
PASSES = ("forward", "input-grad", "weight-grad")


def vgg16():
    """Simonyan and Zisserman 2015, configuration D."""
    layers, size, before = {}, 224, 3
    for block, (count, width) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)], 1):
        for i in range(1, count + 1):
            layers[f"conv{block}_{i}"] = [before, size, size, width, 3, 1, 1, 1]
            before = width
        size //= 2
    return layers


def resnet50():
    """He et al. 2016 as torchvision builds it: the stride is in the 3x3. Each shape once."""
    layers, before, size = {"conv1": [3, 224, 224, 64, 7, 2, 3, 1]}, 64, 56
    for stage, width in enumerate((64, 128, 256, 512), 2):
        stride = 1 if stage == 2 else 2
        inner = size // stride
        layers[f"res{stage}a_reduce"] = [before, size, size, width, 1, 1, 0, 1]
        layers[f"res{stage}a_3x3"] = [width, size, size, width, 3, stride, 1, 1]
        layers[f"res{stage}a_project"] = [before, size, size, 4 * width, 1, stride, 0, 1]
        layers[f"res{stage}_expand"] = [width, inner, inner, 4 * width, 1, 1, 0, 1]
        layers[f"res{stage}b_reduce"] = [4 * width, inner, inner, width, 1, 1, 0, 1]
        layers[f"res{stage}b_3x3"] = [width, inner, inner, width, 3, 1, 1, 1]
        before, size = 4 * width, inner
    return layers


def mobilenet():
    """Howard et al. 2017, table 1: depthwise and pointwise pairs. Each shape once."""
    layers, before, size = {"conv1": [3, 224, 224, 32, 3, 2, 1, 1]}, 32, 112
    pairs = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (1024, 2), (1024, 1)]
    for i, (width, stride) in enumerate(pairs, 2):
        layers[f"depthwise{i}"] = [before, size, size, before, 3, stride, 1, before]
        size //= stride
        layers[f"pointwise{i}"] = [before, size, size, width, 1, 1, 0, 1]
        before = width
    return layers


def alexnet2012():
    """Krizhevsky et al. 2012, with the two groups of the two GPUs."""
    return {"conv1": [3, 227, 227, 96, 11, 4, 0, 1], "conv2": [96, 27, 27, 256, 5, 1, 2, 2], "conv3": [256, 13, 13, 384, 3, 1, 1, 1],
            "conv4": [384, 13, 13, 384, 3, 1, 1, 2], "conv5": [384, 13, 13, 256, 3, 1, 1, 2]}


NETS = {net.__name__: net for net in (alexnet2012, vgg16, resnet50, mobilenet)}


def tuned(avx2):
    env = dict(os.environ, OMP_PROC_BIND="true", GLIBC_TUNABLES="glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592:"
               "glibc.malloc.trim_threshold=17179869184")
    if avx2:
        env.update(ATEN_CPU_CAPABILITY="avx2", ONEDNN_MAX_CPU_ISA="AVX2", DNNL_MAX_CPU_ISA="AVX2", OPENBLAS_CORETYPE="Haswell")
    elif "avx512f" in open("/proc/cpuinfo").read():
        env["OPENBLAS_CORETYPE"] = "SkylakeX"
    return env


def median_seconds(f, runs, warm=1):
    times = []
    for i in range(warm + runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return statistics.median(times[warm:])


def torch_step(a):
    import torch, torchvision
    torch.set_num_threads(a.threads)
    layout = dict(memory_format=torch.channels_last)
    net = torchvision.models.alexnet().to(**layout).train(not a.infer)
    x, y = torch.randn(a.batch, 3, 224, 224).contiguous(**layout), torch.randint(0, 1000, (a.batch,))
    settings = dict(lr=0.01, momentum=0.9, weight_decay=5e-4)
    try:
        optimizer = torch.optim.SGD(net.parameters(), fused=True, **settings)
    except (TypeError, RuntimeError):  # before 2.3
        optimizer = torch.optim.SGD(net.parameters(), **settings)
    loss = torch.nn.CrossEntropyLoss()
    run = torch.compile(net) if a.compile else net

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss(run(x), y).backward()
        optimizer.step()

    def infer():
        with torch.no_grad():
            run(x)

    print(json.dumps({"images_per_second": a.batch / median_seconds(infer if a.infer else train, a.steps, 2)}))


def torch_convolutions(a):
    import torch
    torch.set_num_threads(a.threads)
    result = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        for name, (c, h, w, oc, kernel, stride, padding, groups) in NETS[a.net]().items():
            x = torch.randn(a.batch, c, h, w).contiguous(memory_format=layout)
            weight = torch.randn(oc, c // groups, kernel, kernel).contiguous(memory_format=layout)
            bias = torch.randn(oc)
            forward = lambda: torch.nn.functional.conv2d(x, weight, bias, stride, padding, 1, groups)
            with torch.no_grad():
                dy = torch.randn_like(forward())
                gradient = lambda *mask: torch.ops.aten.convolution_backward(
                    dy, x, weight, [oc], [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], groups, list(mask))
                works = (forward, lambda: gradient(True, False, False), lambda: gradient(False, True, True))
                for which, work in zip(PASSES, works):
                    ms = median_seconds(work, 7) * 1e3
                    key = f"{a.net}/{name} {which}"
                    result[key] = min(ms, result.get(key, ms))
    print(json.dumps(result))


def torch_loader(a):
    import torch
    from torchvision import datasets, transforms
    torch.set_num_threads(1)
    steps = [transforms.RandomResizedCrop(224), transforms.RandomHorizontalFlip(), transforms.ToTensor(),
             transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    data = datasets.ImageFolder(a.net, transforms.Compose(steps))
    data.samples = (data.samples * (1 + a.images // len(data.samples)))[:a.images]
    start, seen = time.perf_counter(), 0
    for x, _ in torch.utils.data.DataLoader(data, a.batch, shuffle=True, num_workers=a.workers):
        seen += len(x)
    print(json.dumps({"images_per_second": seen / (time.perf_counter() - start)}))


def last_json(command, env=None):
    done = subprocess.run([str(c) for c in command], env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"{command[0]}: exit code {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def compare_steps(a):
    reel = [REEL, "bench", "step", "--batch", a.batch, "--steps", a.steps, "--threads", a.threads, "--json"]
    peer = [sys.executable, __file__, "torch-step", "--batch", a.batch, "--steps", a.steps, "--threads", a.threads]
    reel += ["--infer"] * a.infer
    peer += ["--infer"] * a.infer + ["--compile"] * a.compile
    own = dict(os.environ, REEL_ISA="avx2") if a.avx2 else None
    compare_rates(a, reel, own, peer, tuned(a.avx2))


def compare_loaders(a):
    reel = [REEL, "bench", "loader", a.reel or a.net, "--decode", "exact" if a.exact else "fast"]
    peer = [sys.executable, __file__, "torch-loader", a.net]
    both = ["--workers", a.workers, "--batch", a.batch, "--images", a.images]
    compare_rates(a, reel + both + ["--json"], None, peer + both, None)


def compare_rates(a, reel, own, peer, theirs_env):
    ratios = []
    for pair in range(a.pairs):
        ours = last_json(reel, own)[-1]["images_per_second"]
        theirs = last_json(peer, theirs_env)[-1]["images_per_second"]
        ratios.append(ours / theirs)
        print(f"pair {pair + 1}: Reel {ours:.1f} images/s, PyTorch {theirs:.1f}, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


def write_shapes(path, nets):
    with open(path, "w") as f:
        json.dump({net: NETS[net]() for net in nets}, f, indent=1)


def compare_convolutions(a):
    best = ({}, {})
    with tempfile.NamedTemporaryFile("w", suffix=".json") as shapes:
        write_shapes(shapes.name, [a.net])
        reel = [REEL, "bench", "kernels", "--shapes", shapes.name, "--batch", a.batch, "--threads", a.threads, "--json"]
        peer = [sys.executable, __file__, "torch-convolutions", a.net, "--batch", a.batch, "--threads", a.threads]
        for _ in range(a.pairs):
            ours = {f"{row['name']} {row['pass']}": row["ms"] for row in last_json(reel) if row.get("kind") == "convolution"}
            for times, new in zip(best, (ours, last_json(peer, tuned(False))[-1])):
                times.update({key: min(ms, times.get(key, ms)) for key, ms in new.items()})
    mean = lambda ratios: math.exp(statistics.fmean(map(math.log, ratios)))
    ratio = {key: best[1][key] / best[0][key] for key in best[1]}
    for key in ratio:
        print(f"{key:36} Reel {best[0][key]:8.2f} ms  PyTorch {best[1][key]:8.2f} ms  ratio {ratio[key]:5.2f}")
    for which in PASSES:
        print(f"{which}: geometric mean {mean([r for key, r in ratio.items() if key.endswith(' ' + which)]):.2f}")
    print(f"all: geometric mean {mean(ratio.values()):.2f}, least {min(ratio.values()):.2f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["step", "convolutions", "loader", "shapes", "torch-step", "torch-convolutions",
                                      "torch-loader"])
    p.add_argument("net", nargs="?", help="a net, the file that `shapes` writes, or a folder of images")
    p.add_argument("--reel", help="what Reel reads instead: the same images, packed")
    p.add_argument("--images", type=int, default=3000)
    p.add_argument("-j", "--workers", type=int, default=2)
    p.add_argument("--batch", type=int)
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--pairs", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    for flag in ("infer", "compile", "avx2", "exact"):
        p.add_argument("--" + flag, action="store_true")
    a = p.parse_args()
    a.batch = a.batch or (16 if "conv" in a.what else 128)
    if "conv" in a.what and a.net not in NETS:
        p.error("expected one of " + ", ".join(NETS))
    if a.what in ("shapes", "loader", "torch-loader") and not a.net:
        p.error("expected a file to write, or a folder of images")
    {"step": compare_steps, "convolutions": compare_convolutions, "shapes": lambda a: write_shapes(a.net, NETS),
     "loader": compare_loaders, "torch-loader": torch_loader, "torch-step": torch_step, "torch-convolutions": torch_convolutions}[a.what](a)


main()
