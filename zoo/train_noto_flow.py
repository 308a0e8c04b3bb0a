#!/usr/bin/env python3
"""Train the starter's flow model on its emoji and write it to ONNX.

    python3 train_noto_flow.py ../suites/starter/noto-emoji.tar noto-flow.onnx --checkpoint noto-flow.pt

The network is flow_transformer.py; the pictures are those of noto_pictures.py at 32x32. The loss is the mean square
of v(x_t, t, y) - (noise - x) on the linear path x_t = (1 - t) x + t noise, with t from the logit-normal distribution
(Esser et al. 2024) and one label in ten replaced by the null class. Weights are averaged over the steps (EMA), and the
average is what is written.

What a step draws depends on the seed and its number alone, and is drawn on the CPU whatever the device. The checkpoint
is replaced as training goes on; the same command continues from it, and gives the same bits as an uninterrupted run on
the same machine. The learning rate is constant until the last part of training and then falls to zero, so --steps and
--decay-part may be changed until that part begins. --export-only writes the average of the checkpoint as it is.

Needs torch, numpy, onnx and Pillow; the versions of a run are in the file's metadata.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tarfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import PIL
import torch
from torch import Tensor

from flow_shape import FlowShape
from flow_transformer import FlowTransformer, parameter_count
from flow_transformer_onnx import convert
from noto_pictures import CATEGORIES, PREPROCESSING, Pictures, ShardError, read_pictures
from onnx_builder import ConversionError
from orthogonal_momentum import OrthogonalMomentum
from training import (
    Plan,
    TrainingError,
    batch_indices,
    generator_of,
    positive,
    read_checkpoint,
    require_same_plan,
    write_checkpoint,
)

SHAPE = FlowShape(size=32, patch=4, width=128, depth=6, heads=4, classes=len(CATEGORIES))
LABEL_DROPOUT = 0.1
EMA_DECAY = 0.999
LONGEST_GRADIENT = 1.0
ADAM_BETAS = (0.9, 0.95)
CHECKPOINT_ENTRIES = {"format", "plan", "shape", "data_sha256", "done", "network", "average", "optimisers"}


@dataclass(frozen=True)
class Batch:
    """One step's input: `picture` and `noise` [B, 3, H, W], `time` [B], `label` [B]."""

    picture: Tensor
    noise: Tensor
    time: Tensor
    label: Tensor


def draw_batch(plan: Plan, step: int, pixels: Tensor, labels: Tensor) -> Batch:
    """Pictures, noise, times and labels of a step, on the CPU."""
    chosen = batch_indices(plan, step, len(labels))
    generator = generator_of(plan.seed, 2, step)
    noise = torch.randn(pixels[chosen].shape, generator=generator)
    time_of = torch.sigmoid(torch.randn(plan.batch, generator=generator))
    dropped = torch.rand(plan.batch, generator=generator) < LABEL_DROPOUT
    return Batch(pixels[chosen], noise, time_of, torch.where(dropped, SHAPE.classes, labels[chosen]))


def velocity_loss(network: FlowTransformer, batch: Batch, device: str) -> Tensor:
    """Mean over the batch and all values of (v - (noise - x))²."""
    picture, noise = batch.picture.to(device), batch.noise.to(device)
    time_of, label = batch.time.to(device), batch.label.to(device)
    place = time_of[:, None, None, None]
    velocity = network((1 - place) * picture + place * noise, time_of, label)
    return (velocity - (noise - picture)).square().mean()


class Trainer:
    """The network, its average, the optimisers and how many steps are done."""

    def __init__(self, plan: Plan, data_sha256: str, device: str):
        self.plan, self.data_sha256, self.device = plan, data_sha256, device
        self.network = FlowTransformer(SHAPE)
        self.network.initialise(generator_of(plan.seed, 0, 0))
        self.network.to(device)
        self.average = copy.deepcopy(self.network).requires_grad_(False)
        hidden = [
            layer.weight
            for block in self.network.blocks
            for layer in (block.qkv, block.project, block.expand, block.contract)
        ]
        known = {id(weight) for weight in hidden}
        others = [weight for weight in self.network.parameters() if id(weight) not in known]
        self.optimisers = [
            OrthogonalMomentum(hidden, lr=plan.learning_rate),
            torch.optim.AdamW(others, lr=plan.learning_rate, betas=ADAM_BETAS, weight_decay=0.0),
        ]
        self.done = 0

    def step(self, batch: Batch) -> float:
        """One step; returns its loss."""
        loss = velocity_loss(self.network, batch, self.device)
        self.network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), LONGEST_GRADIENT, error_if_nonfinite=True)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.rate(self.done)
            optimiser.step()
        self.done += 1
        self._update_average()
        return loss.item()

    @torch.no_grad()
    def _update_average(self) -> None:
        # the first steps are forgotten sooner, or the initial weights would stay in the average of a short run
        decay = min(EMA_DECAY, (1 + self.done) / (10 + self.done))
        for mean, weight in zip(self.average.parameters(), self.network.parameters()):
            mean.lerp_(weight, 1 - decay)

    def save(self, path: Path) -> None:
        """Replaces the checkpoint."""
        state = {
            "plan": asdict(self.plan),
            "shape": asdict(SHAPE),
            "data_sha256": self.data_sha256,
            "done": self.done,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        write_checkpoint(state, path)

    def load(self, path: Path) -> None:
        """Continues from a checkpoint of the same plan, network and data."""
        state = read_checkpoint(path, CHECKPOINT_ENTRIES, self.device)
        expected = {"shape": asdict(SHAPE), "data_sha256": self.data_sha256}
        for name, value in expected.items():
            if state[name] != value:
                raise TrainingError(f"{path}: its {name} is {state[name]}, expected {value}; start with another file")
        require_same_plan(path, self.plan, Plan(**state["plan"]), state["done"])
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.done = state["done"]


def report(trainer: Trainer, losses: list[float], began: float, steps_here: int) -> None:
    """One progress line on standard error."""
    elapsed = time.monotonic() - began
    left = (trainer.plan.steps - trainer.done) * elapsed / steps_here
    print(
        f"step {trainer.done}/{trainer.plan.steps}  loss {sum(losses) / len(losses):.4f}  "
        f"{steps_here * trainer.plan.batch / elapsed:.1f} images/s  {elapsed / 60:.1f} min, {left / 60:.0f} min to go",
        file=sys.stderr,
        flush=True,
    )


def train(trainer: Trainer, pictures: Pictures, checkpoint: Path, checkpoint_every: int) -> None:
    """Runs the steps that are left and keeps the checkpoint up to date."""
    pixels, labels = torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.labels)
    began, steps_here, losses = time.monotonic(), 0, []
    while trainer.done < trainer.plan.steps:
        losses.append(trainer.step(draw_batch(trainer.plan, trainer.done, pixels, labels)))
        steps_here += 1
        if trainer.done % checkpoint_every == 0 or trainer.done == trainer.plan.steps:
            trainer.save(checkpoint)
            report(trainer, losses, began, steps_here)
            losses.clear()


def metadata(trainer: Trainer) -> dict[str, str]:
    """What the ONNX file says about itself."""
    plan = trainer.plan
    return {
        "model": "noto-flow: a small class-conditional flow model of SiT architecture, trained by retally's zoo",
        "licence": "Apache-2.0, as the emoji (Noto Emoji, copyright Google)",
        "script": "zoo/train_noto_flow.py",
        "data_sha256": trainer.data_sha256,
        "preprocessing": PREPROCESSING,
        "classes": ", ".join(CATEGORIES),
        "null_class": str(SHAPE.classes),
        "prediction": "velocity = noise - x on the path x_t = (1 - t) x + t noise, t from 1 (noise) to 0 (picture)",
        "seed": str(plan.seed),
        "steps": f"{trainer.done} of {plan.steps}",
        "batch": str(plan.batch),
        "learning_rate": f"{plan.learning_rate:g}, warm-up {plan.warm_up}, falling from step {plan.decay_start}",
        "optimiser": "orthogonalised momentum (Muon) for the blocks' matrices, AdamW for the rest",
        "time_distribution": "logit-normal(0, 1)",
        "label_dropout": f"{LABEL_DROPOUT:g}",
        "ema_decay": f"min({EMA_DECAY:g}, (1 + step) / (10 + step))",
        "parameters": str(parameter_count(trainer.network)),
        "torch": torch.__version__,
        "pillow": PIL.__version__,
        "device": trainer.device,
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the starter's flow model on its emoji and write it to ONNX.")
    parser.add_argument("shard", type=Path, help="suites/starter/noto-emoji.tar")
    parser.add_argument("output", type=Path, help="the ONNX file to write")
    parser.add_argument("--checkpoint", type=Path, required=True, help="kept up to date; continued from if it exists")
    parser.add_argument("--checkpoint-every", type=positive, default=100, help="steps between checkpoints (100)")
    parser.add_argument("--export-only", action="store_true", help="write the checkpoint's average, train no further")
    parser.add_argument("--steps", type=positive, default=1900, help="steps in all (1900)")
    parser.add_argument("--batch", type=positive, default=32, help="pictures a step (32)")
    parser.add_argument("--seed", type=int, default=0, help="0 to 65535 (0)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="after the warm-up (0.002)")
    parser.add_argument("--warm-up", type=positive, default=100, help="steps of rising learning rate (100)")
    parser.add_argument("--decay-part", type=float, default=0.3, help="part of the steps with a falling rate (0.3)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads; another count, other last bits (1)")
    arguments = parser.parse_args()
    if not 0 <= arguments.seed < 1 << 16:
        parser.error(f"--seed is {arguments.seed}, expected 0 to 65535")
    if not 0 < arguments.learning_rate < 1:
        parser.error(f"--learning-rate is {arguments.learning_rate}, expected more than 0 and less than 1")
    if not 0 <= arguments.decay_part <= 1:
        parser.error(f"--decay-part is {arguments.decay_part}, expected 0 to 1")
    if arguments.device not in ("cpu", "cuda"):
        parser.error(f"--device is {arguments.device}, expected cpu or cuda")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device is cuda, but PyTorch finds no such device")
    return arguments


def run(arguments: argparse.Namespace) -> str:
    """Trains as far as asked and writes the ONNX file; returns its SHA-256."""
    torch.set_num_threads(arguments.threads)
    pictures = read_pictures(arguments.shard, SHAPE.size)
    fields = ("steps", "batch", "seed", "learning_rate", "warm_up", "decay_part")
    plan = Plan(**{name: getattr(arguments, name) for name in fields})
    trainer = Trainer(plan, pictures.sha256, arguments.device)
    if arguments.checkpoint.exists():
        trainer.load(arguments.checkpoint)
    elif arguments.export_only:
        raise TrainingError(f"{arguments.checkpoint}: no such checkpoint, so there is nothing to write")
    if not arguments.export_only:
        train(trainer, pictures, arguments.checkpoint, arguments.checkpoint_every)
    weights = {name: value.cpu().numpy() for name, value in trainer.average.state_dict().items()}
    return convert(weights, SHAPE, arguments.output, metadata(trainer))


def main() -> int:
    arguments = parse_arguments()
    try:
        written = run(arguments)
    except (ShardError, TrainingError, ConversionError, tarfile.TarError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{written}  {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
