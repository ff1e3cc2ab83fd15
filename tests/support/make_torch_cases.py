#!/usr/bin/python3
"""Writes tests/support/torch_cases.safetensors: what PyTorch computes, in float64, for the tests to compare with.

    /usr/bin/python3 tests/support/make_torch_cases.py [OUTPUT]

Needs torch (the stored file was made with 2.13.0) and nothing of this project. Every tensor is float64 and row-major.

  OP/CASE/{x, w, b, ...}   inputs                     OP/CASE/dy      weights of the outputs: the loss is sum(y dy)
  OP/CASE/y                the value                  OP/CASE/d{x, w, ...}  gradients of the inputs
  sgd/init/NAME            parameters before the first step; sgd/batch/STEP/{images, labels}
  sgd/RULE/STEP/{NAME, loss}                  parameters after the step, and the loss it started from
  sgd/RULE/{running_mean, running_var}        batch norm's statistics after the last step
  net/RULE/...             the same for optimizers other than SGD, from the same parameters and batches
  OPTIMIZER/CASE/{start, lr, gradients, after}    adamw, adam, rmsprop: values before, the rate and the gradient of each step,
                                                  values after it
  ema/{weight, running}/{values, after}    a parameter and a buffer: values at each step, and their average then
"""
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(20120930)
stored = {}


def store(name, tensor):
    assert name not in stored, name
    stored[name] = tensor.detach().to(torch.float64).contiguous().clone()


def case(name, function, wanted=None, **inputs):
    """Stores inputs, value and gradients of function(**inputs); wanted: the inputs that have a gradient (None: all)."""
    leaves = {}
    for key, value in inputs.items():
        store(f"{name}/{key}", value)
        leaves[key] = value.clone().requires_grad_(wanted is None or key in wanted)
    y = function(**leaves)
    dy = torch.randn(y.shape) if y.dim() else torch.tensor(1.0)
    (y * dy).sum().backward()
    store(f"{name}/y", y)
    store(f"{name}/dy", dy)
    for key, leaf in leaves.items():
        if leaf.requires_grad:
            store(f"{name}/d{key}", leaf.grad)


def convolutions():
    def conv(name, x, w, bias, **options):
        inputs = {"x": torch.randn(x), "w": torch.randn(w)}
        if bias:
            inputs["b"] = torch.randn(w[0])
        case(f"conv2d/{name}", lambda x, w, b=None: F.conv2d(x, w, b, **options), **inputs)

    conv("plain", (2, 3, 5, 4), (4, 3, 3, 3), True)
    conv("padding", (1, 2, 4, 5), (3, 2, 5, 5), True, padding=2)
    conv("groups_dilation_stride", (1, 4, 7, 6), (6, 2, 3, 2), True, stride=(2, 1), padding=(2, 1), dilation=(2, 3), groups=2)
    conv("depthwise", (1, 4, 5, 5), (8, 1, 3, 3), False, padding=1, groups=4)
    conv("pointwise", (2, 5, 3, 2), (3, 5, 1, 1), True)
    conv("alexnet_first", (1, 2, 11, 15), (2, 2, 11, 11), True, stride=4, padding=2)
    case("linear/bias", F.linear, input=torch.randn(4, 7), weight=torch.randn(3, 7), bias=torch.randn(3))


def pools():
    def tied(*shape):
        return torch.randint(0, 3, shape).to(torch.float64)

    case("max_pool2d/alexnet", lambda x: F.max_pool2d(x, 3, 2), x=torch.randn(1, 3, 7, 8))
    case("max_pool2d/ceil", lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), x=torch.randn(2, 2, 6, 8))
    case("max_pool2d/padding_ceil", lambda x: F.max_pool2d(x, (3, 2), (2, 3), (1, 1), ceil_mode=True), x=torch.randn(1, 3, 6, 7))
    case("max_pool2d/ties", lambda x: F.max_pool2d(x, 3, 2, 1), x=tied(1, 3, 7, 7))
    case("avg_pool2d/plain", lambda x: F.avg_pool2d(x, 2), x=torch.randn(2, 3, 4, 5))
    case("avg_pool2d/ceil", lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True), x=torch.randn(1, 2, 6, 8))
    for name, include in (("padding_ceil", True), ("padding_ceil_exclude", False)):
        case(f"avg_pool2d/{name}",
             lambda x: F.avg_pool2d(x, (3, 2), (2, 3), (1, 1), ceil_mode=True, count_include_pad=include),
             x=torch.randn(1, 2, 6, 7))
    case("avg_pool2d/padding_exclude", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), x=torch.randn(1, 2, 5, 6))
    case("adaptive_avg_pool2d/7_to_3", lambda x: F.adaptive_avg_pool2d(x, 3), x=torch.randn(1, 2, 7, 7))
    case("adaptive_avg_pool2d/2_to_6", lambda x: F.adaptive_avg_pool2d(x, 6), x=torch.randn(1, 3, 2, 2))
    case("adaptive_avg_pool2d/5x4_to_2x3", lambda x: F.adaptive_avg_pool2d(x, (2, 3)), x=torch.randn(1, 2, 5, 4))
    case("global_avg_pool/plain", lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), x=torch.randn(2, 5, 3, 4))
    case("global_max_pool/ties", lambda x: F.adaptive_max_pool2d(x, 1).flatten(1), x=tied(2, 5, 3, 4))


def normalisation():
    # A large alpha makes the second term of the gradient count.
    case("local_response_norm/five", lambda x: F.local_response_norm(x, 5, 2.0, 0.75, 2.0), x=torch.randn(1, 8, 2, 3))
    case("local_response_norm/four", lambda x: F.local_response_norm(x, 4, 1.5, 0.75, 1.0), x=torch.randn(1, 7, 2, 2))
    case("local_response_norm/few_channels", lambda x: F.local_response_norm(x, 5, 1.0, 0.6, 1.0), x=torch.randn(1, 3, 2, 2))
    case("local_response_norm/defaults", lambda x: F.local_response_norm(x, 5), x=torch.randn(1, 6, 2, 2))
    for name, training in (("training", True), ("evaluation", False)):
        mean, var = torch.randn(3), torch.rand(3) + 0.5
        store(f"batch_norm2d/{name}/running_mean", mean)
        store(f"batch_norm2d/{name}/running_var", var)
        case(f"batch_norm2d/{name}", lambda x, gamma, beta: F.batch_norm(x, mean, var, gamma, beta, training, 0.1, 1e-5),
             x=2 * torch.randn(2, 3, 3, 4) + 1, gamma=torch.randn(3), beta=torch.randn(3))
        store(f"batch_norm2d/{name}/running_mean_after", mean)
        store(f"batch_norm2d/{name}/running_var_after", var)


CLASS_WEIGHTS = torch.tensor([0.5, 2.0, 1.25, 0.1, 3.0])
LOSS_OPTIONS = {"plain": {},
                "sum": {"reduction": "sum"},
                "smoothing": {"label_smoothing": 0.1},
                "weights": {"weight": CLASS_WEIGHTS}}


def losses():
    labels = torch.tensor([2, 0, 4, 2, 1, 3])
    both = {"label_smoothing": 0.2, "weight": CLASS_WEIGHTS}
    for name, options in {
            **LOSS_OPTIONS,
            "ignore": {"ignore_index": 2},
            "smoothing_weights": both,
            "smoothing_ignore": {"label_smoothing": 0.2, "ignore_index": 2},
            "smoothing_weights_ignore": {**both, "ignore_index": 2},
            "smoothing_weights_ignore_sum": {**both, "ignore_index": 2, "reduction": "sum"},
    }.items():
        case(f"cross_entropy/{name}", lambda x: F.cross_entropy(x, labels, **options), x=3 * torch.randn(6, 5))


def soft_losses():
    both = {"label_smoothing": 0.2, "weight": CLASS_WEIGHTS}
    for name, options in {
            **LOSS_OPTIONS,
            "smoothing_weights": both,
            "smoothing_weights_sum": {**both, "reduction": "sum"},
    }.items():
        # Rows as Mixup makes them, of two labels, and rows without a zero.
        targets = torch.softmax(2 * torch.randn(6, 5), 1)
        targets[0] = torch.tensor([0.0, 0.3, 0.0, 0.7, 0.0])
        targets[1] = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])
        case(f"cross_entropy_soft/{name}", lambda x, targets: F.cross_entropy(x, targets, **options), wanted=["x"],
             x=3 * torch.randn(6, 5), targets=targets)


class Net(torch.nn.Module):
    """conv - batch norm - ReLU - LRN - max-pool (ceil) - conv in groups - linear."""

    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(4)
        self.conv2 = torch.nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.linear = torch.nn.Linear(4 * 3 * 3, 5)

    def forward(self, x):
        x = F.local_response_norm(F.relu(self.norm(self.conv1(x))), 3, 0.5, 0.75, 1.0)
        x = self.conv2(F.max_pool2d(x, 3, 2, ceil_mode=True))
        return self.linear(x.flatten(1))


RULES = {  # options of torch.optim.SGD
    "plain": {"lr": 0.1},
    "momentum": {"lr": 0.05, "momentum": 0.9},
    "nesterov": {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    "dampening": {"lr": 0.1, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.005},
    "decay": {"lr": 0.1, "weight_decay": 0.05},
}
PAPER_RATES = [0.05, 0.05, 0.005]  # the 2012 rule differs from the others once the rate has changed
STEPS = 3


def follow(path, net, batches, update):
    """Trains the net on each batch and stores what comes of it."""
    for step, (images, labels) in enumerate(batches):
        loss = F.cross_entropy(net(images), labels, label_smoothing=0.1)
        net.zero_grad()
        loss.backward()
        update(step)
        store(f"{path}/{step}/loss", loss)
        for name, p in net.named_parameters():
            store(f"{path}/{step}/{name}", p)
    store(f"{path}/running_mean", net.norm.running_mean)
    store(f"{path}/running_var", net.norm.running_var)


def trajectories():
    """Returns the parameters before the first step, and the batches."""
    start = Net().state_dict()
    start = {key: value.clone() for key, value in start.items()}
    names = [name for name, _ in Net().named_parameters()]
    for name in names:
        store(f"sgd/init/{name}", start[name])
    batches = [(torch.randn(4, 3, 6, 6), torch.randint(0, 5, (4,))) for _ in range(STEPS)]
    for step, (images, labels) in enumerate(batches):
        store(f"sgd/batch/{step}/images", images)
        store(f"sgd/batch/{step}/labels", labels)
    for rule in list(RULES) + ["paper2012"]:
        net = Net()
        net.load_state_dict(start)
        optimizer = torch.optim.SGD(net.parameters(), **RULES[rule]) if rule in RULES else None
        velocity = {name: torch.zeros_like(p) for name, p in net.named_parameters()}

        def update(step):
            if optimizer:
                optimizer.step()
            else:  # v <- 0.9 v - 0.0005 lr w - lr g; w <- w + v (Krizhevsky et al. 2012, section 5)
                with torch.no_grad():
                    for name, p in net.named_parameters():
                        rate = PAPER_RATES[step]
                        velocity[name] = 0.9 * velocity[name] - 0.0005 * rate * p - rate * p.grad
                        p += velocity[name]

        follow(f"sgd/{rule}", net, batches, update)
    return start, batches


OPTIMIZERS = {  # options of torch.optim's classes, without lr
    "adamw": (torch.optim.AdamW, {
        "defaults": {},
        "no_decay": {"weight_decay": 0.0},
        "short_memory": {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3},
    }),
    "adam": (torch.optim.Adam, {
        "defaults": {},
        "decay": {"weight_decay": 0.05},
        "short_memory": {"betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.3},
    }),
    "rmsprop": (torch.optim.RMSprop, {
        "defaults": {},
        "momentum": {"momentum": 0.9},
        "decay": {"momentum": 0.9, "weight_decay": 0.05},
        "torchvision": {"momentum": 0.9, "alpha": 0.9, "eps": 0.0316, "weight_decay": 1e-5},
        "centered": {"centered": True, "alpha": 0.7},
        "centered_momentum": {"centered": True, "momentum": 0.5, "weight_decay": 0.05},
    }),
}
OPTIMIZER_STEPS, OPTIMIZER_SIZE = 20, 7


def optimizer(kind):
    """20 steps with gradients of very different sizes, and a rate that changes."""
    torch_class, cases = OPTIMIZERS[kind]
    for name, options in cases.items():
        start = torch.randn(OPTIMIZER_SIZE)
        gradients = torch.randn(OPTIMIZER_STEPS, OPTIMIZER_SIZE) * 10.0 ** torch.arange(-6, 1)
        gradients[::3, 0] = 0
        rates = 0.01 * (1 + torch.arange(OPTIMIZER_STEPS) % 4)
        w = start.clone().requires_grad_(True)
        optimizer = torch_class([w], **options)
        after = []
        for lr, g in zip(rates, gradients):
            optimizer.param_groups[0]["lr"] = lr.item()
            w.grad = g.clone()
            optimizer.step()
            after.append(w.detach().clone())
        store(f"{kind}/{name}/start", start)
        store(f"{kind}/{name}/lr", rates)
        store(f"{kind}/{name}/gradients", gradients)
        store(f"{kind}/{name}/after", torch.stack(after))


NET_RULES = {
    "adam": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.05}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.05}),
    "rmsprop": (torch.optim.RMSprop, {"lr": 0.001, "momentum": 0.9, "weight_decay": 0.05}),
    "groups": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.05}),
}


def groups(net):
    """torchvision's --norm-weight-decay 0.2 and --bias-weight-decay 0.1; linear.weight has twice the rate, conv2.weight is frozen."""
    own = {"linear.weight": {"lr": 0.02}, "norm.weight": {"weight_decay": 0.2}}
    net.conv2.weight.requires_grad = False
    return [{"params": [p], **({"weight_decay": 0.1} if name.endswith("bias") else own.get(name, {}))}
            for name, p in net.named_parameters() if p.requires_grad]


def net_trajectories(start, batches):
    """The rules of NET_RULES; with groups, gradients are clipped besides."""
    for rule, (torch_class, options) in NET_RULES.items():
        net = Net()
        net.load_state_dict(start)
        optimizer = torch_class(groups(net) if rule == "groups" else net.parameters(), **options)

        def update(_):
            if rule == "groups":
                torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()

        follow(f"net/{rule}", net, batches, update)


EMA_DECAY, EMA_STEPS, EMA_WARM_UP = 0.9, 2, 5


def ema():
    """torchvision's references/classification/train.py: an AveragedModel, updated every few steps; while warm-up epochs last, its
    count returns to 0, so that the next update copies."""
    def average(mean, value, _):
        return EMA_DECAY * mean + (1 - EMA_DECAY) * value

    model = torch.nn.Module()
    model.weight = torch.nn.Parameter(torch.randn(5))
    model.register_buffer("running", torch.randn(3))
    averaged = torch.optim.swa_utils.AveragedModel(model, avg_fn=average, use_buffers=True)
    values = {"weight": [], "running": []}
    after = {"weight": [], "running": []}
    for step in range(16):
        for name, tensor in model.state_dict().items():
            tensor.copy_(torch.randn(tensor.shape))
            values[name].append(tensor.clone())
        if step % EMA_STEPS == 0:
            averaged.update_parameters(model)
            if step < EMA_WARM_UP:
                averaged.n_averaged.fill_(0)
        for name, tensor in averaged.module.state_dict().items():
            after[name].append(tensor.clone())
    for name in values:
        store(f"ema/{name}/values", torch.stack(values[name]))
        store(f"ema/{name}/after", torch.stack(after[name]))


def activations():
    # From -6 to 6 by halves: the corners at -3 and 3 are among them.
    x = torch.linspace(-6, 6, 25)
    case("gelu/none", F.gelu, input=x)
    case("gelu/tanh", lambda input: F.gelu(input, approximate="tanh"), input=x)
    case("silu/plain", F.silu, input=x)
    case("hardswish/plain", F.hardswish, input=x)
    # F.hardsigmoid's gradient multiplies by 1/6 in float32, also for float64.
    case("hardsigmoid/plain", lambda input: F.relu6(input + 3) / 6, input=x)


def groups_and_scales():
    for name, shape, groups, eps in (("two_groups", (2, 6, 3, 4), 2, 1e-5), ("large_eps", (1, 4, 5, 2), 4, 0.3),
                                     ("features", (3, 6), 3, 1e-5)):
        case(f"group_norm/{name}", lambda x, gamma, beta: F.group_norm(x, groups, gamma, beta, eps),
             x=2 * torch.randn(shape) + 1, gamma=torch.randn(shape[1]), beta=torch.randn(shape[1]))
    case("group_norm/plain", lambda x: F.group_norm(x, 2), x=2 * torch.randn(2, 4, 3, 3) + 1)
    case("scale_channels/plain", lambda x, s: s * x, x=torch.randn(2, 5, 3, 4), s=torch.randn(2, 5, 1, 1))


def write(path):
    header, offset = {}, 0
    for name, tensor in stored.items():
        size = tensor.numel() * 8
        header[name] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for tensor in stored.values():
            out.write(struct.pack(f"<{tensor.numel()}d", *tensor.flatten().tolist()))
    print(f"{path}: {len(stored)} tensors, {os.path.getsize(path)} bytes")


convolutions()
pools()
normalisation()
losses()
path = trajectories()
for kind in OPTIMIZERS:  # new ones at the end: the random numbers of the others stay as they are
    optimizer(kind)
ema()
net_trajectories(*path)
soft_losses()
activations()
groups_and_scales()
write(sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_cases.safetensors"))
