"""Tests of the emoji world models: graphs need numpy and onnx; training needs torch and Pillow, or is skipped.

python3 -m unittest discover zoo/tests
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import sys
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

import world_model_onnx  # noqa: E402
from onnx_builder import ConversionError, sha256_of  # noqa: E402
from world_model_shape import ACTION, ACTION_SCALE, WorldModelShape  # noqa: E402

HAS_PILLOW = importlib.util.find_spec("PIL") is not None
HAS_TORCH = HAS_PILLOW and importlib.util.find_spec("torch") is not None
if HAS_PILLOW:
    import noto_pictures  # noqa: E402
if HAS_TORCH:
    import photometric  # noqa: E402
    import torch  # noqa: E402
    import train_noto_world_models  # noqa: E402
    import world_model_batches  # noqa: E402
    from training import Plan  # noqa: E402
    from world_model import Encoder, Predictor, initialise  # noqa: E402

SHARD = ROOT / "suites/starter/noto-emoji.tar"
SHIPPED = ROOT / "suites/iwm/world-models"
TINY = WorldModelShape(
    size=16, patch=4, width=16, heads=2, encoder_depth=2, predictor_depth=2, conditioned=True, mlp_ratio=3
)


def weight_shapes(shape: WorldModelShape, predictor: bool) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the weights, spelled out."""
    width, hidden = shape.width, shape.mlp_ratio * shape.width
    layers = {"embed": (width if predictor else shape.patch_values, width)}
    norms = ["norm"]
    for index in range(shape.predictor_depth if predictor else shape.encoder_depth):
        norms += [f"blocks.{index}.attention_norm", f"blocks.{index}.mlp_norm"]
        block = {"qkv": (width, 3 * width), "project": (width, width), "expand": (width, hidden)}
        layers |= {f"blocks.{index}.{name}": sizes for name, sizes in block.items()}
        layers[f"blocks.{index}.contract"] = (hidden, width)
    shapes: dict[str, tuple[int, ...]] = {}
    if predictor:
        shapes["mask_token"] = (width,)
        actions = 7 if shape.conditioned else 0
        layers |= {
            "query_in": (width + actions, 2 * width),
            "query_middle": (2 * width, 2 * width),
            "query_out": (2 * width, width),
            "project": (width, width),
        }
    for name, (columns, rows) in layers.items():
        shapes |= {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}
    for name in norms:
        shapes |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return shapes


def random_weights(shape: WorldModelShape, predictor: bool) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(7)
    return {
        name: (generator.standard_normal(sizes) / math.sqrt(sizes[-1])).astype(np.float32)
        for name, sizes in weight_shapes(shape, predictor).items()
    }


class Plain:
    """The networks for one image, token by token in float64, from the equations of ViT."""

    def __init__(self, weights: dict[str, np.ndarray], shape: WorldModelShape):
        self.w = {name: array.astype(np.float64) for name, array in weights.items()}
        self.shape = shape

    def linear(self, name: str, value: np.ndarray) -> np.ndarray:
        return value @ self.w[f"{name}.weight"].T + self.w[f"{name}.bias"]

    def norm(self, name: str, value: np.ndarray) -> np.ndarray:
        centred = (value - value.mean(-1, keepdims=True)) / np.sqrt(value.var(-1, keepdims=True) + 1e-6)
        return centred * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]

    @staticmethod
    def gelu(value: np.ndarray) -> np.ndarray:
        return 0.5 * value * (1 + np.tanh(math.sqrt(2 / math.pi) * (value + 0.044715 * value**3)))

    def position(self, token: int) -> np.ndarray:
        quarter, values = self.shape.width // 4, []
        for place in divmod(token, self.shape.grid):
            steps = [place * 10000 ** (-k / quarter) for k in range(quarter)]
            values += [math.sin(s) for s in steps] + [math.cos(s) for s in steps]
        return np.array(values)

    def blocks(self, tokens: np.ndarray, depth: int) -> np.ndarray:
        width, heads = self.shape.width, self.shape.heads
        for index in range(depth):
            name = f"blocks.{index}"
            fused = self.linear(f"{name}.qkv", self.norm(f"{name}.attention_norm", tokens))
            query, key, value = fused.reshape(-1, 3, width).swapaxes(0, 1)
            mixed = np.empty_like(query)
            for head in range(heads):
                part = slice(head * width // heads, (head + 1) * width // heads)
                scores = np.exp(query[:, part] @ key[:, part].T / math.sqrt(width // heads))
                mixed[:, part] = scores / scores.sum(axis=1, keepdims=True) @ value[:, part]
            tokens = tokens + self.linear(f"{name}.project", mixed)
            hidden = self.gelu(self.linear(f"{name}.expand", self.norm(f"{name}.mlp_norm", tokens)))
            tokens = tokens + self.linear(f"{name}.contract", hidden)
        return self.norm("norm", tokens)

    def encode(self, image: np.ndarray) -> np.ndarray:
        grid, patch = self.shape.grid, self.shape.patch
        tokens = []
        for row in range(grid):
            for column in range(grid):
                square = image[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
                tokens.append(self.linear("embed", square.reshape(-1).astype(np.float64)))
        places = np.array([self.position(token) for token in range(grid**2)])
        return self.blocks(np.array(tokens) + places, self.shape.encoder_depth)

    def predict(self, tokens: np.ndarray, action: np.ndarray, positions: list[int]) -> np.ndarray:
        places = np.array([self.position(token) for token in range(len(tokens))])
        context = self.linear("embed", tokens.astype(np.float64)) + places
        queries = []
        for token in positions:
            query = self.w["mask_token"] + self.position(token)
            if self.shape.conditioned:
                query = np.concatenate([query, action / np.array([0.4, 0.4, 0.2, 0.1, 1, 1, 1])])
            hidden = self.gelu(self.linear("query_in", query))
            queries.append(self.linear("query_out", self.gelu(self.linear("query_middle", hidden))))
        mixed = self.blocks(np.concatenate([context, queries]), self.shape.predictor_depth)
        return self.linear("project", mixed[len(tokens) :])


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Graphs(Folder):
    def setUp(self):
        super().setUp()
        generator = np.random.default_rng(3)
        self.images = generator.uniform(-1, 1, (3, 3, 16, 16)).astype(np.float32)
        self.inputs = {
            "tokens": generator.standard_normal((3, 16, 16)).astype(np.float32),
            "action": generator.uniform(-0.5, 0.5, (3, 7)).astype(np.float32),
            "positions": np.stack([generator.permutation(16)[:5] for _ in range(3)]),
        }

    def predictor(self, shape: WorldModelShape) -> tuple[ReferenceEvaluator, dict[str, np.ndarray]]:
        weights, path = random_weights(shape, True), self.folder / "predictor.onnx"
        world_model_onnx.convert_predictor(weights, shape, path, {})
        return ReferenceEvaluator(onnx.load(path)), weights

    def test_encoder_is_that_of_the_equations(self):
        weights, path = random_weights(TINY, False), self.folder / "encoder.onnx"
        world_model_onnx.convert_encoder(weights, TINY, path, {})
        (found,) = ReferenceEvaluator(onnx.load(path)).run(["tokens"], {"image": self.images})
        self.assertEqual((found.dtype, found.shape), (np.float32, (3, 16, 16)))
        for place, image in enumerate(self.images):
            expected = Plain(weights, TINY).encode(image)
            self.assertLess(np.abs(found[place] - expected).max(), 1e-4 * np.abs(expected).max())

    def test_predictor_is_that_of_the_equations(self):
        for conditioned in (True, False):
            shape = replace(TINY, conditioned=conditioned)
            network, weights = self.predictor(shape)
            (found,) = network.run(["predictions"], self.inputs)
            self.assertEqual((found.dtype, found.shape), (np.float32, (3, 5, 16)))
            for place in range(3):
                one = [array[place] for array in self.inputs.values()]
                expected = Plain(weights, shape).predict(one[0], one[1], list(one[2]))
                self.assertLess(np.abs(found[place] - expected).max(), 1e-4 * np.abs(expected).max())

    def test_positions_are_answered_in_their_order(self):
        # what is asked beside a position has a say in its answer, so one set of positions is asked twice
        network, _ = self.predictor(TINY)
        (found,) = network.run(["predictions"], self.inputs)
        turned = self.inputs | {"positions": self.inputs["positions"][:, ::-1].copy()}
        (other,) = network.run(["predictions"], turned)
        self.assertLess(np.abs(found - other[:, ::-1]).max(), 1e-5)
        self.assertGreater(np.abs(found - other).max(), 1e-2)

    def test_only_the_conditioned_predictor_sees_the_action(self):
        for conditioned in (True, False):
            network, _ = self.predictor(replace(TINY, conditioned=conditioned))
            (found,) = network.run(["predictions"], self.inputs)
            (other,) = network.run(["predictions"], self.inputs | {"action": self.inputs["action"] + 0.1})
            self.assertEqual(np.abs(found - other).max() > 1e-3, conditioned)

    def test_same_bytes_again(self):
        weights = random_weights(TINY, True)
        path = self.folder / "predictor.onnx"
        digests = {world_model_onnx.convert_predictor(weights, TINY, path, {"seed": "0"}) for _ in range(2)}
        self.assertEqual(len(digests), 1)

    def test_every_weight_has_its_place(self):
        path = self.folder / "network.onnx"
        for predictor, convert in ((False, world_model_onnx.convert_encoder), (True, world_model_onnx.convert_predictor)):
            weights = random_weights(TINY, predictor)
            for name, array in weights.items():
                less = {key: value for key, value in weights.items() if key != name}
                with self.assertRaisesRegex(ConversionError, name):
                    convert(less, TINY, path, {})
                with self.assertRaisesRegex(ConversionError, "shape"):
                    convert({**weights, name: array[None]}, TINY, path, {})
            with self.assertRaisesRegex(ConversionError, "not used"):
                convert({**weights, "more": np.ones(1, np.float32)}, TINY, path, {})
        self.assertFalse(path.exists())

    def test_shapes_that_cannot_be(self):
        for change in ({"patch": 3}, {"heads": 3}, {"width": 18, "heads": 2}, {"predictor_depth": 0}):
            with self.assertRaisesRegex(ValueError, "expected"):
                replace(TINY, **change)
        self.assertEqual((len(ACTION), len(ACTION_SCALE)), (7, 7))


class Shipped(unittest.TestCase):
    def test_contract(self):
        number, integer = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
        image, tokens = (number, ["N", 3, 64, 64]), (number, ["N", 64, 64])
        predictor = {
            "tokens": tokens,
            "action": (number, ["N", 7]),
            "positions": (integer, ["N", "M"]),
            "predictions": (number, ["N", "M", 64]),
        }
        expected = {"encoder": {"image": image, "tokens": tokens}, "predictor": predictor}
        expected["teacher"] = expected["encoder"]
        for model in ("conditioned", "unconditioned"):
            for role, tensors in expected.items():
                graph = onnx.load(SHIPPED / f"{model}-{role}.onnx")
                found = {
                    value.name: (
                        value.type.tensor_type.elem_type,
                        [part.dim_param or part.dim_value for part in value.type.tensor_type.shape.dim],
                    )
                    for value in (*graph.graph.input, *graph.graph.output)
                }
                self.assertEqual(found, tensors)
                metadata = {item.key: item.value for item in graph.metadata_props}
                self.assertEqual(metadata["data_sha256"], sha256_of(SHARD))
                self.assertEqual("not conditioned" in metadata["model"], model == "unconditioned")
                for name in ("seed", "steps", "ema_decay", "script", "torch", "action", "target", "licence"):
                    self.assertTrue(metadata[name], name)
        sizes = [path.stat().st_size for path in SHIPPED.glob("*.onnx")]
        self.assertEqual(len(sizes), 6)
        self.assertLess(sum(sizes), 5_000_000)

    @unittest.skipUnless(HAS_PILLOW, "Pillow is not installed")
    def test_an_action_brings_its_own_view_nearer(self):
        """Twelve brightness factors of three images of the test set: ranks among themselves."""
        from PIL import Image, ImageEnhance

        canvases = noto_pictures.read_canvases(SHARD)
        factors = np.linspace(0.6, 1.4, 12)
        reciprocals = {"conditioned": [], "unconditioned": []}
        networks = {
            (model, role): ReferenceEvaluator(onnx.load(SHIPPED / f"{model}-{role}.onnx"))
            for model in reciprocals
            for role in ("encoder", "teacher", "predictor")
        }

        def scaled(image: Image.Image) -> np.ndarray:
            return (np.asarray(image, dtype=np.float32) / np.float32(127.5) - 1).transpose(2, 0, 1)

        for place in canvases.test[[5, 100, 200]]:
            image = canvases.images[place].resize((64, 64), Image.Resampling.BICUBIC)
            views = np.stack([scaled(ImageEnhance.Brightness(image).enhance(float(factor))) for factor in factors])
            action = np.zeros((12, 7), dtype=np.float32)
            action[:, 0] = factors - 1
            positions = np.tile(np.arange(64), (12, 1))
            for model, found in reciprocals.items():
                (bank,) = networks[model, "teacher"].run(["tokens"], {"image": views})
                bank = (bank - bank.mean(-1, keepdims=True)) / bank.std(-1, keepdims=True)
                (tokens,) = networks[model, "encoder"].run(["tokens"], {"image": scaled(image)[None]})
                inputs = {"tokens": np.repeat(tokens, 12, axis=0), "action": action, "positions": positions}
                (predictions,) = networks[model, "predictor"].run(["predictions"], inputs)
                distances = np.square(predictions[:, None] - bank[None]).sum(axis=(2, 3))
                found += list(1 / (1 + (distances < np.diag(distances)[:, None]).sum(axis=1)))
        chance = sum(1 / rank for rank in range(1, 13)) / 12
        self.assertAlmostEqual(float(np.mean(reciprocals["unconditioned"])), chance, places=6)
        self.assertGreater(float(np.mean(reciprocals["conditioned"])), 2 * chance)


@unittest.skipUnless(HAS_PILLOW, "Pillow is not installed")
class Data(unittest.TestCase):
    def test_canvases_are_those_of_the_data_set(self):
        canvases = noto_pictures.read_canvases(SHARD)
        self.assertEqual({image.size for image in canvases.images}, {(80, 80)})
        self.assertEqual(len(canvases.images), 1045)
        # 30 % of 85 and of 8 times 120
        self.assertEqual(np.bincount(canvases.labels[canvases.test]).tolist(), [26] + [36] * 8)
        self.assertEqual(canvases.images[0].getpixel((7, 40)), (255, 255, 255))

    def test_split_does_not_depend_on_order(self):
        keys, labels = [f"{n}" for n in range(20)], np.repeat([0, 1], 10)
        test = noto_pictures.hashed_test_set(keys, labels, 0, 25)
        self.assertEqual(len(test), 6)
        turned = noto_pictures.hashed_test_set(keys[::-1], labels[::-1], 0, 25)
        self.assertEqual({keys[place] for place in test}, {keys[::-1][place] for place in turned})


@unittest.skipUnless(HAS_TORCH, "PyTorch is not installed")
class Augmentations(unittest.TestCase):
    def setUp(self):
        self.images = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1))

    def test_steps_are_those_of_the_definitions(self):
        import colorsys

        half, turn = torch.full((6,), 0.5), torch.full((6,), 0.2)
        grey = 0.299 * self.images[:, 0] + 0.587 * self.images[:, 1] + 0.114 * self.images[:, 2]
        mean = grey.mean(dim=(1, 2))[:, None, None, None]
        expected = {
            photometric.brightness: self.images / 2,
            photometric.contrast: (self.images + mean) / 2,
            photometric.saturation: (self.images + grey[:, None]) / 2,
        }
        for step, images in expected.items():
            self.assertLess((step(self.images, half) - images).abs().max().item(), 1e-6)
        self.assertLessEqual(photometric.contrast(self.images, torch.full((6,), 3.0)).max().item(), 1)
        turned = photometric.hue(self.images, turn).permute(0, 2, 3, 1).reshape(-1, 3)
        pixels = self.images.permute(0, 2, 3, 1).reshape(-1, 3)
        for before, after in zip(pixels[::7].tolist(), turned[::7].tolist()):
            hue, saturation, value = colorsys.rgb_to_hsv(*before)
            np.testing.assert_allclose(after, colorsys.hsv_to_rgb((hue + 0.2) % 1, saturation, value), atol=1e-5)

    def test_blur_keeps_the_mean_and_a_constant(self):
        flat = torch.full((2, 3, 16, 16), 0.3)
        self.assertLess((photometric.blur(flat, torch.tensor([0.1, 2.0])) - 0.3).abs().max().item(), 1e-6)
        nothing = photometric.blur(self.images, torch.full((6,), 0.1))
        self.assertLess((nothing - self.images).abs().max().item(), 1e-6)

    def test_draws_and_actions(self):
        generator = torch.Generator().manual_seed(2)
        source, target = photometric.draw_source(20_000, generator), photometric.draw_jitter(20_000, generator)
        action = source.action_to(target)
        self.assertTrue(torch.equal(action[:, :4], target.jitter - source.jitter))
        # 20,000 draws: a part p has a standard deviation of at most 0.0029 (p 0.2)
        for found, expected in zip(action[:, 4:].mean(dim=0).tolist(), (0.2, 0.2, 0.1)):
            self.assertLess(abs(found - expected), 0.017)
        self.assertLess(abs((target.jitter[:, 0] == 1).float().mean().item() - 0.2), 0.017)
        self.assertLessEqual((target.jitter - torch.tensor([1, 1, 1, 0])).abs().amax(0).tolist(), [0.4, 0.4, 0.2, 0.1])
        nothing = source.without(torch.ones(20_000, dtype=torch.bool))
        clean = photometric.Photometric(*(part[:6] for part in vars(nothing).values()))
        self.assertTrue(torch.equal(photometric.apply(self.images, clean), self.images))

    def test_masks_are_rectangles_and_disjoint_from_what_is_kept(self):
        for seed in range(20):
            generator = torch.Generator().manual_seed(seed)
            kept, predicted = world_model_batches.masks(32, 8, generator)
            for keeps, predicts in zip(kept.tolist(), predicted.tolist()):
                self.assertFalse(set(keeps) & set(predicts))
                self.assertEqual(len({*keeps, *predicts}), len(keeps) + len(predicts))
            # one rectangle of at least 15 % of 64, and four of at most 20 % (12.8, with rounded sides)
            self.assertTrue(6 <= predicted.shape[1] <= 64 - kept.shape[1])
            self.assertGreaterEqual(kept.shape[1], 10)


@unittest.skipUnless(HAS_TORCH, "PyTorch is not installed")
class Training(Folder):
    def setUp(self):
        super().setUp()
        shape = mock.patch.object(train_noto_world_models, "SHAPE", replace(TINY, size=32, patch=8))
        shape.start()
        self.addCleanup(shape.stop)

    def run_program(self, *more: object, checkpoint: str = "a.pt", output: str = "a") -> tuple[int, str]:
        """Exit status and what was written to standard error."""
        words = ["train_noto_world_models.py", SHARD, self.folder / output, "--checkpoint", self.folder / checkpoint]
        words += ["--conditioning", "feature", "--batch", 4, "--warm-up", 2, "--checkpoint-every", 2, *more]
        errors = io.StringIO()
        with mock.patch.object(sys, "argv", list(map(str, words))), contextlib.redirect_stderr(errors):
            with contextlib.redirect_stdout(io.StringIO()):
                try:
                    return train_noto_world_models.main(), errors.getvalue()
                except SystemExit as exit:
                    return exit.code, errors.getvalue()

    def test_onnx_is_the_torch_network(self):
        path = self.folder / "predictor.onnx"
        for network, convert in (
            (Encoder(TINY), world_model_onnx.convert_encoder),
            (Predictor(TINY), world_model_onnx.convert_predictor),
        ):
            initialise(network, torch.Generator().manual_seed(0))
            weights = {name: value.numpy() for name, value in network.state_dict().items()}
            convert(weights, TINY, path, {})
            inputs = {"image": torch.rand(2, 3, 16, 16)}
            if isinstance(network, Predictor):
                positions = torch.tensor([[3, 0, 15], [1, 2, 7]])
                inputs = {"tokens": torch.randn(2, 16, 16), "action": torch.randn(2, 7), "positions": positions}
            (found,) = ReferenceEvaluator(onnx.load(path)).run(None, {k: v.numpy() for k, v in inputs.items()})
            with torch.no_grad():
                expected = network(*inputs.values()).numpy()
            self.assertLess(np.abs(found - expected).max(), 1e-4 * np.abs(expected).max())

    def test_kept_tokens_are_the_whole_image_where_all_are_kept(self):
        encoder, predictor = Encoder(TINY), Predictor(TINY)
        for network in (encoder, predictor):
            initialise(network, torch.Generator().manual_seed(0))
        image, action = torch.rand(2, 3, 16, 16), torch.randn(2, 7)
        order = torch.stack([torch.randperm(16), torch.randperm(16)])
        positions = torch.tensor([[1, 2], [3, 4]])
        whole, kept = encoder(image), encoder(image, order)
        self.assertLess((whole.gather(1, order[:, :, None].expand(-1, -1, 16)) - kept).abs().max().item(), 1e-5)
        found = predictor(kept, action, positions, order)
        self.assertLess((found - predictor(whole, action, positions)).abs().max().item(), 1e-5)

    def test_interrupted_training_gives_the_same_bytes(self):
        self.assertEqual(self.run_program("--steps", 6)[0], 0)
        stop_at_3 = mock.patch.object(
            train_noto_world_models.Trainer, "step", autospec=True, side_effect=self.stopping_step(3)
        )
        with stop_at_3, self.assertRaises(KeyboardInterrupt):
            self.run_program("--steps", 6, checkpoint="b.pt", output="b")
        self.assertFalse((self.folder / "b").exists())
        code, errors = self.run_program("--steps", 6, checkpoint="b.pt", output="b")
        self.assertEqual(code, 0)
        self.assertNotIn("step 2/6", errors)
        for name in ("encoder.onnx", "teacher.onnx", "predictor.onnx"):
            self.assertEqual(sha256_of(self.folder / "a" / name), sha256_of(self.folder / "b" / name))
        self.assertNotEqual(sha256_of(self.folder / "a/encoder.onnx"), sha256_of(self.folder / "a/teacher.onnx"))

    def stopping_step(self, last: int):
        step = train_noto_world_models.Trainer.step

        def stop(trainer, batch):
            if trainer.done == last:
                raise KeyboardInterrupt
            return step(trainer, batch)

        return stop

    def test_refusals(self):
        self.assertEqual(self.run_program("--steps", 2)[0], 0)
        for more, message in (
            (("--steps", 2, "--conditioning", "none"), "its shape is"),
            (("--steps", 2, "--seed", 1), "trained with seed 0"),
            (("--steps", 2, "--learning-rate", 3), "--learning-rate is 3.0"),
        ):
            code, errors = self.run_program(*more)
            self.assertEqual(code, 2, errors)
            self.assertIn(message, errors)
        code, errors = self.run_program("--export-only", checkpoint="none.pt")
        self.assertEqual(code, 2)
        self.assertIn("no such checkpoint", errors)

    def test_steps_draw_by_their_number(self):
        canvases = noto_pictures.read_canvases(SHARD)
        shape = train_noto_world_models.SHAPE
        places = train_noto_world_models.training_places(canvases)
        self.assertFalse(set(places.tolist()) & set(canvases.test.tolist()))
        images = world_model_batches.Images(canvases, places, shape.size)
        plan = Plan(steps=10, batch=8, seed=3, learning_rate=1e-3, warm_up=1, decay_part=0.3)
        one, same, other = (world_model_batches.draw_batch(plan, step, images, shape) for step in (4, 4, 6))
        self.assertTrue(torch.equal(one.source, same.source) and torch.equal(one.action, same.action))
        self.assertFalse(torch.equal(one.target, other.target))
        self.assertGreaterEqual(one.source.min().item(), -1)
        full = world_model_batches.draw_batch(plan, 5, images, shape)
        self.assertIsNone(full.kept)
        self.assertEqual(full.predicted.shape, (8, 16))


if __name__ == "__main__":
    unittest.main()
