"""Probes of the named protocols trained by PyTorch on features that Rust makes too.

Same initial weights, same batches in the same order (`portable_streams.py`), three seeds; PyTorch's own layers, losses,
BatchNorm, SGD and AdamW, its LARS written from the paper's formula. Sizes are small, so that a test repeats all of it.

    python probe_protocols.py > probe_protocols.json
"""

import json
import math
import sys

import numpy as np
import torch
from torch import nn

from portable_arrays import mixture
from portable_streams import held_out, normal, order, symmetric

SEEDS = (0, 1, 2)
TRAIN, TEST, WIDTH, CLASSES, SPREAD = 4000, 5000, 192, 20, 5.0


def data(views=1, tokens=1, train=TRAIN, test=TEST, width=WIDTH, spread=SPREAD):
    """Train [N, views, tokens · width] and test [M, tokens · width]; class is sample modulo classes."""
    row = tokens * width
    parts = [mixture(1 + view, train, row, CLASSES, spread) for view in range(views)]
    x = torch.from_numpy(np.stack(parts, axis=1))
    xt = torch.from_numpy(mixture(101, test, row, CLASSES, spread))
    return x, torch.arange(train) % CLASSES, xt, torch.arange(test) % CLASSES


class Lars(torch.optim.Optimizer):
    """You et al. 2017, momentum after the trust ratio; vectors are not scaled."""

    def __init__(self, parameters, momentum, trust):
        super().__init__(parameters, {"lr": 0.0, "momentum": momentum, "trust": trust})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weights in group["params"]:
                update = weights.grad
                if weights.dim() > 1:
                    lengths = weights.norm(), update.norm()
                    if min(lengths) > 0:
                        update = update * (group["trust"] * lengths[0] / lengths[1])
                memory = self.state[weights].setdefault("memory", torch.zeros_like(weights))
                memory.mul_(group["momentum"]).add_(update)
                weights.sub_(group["lr"] * memory)


class AttentiveProbe(nn.Module):
    def __init__(self, width, heads, classes, ratio, deviation, seed):
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.zeros(1, width))
        self.tokens_norm, self.hidden_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_query, self.to_key, self.to_value, self.project = (nn.Linear(width, width) for _ in range(4))
        self.expand, self.contract = nn.Linear(width, ratio * width), nn.Linear(ratio * width, width)
        self.classify = nn.Linear(width, classes)
        layers = [(self.query, 1), (self.to_query.weight, 1), (self.to_key.weight, 1), (self.to_value.weight, 1)]
        layers += [(self.project.weight, 2), (self.expand.weight, 1), (self.contract.weight, 2)]
        with torch.no_grad():
            for index, (weights, share) in enumerate(layers):
                numbers = normal(seed, index, deviation * math.sqrt(1 / share), weights.numel())
                weights.copy_(torch.from_numpy(numbers).reshape(weights.shape))
            for layer in (self.to_query, self.to_key, self.to_value, self.project, self.expand, self.contract):
                layer.bias.zero_()
            for index, weights in ((7, self.classify.weight), (8, self.classify.bias)):
                numbers = symmetric(seed, index, 1 / math.sqrt(width), weights.numel())
                weights.copy_(torch.from_numpy(numbers).reshape(weights.shape))

    def forward(self, x):
        samples, tokens, width = x.shape
        split = lambda y: y.reshape(samples, -1, self.heads, width // self.heads).transpose(1, 2)
        x = self.tokens_norm(x)
        query = self.query.expand(samples, 1, width)
        attended = nn.functional.scaled_dot_product_attention(
            split(self.to_query(query)), split(self.to_key(x)), split(self.to_value(x))
        )
        state = query + self.project(attended.transpose(1, 2).reshape(samples, 1, width))
        state = state + self.contract(nn.functional.gelu(self.expand(self.hidden_norm(state))))
        return self.classify(state.squeeze(1))


def linear(width, seed, index, deviation=0.01):
    layer = nn.Linear(width, CLASSES)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(normal(seed, index, deviation, CLASSES * width)).reshape(CLASSES, width))
        layer.bias.zero_()
    return layer


def share(time, epochs, warm_up):
    if time < warm_up:
        return time / warm_up
    return 0.5 * (1 + math.cos(math.pi * (time - warm_up) / (epochs - warm_up)))


def batches(samples, views, seed, recipe):
    """(epoch, step, steps of an epoch, batch) of a whole training."""
    size, epochs = recipe["batch"], recipe["epochs"]
    if recipe["epoch"] == "endless":
        steps, sequence, number = recipe["steps"], [], 0
        for epoch in range(epochs):
            for step in range(steps):
                while len(sequence) < size:
                    sequence += order(samples, views, seed, number)
                    number += 1
                yield epoch, step, steps, sequence[:size]
                sequence = sequence[size:]
        return
    steps = len(samples) // size if recipe["epoch"] == "full" else -(-len(samples) // size)
    for epoch in range(epochs):
        one = order(samples, views, seed, epoch)
        for step in range(steps):
            yield epoch, step, steps, one[step * size : (step + 1) * size]


def fit(models, optimisers, rates, recipe, x, y, samples, seed, after_epoch=None):
    """Trains every model on the same batches; the mean loss of the last epoch of each."""
    losses, current = [], -1
    for epoch, step, steps, batch in batches(samples, x.shape[1], seed, recipe):
        if epoch != current:
            if after_epoch and current >= 0:
                after_epoch(current)
            losses, current = [], epoch
        within = {"step-start": step / steps, "step-end": (step + 1) / steps, "epoch-start": 0.0}[recipe["read"]]
        factor = share(epoch + within, recipe["epochs"], recipe.get("warm_up", 0))
        rows, views = torch.tensor([row for row, _ in batch]), torch.tensor([view for _, view in batch])
        inputs, targets, part = x[rows, views], y[rows], []
        for model, optimiser, rate in zip(models, optimisers, rates):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor
            loss = nn.functional.cross_entropy(model(inputs), targets)
            optimiser.zero_grad()
            loss.backward()
            if "clip" in recipe:
                nn.utils.clip_grad_norm_(model.parameters(), recipe["clip"])
            optimiser.step()
            part.append(loss.item())
        losses.append((len(batch), part))
    if after_epoch:
        after_epoch(current)
    total = sum(count for count, _ in losses)
    return [sum(count * part[head] for count, part in losses) / total for head in range(len(models))]


@torch.no_grad()
def score(model, x, y):
    model.eval()
    logits = model(x)
    model.train()
    hits = int((logits.argmax(dim=1) == y).sum())
    return {"accuracy": 100 * hits / len(y), "loss": float(nn.functional.cross_entropy(logits.double(), y))}


def mae_lars(seed, recipe, views):
    x, y, xt, yt = data(views)
    model = nn.Sequential(nn.BatchNorm1d(WIDTH, affine=False, eps=1e-6), linear(WIDTH, seed, 0))
    optimiser = Lars(model.parameters(), 0.9, 0.001)
    best = {"accuracy": -1.0}

    def after_epoch(epoch):
        nonlocal best
        scores = score(model, xt, yt)
        if scores["accuracy"] > best["accuracy"]:
            best = {**scores, "epoch": epoch + 1}

    rate = recipe["rate"] * recipe["batch"] / 256
    [train_loss] = fit([model], [optimiser], [rate], recipe, x, y, range(TRAIN), seed, after_epoch)
    return {**score(model, xt, yt), "train loss": train_loss, "best epoch": best}


def moco_v3_sgd(seed, recipe, views):
    x, y, xt, yt = data(views)
    model = linear(WIDTH, seed, 0)
    optimiser = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
    rate = recipe["rate"] * recipe["batch"] / 256
    [train_loss] = fit([model], [optimiser], [rate], recipe, x, y, range(TRAIN), seed)
    return {**score(model, xt, yt), "train loss": train_loss}


def dinov2_linear(seed, recipe, views):
    x, y, xt, yt = data(views)
    rates = [rate * recipe["batch"] / 256 for rate in recipe["rates"]]

    def heads(chosen, samples):
        models = [linear(WIDTH, seed, index) for index in chosen]
        optimisers = [torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9) for model in models]
        losses = fit(models, optimisers, [rates[index] for index in chosen], recipe, x, y, samples, seed)
        return models, losses

    better = lambda scores: max(range(len(scores)), key=lambda i: (scores[i]["accuracy"], -scores[i]["loss"], -i))
    everything = range(len(rates))
    models, losses = heads(everything, range(TRAIN))
    scores = [score(model, xt, yt) for model in models]
    best = better(scores)
    on_test = {**scores[best], "train loss": losses[best], "rate": rates[best]}
    fitted, out = held_out(y.numpy(), CLASSES, 0.1, seed)
    models, _ = heads(everything, fitted)
    best = better([score(model, x[out, 0], y[out]) for model in models])
    [model], [loss] = heads([best], range(TRAIN))
    return {**score(model, xt, yt), "train loss": loss, "rate": rates[best], "best head on test": on_test}


def attentive(seed, recipe, views):
    tokens, width, train, test = 6, 32, 1000, 2500
    x, y, xt, yt = data(views, tokens, train, test, width, recipe["spread"])
    x, xt = x.reshape(train, views, tokens, width), xt.reshape(test, tokens, width)
    model = AttentiveProbe(width, recipe["heads"], CLASSES, 4, recipe["deviation"], seed)
    groups = [[p for p in model.parameters() if p.dim() > 1], [p for p in model.parameters() if p.dim() == 1]]
    groups = [{"params": group, "weight_decay": decay} for group, decay in zip(groups, (1e-3, 0.0))]
    optimiser = torch.optim.AdamW(groups, lr=1.0)
    [train_loss] = fit([model], [optimiser], [recipe["rate"]], recipe, x, y, range(train), seed)
    return {**score(model, xt, yt), "train loss": train_loss}


CASES = {
    "mae-lars": (mae_lars, 1, {"batch": 512, "epochs": 30, "warm_up": 3, "epoch": "full", "read": "step-start", "rate": 5.0}),
    "moco-v3-sgd": (moco_v3_sgd, 2, {"batch": 256, "epochs": 6, "epoch": "all", "read": "epoch-start", "rate": 0.01}),
    "dinov2-linear": (
        dinov2_linear,
        1,
        {
            "batch": 128, "epochs": 2, "epoch": "endless", "steps": 100, "read": "step-start",
            "rates": [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1],
        },
    ),
    "attentive": (
        attentive,
        1,
        {
            "batch": 64, "epochs": 10, "epoch": "all", "read": "step-end", "rate": 3e-3, "clip": 1.0, "heads": 4,
            "deviation": 0.02, "spread": 1.5,
        },
    ),
}


def main():
    torch.set_num_threads(1)
    document = {"versions": {"python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__}}
    document["cases"] = {}
    for name, (run, views, recipe) in CASES.items():
        document["cases"][name] = {"recipe": recipe, "views": views, "seeds": [run(seed, recipe, views) for seed in SEEDS]}
        print(name, document["cases"][name]["seeds"], file=sys.stderr)
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
