"""What the training programs share: the plan of a run, what a step draws, checkpoints.

Imported by train_noto_flow.py and train_noto_world_models.py; needs PyTorch.
"""

from __future__ import annotations

import argparse
import os
import pickle
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

CHECKPOINT_FORMAT = 1


class TrainingError(ValueError):
    """Training cannot start, go on or be written."""


@dataclass(frozen=True)
class Plan:
    """What a run is made of; a checkpoint continues only under a plan that began in the same way."""

    steps: int
    batch: int
    seed: int
    learning_rate: float
    warm_up: int
    decay_part: float

    @property
    def decay_start(self) -> int:
        """The first step with a falling learning rate."""
        return self.steps - round(self.steps * self.decay_part)

    def rate(self, step: int) -> float:
        """The learning rate of step 0, 1, ...: rises over the warm-up, is constant, falls to zero at the end."""
        rising = (step + 1) / self.warm_up if step < self.warm_up else 1.0
        falling = (self.steps - step) / (self.steps - self.decay_start) if step >= self.decay_start else 1.0
        return self.learning_rate * min(rising, falling)


def generator_of(seed: int, purpose: int, number: int) -> torch.Generator:
    """A generator for one purpose (0 initial weights, 1 order of an epoch, 2 draws of a step) and number."""
    generator = torch.Generator()
    generator.manual_seed((seed << 40) + (purpose << 36) + number)
    return generator


def batch_indices(plan: Plan, step: int, count: int) -> Tensor:
    """The pictures of a step, [batch]: epoch after epoch, each in a new order."""
    first = step * plan.batch
    places = range(first, first + plan.batch)
    orders = {
        epoch: torch.randperm(count, generator=generator_of(plan.seed, 1, epoch))
        for epoch in {place // count for place in places}
    }
    return torch.stack([orders[place // count][place % count] for place in places])


def read_checkpoint(path: Path, entries: set[str], device: str = "cpu") -> dict:
    """The entries of a checkpoint, which must be these; nothing in the file is executed."""
    refusal = f"{path}: not a checkpoint of this program, format {CHECKPOINT_FORMAT}"
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise TrainingError(f"{refusal}: {error}") from error
    if not isinstance(state, dict) or state.get("format") != CHECKPOINT_FORMAT or set(state) != entries:
        raise TrainingError(refusal)
    return state


def write_checkpoint(state: dict, path: Path) -> None:
    """Replaces the checkpoint in one move: a kill leaves the old or the new one."""
    beside = path.with_name(path.name + ".part")
    torch.save(state | {"format": CHECKPOINT_FORMAT}, beside)
    os.replace(beside, path)


def require_same_plan(path: Path, mine: Plan, saved: Plan, done: int) -> None:
    """Refuses to go on under another plan; `steps` and `decay_part` may change until the decay begins."""
    here, there = asdict(mine), asdict(saved)
    differing = [name for name in here if here[name] != there[name]]
    if set(differing) <= {"steps", "decay_part"} and done <= min(saved.decay_start, mine.decay_start):
        return
    for name in differing:
        raise TrainingError(
            f"{path}: it was trained with {name} {there[name]}, this run has {name} {here[name]}; "
            "give the same, or start with another file"
        )


def positive(text: str) -> int:
    """An argument that counts something."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value
