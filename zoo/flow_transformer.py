"""A small class-conditional flow model: the SiT architecture at a width that trains on one CPU core.

Sources: Peebles and Xie 2023 (DiT: patches, adaLN-Zero blocks, final layer, initialisation, label dropout) and Ma et
al. 2024 (SiT: the same network as the velocity of an interpolant). Written from the papers; no published weights.

The path is linear, with time running from picture to noise: x_t = (1 - t) x + t noise for t in [0, 1]. The network
gives the velocity of that path, v(x_t, t, y) = E[noise - x | x_t, y]. Class `classes` is the null class, which stands
for a dropped label: classifier-free guidance takes v_null + scale (v_class - v_null).

One deviation from the sources: time enters the sinusoids as 1000 t, the range that DiT gives them; SiT feeds them t.

Imported by train_noto_flow.py; needs PyTorch. flow_transformer_onnx.py writes the same network to ONNX.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from flow_shape import CHANNELS, EPSILON, FREQUENCIES, TIME_SCALE, FlowShape, position_table, time_frequencies


def modulate(tokens: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    """tokens (1 + scale) + shift, with tokens [N, T, width] and the others [N, width]."""
    return torch.addcmul(shift[:, None], tokens, 1 + scale[:, None])


class Block(nn.Module):
    """Attention and MLP, each on modulated tokens and behind a gate that starts at zero (adaLN-Zero)."""

    def __init__(self, shape: FlowShape):
        super().__init__()
        self.heads = shape.heads
        self.width = shape.width
        self.qkv = nn.Linear(shape.width, 3 * shape.width)
        self.project = nn.Linear(shape.width, shape.width)
        self.expand = nn.Linear(shape.width, shape.mlp_ratio * shape.width)
        self.contract = nn.Linear(shape.mlp_ratio * shape.width, shape.width)
        self.condition = nn.Linear(shape.width, 6 * shape.width)

    def attend(self, tokens: Tensor) -> Tensor:
        batch, count, _ = tokens.shape
        heads = self.qkv(tokens).view(batch, count, 3, self.heads, self.width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, self.width))

    def forward(self, tokens: Tensor, condition: Tensor) -> Tensor:
        """tokens [N, T, width]; condition [N, width], already through SiLU."""
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = self.condition(condition).chunk(6, dim=1)
        normed = functional.layer_norm(tokens, (self.width,), eps=EPSILON)
        attended = self.attend(modulate(normed, shift_a, scale_a))
        tokens = torch.addcmul(tokens, gate_a[:, None], attended)
        normed = functional.layer_norm(tokens, (self.width,), eps=EPSILON)
        hidden = functional.gelu(self.expand(modulate(normed, shift_m, scale_m)), approximate="tanh")
        return torch.addcmul(tokens, gate_m[:, None], self.contract(hidden))


class FlowTransformer(nn.Module):
    """v(x, t, y): x [N, 3, size, size] float32, t [N] float32 in [0, 1], y [N] int64 in 0..=classes."""

    def __init__(self, shape: FlowShape):
        super().__init__()
        self.shape = shape
        self.embed = nn.Linear(shape.patch_values, shape.width)
        self.time_in = nn.Linear(2 * FREQUENCIES, shape.width)
        self.time_out = nn.Linear(shape.width, shape.width)
        self.labels = nn.Embedding(shape.classes + 1, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.final_condition = nn.Linear(shape.width, 2 * shape.width)
        self.final = nn.Linear(shape.width, shape.patch_values)
        self.register_buffer("positions", torch.from_numpy(position_table(shape.grid, shape.width)), persistent=False)
        self.register_buffer("frequencies", torch.from_numpy(time_frequencies()), persistent=False)

    def initialise(self, generator: torch.Generator) -> None:
        """DiT's initialisation: Xavier for linear layers, 0.02 for labels and time, zero for gates and the output."""
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight, generator=generator)
                nn.init.zeros_(module.bias)
        for weight in (self.labels.weight, self.time_in.weight, self.time_out.weight):
            nn.init.normal_(weight, std=0.02, generator=generator)
        for layer in (self.final_condition, self.final, *(block.condition for block in self.blocks)):
            nn.init.zeros_(layer.weight)

    def patches(self, pictures: Tensor) -> Tensor:
        """[N, 3, size, size] -> [N, grid², 3 patch²]; in a token the channel varies slowest, then the row."""
        grid, patch = self.shape.grid, self.shape.patch
        split = pictures.view(-1, CHANNELS, grid, patch, grid, patch)
        return split.permute(0, 2, 4, 1, 3, 5).reshape(-1, grid**2, self.shape.patch_values)

    def pictures(self, tokens: Tensor) -> Tensor:
        """The inverse of `patches`."""
        grid, patch, size = self.shape.grid, self.shape.patch, self.shape.size
        split = tokens.view(-1, grid, grid, CHANNELS, patch, patch)
        return split.permute(0, 3, 1, 4, 2, 5).reshape(-1, CHANNELS, size, size)

    def embed_time(self, time: Tensor) -> Tensor:
        """[N] -> [N, width]."""
        angles = TIME_SCALE * time[:, None] * self.frequencies
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        return self.time_out(functional.silu(self.time_in(waves)))

    def forward(self, x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        tokens = self.embed(self.patches(x)) + self.positions
        condition = functional.silu(self.embed_time(t) + self.labels(y))
        for block in self.blocks:
            tokens = block(tokens, condition)
        shift, scale = self.final_condition(condition).chunk(2, dim=1)
        normed = functional.layer_norm(tokens, (self.shape.width,), eps=EPSILON)
        return self.pictures(self.final(modulate(normed, shift, scale)))


def parameter_count(network: nn.Module) -> int:
    """Trained numbers of a network."""
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
