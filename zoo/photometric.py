"""Photometric augmentations of a batch in PyTorch, each image with parameters of its own.

The same operations as torchvision's on a batch of tensors, without rounding to 8 bits between the steps (retally's own
in `harness/src/images/augment` round as Pillow does). IWM's defaults: colour jitter with probability 0.8 and strengths
0.4, 0.4, 0.2, 0.1 on source and target, drawn independently; on the source alone blur 0.2, grayscale 0.2, solarize 0.1.
IWM's kernel, standard deviation and threshold are not known to us: blur has a standard deviation of 0.1 to 2 pixels
(MoCo v2, Chen et al. 2020), solarize inverts from 128 on (BYOL, Grill et al. 2020), and the order is BYOL's too.

Imported by train_noto_world_models.py; needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from world_model_shape import STRENGTHS

JITTER_PROBABILITY = 0.8
BLUR_PROBABILITY, GRAYSCALE_PROBABILITY, SOLARIZE_PROBABILITY = 0.2, 0.2, 0.1
BLUR_SIGMA = (0.1, 2.0)
BLUR_RADIUS = 6
SOLARIZE_THRESHOLD = 128 / 255
LUMA = (0.299, 0.587, 0.114)
NEUTRAL = (1.0, 1.0, 1.0, 0.0)


@dataclass(frozen=True)
class Photometric:
    """Parameters of B images.

    `jitter` [B, 4]: factors of brightness, contrast and saturation (1 changes nothing), hue in turns (0 changes
    nothing); `order` [B, 4]: permutations of 0 to 3, which of them comes first; `sigma` [B]: of the blur, 0 for none;
    `grayscale` and `solarize` [B]: whether.
    """

    jitter: Tensor
    order: Tensor
    sigma: Tensor
    grayscale: Tensor
    solarize: Tensor

    def action_to(self, target: Photometric) -> Tensor:
        """What leads from these views to those of `target`, [B, 7]: see ACTION in world_model_shape.py."""
        flags = torch.stack([self.sigma > 0, self.grayscale, self.solarize], dim=1)
        return torch.cat([target.jitter - self.jitter, flags.to(self.jitter.dtype)], dim=1)

    def without(self, left_out: Tensor) -> Photometric:
        """Nothing at all is done where `left_out` [B] is true."""
        neutral = torch.tensor(NEUTRAL)
        return Photometric(
            torch.where(left_out[:, None], neutral, self.jitter),
            self.order,
            torch.where(left_out, 0.0, self.sigma),
            self.grayscale & ~left_out,
            self.solarize & ~left_out,
        )


def draw_jitter(count: int, generator: torch.Generator, probability: float = JITTER_PROBABILITY) -> Photometric:
    """Colour jitter alone."""
    middle, strengths = torch.tensor(NEUTRAL), torch.tensor(STRENGTHS)
    drawn = middle + strengths * (2 * torch.rand(count, 4, generator=generator) - 1)
    order = torch.rand(count, 4, generator=generator).argsort(dim=1)
    jittered = torch.rand(count, generator=generator) < probability
    no = torch.zeros(count, dtype=torch.bool)
    return Photometric(torch.where(jittered[:, None], drawn, middle), order, torch.zeros(count), no, no)


def draw_source(count: int, generator: torch.Generator) -> Photometric:
    """Colour jitter and the destructive operations."""
    jitter = draw_jitter(count, generator)
    chances = torch.rand(3, count, generator=generator)
    low, high = BLUR_SIGMA
    sigma = low + (high - low) * torch.rand(count, generator=generator)
    return Photometric(
        jitter.jitter,
        jitter.order,
        torch.where(chances[0] < BLUR_PROBABILITY, sigma, 0.0),
        chances[1] < GRAYSCALE_PROBABILITY,
        chances[2] < SOLARIZE_PROBABILITY,
    )


def grey(images: Tensor) -> Tensor:
    """[B, 3, H, W] -> [B, 1, H, W]."""
    red, green, blue = images.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue)[:, None]


def blend(images: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    """factor images + (1 - factor) other, clipped to [0, 1]; `factor` [B]."""
    factor = factor[:, None, None, None]
    return (factor * images + (1 - factor) * other).clamp(0, 1)


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    return blend(images, 0.0, factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    return blend(images, grey(images).mean(dim=(2, 3), keepdim=True), factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    return blend(images, grey(images), factor)


def hue(images: Tensor, turns: Tensor) -> Tensor:
    """Turns the hue of the hexagonal HSV model; value and saturation stay."""
    red, green, blue = images.unbind(1)
    value, chroma = images.amax(1), images.amax(1) - images.amin(1)
    divisor = torch.where(chroma == 0, 1.0, chroma)
    sixths = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    sixths = sixths + 6 * turns[:, None, None]
    places = (sixths[:, None] + torch.tensor([5.0, 3.0, 1.0])[:, None, None]).remainder(6)
    return value[:, None] - chroma[:, None] * torch.minimum(places, 4 - places).clamp(0, 1)


STEPS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (brightness, contrast, saturation, hue)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur with a standard deviation for each image [B], edges continued."""
    count, channels, height, width = images.shape
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = functional.pad(images, (BLUR_RADIUS,) * 4, mode="replicate").view(1, count * channels, height + 12, -1)
    flat = functional.conv2d(flat, kernel[:, None, :, None], groups=count * channels)
    return functional.conv2d(flat, kernel[:, None, None, :], groups=count * channels).view_as(images)


def apply(images: Tensor, parameters: Photometric) -> Tensor:
    """images [B, 3, H, W] in [0, 1]; jitter, grayscale, blur, solarize, in this order."""
    images = images.clone()
    neutral = torch.tensor(NEUTRAL)
    changed = (parameters.jitter != neutral).any(dim=1)
    for place in range(4):
        for number, step in enumerate(STEPS):
            chosen = (changed & (parameters.order[:, place] == number)).nonzero()[:, 0]
            if len(chosen) > 0:
                images[chosen] = step(images[chosen], parameters.jitter[chosen, number])
    chosen = parameters.grayscale.nonzero()[:, 0]
    images[chosen] = grey(images[chosen]).expand(-1, 3, -1, -1)
    chosen = (parameters.sigma > 0).nonzero()[:, 0]
    if len(chosen) > 0:
        images[chosen] = blur(images[chosen], parameters.sigma[chosen])
    chosen = parameters.solarize.nonzero()[:, 0]
    images[chosen] = torch.where(images[chosen] >= SOLARIZE_THRESHOLD, 1 - images[chosen], images[chosen])
    return images
