"""Sizes and the action of the emoji world models, which world_model.py and world_model_onnx.py share."""

from __future__ import annotations

from dataclasses import dataclass

CHANNELS = 3
EPSILON = 1e-6

# The action in the order of its scalars. The first four are differences, target minus source; the last three say (0 or
# 1) what was done to the source alone.
ACTION = ("brightness", "contrast", "saturation", "hue", "blur", "grayscale", "solarize")
# IWM's default strengths of colour jitter; the predictor divides the differences by them, so that all are of one size.
STRENGTHS = (0.4, 0.4, 0.2, 0.1)
ACTION_SCALE = (*STRENGTHS, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class WorldModelShape:
    """The sizes of encoder and predictor. `size` is the side of an image and `patch` that of a token, in pixels."""

    size: int
    patch: int
    width: int
    heads: int
    encoder_depth: int
    predictor_depth: int
    conditioned: bool
    mlp_ratio: int = 4

    def __post_init__(self):
        for name, value in vars(self).items():
            if name != "conditioned" and value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        if self.size % self.patch != 0:
            raise ValueError(f"patch is {self.patch}, expected a divisor of the size {self.size}")
        if self.width % self.heads != 0:
            raise ValueError(f"heads is {self.heads}, expected a divisor of the width {self.width}")
        if self.width % 4 != 0:
            raise ValueError(f"width is {self.width}, expected a multiple of 4 (sine and cosine of row and column)")

    @property
    def grid(self) -> int:
        """Tokens in a row."""
        return self.size // self.patch

    @property
    def tokens(self) -> int:
        """Tokens of an image."""
        return self.grid**2

    @property
    def patch_values(self) -> int:
        """Numbers in a patch."""
        return CHANNELS * self.patch**2

    @property
    def query_values(self) -> int:
        """Numbers that enter the MLP of a mask token."""
        return self.width + (len(ACTION) if self.conditioned else 0)

    @property
    def query_hidden(self) -> int:
        """Width of the two hidden layers of that MLP."""
        return 2 * self.width
