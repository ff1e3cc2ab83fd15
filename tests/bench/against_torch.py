#!/usr/bin/env python3
"""Reel against PyTorch: the same work in turn, A B A B, and the ratio of neighbouring runs. Needs torch and torchvision.

  against_torch.py step [--batch 128] [--infer] [--pairs 3] [--compile] [--avx2]     a whole step of AlexNet, data in memory
  against_torch.py convolutions alexnet2012|vgg16|resnet50|mobilenet [--batch 16]    each layer, all three passes
  against_torch.py kernels [--only depthwise] [--worst 0.9] [--avx2]   all convolutions and poolings of five nets, pass by pass
  against_torch.py loader DATA/train [--reel PACKED] [--exact]     files to batches: RandomResizedCrop 224, flip, normalise; 2 workers
  against_torch.py shapes FILE                                     those layers, for `reel bench kernels --shapes FILE`

PyTorch gets what makes it fastest here: channels-last for steps and the better of both layouts for each convolution, huge pages and
a malloc that keeps them, bound threads, OpenBLAS on its AVX-512 kernels. $REEL_BIN (build/reel) is the program that is measured.
A ratio above 1 means that Reel is faster. Nothing else should run: on a shared host, look at the range of the pairs.
"""
import argparse, json, math, os, statistics, subprocess, sys, tempfile, time

from net_shapes import CLASSES, NETS, convolutions, measured_shapes, multiply_adds

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REEL = os.environ.get("REEL_BIN", os.path.join(ROOT, "build", "reel"))
TIMES = os.environ.get("REEL_KERNEL_TIMES", os.path.join(ROOT, "build", "tests", "bench_kernel_times"))
PASSES = ("forward", "input-grad", "weight-grad")


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
        for name, (c, h, w, oc, kernel, stride, padding, groups) in convolutions(a.net).items():
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

# ---- kernels: every convolution and pooling of five nets, one at a time ----

SHORT_MS = 0.3  # below this, the start of a call counts as much as its work
PASS_GFLOP = 10  # a pass is cut to a batch of at most so many


def torch_works(torch, n, layer, layout):
    """The passes of a layer as functions without arguments."""
    if layer[0] == "avg":
        x = torch.randn(n, *layer[1:]).contiguous(memory_format=layout)
        forward = lambda: torch.ops.aten.mean.dim(x, [2, 3], True)
        dy = torch.randn_like(forward())
        return forward, lambda: (dy.expand(x.shape) / (x.shape[2] * x.shape[3])).contiguous(memory_format=layout)
    if layer[0] == "max":
        c, h, w, kernel, stride, padding, ceil = layer[1:]
        x = torch.randn(n, c, h, w).contiguous(memory_format=layout)
        window = ([kernel] * 2, [stride] * 2, [padding] * 2, [1, 1], bool(ceil))
        forward = lambda: torch.ops.aten.max_pool2d_with_indices(x, *window)
        y, cells = forward()
        dy = torch.randn_like(y)
        return forward, lambda: torch.ops.aten.max_pool2d_with_indices_backward(dy, x, *window, cells)

    c, h, w, oc, kernel, stride, padding, groups = layer[:8]
    dilation = layer[8] if len(layer) > 8 else 1
    x = torch.randn(n, c, h, w).contiguous(memory_format=layout)
    weight = torch.randn(oc, c // groups, kernel, kernel).contiguous(memory_format=layout)
    bias = torch.randn(oc)
    forward = lambda: torch.nn.functional.conv2d(x, weight, bias, stride, padding, dilation, groups)
    dy = torch.randn_like(forward())
    gradient = lambda *mask: torch.ops.aten.convolution_backward(
        dy, x, weight, [oc], [stride] * 2, [padding] * 2, [dilation] * 2, False, [0, 0], groups, list(mask))
    return forward, lambda: gradient(True, False, False), lambda: gradient(False, True, False)


def torch_kernels(a):
    """Answers lines [runs, batch, layer, layouts]: the ms of each pass in each of the layouts."""
    import torch
    torch.set_num_threads(a.threads)
    formats = (torch.contiguous_format, torch.channels_last)
    with torch.no_grad():
        for line in sys.stdin:
            runs, n, layer, layouts = json.loads(line)
            times = [[1e3 * median_seconds(work, runs) for work in torch_works(torch, n, layer, formats[i])] for i in layouts]
            print(json.dumps(times), flush=True)


class Server:
    """A program that answers lines."""

    def __init__(self, command, env):
        self.program = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.program.stdin.write(line + "\n")
        self.program.stdin.flush()
        answer = self.program.stdout.readline()
        if not answer:
            sys.exit(f"{self.program.args[0]} ended at: {line}")
        return answer


def layer_line(runs, n, layer):
    if isinstance(layer[0], str):
        return " ".join(map(str, [layer[0], runs, n, *layer[1:]]))
    return " ".join(map(str, ["conv", runs, n, *layer[:8], layer[8] if len(layer) > 8 else 1]))


def compare_kernels(a):
    isa = dict(REEL_ISA="avx2") if a.avx2 else {}
    reel = Server([TIMES], dict(os.environ, OMP_NUM_THREADS=str(a.threads), **isa))
    peer = Server([sys.executable, __file__, "torch-kernels", "--threads", str(a.threads)], tuned(a.avx2))
    peaks = [reel.ask("peak 0").split()]
    rows = []
    for kind, name, layer in measured_shapes(a.only):
        gflop = 2e-9 * multiply_adds(layer)
        n = a.batch
        while n > 1 and n * gflop > PASS_GFLOP:
            n //= 2
        runs = 3 if n * gflop > 1 else 7

        # Both layouts at first; then the one that was faster in all passes, if there is one.
        ours, theirs, layouts = [], [], [0, 1]
        for _ in range(a.pairs):
            ours.append([float(ms) for ms in reel.ask(layer_line(runs, n, layer)).split()])
            passes = list(zip(*json.loads(peer.ask(json.dumps([runs, n, layer, layouts])))))
            theirs.append([min(ms) for ms in passes])
            if len(layouts) > 1:
                layouts = sorted({ms.index(min(ms)) for ms in passes})
        for i in range(len(ours[0])):
            ratios = [b[i] / o[i] for o, b in zip(ours, theirs)]
            rows.append((statistics.median(ratios), min(ratios), max(ratios), kind, f"{name} {PASSES[i]}", n,
                         min(o[i] for o in ours), min(b[i] for b in theirs)))
    peaks.append(reel.ask("peak 0").split())

    print(f"{peaks[0][1]}, {a.threads} threads, {a.pairs} pairs, peak {peaks[0][0]} and {peaks[1][0]} GFLOP/s")
    rows.sort()
    short = [row for row in rows if min(row[6:]) < SHORT_MS]
    for title, part in (("", [row for row in rows if row not in short]), (f"shorter than {SHORT_MS} ms:", short)):
        print(title)
        for ratio, low, high, kind, name, n, ours, theirs in part:
            if ratio <= a.worst:
                print(f"{ratio:5.2f} ({low:.2f} to {high:.2f})  {kind:9} {name:44} batch {n:2}  "
                      f"Reel {ours:8.2f} ms  PyTorch {theirs:8.2f} ms")
        for kind in CLASSES:
            of_kind = [row[0] for row in part if row[3] == kind]
            if of_kind:
                print(f"{kind}: {len(of_kind)} passes, worst {min(of_kind):.2f}, geometric mean "
                      f"{math.exp(statistics.fmean(map(math.log, of_kind))):.2f}, below 0.9: {sum(r < 0.9 for r in of_kind)}")


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
        json.dump({net: convolutions(net) for net in nets}, f, indent=1)


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
    p.add_argument("what", choices=["step", "convolutions", "kernels", "loader", "shapes", "torch-step",
                                      "torch-convolutions", "torch-kernels", "torch-loader"])
    p.add_argument("net", nargs="?", help="a net, the file that `shapes` writes, or a folder of images")
    p.add_argument("--reel", help="what Reel reads instead: the same images, packed")
    p.add_argument("--images", type=int, default=3000)
    p.add_argument("-j", "--workers", type=int, default=2)
    p.add_argument("--batch", type=int)
    p.add_argument("--only", choices=CLASSES, help="kernels of one class")
    p.add_argument("--worst", type=float, default=math.inf, help="print only ratios up to this one")
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--pairs", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    for flag in ("infer", "compile", "avx2", "exact"):
        p.add_argument("--" + flag, action="store_true")
    a = p.parse_args()
    a.batch = a.batch or (16 if "conv" in a.what or "kernels" in a.what else 128)
    if "conv" in a.what and a.net not in NETS:
        p.error("expected one of " + ", ".join(NETS))
    if a.what in ("shapes", "loader", "torch-loader") and not a.net:
        p.error("expected a file to write, or a folder of images")
    commands = {"step": compare_steps, "convolutions": compare_convolutions, "kernels": compare_kernels,
                "shapes": lambda a: write_shapes(a.net, NETS), "loader": compare_loaders, "torch-step": torch_step,
                "torch-convolutions": torch_convolutions, "torch-kernels": torch_kernels, "torch-loader": torch_loader}
    commands[a.what](a)


main()
