"""An optimiser for hidden matrices: momentum, made orthogonal before each step (Muon, Jordan et al. 2024).

The update of a matrix is U Vᵀ of its momentum's singular value decomposition, approximately: five steps of the
Newton-Schulz iteration X <- a X + b (X Xᵀ) X + c (X Xᵀ)² X bring the singular values near 1. PyTorch has the same
optimiser with the iteration in bfloat16, which a CPU without such arithmetic emulates eight times slower than float32;
here it is float32, and matrices of one shape are treated as one batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
# the root mean square of an AdamW step, to which Liu et al. 2025 scale this one
ADAMW_RMS = 0.2


def orthogonalise(matrices: Tensor) -> Tensor:
    """[K, rows, columns] -> the same shape, singular values near 1 (about 0.7 to 1.2)."""
    wide = matrices if matrices.shape[1] <= matrices.shape[2] else matrices.mT
    norm = torch.linalg.matrix_norm(wide, keepdim=True)
    result = wide / norm.clamp_min(1e-7)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        gram = result @ result.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        result = torch.baddbmm(result, polynomial, result, beta=a)
    return result if wide is matrices else result.mT


class OrthogonalMomentum(torch.optim.Optimizer):
    """Nesterov momentum and decoupled weight decay; `lr` has the scale of AdamW's."""

    def __init__(self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.ndim != 2:
                    raise ValueError(f"a parameter has shape {tuple(matrix.shape)}, expected a matrix")

    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape[matrix.shape].append(matrix)
            for matrices in by_shape.values():
                self._step_shape(matrices, group)

    def _step_shape(self, matrices: list[Tensor], group: dict) -> None:
        momentum = group["momentum"]
        directions = []
        for matrix in matrices:
            state = self.state[matrix]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(matrix)
            state["momentum"].lerp_(matrix.grad, 1 - momentum)
            directions.append(matrix.grad.lerp(state["momentum"], momentum))
        factor = ADAMW_RMS * max(matrices[0].shape) ** 0.5
        for matrix, update in zip(matrices, orthogonalise(torch.stack(directions))):
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(update, alpha=-group["lr"] * factor)
