"""The decoder of Stable Diffusion's autoencoder (SD-VAE) as a PyTorch network: latents to images of 8 times the side.

Written from the papers (latent diffusion, arXiv:2112.10752, whose autoencoder is that of arXiv:2012.09841 without its
codebook) and from the names and shapes of the checkpoints, which therefore load with strict checking. Names are those
of diffusers' `AutoencoderKL`; `diffusers_names` translates those of the original repository and of older diffusers.

    latent [N,4,h,w] float32 -> image [N,3,8h,8w] float32, RGB, about [-1, 1], not clamped

A latent diffusion model works on latents times 0.18215: divide by it first, here by `scale` or before.

Weights by name; level 0 is the deepest, and all but the last double the side:

    post_quant_conv                       [4,4,1,1]
    decoder.conv_in                       [C0,4,3,3]
    decoder.mid_block.resnets.0, .1       C0 to C0
    decoder.mid_block.attentions.0        group_norm, to_q, to_k, to_v, to_out.0  [C0,C0], one head
    decoder.up_blocks.L.resnets.0 to .2   norm1, conv1, norm2, conv2, conv_shortcut where channels change
    decoder.up_blocks.L.upsamplers.0.conv [CL,CL,3,3]
    decoder.conv_norm_out, decoder.conv_out
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

GROUPS, NORM_EPSILON = 32, 1e-6
SCALE = 0.18215


@dataclass(frozen=True)
class DecoderShape:
    """Everything that decides the shapes of a decoder."""

    latent_channels: int
    image_channels: int
    # channels of each level, the deepest first
    channels: tuple[int, ...]
    # residual blocks of each level
    repeats: int

    def __post_init__(self) -> None:
        if not self.channels or min(*self.channels, self.latent_channels, self.image_channels, self.repeats) < 1:
            raise ValueError(f"every number of a network must be at least 1: {self}")
        if any(channels % GROUPS for channels in self.channels):
            raise ValueError(f"channels {self.channels} are no multiples of the norms' {GROUPS} groups")

    @property
    def enlargement(self) -> int:
        """Pixels on the side of a latent's position."""
        return 2 ** (len(self.channels) - 1)


# sd-vae-ft-mse, sd-vae-ft-ema and the autoencoder of Stable Diffusion 1 and 2
STABLE_DIFFUSION = DecoderShape(latent_channels=4, image_channels=3, channels=(512, 512, 256, 128), repeats=3)


def group_norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, channels, eps=NORM_EPSILON)


def convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    """3x3, the size stays."""
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class Residual(nn.Module):
    """Two rounds of norm, SiLU and convolution, beside a shortcut."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.norm1, self.conv1 = group_norm(channels_in), convolution(channels_in, channels_out)
        self.norm2, self.conv2 = group_norm(channels_out), convolution(channels_out, channels_out)
        changes = channels_in != channels_out
        self.conv_shortcut = nn.Conv2d(channels_in, channels_out, 1) if changes else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(functional.silu(self.norm1(x)))
        return self.conv_shortcut(x) + self.conv2(functional.silu(self.norm2(y)))


class PixelAttention(nn.Module):
    """Every position looks at every other, with one head; the result is added to the input."""

    def __init__(self, channels: int):
        super().__init__()
        self.group_norm = group_norm(channels)
        self.to_q, self.to_k, self.to_v = (nn.Linear(channels, channels) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.group_norm(x).flatten(2).transpose(1, 2)[:, None]
        mixed = functional.scaled_dot_product_attention(self.to_q(tokens), self.to_k(tokens), self.to_v(tokens))
        return x + self.to_out[0](mixed[:, 0]).transpose(1, 2).unflatten(2, x.shape[2:])


class Upsampling(nn.Module):
    """Each pixel becomes four, then a convolution."""

    def __init__(self, channels: int):
        super().__init__()
        self.conv = convolution(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))


class Level(nn.Module):
    """Residual blocks of one size of map, and the step to the next."""

    def __init__(self, channels_in: int, channels_out: int, repeats: int, last: bool):
        super().__init__()
        inputs = [channels_in] + [channels_out] * (repeats - 1)
        self.resnets = nn.ModuleList(Residual(channels, channels_out) for channels in inputs)
        self.upsamplers = nn.ModuleList([] if last else [Upsampling(channels_out)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (*self.resnets, *self.upsamplers):
            x = layer(x)
        return x


class Middle(nn.Module):
    """A residual block, attention, and a residual block."""

    def __init__(self, channels: int):
        super().__init__()
        self.resnets = nn.ModuleList(Residual(channels, channels) for _ in range(2))
        self.attentions = nn.ModuleList([PixelAttention(channels)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Decoder(nn.Module):
    """From a convolved latent to the image."""

    def __init__(self, shape: DecoderShape):
        super().__init__()
        first, last = shape.channels[0], shape.channels[-1]
        self.conv_in = convolution(shape.latent_channels, first)
        self.mid_block = Middle(first)
        steps = zip((first, *shape.channels), shape.channels)
        self.up_blocks = nn.ModuleList(
            Level(*channels, shape.repeats, last=level == len(shape.channels) - 1)
            for level, channels in enumerate(steps)
        )
        self.conv_norm_out = group_norm(last)
        self.conv_out = convolution(last, shape.image_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.mid_block(self.conv_in(x))
        for level in self.up_blocks:
            x = level(x)
        return self.conv_out(functional.silu(self.conv_norm_out(x)))


class LatentDecoder(nn.Module):
    """The whole network. `scale`: what latents were multiplied by and are divided by here; 1 changes nothing."""

    def __init__(self, shape: DecoderShape, scale: float = 1.0):
        super().__init__()
        self.scale = scale
        self.post_quant_conv = nn.Conv2d(shape.latent_channels, shape.latent_channels, 1)
        self.decoder = Decoder(shape)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        unscaled = latent if self.scale == 1.0 else latent / self.scale
        return self.decoder(self.post_quant_conv(unscaled))


# a part of a name in the original repository -> in diffusers; its levels count from the shallowest
ORIGINAL_NAMES = [
    (r"^decoder\.mid\.block_([12])\.", lambda found: f"decoder.mid_block.resnets.{int(found[1]) - 1}."),
    (r"^decoder\.mid\.attn_1\.", "decoder.mid_block.attentions.0."),
    (r"^decoder\.norm_out\.", "decoder.conv_norm_out."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
]
# the layers of attention: in the original repository and in older diffusers -> in diffusers today
ATTENTION_NAMES = {
    "norm": "group_norm",
    "q": "to_q",
    "k": "to_k",
    "v": "to_v",
    "query": "to_q",
    "key": "to_k",
    "value": "to_v",
    "proj_out": "to_out.0",
    "proj_attn": "to_out.0",
}


def diffusers_name(name: str, levels: int) -> str:
    """The name of a decoder's weight in today's diffusers; a name that is neither old nor original stays."""
    for pattern, replacement in ORIGINAL_NAMES:
        name = re.sub(pattern, replacement, name)
    if level := re.match(r"^decoder\.up\.(\d+)\.(block|upsample)\.", name):
        part = {"block": "resnets.", "upsample": "upsamplers.0."}[level[2]]
        name = f"decoder.up_blocks.{levels - 1 - int(level[1])}.{part}{name[level.end() :]}"
    if layer := re.match(r"^(decoder\.mid_block\.attentions\.0\.)(\w+)(\.(?:weight|bias))$", name):
        name = layer[1] + ATTENTION_NAMES.get(layer[2], layer[2]) + layer[3]
    return name


def diffusers_names(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The decoder's weights under the names that `LatentDecoder` uses; the encoder's are dropped."""
    kept = {name: array for name, array in weights.items() if not name.startswith(("encoder.", "quant_conv."))}
    levels = 1 + max((int(found[1]) for name in kept if (found := re.match(r"^decoder\.up\.(\d+)\.", name))), default=0)
    named = {}
    for name, array in kept.items():
        translated = diffusers_name(name, levels)
        # the original repository's attention has 1x1 convolutions where diffusers has linear layers
        linear = ".attentions." in translated and array.ndim == 4 and array.shape[2:] == (1, 1)
        named[translated] = array[:, :, 0, 0] if linear else array
    return named
