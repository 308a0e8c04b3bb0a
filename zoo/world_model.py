"""Small image world models in the manner of IWM: a vision transformer, and a predictor that gets the action.

Sources: Garrido et al. 2024 (IWM, arXiv:2403.00504), through summaries alone (README.md says which parts are our own
choice); Assran et al. 2023 (I-JEPA: predictor, targets normalised over their features); Dosovitskiy et al. 2021 (ViT).
Written from descriptions; no published weights.

Feature conditioning: the action's scalars are concatenated to every mask token (a learned vector plus the position it
asks about), and a 3-layer MLP mixes them. A model that is not conditioned has the same MLP without those scalars.

Imported by train_noto_world_models.py; needs PyTorch. world_model_onnx.py writes the same networks to ONNX.
"""

from __future__ import annotations

import math

import torch
from flow_shape import position_table
from torch import Tensor, nn
from torch.nn import functional

from world_model_shape import ACTION_SCALE, CHANNELS, EPSILON, WorldModelShape


class Block(nn.Module):
    """Attention and MLP, each on normed tokens and added to them."""

    def __init__(self, shape: WorldModelShape):
        super().__init__()
        width, hidden = shape.width, shape.mlp_ratio * shape.width
        self.heads = shape.heads
        self.attention_norm = nn.LayerNorm(width, eps=EPSILON)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width, eps=EPSILON)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)

    def attend(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        heads = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.project(mixed.transpose(1, 2).reshape(batch, count, width))

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.attend(self.attention_norm(tokens))
        hidden = functional.gelu(self.expand(self.mlp_norm(tokens)), approximate="tanh")
        return tokens + self.contract(hidden)


def gather(tokens: Tensor, positions: Tensor) -> Tensor:
    """tokens [N, T, C] at positions [N, M] -> [N, M, C]."""
    return tokens.gather(1, positions[:, :, None].expand(-1, -1, tokens.shape[2]))


def normalised(tokens: Tensor) -> Tensor:
    """Every token with mean 0 and variance 1 over its features: the target of the predictor."""
    return functional.layer_norm(tokens, tokens.shape[-1:], eps=EPSILON)


class Encoder(nn.Module):
    """Images float32 [N, 3, size, size] in [-1, 1] -> tokens [N, T, width], row by row."""

    def __init__(self, shape: WorldModelShape):
        super().__init__()
        self.shape = shape
        self.embed = nn.Linear(shape.patch_values, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.encoder_depth))
        self.norm = nn.LayerNorm(shape.width, eps=EPSILON)
        self.register_buffer(
            "positions", torch.from_numpy(position_table(shape.grid, shape.width)), persistent=False
        )

    def patches(self, images: Tensor) -> Tensor:
        """[N, 3, size, size] -> [N, T, 3 patch²]; in a token the channel varies slowest, then the row."""
        grid, patch = self.shape.grid, self.shape.patch
        split = images.reshape(-1, CHANNELS, grid, patch, grid, patch)
        return split.permute(0, 2, 4, 1, 3, 5).reshape(-1, grid**2, self.shape.patch_values)

    def forward(self, images: Tensor, kept: Tensor | None = None) -> Tensor:
        """With `kept` [N, K] only those tokens exist: the others are dropped before the first block."""
        tokens = self.embed(self.patches(images)) + self.positions
        if kept is not None:
            tokens = gather(tokens, kept)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)


class Predictor(nn.Module):
    """Encoder tokens, an action and positions -> the teacher's normalised tokens of the transformed image there."""

    def __init__(self, shape: WorldModelShape):
        super().__init__()
        width, hidden = shape.width, shape.query_hidden
        self.shape = shape
        self.embed = nn.Linear(width, width)
        self.mask_token = nn.Parameter(torch.zeros(width))
        self.query_in = nn.Linear(shape.query_values, hidden)
        self.query_middle = nn.Linear(hidden, hidden)
        self.query_out = nn.Linear(hidden, width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.predictor_depth))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.project = nn.Linear(width, width)
        self.register_buffer("positions", torch.from_numpy(position_table(shape.grid, width)), persistent=False)
        self.register_buffer("action_scale", torch.tensor(ACTION_SCALE), persistent=False)

    def queries(self, action: Tensor, positions: Tensor) -> Tensor:
        """The mask tokens, [N, M, width]."""
        values = self.mask_token + self.positions[positions]
        if self.shape.conditioned:
            scalars = (action / self.action_scale)[:, None].expand(-1, positions.shape[1], -1)
            values = torch.cat([values, scalars], dim=2)
        hidden = functional.gelu(self.query_in(values), approximate="tanh")
        return self.query_out(functional.gelu(self.query_middle(hidden), approximate="tanh"))

    def forward(self, tokens: Tensor, action: Tensor, positions: Tensor, kept: Tensor | None = None) -> Tensor:
        """tokens [N, T, width], action [N, 7], positions [N, M] -> [N, M, width].

        With `kept` [N, K], `tokens` [N, K, width] are those of these positions.
        """
        places = self.positions if kept is None else self.positions[kept]
        value = torch.cat([self.embed(tokens) + places, self.queries(action, positions)], dim=1)
        for block in self.blocks:
            value = block(value)
        return self.project(self.norm(value[:, tokens.shape[1] :]))


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Xavier for linear layers, 0.02 for the mask token; what a block adds starts smaller the more blocks there are."""
    for module in network.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight, generator=generator)
            nn.init.zeros_(module.bias)
    for block in network.blocks:
        for layer in (block.project, block.contract):
            with torch.no_grad():
                layer.weight.div_(math.sqrt(2 * len(network.blocks)))
    if isinstance(network, Predictor):
        nn.init.normal_(network.mask_token, std=0.02, generator=generator)


def hidden_matrices(network: nn.Module) -> list[nn.Parameter]:
    """The matrices of the blocks."""
    return [
        layer.weight for block in network.blocks for layer in (block.qkv, block.project, block.expand, block.contract)
    ]


def parameter_count(network: nn.Module) -> int:
    """Trained numbers of a network."""
    return sum(math.prod(parameter.shape) for parameter in network.parameters())
