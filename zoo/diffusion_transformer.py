"""DiT and SiT as a PyTorch network: a transformer on patches of a latent, told the time and the class by adaLN-zero.

Written from the papers, DiT (arXiv:2212.09748) and SiT (arXiv:2401.08740), and from the names and shapes of the
official checkpoints, which therefore load with strict checking:

| checkpoints         | output channels | what the network gives                                 |
|---------------------|-----------------|--------------------------------------------------------|
| DiT                 | 2C              | noise, and v, which sets the variance between two ends |
| SiT                 | 2C              | velocity; the second half was never trained            |
| REPA, iREPA (a SiT) | C               | velocity                                               |

    x [N,C,H,W] float32, t [N] float32, y [N] int64 -> [N,C or 2C,H,W] float32

t is used as it is: 0 to 999 in DiT, 0 to 1 in SiT. y of the number of classes stands for no class (guidance).
Time runs in opposite ways: t = 1 is data in SiT (x = t data + (1 - t) noise, velocity = data - noise) and noise in REPA
(x = (1 - t) data + t noise, velocity = noise - data).

Weights by name, D = width, p = side of a patch, T = (H / p)(W / p) tokens:

    x_embedder.proj               [D,C,p,p]    patches to tokens
    pos_embed                     [1,T,D]      fixed sines and cosines
    t_embedder.mlp.0, .2          [D,256], [D,D]
    y_embedder.embedding_table    [classes + 1,D]
    blocks.N.attn.qkv, .proj      [3D,D], [D,D]
    blocks.N.attn.q_norm, .k_norm [D / heads]  only with normalised queries and keys, an option of REPA
    blocks.N.mlp.fc1, .fc2        [4D,D], [D,4D]
    blocks.N.adaLN_modulation.1   [6D,D]       shift, scale and gate of attention, then of the MLP
    final_layer.adaLN_modulation.1 [2D,D]      shift and scale
    final_layer.linear            [p p O,D]    a patch of O channels, channel fastest
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FREQUENCIES, LONGEST_PERIOD = 128, 10_000
NORM_EPSILON = 1e-6


@dataclass(frozen=True)
class Size:
    """What a letter stands for in a model's name."""

    width: int
    depth: int
    heads: int


# DiT's paper, table 1; SiT and REPA use the same
SIZES = {"S": Size(384, 12, 6), "B": Size(768, 12, 12), "L": Size(1024, 24, 16), "XL": Size(1152, 28, 16)}


@dataclass(frozen=True)
class TransformerShape:
    """Everything that decides the shapes of a DiT or SiT, and the number of heads, which no shape shows."""

    width: int
    depth: int
    heads: int
    # side of a patch, and of x
    patch: int
    side: int
    # channels of x and of the network's output
    channels: int
    outputs: int
    # classes, without the one that stands for none
    classes: int
    normalised_queries: bool = False

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads, self.patch, self.side, self.channels, self.classes) < 1:
            raise ValueError(f"every number of a network must be at least 1: {self}")
        if self.width % self.heads or self.width % 4:
            raise ValueError(f"a width of {self.width} must be a multiple of 4 and of its {self.heads} heads")
        if self.side % self.patch:
            raise ValueError(f"a side of {self.side} is no multiple of its patches' side of {self.patch}")
        if self.outputs not in (self.channels, 2 * self.channels):
            raise ValueError(f"{self.outputs} output channels are neither {self.channels} nor twice as many")

    @property
    def grid(self) -> int:
        """Tokens in a row."""
        return self.side // self.patch


def sine_cosine_positions(width: int, grid: int) -> np.ndarray:
    """float32 [1,grid * grid,width]: the fixed position embedding, tokens row by row.

    A quarter of the channels each: sine and cosine of the column, sine and cosine of the row, at width / 4 frequencies
    from 1 down to nearly 1 / 10,000.
    """
    quarter = width // 4
    frequencies = 10_000.0 ** (-np.arange(quarter) / quarter)
    angles = np.arange(grid)[:, None] * frequencies
    wave = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    columns, rows = np.tile(wave, (grid, 1)), np.repeat(wave, grid, axis=0)
    return np.concatenate([columns, rows], axis=1).astype(np.float32)[None]


def modulated(x: torch.Tensor, shift: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Tokens [N,T,D] scaled and shifted by vectors [N,D]."""
    return torch.addcmul(shift[:, None], x, 1 + scale[:, None])


def image_of(patches: torch.Tensor, grid: int, patch: int) -> torch.Tensor:
    """[N,grid * grid,patch * patch * C], rows first and channel fastest, to [N,C,grid * patch,grid * patch]."""
    channels = patches.shape[-1] // patch**2
    tiles = patches.reshape(-1, grid, grid, patch, patch, channels)
    return tiles.permute(0, 5, 1, 3, 2, 4).reshape(-1, channels, grid * patch, grid * patch)


def modulation(width: int, vectors: int) -> nn.Sequential:
    """The layer `adaLN_modulation`: a condition [N,D] to so many vectors of D."""
    return nn.Sequential(nn.SiLU(), nn.Linear(width, vectors * width))


class PatchEmbedding(nn.Module):
    """[N,C,H,W] to tokens [N,T,D]."""

    def __init__(self, channels: int, width: int, patch: int):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj(x).flatten(2).transpose(1, 2)


class TimeEmbedding(nn.Module):
    """t [N] to [N,D]: cosines and sines at 128 frequencies, then an MLP."""

    def __init__(self, width: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2 * FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        # float32 on purpose: a DiT's angles reach 999, so that other roundings of a frequency show in the output
        exponents = torch.arange(FREQUENCIES, dtype=torch.float32, device="cpu") / FREQUENCIES
        self.register_buffer("frequencies", torch.exp(-math.log(LONGEST_PERIOD) * exponents), persistent=False)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        angles = t[:, None] * self.frequencies
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1))


class ClassEmbedding(nn.Module):
    """y [N] to [N,D]; the last row stands for no class."""

    def __init__(self, classes: int, width: int):
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        return self.embedding_table(y)


def heads_of(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[N,T,D] to [N,heads,T,D / heads]."""
    return x.unflatten(2, (heads, -1)).transpose(1, 2)


class Attention(nn.Module):
    """Self-attention on [N,T,D]."""

    def __init__(self, width: int, heads: int, normalised_queries: bool):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        # timm's default: layer norm with weights and PyTorch's epsilon
        self.q_norm = nn.LayerNorm(width // heads) if normalised_queries else nn.Identity()
        self.k_norm = nn.LayerNorm(width // heads) if normalised_queries else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (heads_of(part, self.heads) for part in self.qkv(x).chunk(3, dim=2))
        mixed = functional.scaled_dot_product_attention(self.q_norm(query), self.k_norm(key), value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two layers around a GELU in its tanh form."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(functional.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    """Attention and MLP, each between a modulated norm and a gate."""

    def __init__(self, shape: TransformerShape):
        super().__init__()
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPSILON, elementwise_affine=False)
        self.attn = Attention(shape.width, shape.heads, shape.normalised_queries)
        self.mlp = FeedForward(shape.width)
        self.adaLN_modulation = modulation(shape.width, 6)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        vectors = self.adaLN_modulation(condition).chunk(6, dim=1)
        for layer, (shift, scale, gate) in ((self.attn, vectors[:3]), (self.mlp, vectors[3:])):
            x = torch.addcmul(x, gate[:, None], layer(modulated(self.norm(x), shift, scale)))
        return x


class FinalLayer(nn.Module):
    """Tokens to the values of their patches."""

    def __init__(self, shape: TransformerShape):
        super().__init__()
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPSILON, elementwise_affine=False)
        self.linear = nn.Linear(shape.width, shape.patch**2 * shape.outputs)
        self.adaLN_modulation = modulation(shape.width, 2)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=1)
        return self.linear(modulated(self.norm(x), shift, scale))


class DiffusionTransformer(nn.Module):
    """The whole network; only the first `kept` channels of what it computes are returned."""

    def __init__(self, shape: TransformerShape, kept: int):
        super().__init__()
        self.shape, self.kept = shape, kept
        self.x_embedder = PatchEmbedding(shape.channels, shape.width, shape.patch)
        self.t_embedder = TimeEmbedding(shape.width)
        self.y_embedder = ClassEmbedding(shape.classes, shape.width)
        positions = torch.from_numpy(sine_cosine_positions(shape.width, shape.grid))
        self.pos_embed = nn.Parameter(positions, requires_grad=False)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.final_layer = FinalLayer(shape)

    def forward(self, x: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        tokens = self.x_embedder(x) + self.pos_embed
        condition = self.t_embedder(t) + self.y_embedder(y)
        for block in self.blocks:
            tokens = block(tokens, condition)
        image = image_of(self.final_layer(tokens, condition), self.shape.grid, self.shape.patch)
        return image[:, : self.kept]
