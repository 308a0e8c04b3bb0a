"""What a training step of the emoji world models sees: shared crops, two photometric views, masks.

    target  I' with colour jitter                                            all tokens, through the teacher
    source  I' with an independent colour jitter and destructive operations  through the student

I' is a random crop, perhaps mirrored, or the whole image. There are two kinds of steps, in turn:

    masked  the union of four rectangles, each 15 to 20 % of the image, is taken out of the source and predicted, as in
            IWM; the counts of a batch are cut to its smallest, as in I-JEPA's code
    full    nothing is taken out, and all positions are predicted; half of the sources are not changed at all. As far
            as is known IWM has no such steps, but asks for just this when it measures how well a predictor applies an
            action (MRR)

Imported by train_noto_world_models.py; needs PyTorch and Pillow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from noto_pictures import Canvases
from PIL import Image
from torch import Tensor
from torch.nn import functional
from training import Plan, batch_indices, generator_of

import photometric
from world_model_shape import WorldModelShape

CROP_SCALE = (0.3, 1.0)
CROP_RATIO = (3 / 4, 4 / 3)
WHOLE_PROBABILITY = 0.3
FLIP_PROBABILITY = 0.5
MASK_RECTANGLES = 4
MASK_SCALE = (0.15, 0.2)
MASK_ASPECT = (0.75, 1.5)
SMALLEST_CONTEXT = 10
UNCHANGED_PROBABILITY = 0.5


@dataclass(frozen=True)
class Batch:
    """`source` and `target` [B, 3, S, S] in [-1, 1]; `action` [B, 7]; `kept` [B, K] (None for all) and `predicted`
    [B, M] are positions."""

    source: Tensor
    target: Tensor
    action: Tensor
    kept: Tensor | None
    predicted: Tensor


class Images:
    """The training images: canvases [N, 3, C, C] to crop from, and whole images [N, 3, S, S]; both in [0, 1]."""

    def __init__(self, canvases: Canvases, places: np.ndarray, size: int):
        chosen = [canvases.images[place] for place in places]
        self.canvases = as_tensor(chosen)
        self.whole = as_tensor([image.resize((size, size), Image.Resampling.BICUBIC) for image in chosen])
        self.size = size

    def __len__(self) -> int:
        return len(self.whole)


def as_tensor(images: list[Image.Image]) -> Tensor:
    """RGB images of one size -> [N, 3, H, W] in [0, 1]."""
    return torch.from_numpy(np.stack([np.asarray(image) for image in images])).permute(0, 3, 1, 2).contiguous() / 255


def scaled(images: Tensor) -> Tensor:
    """[0, 1] -> [-1, 1], what the encoders take."""
    return 2 * images - 1


def crop(images: Images, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """I' of each chosen image, [B, 3, S, S]: an area and an aspect ratio as RandomResizedCrop draws them (sides cut to
    the image's), bilinear; or the whole image; mirrored or not."""
    count = len(chosen)
    area, ratio, left, top, whole, flip = torch.rand(6, count, generator=generator)
    area = CROP_SCALE[0] + (CROP_SCALE[1] - CROP_SCALE[0]) * area
    low, high = map(math.log, CROP_RATIO)
    ratio = torch.exp(low + (high - low) * ratio)
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    centre_x, centre_y = (2 * left - 1) * (1 - width), (2 * top - 1) * (1 - height)
    zero = torch.zeros(count)
    rows = [torch.stack([width, zero, centre_x], 1), torch.stack([zero, height, centre_y], 1)]
    grid = functional.affine_grid(torch.stack(rows, 1), [count, 3, images.size, images.size], align_corners=False)
    cut = functional.grid_sample(images.canvases[chosen], grid, padding_mode="border", align_corners=False)
    view = torch.where((whole < WHOLE_PROBABILITY)[:, None, None, None], images.whole[chosen], cut)
    return torch.where((flip < FLIP_PROBABILITY)[:, None, None, None], view.flip(3), view)


def rectangle(grid: int, generator: torch.Generator) -> tuple[int, int]:
    """Rows and columns of the rectangles of a step."""
    area, aspect = torch.rand(2, generator=generator).tolist()
    area = (MASK_SCALE[0] + (MASK_SCALE[1] - MASK_SCALE[0]) * area) * grid**2
    aspect = MASK_ASPECT[0] + (MASK_ASPECT[1] - MASK_ASPECT[0]) * aspect
    return min(round(math.sqrt(area * aspect)), grid), min(round(math.sqrt(area / aspect)), grid)


def masks(count: int, grid: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Kept positions [B, K] and predicted positions [B, M] of a masked step."""
    rows, columns = rectangle(grid, generator)
    corners = torch.rand(2, count, MASK_RECTANGLES, 1, generator=generator)
    limits = torch.tensor([grid - rows + 1, grid - columns + 1]).view(2, 1, 1, 1)
    first = (corners * limits).long()
    line = torch.arange(grid)
    in_rows = (line >= first[0]) & (line < first[0] + rows)
    in_columns = (line >= first[1]) & (line < first[1] + columns)
    taken = (in_rows[..., :, None] & in_columns[..., None, :]).any(dim=1).flatten(1)
    # random order within the kept and within the taken, so that cutting to the smallest count favours no position
    order = torch.rand(count, grid**2, generator=generator)
    kept_count = max(int((~taken).sum(1).min()), SMALLEST_CONTEXT)
    predicted_count = int(taken.sum(1).min())
    kept = (order + taken).argsort(dim=1)[:, :kept_count]
    predicted = (order + ~taken).argsort(dim=1)[:, :predicted_count]
    return kept, predicted


def is_full(step: int) -> bool:
    """Whether a step is a full one: every other is."""
    return step % 2 == 1


def draw_batch(plan: Plan, step: int, images: Images, shape: WorldModelShape) -> Batch:
    """What a step sees depends on the seed and its number alone."""
    chosen = batch_indices(plan, step, len(images))
    generator = generator_of(plan.seed, 2, step)
    view = crop(images, chosen, generator)
    target = photometric.draw_jitter(plan.batch, generator)
    source = photometric.draw_source(plan.batch, generator)
    if is_full(step):
        source = source.without(torch.rand(plan.batch, generator=generator) < UNCHANGED_PROBABILITY)
        kept, predicted = None, torch.arange(shape.tokens).expand(plan.batch, -1)
    else:
        kept, predicted = masks(plan.batch, shape.grid, generator)
    return Batch(
        scaled(photometric.apply(view, source)),
        scaled(photometric.apply(view, target)),
        source.action_to(target),
        kept,
        predicted,
    )
