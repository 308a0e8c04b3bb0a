"""Tests of the exporters of diffusion transformers and of the SD-VAE decoder; they need torch, onnxscript and
safetensors besides numpy and onnx, no network and no weights. Without torch they are skipped.

python3 -m unittest discover zoo/tests
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import sys
import tempfile
import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

if importlib.util.find_spec("torch") is None:
    raise unittest.SkipTest("torch is not installed")

import diffusion_transformer  # noqa: E402
import export_sd_vae  # noqa: E402
import export_transformer  # noqa: E402
import just_image_transformer  # noqa: E402
import sd_vae  # noqa: E402
import torch  # noqa: E402
import torch_export  # noqa: E402
from onnx_builder import ConversionError, sha256_of  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

SMALL = ("--width", 24, "--depth", 2, "--heads", 2, "--side", 8, "--channels", 3, "--classes", 4, "--random-seed", 5)
NETWORKS = {
    "dit": ("--size", "S/2", *SMALL),
    "sit": ("--size", "S/4", *SMALL),
    "repa": ("--size", "B/2", *SMALL),
    "jit": ("--size", "B/4", "--context-start", 1, *SMALL),
}


def run(program: ModuleType, *arguments: object) -> tuple[int, str]:
    """Exit status of a program and what it wrote to standard output and standard error."""
    written = io.StringIO()
    with mock.patch.object(sys, "argv", [program.__name__, *map(str, arguments)]):
        with contextlib.redirect_stderr(written), contextlib.redirect_stdout(written):
            try:
                return program.main(), written.getvalue()
            except SystemExit as exit:
                return exit.code, written.getvalue()


def evaluate(model: Path, **inputs: np.ndarray) -> np.ndarray:
    """The first output, by ONNX's own reference implementation."""
    return ReferenceEvaluator(str(model)).run(None, inputs)[0]


def notes(model: Path) -> dict[str, str]:
    return {item.key: item.value for item in onnx.load(str(model), load_external_data=False).metadata_props}


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def made(self, family: str, name: str = "random.onnx", checkpoint: str = "random.pt") -> tuple[Path, Path]:
        """A small random network of the family, as ONNX and as a state dict."""
        model, weights = self.folder / name, self.folder / checkpoint
        words = ("--family", family, *NETWORKS[family], "--write-checkpoint", weights, model)
        self.assertEqual(run(export_transformer, *words)[0], 0)
        return model, weights

    def small_network(self, family: str, weights: Path) -> torch.nn.Module:
        start = ["--context-start", 1] if family == "jit" else []
        words = ["--family", family, "--weights", weights, "--heads", 2, *start, "unused.onnx"]
        with mock.patch.object(sys, "argv", ["export_transformer.py", *map(str, words)]):
            return export_transformer.given(export_transformer.parse_arguments())[0]


class Transformers(Folder):
    def test_the_graph_is_the_network_for_any_batch_and_depends_on_every_input(self):
        outputs = {"dit": ("epsilon_variance", 6), "sit": ("velocity", 3), "repa": ("velocity", 3), "jit": ("x0", 3)}
        for family, (output, channels) in outputs.items():
            model, weights = self.made(family)
            network = self.small_network(family, weights)
            draw = np.random.default_rng(0)
            x = draw.standard_normal((1, 3, 8, 8)).astype(np.float32).repeat(4, axis=0)
            x[3] += 0.5
            inputs = {
                "x": x,
                "t": np.array([0.3, 0.7, 0.3, 0.3], np.float32),
                "y": np.array([1, 1, 4, 1], np.int64),
            }
            found = evaluate(model, **inputs)
            with torch.no_grad():
                expected = network(**{name: torch.from_numpy(array) for name, array in inputs.items()}).numpy()
            self.assertEqual(found.shape, (4, channels, 8, 8))
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
            for other, name in ((1, "t"), (2, "y"), (3, "x")):
                self.assertGreater(np.abs(found[0] - found[other]).max(), 0.01, f"{family}: {name}")
            self.assertEqual(onnx.load(model).graph.output[0].name, output)
            self.assertEqual(notes(model)["no_class"], "4")

    def test_the_same_bytes_again_without_a_path_in_them(self):
        first, _ = self.made("sit")
        second, _ = self.made("sit", "again.onnx", "again.pt")
        self.assertEqual(sha256_of(first), sha256_of(second))
        self.assertEqual(sha256_of(self.folder / "random.pt"), sha256_of(self.folder / "again.pt"))
        content = first.read_bytes()
        for part in (str(self.folder), str(Path.cwd()), "site-packages", ".py"):
            self.assertNotIn(part.encode(), content)
        self.assertEqual(notes(first)["weights"], "random, not trained, seed 5")

    def test_every_layer_gets_random_weights(self):
        _, checkpoint = self.made("jit")
        for name, tensor in torch.load(checkpoint, weights_only=True).items():
            self.assertGreater(tensor.std(), 0.01, name)

    def test_large_networks_have_their_weights_beside_them(self):
        whole, _ = self.made("repa")
        with mock.patch.object(torch_export, "LARGEST_SINGLE_FILE", 1000):
            parts, _ = self.made("repa", "parts.onnx")
        beside = parts.with_name("parts.onnx.data")
        self.assertGreater(beside.stat().st_size, parts.stat().st_size)
        inputs = {"x": np.ones((1, 3, 8, 8), np.float32), "t": np.ones(1, np.float32), "y": np.zeros(1, np.int64)}
        np.testing.assert_array_equal(evaluate(parts, **inputs), evaluate(whole, **inputs))

    def test_the_second_half_of_sit_is_left(self):
        model, weights = self.made("sit")
        full = diffusion_transformer.DiffusionTransformer(self.small_network("sit", weights).shape, kept=6)
        torch_export.load_strictly(full, torch.load(weights, weights_only=True))
        inputs = {"x": torch.ones(1, 3, 8, 8), "t": torch.ones(1), "y": torch.zeros(1, dtype=torch.int64)}
        with torch.no_grad():
            expected = full(**inputs).numpy()
        self.assertEqual(expected.shape[1], 6)
        found = evaluate(model, **{name: tensor.numpy() for name, tensor in inputs.items()})
        np.testing.assert_allclose(found, expected[:, :3], rtol=0, atol=1e-5 * np.abs(expected).max())


class Checkpoints(Folder):
    def setUp(self):
        super().setUp()
        self.model, path = self.made("repa")
        self.weights = torch.load(path, weights_only=True)
        self.digest = sha256_of(self.model)
        self.checkpoint = self.folder / "given.pt"

    def export(self, content: object, *words: object, heads: int | None = 2) -> tuple[int, str]:
        torch.save(content, self.checkpoint)
        heads_words = () if heads is None else ("--heads", heads)
        words = ("--family", "repa", "--weights", self.checkpoint, *heads_words, *words, self.folder / "given.onnx")
        return run(export_transformer, *words)

    def graph(self, model: Path) -> bytes:
        return onnx.load(model).graph.SerializeToString(deterministic=True)

    def require_same_network(self, content: object, *words: object, heads: int | None = 2) -> None:
        status, message = self.export(content, *words, heads=heads)
        self.assertEqual(status, 0, message)
        self.assertEqual(self.graph(self.folder / "given.onnx"), self.graph(self.model))

    def refused(self, expected: str, content: object, *words: object, heads: int | None = 2) -> None:
        status, message = self.export(content, *words, heads=heads)
        self.assertEqual(status, 2, message)
        self.assertIn(expected, message)
        self.assertFalse((self.folder / "given.onnx").exists())

    def test_where_weights_are_found_and_how_they_may_be_named(self):
        zeros = {name: torch.zeros_like(tensor) for name, tensor in self.weights.items()}
        settings = argparse.Namespace(anything=1)
        self.require_same_network(self.weights)
        self.require_same_network({"model": zeros, "ema": self.weights, "args": settings, "steps": 3})
        self.assertEqual(notes(self.folder / "given.onnx")["source_key"], "ema")
        self.assertEqual(notes(self.folder / "given.onnx")["source_sha256"], sha256_of(self.checkpoint))
        self.require_same_network({"model": self.weights, "ema": zeros}, "--key", "model")
        projectors = {"projectors.0.0.weight": torch.ones(3, 2), "projectors.0.projection_layer.bias": torch.ones(3)}
        self.require_same_network(self.weights | projectors)
        old = {name.replace("blocks.1.", "decoder_blocks.0."): tensor for name, tensor in self.weights.items()}
        self.assertNotEqual(old.keys(), self.weights.keys())
        self.require_same_network(old)
        self.require_same_network(self.weights, "--sha256", self.sha256_when_saved(self.weights))

    def sha256_when_saved(self, content: object) -> str:
        torch.save(content, self.checkpoint)
        return sha256_of(self.checkpoint)

    def test_safetensors_and_half_precision(self):
        halves = {name: tensor.half() for name, tensor in self.weights.items()}
        path = self.folder / "given.safetensors"
        save_file(halves, path)
        words = ("--family", "repa", "--weights", path, "--heads", 2, self.folder / "given.onnx")
        self.assertEqual(run(export_transformer, *words)[0], 0)
        first = self.graph(self.folder / "given.onnx")
        self.assertEqual(self.export({name: tensor.float() for name, tensor in halves.items()})[0], 0)
        self.assertEqual(first, self.graph(self.folder / "given.onnx"))

    def test_weights_that_do_not_fit(self):
        name = "blocks.1.mlp.fc2.weight"
        self.refused("1 weights were not used, the first is 'extra'", self.weights | {"extra": torch.ones(1)})
        self.refused(
            f"no weight '{name}' (1 are missing)", {key: value for key, value in self.weights.items() if key != name}
        )
        self.refused(f"weight '{name}' has shape (24, 24)", self.weights | {name: torch.ones(24, 24)})
        broken = torch.full((24, 96), np.nan)
        self.refused(f"weight '{name}' has values that are not finite", self.weights | {name: broken})
        self.refused(f"weight '{name}' is torch.int64", self.weights | {name: torch.ones(24, 96, dtype=torch.int64)})
        self.refused("3 output channels for 3 of x; --family sit expects 6", self.weights, "--family", "sit")
        self.refused("12 positions, which is no square", self.weights | {"pos_embed": torch.ones(1, 12, 24)})

    def test_what_no_shape_shows_must_be_said(self):
        self.refused("width 24 and depth 2 are no official size", self.weights, heads=None)
        self.refused("must be a multiple of 4 and of its 5 heads", self.weights, heads=5)
        self.refused("are not those of --size B/2", self.weights, "--size", "B/2")
        self.refused("--size X/2: expected a letter and a patch side", self.weights, "--size", "X/2")

    def test_files_that_are_no_checkpoints(self):
        self.refused("SHA-256 is", self.weights, "--sha256", "0" * 64)
        self.refused("no entry 'other'; the file holds: ema", {"ema": self.weights}, "--key", "other")
        self.refused("entry 'steps' is not a tensor", {"steps": 3})
        self.refused("holds a list", [self.weights])
        self.refused("not a checkpoint of tensors alone", {"ema": self.weights, "path": Path("x")})
        self.checkpoint.write_bytes(b"PK\x03\x04 and nothing more")
        words = ("--family", "repa", "--weights", self.checkpoint, self.folder / "given.onnx")
        status, message = run(export_transformer, *words)
        self.assertEqual(status, 2)
        self.assertIn("damaged", message)
        self.checkpoint.unlink()
        self.assertEqual(run(export_transformer, *words)[0], 2)


class Layers(unittest.TestCase):
    def test_position_embedding_by_its_definition(self):
        found = diffusion_transformer.sine_cosine_positions(8, 3)[0]
        row, column = 2, 1
        frequencies = (1.0, 10_000.0 ** -0.5)
        waves = [(place, wave) for place in (column, row) for wave in (np.sin, np.cos)]
        expected = [wave(place * frequency) for place, wave in waves for frequency in frequencies]
        np.testing.assert_allclose(found[row * 3 + column], expected, rtol=0, atol=1e-7)

    def test_patches_go_where_they_belong(self):
        grid, patch, channels = 2, 3, 2
        patches = torch.arange(grid**2 * patch**2 * channels).reshape(1, grid**2, -1)
        image = diffusion_transformer.image_of(patches, grid, patch)
        self.assertEqual(image.shape, (1, channels, 6, 6))
        for channel, row, column in np.ndindex(channels, 6, 6):
            token = (row // patch) * grid + column // patch
            value = ((row % patch) * patch + column % patch) * channels + channel
            self.assertEqual(image[0, channel, row, column], patches[0, token, value])

    def test_rotation_shows_only_how_far_apart_positions_are(self):
        grid, channels, still = 4, 12, 3
        rotation = just_image_transformer.Rotation(channels, grid, still)
        draw = torch.Generator().manual_seed(0)
        query, key = (torch.randn(channels, generator=draw, dtype=torch.float64) for _ in range(2))
        tokens = still + grid**2
        turned = [rotation.double()(vector.expand(1, 1, tokens, channels))[0, 0] for vector in (query, key)]
        for position in range(still):
            torch.testing.assert_close(turned[0][position], query)
        products = turned[0] @ turned[1].T
        places = {(row, column): still + row * grid + column for row, column in np.ndindex(grid, grid)}
        for (row, column), place in places.items():
            if row + 1 < grid and column + 1 < grid:
                moved = places[row + 1, column + 1]
                torch.testing.assert_close(products[place, places[0, 0]], products[moved, places[1, 1]])
        self.assertGreater(abs(products[places[0, 1], places[0, 0]] - products[places[1, 0], places[0, 0]]), 1e-3)
        torch.testing.assert_close(turned[0].norm(dim=1), query.norm().expand(tokens))

    def test_shapes_that_cannot_be(self):
        good = {"width": 24, "depth": 1, "heads": 2, "patch": 2, "side": 8, "channels": 3, "classes": 4}
        diffusion_transformer.TransformerShape(**good, outputs=6)
        for changes in ({"width": 26}, {"heads": 5}, {"side": 9}, {"outputs": 5}, {"depth": 0}):
            with self.assertRaises(ValueError, msg=changes):
                diffusion_transformer.TransformerShape(**(good | {"outputs": 6} | changes))
        context = {"bottleneck": 3, "context_tokens": 2, "context_start": 0}
        just_image_transformer.JitShape(**good, **context)
        for changes in ({"width": 28}, {"side": 9}, {"context_start": 1}, {"context_tokens": 0}, {"patch": 0}):
            with self.assertRaises(ValueError, msg=changes):
                just_image_transformer.JitShape(**(good | context | changes))


class Decoder(Folder):
    def made(self, *words: object, name: str = "decoder.onnx") -> tuple[Path, Path]:
        model, weights = self.folder / name, self.folder / "decoder.pt"
        options = ("--random-seed", 3, "--divide-channels", 4, "--write-checkpoint", weights)
        self.assertEqual(run(export_sd_vae, *options, *words, model)[0], 0)
        return model, weights

    def network(self, weights: dict[str, torch.Tensor], scale: float = 1.0) -> sd_vae.LatentDecoder:
        named = sd_vae.diffusers_names(weights)
        network = export_sd_vae.network_of(export_sd_vae.shape_from_checkpoint(named), scale)
        torch_export.load_strictly(network, named)
        return network

    def test_the_graph_is_the_network_for_any_size_of_latent(self):
        model, path = self.made()
        weights = torch.load(path, weights_only=True)
        latent = np.random.default_rng(0).standard_normal((1, 4, 2, 3)).astype(np.float32)
        found = evaluate(model, latent=latent)
        self.assertEqual(found.shape, (1, 3, 16, 24))
        with torch.no_grad():
            expected = self.network(weights)(torch.from_numpy(latent)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
        self.assertEqual(notes(model)["scale"], "not in the graph")
        scaled, _ = self.made("--scale", sd_vae.SCALE, name="scaled.onnx")
        self.assertEqual(notes(scaled)["scale"], "divided by the graph, 0.18215")
        again = evaluate(scaled, latent=latent * np.float32(sd_vae.SCALE))
        np.testing.assert_allclose(again, expected, rtol=0, atol=1e-5 * np.abs(expected).max())

    def test_names_of_the_original_repository_and_of_older_diffusers(self):
        pairs = {
            "decoder.mid.block_2.conv1.weight": "decoder.mid_block.resnets.1.conv1.weight",
            "decoder.mid.attn_1.norm.bias": "decoder.mid_block.attentions.0.group_norm.bias",
            "decoder.mid.attn_1.k.weight": "decoder.mid_block.attentions.0.to_k.weight",
            "decoder.mid.attn_1.proj_out.bias": "decoder.mid_block.attentions.0.to_out.0.bias",
            "decoder.mid_block.attentions.0.value.weight": "decoder.mid_block.attentions.0.to_v.weight",
            "decoder.mid_block.attentions.0.proj_attn.bias": "decoder.mid_block.attentions.0.to_out.0.bias",
            "decoder.up.3.block.1.norm2.weight": "decoder.up_blocks.0.resnets.1.norm2.weight",
            "decoder.up.0.block.0.nin_shortcut.weight": "decoder.up_blocks.3.resnets.0.conv_shortcut.weight",
            "decoder.up.2.upsample.conv.bias": "decoder.up_blocks.1.upsamplers.0.conv.bias",
            "decoder.norm_out.weight": "decoder.conv_norm_out.weight",
            "decoder.conv_in.weight": "decoder.conv_in.weight",
            "post_quant_conv.bias": "post_quant_conv.bias",
        }
        for old, new in pairs.items():
            self.assertEqual(sd_vae.diffusers_name(old, 4), new)
            self.assertEqual(sd_vae.diffusers_name(new, 4), new)

    def test_every_weight_must_fit_and_be_used(self):
        _, path = self.made()
        weights = torch.load(path, weights_only=True)
        self.network(weights | {"encoder.conv_in.weight": torch.ones(1), "quant_conv.bias": torch.ones(1)})
        with self.assertRaisesRegex(ConversionError, "1 weights were not used, the first is 'decoder.extra'"):
            self.network(weights | {"decoder.extra": torch.ones(1)})
        with self.assertRaisesRegex(ConversionError, "no weight 'decoder.conv_in.weight'"):
            self.network({name: tensor for name, tensor in weights.items() if "conv_in" not in name})


class CommandLines(unittest.TestCase):
    def test_options_that_do_not_go_together(self):
        for words in (
            ["model.onnx"],
            ["--family", "sit", "model.onnx"],
            ["--family", "sit", "--random-seed", 0, "model.onnx"],
            ["--family", "sit", "--random-seed", -1, "--size", "S/2", "model.onnx"],
            ["--family", "sit", "--random-seed", 0, "--size", "S/2", "--sha256", "0", "model.onnx"],
            ["--family", "sit", "--random-seed", 0, "--size", "S/2", "--depth", 0, "model.onnx"],
            ["--family", "sit", "--random-seed", 0, "--size", "S/3", "--side", 32, "model.onnx"],
            ["--family", "sit", "--weights", "w.pt", "--random-seed", 0, "model.onnx"],
            ["--family", "sit", "--weights", "w.pt", "--width", 8, "model.onnx"],
            ["--family", "sit", "--weights", "w.pt", "--context-start", 1, "model.onnx"],
        ):
            self.assertEqual(run(export_transformer, *words)[0], 2, words)
        for words in (
            ["--random-seed", 0, "--divide-channels", 3, "model.onnx"],
            ["--random-seed", 0, "--scale", "nan", "model.onnx"],
            ["--random-seed", 0, "--key", "x", "model.onnx"],
            ["--weights", "w.pt", "--divide-channels", 2, "model.onnx"],
        ):
            self.assertEqual(run(export_sd_vae, *words)[0], 2, words)


if __name__ == "__main__":
    unittest.main()
