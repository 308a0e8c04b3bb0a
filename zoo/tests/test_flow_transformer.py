"""Tests of the flow model: its graph needs numpy and onnx; its training needs torch and Pillow, or is skipped.

python3 -m unittest discover zoo/tests
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import sys
import tarfile
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "zoo"))

import flow_transformer_onnx  # noqa: E402
from flow_shape import FlowShape, position_table, time_frequencies  # noqa: E402
from onnx_builder import ConversionError, sha256_of  # noqa: E402

HAS_PILLOW = importlib.util.find_spec("PIL") is not None
HAS_TORCH = HAS_PILLOW and importlib.util.find_spec("torch") is not None
if HAS_PILLOW:
    import noto_pictures  # noqa: E402
    from PIL import Image  # noqa: E402
if HAS_TORCH:
    import orthogonal_momentum  # noqa: E402
    import torch  # noqa: E402
    import train_noto_flow  # noqa: E402
    from flow_transformer import FlowTransformer  # noqa: E402

SHARD = ROOT / "suites/starter/noto-emoji.tar"
SHIPPED = ROOT / "suites/starter/noto-flow.onnx"
TINY = FlowShape(size=8, patch=2, width=16, depth=2, heads=2, classes=9, mlp_ratio=3)


def weight_shapes(shape: FlowShape) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights, spelled out."""
    width, hidden = shape.width, shape.mlp_ratio * shape.width
    layers = {
        "embed": (shape.patch_values, width),
        "time_in": (256, width),
        "time_out": (width, width),
        "final_condition": (width, 2 * width),
        "final": (width, shape.patch_values),
    }
    for index in range(shape.depth):
        block = {
            "qkv": (width, 3 * width),
            "project": (width, width),
            "expand": (width, hidden),
            "contract": (hidden, width),
            "condition": (width, 6 * width),
        }
        layers |= {f"blocks.{index}.{name}": sizes for name, sizes in block.items()}
    shapes: dict[str, tuple[int, ...]] = {"labels.weight": (shape.classes + 1, width)}
    for name, (columns, rows) in layers.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    return shapes


def random_weights(shape: FlowShape) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {
        name: (generator.standard_normal(sizes) / math.sqrt(sizes[-1])).astype(np.float32)
        for name, sizes in weight_shapes(shape).items()
    }


def plain_velocity(weights: dict[str, np.ndarray], shape: FlowShape, x: np.ndarray, t: float, y: int) -> np.ndarray:
    """The network for one image [3, size, size], token by token in float64, from the equations of DiT and SiT."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    grid, patch, width, heads = shape.grid, shape.patch, shape.width, shape.heads
    depth = width // heads

    def linear(name: str, value: np.ndarray) -> np.ndarray:
        return value @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    def silu(value: np.ndarray) -> np.ndarray:
        return value / (1 + np.exp(-value))

    def norm(value: np.ndarray) -> np.ndarray:
        return (value - value.mean(-1, keepdims=True)) / np.sqrt(value.var(-1, keepdims=True) + 1e-6)

    def gelu(value: np.ndarray) -> np.ndarray:
        return 0.5 * value * (1 + np.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))

    angles = [1000 * t * 10000 ** (-k / 128) for k in range(128)]
    waves = np.array([math.cos(a) for a in angles] + [math.sin(a) for a in angles])
    condition = silu(linear("time_out", silu(linear("time_in", waves))) + w["labels.weight"][y])
    quarter = width // 4
    tokens = []
    for row in range(grid):
        for column in range(grid):
            square = x[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            position = []
            for place in (row, column):
                steps = [place * 10000 ** (-k / quarter) for k in range(quarter)]
                position += [math.sin(s) for s in steps] + [math.cos(s) for s in steps]
            tokens.append(linear("embed", square.reshape(-1).astype(np.float64)) + position)
    tokens = np.array(tokens)
    for index in range(shape.depth):
        name = f"blocks.{index}"
        shift_a, scale_a, gate_a, shift_m, scale_m, gate_m = linear(f"{name}.condition", condition).reshape(6, width)
        fused = linear(f"{name}.qkv", norm(tokens) * (1 + scale_a) + shift_a)
        query, key, value = fused.reshape(-1, 3, width).swapaxes(0, 1)
        mixed = np.empty_like(query)
        for head in range(heads):
            part = slice(head * depth, (head + 1) * depth)
            scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(depth))
            mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ value[:, part]
        tokens = tokens + gate_a * linear(f"{name}.project", mixed)
        hidden = gelu(linear(f"{name}.expand", norm(tokens) * (1 + scale_m) + shift_m))
        tokens = tokens + gate_m * linear(f"{name}.contract", hidden)
    shift, scale = linear("final_condition", condition).reshape(2, width)
    output = linear("final", norm(tokens) * (1 + scale) + shift)
    picture = np.empty_like(x, dtype=np.float64)
    for place, token in enumerate(output):
        row, column = divmod(place, grid)
        square = token.reshape(3, patch, patch)
        picture[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = square
    return picture


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Graph(Folder):
    def setUp(self):
        super().setUp()
        self.weights = random_weights(TINY)
        self.path = self.folder / "tiny.onnx"
        generator = np.random.default_rng(3)
        self.inputs = {
            "x": generator.standard_normal((4, 3, 8, 8)).astype(np.float32),
            "t": np.array([0, 0.25, 0.7, 1], dtype=np.float32),
            "y": np.array([0, 4, 8, 9]),
        }

    def test_velocity_is_that_of_the_equations(self):
        flow_transformer_onnx.convert(self.weights, TINY, self.path, {})
        found = ReferenceEvaluator(onnx.load(self.path)).run(["velocity"], self.inputs)[0]
        self.assertEqual(found.dtype, np.float32)
        for place in range(4):
            x, t, y = (self.inputs[name][place] for name in "xty")
            expected = plain_velocity(self.weights, TINY, x, float(t), int(y))
            self.assertLess(np.abs(found[place] - expected).max(), 1e-3 * np.abs(expected).max())

    def test_no_image_sees_another(self):
        flow_transformer_onnx.convert(self.weights, TINY, self.path, {})
        network = ReferenceEvaluator(onnx.load(self.path))
        together = network.run(["velocity"], self.inputs)[0]
        for place in range(4):
            one = {name: array[place : place + 1] for name, array in self.inputs.items()}
            alone = network.run(["velocity"], one)[0]
            self.assertLess(np.abs(alone[0] - together[place]).max(), 1e-5)

    def test_same_bytes_again(self):
        digests = {flow_transformer_onnx.convert(self.weights, TINY, self.path, {"seed": "0"}) for _ in range(2)}
        self.assertEqual(len(digests), 1)

    def test_every_weight_has_its_place(self):
        for name, array in self.weights.items():
            less = {key: value for key, value in self.weights.items() if key != name}
            with self.assertRaisesRegex(ConversionError, name):
                flow_transformer_onnx.convert(less, TINY, self.path, {})
            with self.assertRaisesRegex(ConversionError, "shape"):
                flow_transformer_onnx.convert({**self.weights, name: array[None]}, TINY, self.path, {})
        with self.assertRaisesRegex(ConversionError, "not used"):
            flow_transformer_onnx.convert({**self.weights, "more": np.ones(1, np.float32)}, TINY, self.path, {})
        self.assertFalse(self.path.exists())

    def test_shapes_that_cannot_be(self):
        for change in ({"patch": 3}, {"heads": 3}, {"width": 18, "heads": 2}, {"depth": 0}):
            with self.assertRaisesRegex(ValueError, "expected"):
                replace(TINY, **change)

    def test_tables(self):
        table = position_table(TINY.grid, TINY.width)
        self.assertEqual(table.shape, (16, 16))
        self.assertEqual(len(np.unique(table, axis=0)), 16)
        # token 6 is in row 1, column 2
        self.assertAlmostEqual(table[6, 0], math.sin(1), places=6)
        self.assertAlmostEqual(table[6, 8], math.sin(2), places=6)
        self.assertEqual(time_frequencies()[0], 1)
        self.assertAlmostEqual(time_frequencies()[64], 0.01, places=7)


class Shipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.model = onnx.load(SHIPPED)

    def test_contract(self):
        self.assertLess(SHIPPED.stat().st_size, 8_000_000)
        self.assertLessEqual(max(item.version for item in self.model.opset_import), 20)
        described = {
            value.name: (
                value.type.tensor_type.elem_type,
                [dimension.dim_param or dimension.dim_value for dimension in value.type.tensor_type.shape.dim],
            )
            for value in (*self.model.graph.input, *self.model.graph.output)
        }
        number, integer = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
        picture = ["N", 3, 32, 32]
        expected = {"x": (number, picture), "t": (number, ["N"]), "y": (integer, ["N"]), "velocity": (number, picture)}
        self.assertEqual(described, expected)

    def test_metadata(self):
        metadata = {item.key: item.value for item in self.model.metadata_props}
        self.assertEqual(metadata["data_sha256"], sha256_of(SHARD))
        for name in ("seed", "steps", "ema_decay", "script", "torch", "time_distribution", "licence"):
            self.assertTrue(metadata[name], name)

    @unittest.skipUnless(HAS_PILLOW, "Pillow is not installed")
    def test_it_has_learned_pictures_and_classes(self):
        pictures = noto_pictures.read_pictures(SHARD, 32)
        first = np.concatenate([np.flatnonzero(pictures.labels == label)[:4] for label in range(9)])
        x, y = pictures.pixels[first], pictures.labels[first]
        noise = np.random.default_rng(5).standard_normal(x.shape).astype(np.float32)
        network = ReferenceEvaluator(self.model)

        def error(time: float, labels: np.ndarray) -> float:
            state = (1 - time) * x + time * noise
            times = np.full(len(x), time, dtype=np.float32)
            velocity = network.run(["velocity"], {"x": state.astype(np.float32), "t": times, "y": labels})[0]
            return float(np.square(velocity - (noise - x)).mean())

        # the best constant velocity leaves the variance of noise and pictures, more than 1
        self.assertLess(error(0.5, y), 0.25)
        # the class says most where there is little else: near noise
        right, dropped, wrong = (error(0.9, labels) for labels in (y, np.full(len(y), 9), (y + 4) % 9))
        self.assertLess(right, dropped)
        self.assertLess(dropped, wrong)


@unittest.skipUnless(HAS_PILLOW, "Pillow is not installed")
class Data(Folder):
    def shard(self, members: dict[str, bytes]) -> Path:
        path = self.folder / "shard.tar"
        with tarfile.open(path, "w") as archive:
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def png(self, size: tuple[int, int] = (64, 64)) -> bytes:
        pixels = np.random.default_rng(1).integers(0, 256, (*size[::-1], 4), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(pixels, "RGBA").save(stream, "PNG")
        return stream.getvalue()

    def test_starter(self):
        pictures = noto_pictures.read_pictures(SHARD, 32)
        self.assertEqual(pictures.pixels.shape, (1045, 3, 32, 32))
        self.assertEqual(np.bincount(pictures.labels).tolist(), [85] + [120] * 8)
        self.assertEqual((pictures.pixels.min(), pictures.pixels.max()), (-1, 1))
        self.assertEqual(pictures.sha256, sha256_of(SHARD))

    def test_white_behind_then_box_filter(self):
        path = self.shard({"0.png": self.png(), "0.cls": b"Flags"})
        found = noto_pictures.read_pictures(path, 32)
        source = np.asarray(Image.open(io.BytesIO(self.png()))).astype(np.float64)
        alpha = source[:, :, 3:] / 255
        white = np.rint(source[:, :, :3] * alpha + 255 * (1 - alpha))
        # Pillow goes over the columns, then over the rows, and rounds a half up each time
        narrow = np.floor((white[:, ::2] + white[:, 1::2]) / 2 + 0.5)
        expected = np.floor((narrow[::2] + narrow[1::2]) / 2 + 0.5)
        np.testing.assert_array_equal(np.rint((found.pixels[0] + 1) * 127.5).transpose(1, 2, 0), expected)
        self.assertEqual(found.labels.tolist(), [2])

    def test_refuses_what_is_no_such_shard(self):
        cases = {
            "has no 0.cls": {"0.png": self.png()},
            "expected one of Activities": {"0.png": self.png(), "0.cls": b"Component"},
            "32x64, expected 64x64": {"0.png": self.png((32, 64)), "0.cls": b"Flags"},
            "0.png is no PNG file": {"0.png": b"no picture", "0.cls": b"Flags"},
            "holds no PNG": {"0.cls": b"Flags"},
        }
        for message, members in cases.items():
            with self.assertRaisesRegex(noto_pictures.ShardError, message):
                noto_pictures.read_pictures(self.shard(members), 32)


@unittest.skipUnless(HAS_TORCH, "PyTorch is not installed")
class Training(Folder):
    def setUp(self):
        super().setUp()
        shape = mock.patch.object(train_noto_flow, "SHAPE", replace(TINY, size=32, patch=8))
        shape.start()
        self.addCleanup(shape.stop)

    def run_program(self, *more: object, checkpoint: str = "a.pt", output: str = "a.onnx") -> tuple[int, str]:
        """Exit status and what was written to standard error."""
        words = ["train_noto_flow.py", SHARD, self.folder / output, "--checkpoint", self.folder / checkpoint]
        words += ["--batch", 4, "--warm-up", 2, "--checkpoint-every", 2, *more]
        errors = io.StringIO()
        with mock.patch.object(sys, "argv", list(map(str, words))), contextlib.redirect_stderr(errors):
            with contextlib.redirect_stdout(io.StringIO()):
                try:
                    return train_noto_flow.main(), errors.getvalue()
                except SystemExit as exit:
                    return exit.code, errors.getvalue()

    def test_onnx_is_the_torch_network(self):
        torch.manual_seed(0)
        network = FlowTransformer(TINY)
        network.load_state_dict({name: torch.from_numpy(array) for name, array in random_weights(TINY).items()})
        x, t, y = torch.randn(3, 3, 8, 8), torch.tensor([0.1, 0.5, 0.9]), torch.tensor([1, 9, 0])
        with torch.no_grad():
            found = network(x, t, y).numpy()
        for place in range(3):
            expected = plain_velocity(random_weights(TINY), TINY, x[place].numpy(), float(t[place]), int(y[place]))
            self.assertLess(np.abs(found[place] - expected).max(), 1e-3 * np.abs(expected).max())

    def test_starts_at_zero(self):
        network = FlowTransformer(TINY)
        network.initialise(torch.Generator().manual_seed(0))
        velocity = network(torch.randn(2, 3, 8, 8), torch.tensor([0.2, 0.8]), torch.tensor([0, 1]))
        self.assertEqual(velocity.abs().max().item(), 0)

    def test_interrupted_training_gives_the_same_bytes(self):
        self.assertEqual(self.run_program("--steps", 6)[0], 0)
        stop_at_3 = mock.patch.object(train_noto_flow.Trainer, "step", autospec=True, side_effect=self.stopping_step(3))
        with stop_at_3, self.assertRaises(KeyboardInterrupt):
            self.run_program("--steps", 6, checkpoint="b.pt", output="b.onnx")
        self.assertFalse((self.folder / "b.onnx").exists())
        code, errors = self.run_program("--steps", 6, checkpoint="b.pt", output="b.onnx")
        self.assertEqual(code, 0)
        self.assertNotIn("step 2/6", errors)
        self.assertEqual(sha256_of(self.folder / "a.onnx"), sha256_of(self.folder / "b.onnx"))

    def stopping_step(self, last: int):
        step = train_noto_flow.Trainer.step

        def stop(trainer, batch):
            if trainer.done == last:
                raise KeyboardInterrupt
            return step(trainer, batch)

        return stop

    def test_training_lowers_the_loss(self):
        pictures = noto_pictures.read_pictures(SHARD, 32)
        plan = train_noto_flow.Plan(steps=60, batch=16, seed=0, learning_rate=5e-3, warm_up=5, decay_part=0.3)
        trainer = train_noto_flow.Trainer(plan, pictures.sha256, "cpu")
        pixels, labels = torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.labels)
        losses = [trainer.step(train_noto_flow.draw_batch(plan, step, pixels, labels)) for step in range(60)]
        self.assertLess(np.mean(losses[-10:]), 0.8 * losses[0])
        probe = train_noto_flow.draw_batch(plan, 1000, pixels, labels)
        with torch.no_grad():
            averaged = train_noto_flow.velocity_loss(trainer.average, probe, "cpu").item()
        self.assertLess(averaged, 0.9 * losses[0])

    def test_steps_may_change_until_the_rate_falls(self):
        self.assertEqual(self.run_program("--steps", 4, "--decay-part", 0)[0], 0)
        self.assertEqual(self.run_program("--steps", 6, "--decay-part", 0)[0], 0)
        code, errors = self.run_program("--steps", 4, "--decay-part", 0)
        self.assertEqual((code, "trained with steps 6" in errors), (2, True))

    def test_refuses_another_plan(self):
        self.assertEqual(self.run_program("--steps", 2)[0], 0)
        for option, value in (("--seed", 1), ("--batch", 8), ("--learning-rate", 0.01), ("--warm-up", 1)):
            code, errors = self.run_program("--steps", 2, option, value)
            self.assertEqual(code, 2)
            self.assertIn(f"this run has {option.strip('-').replace('-', '_')} {value}", errors)

    def test_refuses_what_is_no_checkpoint(self):
        for content in (b"", b"no checkpoint", b"PK\x03\x04"):
            (self.folder / "a.pt").write_bytes(content)
            code, errors = self.run_program("--steps", 2)
            self.assertEqual(code, 2)
            self.assertIn("not a checkpoint of this program", errors)
        torch.save({"format": 1}, self.folder / "a.pt")
        code, errors = self.run_program("--steps", 2)
        self.assertEqual((code, "not a checkpoint of this program" in errors), (2, True))

    def test_refuses_arguments(self):
        cases = [("--steps", 0), ("--seed", -1), ("--learning-rate", "nan"), ("--decay-part", 2), ("--device", "tpu")]
        for option, value in cases:
            code, errors = self.run_program(option, value)
            self.assertEqual(code, 2)
            self.assertIn(option, errors)
        code, errors = self.run_program("--export-only")
        self.assertEqual((code, "no such checkpoint" in errors), (2, True))

    def test_export_only_writes_the_average_as_it_is(self):
        self.assertEqual(self.run_program("--steps", 2)[0], 0)
        self.assertEqual(self.run_program("--steps", 2, "--export-only", output="b.onnx")[0], 0)
        self.assertEqual(sha256_of(self.folder / "a.onnx"), sha256_of(self.folder / "b.onnx"))

    def test_an_epoch_holds_every_picture_once(self):
        plan = train_noto_flow.Plan(steps=10, batch=7, seed=3, learning_rate=1e-3, warm_up=1, decay_part=0.3)
        # 14 batches of 7 are two epochs of 49
        drawn = torch.cat([train_noto_flow.batch_indices(plan, step, 49) for step in range(14)]).tolist()
        self.assertEqual(sorted(drawn[:49]), list(range(49)))
        self.assertEqual(sorted(drawn[49:]), list(range(49)))
        self.assertNotEqual(drawn[:49], drawn[49:])

    def test_learning_rate(self):
        plan = train_noto_flow.Plan(steps=100, batch=1, seed=0, learning_rate=2.0, warm_up=10, decay_part=0.25)
        rates = [plan.rate(step) for step in range(100)]
        self.assertAlmostEqual(rates[0], 0.2)
        self.assertEqual(set(rates[9:75]), {2.0})
        self.assertEqual(rates[75], 2.0)
        self.assertAlmostEqual(rates[99], 2.0 / 25)

    def test_draws_depend_on_seed_and_step_alone(self):
        pixels, labels = torch.zeros(9, 3, 8, 8), torch.arange(9)
        plan = train_noto_flow.Plan(steps=10, batch=5000, seed=3, learning_rate=1e-3, warm_up=1, decay_part=0.3)
        one, same = (train_noto_flow.draw_batch(plan, 4, pixels, labels) for _ in range(2))
        other = train_noto_flow.draw_batch(plan, 5, pixels, labels)
        self.assertTrue(torch.equal(one.noise, same.noise) and torch.equal(one.label, same.label))
        self.assertFalse(torch.equal(one.noise, other.noise))
        # 5,000 labels: the dropped part is 0.1 with a standard deviation of 0.0042
        self.assertLess(abs((one.label == 9).float().mean().item() - 0.1), 0.02)
        logit = torch.logit(one.time.double())
        self.assertLess(abs(logit.mean().item()), 0.06)
        self.assertLess(abs(logit.std().item() - 1), 0.04)

    def test_orthogonalise(self):
        for rows, columns in ((12, 40), (40, 12), (16, 16)):
            matrices = torch.randn(3, rows, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
            found = orthogonal_momentum.orthogonalise(matrices)
            self.assertEqual(found.shape, matrices.shape)
            singular = torch.linalg.svdvals(found)
            self.assertGreater(singular.min().item(), 0.3)
            self.assertLess(singular.max().item(), 1.3)
            # the singular vectors stay: U Vᵀ and the result are almost parallel
            u, _, v = torch.linalg.svd(matrices, full_matrices=False)
            cosine = torch.nn.functional.cosine_similarity((u @ v).flatten(1), found.flatten(1))
            self.assertGreater(cosine.min().item(), 0.95)


if __name__ == "__main__":
    unittest.main()
