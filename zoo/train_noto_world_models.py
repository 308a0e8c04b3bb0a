#!/usr/bin/env python3
"""Train a small image world model on the starter's emoji and write it to ONNX.

    python3 train_noto_world_models.py ../suites/starter/noto-emoji.tar FOLDER --conditioning feature --checkpoint a.pt
    python3 train_noto_world_models.py ../suites/starter/noto-emoji.tar FOLDER --conditioning none --checkpoint b.pt

FOLDER gets encoder.onnx (the student), teacher.onnx (its moving average) and predictor.onnx. The networks are those of
world_model.py, and world_model_batches.py says what a step sees. The loss is the squared L2 distance between the
prediction and the teacher's tokens of the target, normalised over their features, averaged over features and predicted
positions. Only the training set of the data set `noto-emoji` is seen.

What a step draws depends on the seed and its number alone. The checkpoint is replaced as training goes on; the same
command continues from it, and gives the same bits as an uninterrupted run on the same machine. --export-only writes the
checkpoint as it is.

Needs torch, numpy, onnx and Pillow; the versions of a run are in the files' metadata.
"""

from __future__ import annotations

import argparse
import copy
import sys
import tarfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import PIL
import torch
from noto_pictures import Canvases, ShardError, read_canvases
from onnx_builder import ConversionError
from orthogonal_momentum import OrthogonalMomentum
from torch import Tensor
from training import (
    Plan,
    TrainingError,
    generator_of,
    positive,
    read_checkpoint,
    require_same_plan,
    write_checkpoint,
)

import photometric
import world_model_batches
from world_model import Encoder, Predictor, gather, hidden_matrices, initialise, normalised, parameter_count
from world_model_batches import Batch, Images, draw_batch
from world_model_onnx import convert_encoder, convert_predictor
from world_model_shape import ACTION, WorldModelShape

SHAPE = WorldModelShape(size=64, patch=8, width=64, heads=4, encoder_depth=3, predictor_depth=4, conditioned=True)
CONDITIONINGS = ("feature", "none")
# of the teacher, from the first to the last step
EMA_DECAY = (0.99, 0.997)
LONGEST_GRADIENT = 1.0
ADAM_BETAS = (0.9, 0.95)
CHECKPOINT_ENTRIES = {"format", "plan", "shape", "data_sha256", "done", "encoder", "teacher", "predictor", "optimisers"}
PREPROCESSING = (
    "on white with a margin of 8, resized from 80x80 to 64x64 with Pillow's bicubic filter, RGB, NCHW, x / 127.5 - 1"
)


class Trainer:
    """Student, teacher, predictor, the optimisers and how many steps are done."""

    def __init__(self, plan: Plan, shape: WorldModelShape, data_sha256: str):
        self.plan, self.shape, self.data_sha256 = plan, shape, data_sha256
        self.encoder, self.predictor = Encoder(shape), Predictor(shape)
        initialise(self.encoder, generator_of(plan.seed, 0, 0))
        initialise(self.predictor, generator_of(plan.seed, 0, 1))
        self.teacher = copy.deepcopy(self.encoder).requires_grad_(False)
        self.trained = [*self.encoder.parameters(), *self.predictor.parameters()]
        hidden = [*hidden_matrices(self.encoder), *hidden_matrices(self.predictor)]
        known = {id(weight) for weight in hidden}
        others = [weight for weight in self.trained if id(weight) not in known]
        self.optimisers = [
            OrthogonalMomentum(hidden, lr=plan.learning_rate),
            torch.optim.AdamW(others, lr=plan.learning_rate, betas=ADAM_BETAS, weight_decay=0.0),
        ]
        self.done = 0

    def loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss, and the targets [B, M, width] that it was taken from."""
        with torch.no_grad():
            targets = gather(normalised(self.teacher(batch.target)), batch.predicted)
        tokens = self.encoder(batch.source, batch.kept)
        predictions = self.predictor(tokens, batch.action, batch.predicted, batch.kept)
        return (predictions - targets).square().mean(), targets

    def step(self, batch: Batch) -> tuple[float, float]:
        """One step; returns its loss and the variance of its targets among images."""
        loss, targets = self.loss(batch)
        for weight in self.trained:
            weight.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, LONGEST_GRADIENT, error_if_nonfinite=True)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.plan.rate(self.done)
            optimiser.step()
        self.done += 1
        self._update_teacher()
        return loss.item(), targets.mean(dim=1).var(dim=0).mean().item()

    @torch.no_grad()
    def _update_teacher(self) -> None:
        first, last = EMA_DECAY
        decay = first + (last - first) * min(self.done / self.plan.steps, 1.0)
        for mean, weight in zip(self.teacher.parameters(), self.encoder.parameters(), strict=True):
            mean.lerp_(weight, 1 - decay)

    def save(self, path: Path) -> None:
        """Replaces the checkpoint."""
        state = {
            "plan": asdict(self.plan),
            "shape": asdict(self.shape),
            "data_sha256": self.data_sha256,
            "done": self.done,
            "encoder": self.encoder.state_dict(),
            "teacher": self.teacher.state_dict(),
            "predictor": self.predictor.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }
        write_checkpoint(state, path)

    def load(self, path: Path) -> None:
        """Continues from a checkpoint of the same plan, networks and data."""
        state = read_checkpoint(path, CHECKPOINT_ENTRIES)
        expected = {"shape": asdict(self.shape), "data_sha256": self.data_sha256}
        for name, value in expected.items():
            if state[name] != value:
                raise TrainingError(f"{path}: its {name} is {state[name]}, expected {value}; start with another file")
        require_same_plan(path, self.plan, Plan(**state["plan"]), state["done"])
        for name in ("encoder", "teacher", "predictor"):
            getattr(self, name).load_state_dict(state[name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.done = state["done"]


def report(trainer: Trainer, losses: dict[bool, list[float]], variance: float, began: float, steps_here: int) -> None:
    """One progress line on standard error."""
    elapsed = time.monotonic() - began
    left = (trainer.plan.steps - trainer.done) * elapsed / steps_here
    masked, full = (f"{np.mean(losses[kind]):.4f}" if losses[kind] else "-" for kind in (False, True))
    print(
        f"step {trainer.done}/{trainer.plan.steps}  loss masked {masked}, full {full}  target variance {variance:.3f}  "
        f"{elapsed / steps_here * 1000:.0f} ms a step  {elapsed / 60:.1f} min, {left / 60:.0f} min to go",
        file=sys.stderr,
        flush=True,
    )


def train(trainer: Trainer, images: Images, checkpoint: Path, checkpoint_every: int) -> None:
    """Runs the steps that are left and keeps the checkpoint up to date."""
    began, steps_here = time.monotonic(), 0
    losses: dict[bool, list[float]] = {False: [], True: []}
    while trainer.done < trainer.plan.steps:
        step = trainer.done
        loss, variance = trainer.step(draw_batch(trainer.plan, step, images, trainer.shape))
        losses[world_model_batches.is_full(step)].append(loss)
        steps_here += 1
        if trainer.done % checkpoint_every == 0 or trainer.done == trainer.plan.steps:
            trainer.save(checkpoint)
            report(trainer, losses, variance, began, steps_here)
            losses = {False: [], True: []}


def metadata(trainer: Trainer, role: str) -> dict[str, str]:
    """What an ONNX file says about itself."""
    plan, shape = trainer.plan, trainer.shape
    conditioning = "feature (3-layer MLP on mask tokens)" if shape.conditioned else "none (`action` has no effect)"
    decay = f"{EMA_DECAY[0]:g} to {EMA_DECAY[1]:g}, linear"
    strengths = ", ".join(f"{strength:g}" for strength in photometric.STRENGTHS)
    return {
        "model": f"Noto world model, {'conditioned' if shape.conditioned else 'not conditioned'}: {role}",
        "licence": "Apache-2.0, as the emoji (Noto Emoji, copyright Google)",
        "script": "zoo/train_noto_world_models.py",
        "data_sha256": trainer.data_sha256,
        "data": "training set of the data set noto-emoji (hashed-per-class, seed 0, 70 %)",
        "preprocessing": PREPROCESSING,
        "conditioning": conditioning,
        "action": ", ".join(ACTION) + ": target minus source for the first four, then flags of the source",
        "target": "tokens of the teacher (EMA of the student), layer-normalised over their features without weights",
        "loss": "squared L2, mean over features and predicted positions; masked and full steps in turn",
        "jitter": f"p {photometric.JITTER_PROBABILITY:g}, strengths {strengths}",
        "seed": str(plan.seed),
        "steps": f"{trainer.done} of {plan.steps}",
        "batch": str(plan.batch),
        "learning_rate": f"{plan.learning_rate:g}, warm-up {plan.warm_up}, falling from step {plan.decay_start}",
        "optimiser": "orthogonalised momentum (Muon) for the blocks' matrices, AdamW for the rest",
        "ema_decay": decay,
        "parameters": f"encoder {parameter_count(trainer.encoder)}, predictor {parameter_count(trainer.predictor)}",
        "torch": torch.__version__,
        "pillow": PIL.__version__,
    }


def write_onnx(trainer: Trainer, folder: Path) -> dict[str, str]:
    """Writes the three files and gives their SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)

    def weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in network.state_dict().items()}

    written = {}
    for role, network in (("encoder", trainer.encoder), ("teacher", trainer.teacher)):
        path = folder / f"{role}.onnx"
        written[path.name] = convert_encoder(weights(network), trainer.shape, path, metadata(trainer, role))
    path = folder / "predictor.onnx"
    written[path.name] = convert_predictor(
        weights(trainer.predictor), trainer.shape, path, metadata(trainer, "predictor")
    )
    return written


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small world model on the starter's emoji; write it to ONNX.")
    parser.add_argument("shard", type=Path, help="suites/starter/noto-emoji.tar")
    parser.add_argument("output", type=Path, help="the folder for encoder.onnx, teacher.onnx, predictor.onnx")
    parser.add_argument(
        "--conditioning", choices=CONDITIONINGS, required=True, help="how the predictor is told the action, if at all"
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="kept up to date; continued from if it exists")
    parser.add_argument("--checkpoint-every", type=positive, default=100, help="steps between checkpoints (100)")
    parser.add_argument("--export-only", action="store_true", help="write the checkpoint as it is, train no further")
    parser.add_argument("--steps", type=positive, default=2500, help="steps in all (2500)")
    parser.add_argument("--batch", type=positive, default=64, help="images a step (64)")
    parser.add_argument("--seed", type=int, default=0, help="0 to 65535 (0)")
    parser.add_argument("--learning-rate", type=float, default=2e-3, help="after the warm-up (0.002)")
    parser.add_argument("--warm-up", type=positive, default=100, help="steps of rising learning rate (100)")
    parser.add_argument("--decay-part", type=float, default=0.4, help="part of the steps with a falling rate (0.4)")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads; another count, other last bits (1)")
    arguments = parser.parse_args()
    if not 0 <= arguments.seed < 1 << 16:
        parser.error(f"--seed is {arguments.seed}, expected 0 to 65535")
    if not 0 < arguments.learning_rate < 1:
        parser.error(f"--learning-rate is {arguments.learning_rate}, expected more than 0 and less than 1")
    if not 0 <= arguments.decay_part <= 1:
        parser.error(f"--decay-part is {arguments.decay_part}, expected 0 to 1")
    return arguments


def training_places(canvases: Canvases) -> np.ndarray:
    """The images that are not in the test set."""
    return np.setdiff1d(np.arange(len(canvases.images)), canvases.test)


def run(arguments: argparse.Namespace) -> dict[str, str]:
    """Trains as far as asked and writes the ONNX files; gives their SHA-256."""
    torch.set_num_threads(arguments.threads)
    canvases = read_canvases(arguments.shard)
    fields = ("steps", "batch", "seed", "learning_rate", "warm_up", "decay_part")
    plan = Plan(**{name: getattr(arguments, name) for name in fields})
    shape = replace(SHAPE, conditioned=arguments.conditioning == "feature")
    trainer = Trainer(plan, shape, canvases.sha256)
    if arguments.checkpoint.exists():
        trainer.load(arguments.checkpoint)
    elif arguments.export_only:
        raise TrainingError(f"{arguments.checkpoint}: no such checkpoint, so there is nothing to write")
    if not arguments.export_only:
        images = Images(canvases, training_places(canvases), shape.size)
        train(trainer, images, arguments.checkpoint, arguments.checkpoint_every)
    return write_onnx(trainer, arguments.output)


def main() -> int:
    arguments = parse_arguments()
    try:
        written = run(arguments)
    except (ShardError, TrainingError, ConversionError, tarfile.TarError, OSError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for name, digest in written.items():
        print(f"{digest}  {arguments.output / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
