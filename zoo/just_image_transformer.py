"""JiT as a PyTorch network: a transformer on large patches of pixels that predicts the clean image.

Written from the paper, "Back to Basics: Let Denoising Generative Models Denoise" (arXiv:2511.13720), and from the names
and shapes of the official checkpoints, which therefore load with strict checking.

    x [N,3,H,W] float32, t [N] float32, y [N] int64 -> clean image [N,3,H,W] float32

x = t data + (1 - t) noise, so t = 0 is noise and t = 1 is data; y of the number of classes stands for no class.
From one block on, a number of tokens that say the class stand before the patches.

Weights by name, D = width, d = D / heads, b = bottleneck, p = side of a patch, h = 8D / 3 rounded down,
T = (H / p)(W / p) tokens:

    x_embedder.proj1, .proj2      [b,3,p,p] without bias, [D,b,1,1]
    pos_embed                     [1,T,D]    fixed sines and cosines
    in_context_posemb             [1,32,D]   added to the tokens that say the class
    t_embedder, y_embedder        as in diffusion_transformer.py
    blocks.N.norm1, .norm2        [D]        root mean square norms
    blocks.N.attn.q_norm, .k_norm [d]        root mean square norms
    blocks.N.attn.qkv, .proj      [3D,D], [D,D]
    blocks.N.mlp.w12, .w3         [2h,D], [D,h]  gate and value of a SwiGLU, then its output
    blocks.N.adaLN_modulation.1   [6D,D]
    final_layer.norm_final        [D]
    final_layer.adaLN_modulation.1, .linear  [2D,D], [3 p p,D]
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusion_transformer import (
    NORM_EPSILON,
    ClassEmbedding,
    Size,
    TimeEmbedding,
    heads_of,
    image_of,
    modulated,
    modulation,
    sine_cosine_positions,
)
from torch import nn
from torch.nn import functional

ROTARY_BASE = 10_000.0


@dataclass(frozen=True)
class JitSize(Size):
    """What a letter stands for in a model's name."""

    bottleneck: int
    # block before which the class tokens join
    context_start: int


# the paper's table of configurations and the official code
SIZES = {
    "B": JitSize(768, 12, 12, 128, 4),
    "L": JitSize(1024, 24, 16, 128, 8),
    "H": JitSize(1280, 32, 16, 256, 10),
}
CONTEXT_TOKENS = 32


@dataclass(frozen=True)
class JitShape:
    """Everything that decides the shapes of a JiT, and the two numbers that no shape shows: heads and context_start."""

    width: int
    depth: int
    heads: int
    patch: int
    side: int
    channels: int
    classes: int
    bottleneck: int
    context_tokens: int
    context_start: int

    def __post_init__(self) -> None:
        if min(self.width, self.depth, self.heads, self.patch, self.side, self.channels, self.classes) < 1:
            raise ValueError(f"every number of a network must be at least 1: {self}")
        if self.width % (4 * self.heads):
            # a head's channels are pairs that turn with the row and pairs that turn with the column
            raise ValueError(f"a width of {self.width} is no multiple of 4 times its {self.heads} heads")
        if self.side % self.patch:
            raise ValueError(f"a side of {self.side} is no multiple of its patches' side of {self.patch}")
        if min(self.bottleneck, self.context_tokens) < 1 or not 0 <= self.context_start < self.depth:
            raise ValueError(f"class tokens must join before one of the {self.depth} blocks: {self}")

    @property
    def grid(self) -> int:
        """Tokens in a row."""
        return self.side // self.patch

    @property
    def hidden(self) -> int:
        """Width inside the MLP."""
        return int(4 * self.width * 2 / 3)


class BottleneckEmbedding(nn.Module):
    """[N,C,H,W] to tokens [N,T,D] through fewer channels than a patch has values."""

    def __init__(self, shape: JitShape):
        super().__init__()
        self.proj1 = nn.Conv2d(shape.channels, shape.bottleneck, shape.patch, stride=shape.patch, bias=False)
        self.proj2 = nn.Conv2d(shape.bottleneck, shape.width, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.proj2(self.proj1(x)).flatten(2).transpose(1, 2)


class Rotation(nn.Module):
    """Turns each pair of channels of queries and keys [N,heads,tokens,d] by an angle of its position (RoPE).

    The first half of the pairs turns with the row, the second with the column. `still` tokens in front do not turn.
    """

    def __init__(self, channels: int, grid: int, still: int):
        super().__init__()
        half = channels // 2
        # float32 in this order of operations, as the official code computes them
        exponents = torch.arange(0, half, 2, dtype=torch.float32, device="cpu") / half
        angles = torch.arange(grid, dtype=torch.float32, device="cpu")[:, None] * (1.0 / ROTARY_BASE**exponents)
        turns = torch.cat([angles.repeat_interleave(grid, dim=0), angles.repeat(grid, 1)], dim=1)
        turns = torch.cat([torch.zeros(still, half, device="cpu"), turns])
        self.register_buffer("cosine", turns.cos(), persistent=False)
        self.register_buffer("sine", turns.sin(), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = x.unflatten(3, (-1, 2)).unbind(4)
        turned = (first * self.cosine - second * self.sine, second * self.cosine + first * self.sine)
        return torch.stack(turned, dim=4).flatten(3)


class RotaryAttention(nn.Module):
    """Self-attention on [N,tokens,D] with normalised and turned queries and keys."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.q_norm = nn.RMSNorm(width // heads, eps=NORM_EPSILON)
        self.k_norm = nn.RMSNorm(width // heads, eps=NORM_EPSILON)

    def forward(self, x: torch.Tensor, rotation: Rotation) -> torch.Tensor:
        query, key, value = (heads_of(part, self.heads) for part in self.qkv(x).chunk(3, dim=2))
        query, key = rotation(self.q_norm(query)), rotation(self.k_norm(key))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class GatedFeedForward(nn.Module):
    """SwiGLU: silu(gate) times value, then a layer back to D."""

    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate, value = self.w12(x).chunk(2, dim=2)
        return self.w3(functional.silu(gate) * value)


class JitBlock(nn.Module):
    """Attention and MLP, each between a modulated norm and a gate."""

    def __init__(self, shape: JitShape):
        super().__init__()
        self.norm1 = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.attn = RotaryAttention(shape.width, shape.heads)
        self.norm2 = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.mlp = GatedFeedForward(shape.width, shape.hidden)
        self.adaLN_modulation = modulation(shape.width, 6)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, rotation: Rotation) -> torch.Tensor:
        vectors = self.adaLN_modulation(condition).chunk(6, dim=1)
        attended = self.attn(modulated(self.norm1(x), *vectors[:2]), rotation)
        x = torch.addcmul(x, vectors[2][:, None], attended)
        return torch.addcmul(x, vectors[5][:, None], self.mlp(modulated(self.norm2(x), *vectors[3:5])))


class JitFinalLayer(nn.Module):
    """Tokens to the values of their patches."""

    def __init__(self, shape: JitShape):
        super().__init__()
        self.norm_final = nn.RMSNorm(shape.width, eps=NORM_EPSILON)
        self.linear = nn.Linear(shape.width, shape.patch**2 * shape.channels)
        self.adaLN_modulation = modulation(shape.width, 2)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=1)
        return self.linear(modulated(self.norm_final(x), shift, scale))


class JustImageTransformer(nn.Module):
    """The whole network."""

    def __init__(self, shape: JitShape):
        super().__init__()
        self.shape = shape
        self.x_embedder = BottleneckEmbedding(shape)
        self.t_embedder = TimeEmbedding(shape.width)
        self.y_embedder = ClassEmbedding(shape.classes, shape.width)
        positions = torch.from_numpy(sine_cosine_positions(shape.width, shape.grid))
        self.pos_embed = nn.Parameter(positions, requires_grad=False)
        self.in_context_posemb = nn.Parameter(torch.zeros(1, shape.context_tokens, shape.width))
        self.rotation = Rotation(shape.width // shape.heads, shape.grid, still=0)
        self.rotation_in_context = Rotation(shape.width // shape.heads, shape.grid, still=shape.context_tokens)
        self.blocks = nn.ModuleList(JitBlock(shape) for _ in range(shape.depth))
        self.final_layer = JitFinalLayer(shape)

    def forward(self, x: torch.Tensor, t: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        class_vector = self.y_embedder(y)
        condition = self.t_embedder(t) + class_vector
        tokens = self.x_embedder(x) + self.pos_embed
        rotation = self.rotation
        for index, block in enumerate(self.blocks):
            if index == self.shape.context_start:
                context = class_vector[:, None] + self.in_context_posemb
                tokens, rotation = torch.cat([context, tokens], dim=1), self.rotation_in_context
            tokens = block(tokens, condition, rotation)
        patches = self.final_layer(tokens[:, self.shape.context_tokens :], condition)
        return image_of(patches, self.shape.grid, self.shape.patch)
