"""Tests of the FID Inception network; they need numpy and onnx, no network and no weights.

python3 -m unittest discover zoo/tests
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "zoo"))

import export_fid_inception  # noqa: E402
import random_inception  # noqa: E402
from fid_inception import CHANNEL_DIVISORS, ROW_7, SHRINK, convert  # noqa: E402
from onnx_builder import ConversionError, Weights, sha256_of  # noqa: E402
from torch_checkpoint import load_state_dict  # noqa: E402
from torch_checkpoint_writer import save_state_dict  # noqa: E402

GOLDEN = ROOT / "tests" / "golden" / "random-inception-tiny"
OUTPUTS = ["pool3", "logits_unbiased", "logits", "spatial"]
TINY = 16


def export(*arguments: str) -> tuple[int, str]:
    """Exit status of the program and what it wrote to standard error."""
    errors = io.StringIO()
    words = ["export_fid_inception.py", *map(str, arguments)]
    with mock.patch.object(sys, "argv", words), contextlib.redirect_stderr(errors):
        with contextlib.redirect_stdout(io.StringIO()):
            try:
                return export_fid_inception.main(), errors.getvalue()
            except SystemExit as exit:
                return exit.code, errors.getvalue()


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Network(Folder):
    @classmethod
    def setUpClass(cls):
        cls.arrays = random_inception.random_state_dict(0, TINY)

    def test_golden_outputs(self):
        # recorded by tests/parity/fid_inception.py: float64 PyTorch, batch norm and average pool in textbook order
        fields = np.load(GOLDEN / "fields.npy")
        pixels = fields.repeat(23, axis=2).repeat(23, axis=3).astype(np.float32)
        network = ReferenceEvaluator(onnx.load(GOLDEN / "random-inception-tiny.onnx"))
        for name, found in zip(OUTPUTS, network.run(OUTPUTS, {"image": (pixels - 128) / 128})):
            expected = np.load(GOLDEN / f"{name}.npy")
            self.assertEqual(found.shape, expected.shape)
            self.assertLess(np.abs(found - expected).max(), 1e-5 * np.abs(expected).max(), name)
            self.assertGreater(np.abs(expected[0] - expected[1]).max(), 0.1 * np.abs(expected).max(), name)

    def test_the_seed_gives_the_golden_network_again(self):
        path = self.folder / "again.onnx"
        convert(Weights(self.arrays), path, {}, TINY)
        again, golden = (
            {item.name: numpy_helper.to_array(item) for item in onnx.load(file).graph.initializer}
            for file in (path, GOLDEN / "random-inception-tiny.onnx")
        )
        self.assertEqual(again.keys(), golden.keys())
        for name, array in golden.items():
            np.testing.assert_array_equal(again[name], array, name)

    def test_channels_and_positions_of_the_blocks(self):
        # table 1 of arXiv:1512.00567 and the comments of torch-fidelity's network, channels over 16
        expected = {
            "MaxPool_1": (4, 73),
            "MaxPool_2": (12, 35),
            "Mixed_5b": (16, 35),
            "Mixed_5d": (18, 35),
            "Mixed_6a": (48, 17),
            "Mixed_6d.branch1x1": (12, 17),
            "Mixed_6e": (48, 17),
            "Mixed_7a": (80, 8),
            "Mixed_7b": (128, 8),
            "Mixed_7c": (128, 8),
        }
        model = onnx.load(GOLDEN / "random-inception-tiny.onnx")
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
        found = {
            value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
            for value in onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph.value_info
        }
        for name, (channels, side) in expected.items():
            self.assertEqual(found[name], (2, channels, side, side), name)

    def test_every_weight_must_fit_and_be_used(self):
        def refused(message: str, changed: dict[str, np.ndarray], divisor: int = TINY):
            with self.assertRaisesRegex(ConversionError, message):
                convert(Weights(changed), self.folder / "refused.onnx", {}, divisor)

        name = "Mixed_6d.branch1x1.bn.running_var"
        refused("1 weights were not used.*'extra'", self.arrays | {"extra": np.zeros(1, np.float32)})
        refused(f"no weight '{name}'", {key: array for key, array in self.arrays.items() if key != name})
        refused("values that are no variance", self.arrays | {name: -self.arrays[name]})
        refused("has shape", self.arrays, 8)
        refused("cannot be divided by 3", self.arrays, 3)
        self.assertFalse((self.folder / "refused.onnx").exists())


class RandomWeights(unittest.TestCase):
    def test_sums_are_exact_so_their_order_does_not_matter(self):
        draws = random_inception.InceptionDraws(1)
        x = random_inception.coarse(draws.uniform("x", (2, 96, 11, 11), -8.0, 8.0).astype(np.float64))
        weight = draws.signed("weight", (5, 96, 1, 7))
        order = np.argsort(draws.uniform("order", (96,), 0.0, 1.0))
        straight = random_inception.convolved(x, weight, ROW_7)
        shuffled = random_inception.convolved(x[:, order], weight[:, order], ROW_7)
        np.testing.assert_array_equal(straight, shuffled)

    def test_convolution_against_its_definition(self):
        draws = random_inception.InceptionDraws(2)
        x = draws.uniform("x", (1, 2, 7, 6), -1.0, 1.0).astype(np.float64)
        weight = draws.uniform("weight", (3, 2, 3, 3), -1.0, 1.0).astype(np.float64)
        found = random_inception.convolved(x, weight, SHRINK)
        self.assertEqual(found.shape, (1, 3, 3, 2))
        for output, row, column in np.ndindex(3, 3, 2):
            window = x[0, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3]
            self.assertAlmostEqual(found[0, output, row, column], (window * weight[output]).sum(), places=12)

    def test_a_weight_does_not_depend_on_the_others(self):
        draws = random_inception.InceptionDraws(3)
        first = draws.signed("a", (4,))
        draws.signed("b", (4,))
        np.testing.assert_array_equal(draws.signed("a", (4,)), first)
        self.assertFalse(np.array_equal(random_inception.InceptionDraws(4).signed("a", (4,)), first))

    def test_a_batch_norm_fits_its_convolution(self):
        draws = random_inception.InceptionDraws(5)
        network = random_inception.RandomInception(draws, TINY)
        y = network.linear(random_inception.pictures(draws), "layer", 32, SHRINK)
        gamma, beta = network.arrays["layer.bn.weight"], network.arrays["layer.bn.bias"]
        # epsilon and clipping at eight take a little away
        np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), beta, atol=0.01)
        np.testing.assert_allclose(y.std(axis=(0, 2, 3)), gamma, rtol=0.02)


class CommandLine(Folder):
    def test_random_weights_and_their_checkpoint_make_the_same_network(self):
        first, second, checkpoint = (self.folder / name for name in ("first.onnx", "second.onnx", "random.pth"))
        status, _ = export("--random-seed", 7, "--divide-channels", TINY, "--write-checkpoint", checkpoint, first)
        self.assertEqual(status, 0)
        again = self.folder / "again.pth"
        save_state_dict(again, load_state_dict(checkpoint))
        self.assertEqual(sha256_of(again), sha256_of(checkpoint))
        words = ("--weights", checkpoint, "--accept-any-weights", "--divide-channels", TINY, second)
        self.assertEqual(export(*words)[0], 0)
        models = [onnx.load(path) for path in (first, second)]
        self.assertEqual(*(model.graph.SerializeToString(deterministic=True) for model in models))
        notes = [{item.key: item.value for item in model.metadata_props} for model in models]
        self.assertEqual(notes[0]["weights"], "random, not trained, seed 7")
        self.assertEqual(notes[1]["weights"], "not the published ones")
        self.assertEqual(notes[1]["source_sha256"], sha256_of(checkpoint))

    def test_other_weights_are_refused(self):
        weights, output = self.folder / "weights.pth", self.folder / "model.onnx"
        weights.write_bytes(b"not the published weights")
        status, message = export("--weights", weights, output)
        self.assertEqual(status, 2)
        for part in (str(weights), sha256_of(weights), export_fid_inception.OFFICIAL_SHA256, "--accept-any-weights"):
            self.assertIn(part, message)
        self.assertFalse(output.exists())

    def test_options_that_do_not_go_together(self):
        for words in (
            ["model.onnx"],
            ["--random-seed", -1, "model.onnx"],
            ["--random-seed", 0, "--accept-any-weights", "model.onnx"],
            ["--weights", "w.pth", "--random-seed", 0, "model.onnx"],
            ["--weights", "w.pth", "--write-checkpoint", "c.pth", "model.onnx"],
            ["--random-seed", 0, "--divide-channels", 3, "model.onnx"],
        ):
            self.assertEqual(export(*words)[0], 2, words)
        self.assertNotIn(3, CHANNEL_DIVISORS)

    def test_a_file_that_is_not_there(self):
        status, message = export("--weights", self.folder / "missing.pth", self.folder / "model.onnx")
        self.assertEqual(status, 2)
        self.assertIn("missing.pth", message)


if __name__ == "__main__":
    unittest.main()
