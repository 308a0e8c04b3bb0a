"""Tests of the recipes; they need numpy and onnx, no network and no weights.

python3 -m unittest discover zoo/tests
"""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import convert_dcgan  # noqa: E402
import convert_efficientnet_lite  # noqa: E402
import convert_mobilenetv2  # noqa: E402
import make_noto_emoji  # noqa: E402
import torch_checkpoint  # noqa: E402
from inverted_residual import Block, ConvolutionalGraph  # noqa: E402
from onnx_builder import ConversionError, Weights  # noqa: E402


class InventedWeights(Weights):
    """Seeded weights of whatever shape the converter asks for; remembers them."""

    def __init__(self):
        super().__init__({})
        self.arrays: dict[str, np.ndarray] = {}
        self._generator = np.random.default_rng(0)

    def take(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        assert name not in self.arrays, f"{name} is used twice"
        array = self._generator.standard_normal(shape).astype(np.float32)
        self.arrays[name] = np.abs(array) if name.endswith("running_var") else array
        return self.arrays[name]


def shapes(path: Path, side: int) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors for two images of this side, by ONNX shape inference."""
    model = onnx.load(str(path))
    dimensions = model.graph.input[0].type.tensor_type.shape.dim
    for dimension, value in zip(dimensions, (2, 3, side, side)):
        dimension.dim_value = value
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    return {
        value.name: tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim)
        for value in model.graph.value_info
    }


class Converters(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def efficientnet(self, variant: str) -> tuple[Path, InventedWeights]:
        path, weights = self.folder / f"{variant}.onnx", InventedWeights()
        convert_efficientnet_lite.convert(variant, weights, path, {})
        return path, weights

    def test_block_outputs_of_efficientnet_lite(self):
        # channels and number of blocks as in efficientnet_lite_builder.py of tensorflow/tpu
        last = {"lite0": (16, 320, 10, 112), "lite1": (21, 320, 14, 112), "lite2": (21, 352, 14, 120)}
        for variant, (count, channels, tap, tap_channels) in last.items():
            path, _ = self.efficientnet(variant)
            found = shapes(path, 256)
            blocks = sorted(name for name in found if name.startswith("block_") and name.endswith("/output"))
            self.assertEqual(blocks, [f"block_{index:02}/output" for index in range(count)])
            self.assertEqual(found[blocks[-1]], (2, channels, 8, 8))
            self.assertEqual(found[f"block_{tap:02}/output"], (2, tap_channels, 16, 16))
            self.assertEqual(shapes(path, 97)[blocks[-1]], (2, channels, 4, 4))

    def test_block_outputs_of_mobilenetv2(self):
        path = self.folder / "mobilenetv2.onnx"
        convert_mobilenetv2.convert(InventedWeights(), path, {})
        found = shapes(path, 256)
        self.assertEqual(found["block_01/output"], (2, 16, 128, 128))
        self.assertEqual(found["block_13/output"], (2, 96, 16, 16))
        self.assertEqual(found["block_17/output"], (2, 320, 8, 8))

    def test_every_weight_must_fit_and_be_used(self):
        _, invented = self.efficientnet("lite0")
        path, arrays = self.folder / "again.onnx", invented.arrays

        def convert(changed: dict[str, np.ndarray]) -> str:
            return convert_efficientnet_lite.convert("lite0", Weights(changed), path, {})

        self.assertEqual(convert(arrays), convert(dict(reversed(arrays.items()))))
        convert(arrays | {"_bn0.num_batches_tracked": np.array(3)})
        with self.assertRaisesRegex(ConversionError, "1 weights were not used.*'extra.weight'"):
            convert(arrays | {"extra.weight": np.zeros(3, np.float32)})
        with self.assertRaisesRegex(ConversionError, "no weight '_fc.bias'"):
            convert({name: array for name, array in arrays.items() if name != "_fc.bias"})
        with self.assertRaisesRegex(ConversionError, r"'_fc.bias' has shape \(1,\), expected \(1000,\)"):
            convert(arrays | {"_fc.bias": np.zeros(1, np.float32)})
        with self.assertRaisesRegex(ConversionError, "is int64, expected a float type"):
            convert(arrays | {"_fc.bias": np.zeros(1000, np.int64)})

    def test_a_block_adds_its_input_only_where_shapes_allow(self):
        layers = [convert_efficientnet_lite.Layer(f"{name}.conv", f"{name}.norm") for name in "abc"]
        for stride, channels_out, adds in ((1, 8, True), (2, 8, False), (1, 16, False)):
            graph = ConvolutionalGraph("block", InventedWeights(), 1e-3, same_padding=True)
            graph.block("x", Block("block_00", *layers, 3, stride, 6, 8, channels_out))
            self.assertEqual(any(node.op_type == "Add" for node in graph._nodes), adds)


def transposed_convolution(x: np.ndarray, weight: np.ndarray, stride: int, cut: int) -> np.ndarray:
    """Each pixel of [N,C,s,s] paints the kernel [C,O,4,4] times its value; `cut` rows go at every border."""
    side = (x.shape[2] - 1) * stride + 4
    painted = np.zeros((len(x), weight.shape[1], side, side))
    for row, column in np.ndindex(x.shape[2:]):
        top, left = row * stride, column * stride
        patch = np.einsum("nc,cohw->nohw", x[:, :, row, column], weight)
        painted[:, :, top : top + 4, left : left + 4] += patch
    return painted[:, :, cut : side - cut, cut : side - cut]


class Generators(unittest.TestCase):
    # as the two networks, but narrow
    NARROW = {
        "plain": convert_dcgan.Network(None, 0, (5, 4), (0, 3, 6), "none"),
        "conditional": convert_dcgan.Network(None, 3, (5, 4, 2), (0, 4, 7, 10), "none"),
    }

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "generator.onnx"

    def invented(self, name: str) -> dict[str, np.ndarray]:
        """Weights that neither saturate the tanh nor blow up rounding errors."""
        weights = InventedWeights()
        with mock.patch.object(convert_dcgan, "NETWORKS", self.NARROW):
            convert_dcgan.convert(name, weights, self.path, {})

        def tamed(name: str, array: np.ndarray) -> np.ndarray:
            if name.endswith("running_var"):
                return array + np.float32(0.5)
            return array * np.float32(0.1) if array.ndim == 4 else array

        return {name: tamed(name, array) for name, array in weights.arrays.items()}

    def convert(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        with mock.patch.object(convert_dcgan, "NETWORKS", self.NARROW):
            convert_dcgan.convert(name, Weights(arrays), self.path, {})

    def test_the_image_against_the_definition_of_the_layers(self):
        for name, network in self.NARROW.items():
            arrays = self.invented(name)
            self.convert(name, arrays)
            feeds = {"z": np.random.default_rng(1).standard_normal((2, 100)).astype(np.float32)}
            if network.classes:
                feeds["label_onehot"] = np.eye(network.classes, dtype=np.float32)[[2, 0]]
            x = np.concatenate([array.astype(np.float64) for array in feeds.values()], axis=1)[:, :, None, None]
            for number in network.convolutions:
                stride, cut = (2, 1) if number else (1, 0)
                x = transposed_convolution(x, arrays[f"main.{number}.weight"], stride, cut)
                if number != network.convolutions[-1]:
                    gamma, beta, mean, variance = (
                        arrays[f"main.{number + 1}.{part}"].astype(np.float64)[:, None, None]
                        for part in ("weight", "bias", "running_mean", "running_var")
                    )
                    x = np.maximum((x - mean) / np.sqrt(variance + 1e-5) * gamma + beta, 0)
            (found,) = ReferenceEvaluator(onnx.load(self.path)).run(["image"], feeds)
            self.assertEqual(found.shape, (2, 3, network.side, network.side))
            np.testing.assert_allclose(found, np.tanh(x), rtol=0, atol=1e-6)
            self.assertGreater(np.std(found), 0.1)
            self.assertLess(np.mean(np.abs(found) > 0.99), 0.1)

    def test_every_weight_must_fit_and_be_used(self):
        arrays = self.invented("conditional")
        with self.assertRaisesRegex(ConversionError, "1 weights were not used.*'main.3.weight'"):
            self.convert("conditional", arrays | {"main.3.weight": arrays["main.0.weight"]})
        with self.assertRaisesRegex(ConversionError, r"'main.0.weight' has shape .*, expected \(100, 5, 4, 4\)"):
            self.convert("plain", arrays)

    def test_sides_and_channels_of_the_packages_networks(self):
        # the comments in the packages' own network code
        packages = {"gan-face-generate": [512, 256, 128, 64], "omniart-eye-generator": [1024, 512, 256, 128, 64]}
        for name, channels in packages.items():
            convert_dcgan.convert(name, InventedWeights(), self.path, {})
            model = onnx.load(self.path)
            for value in model.graph.input:
                value.type.tensor_type.shape.dim[0].dim_value = 2
            model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
            found = {
                value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
                for value in model.graph.value_info
            }
            for index, count in enumerate(channels):
                self.assertEqual(found[f"block_{index}/output"], [2, count, 4 * 2**index, 4 * 2**index])
            side = 4 * 2 ** len(channels)
            self.assertEqual(found["image/convolution"], [2, 3, side, side])


class Checkpoints(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "checkpoint.pt"

    def write_zip(self, payload: bytes, storages: dict[str, bytes]):
        with zipfile.ZipFile(self.path, "w") as archive:
            archive.writestr("archive/data.pkl", payload)
            for key, content in storages.items():
                archive.writestr(f"archive/data/{key}", content)

    @staticmethod
    def state_dict(name: str, count: int, size: tuple[int, ...], stride: tuple[int, ...]) -> bytes:
        """The pickle of {name: float tensor of `size`, a view of storage 0 with `count` numbers}."""

        def global_(module: str, attribute: str) -> bytes:
            return b"c" + module.encode() + b"\n" + attribute.encode() + b"\n"

        def integers(values: tuple[int, ...]) -> bytes:
            return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

        def text(value: str) -> bytes:
            return b"X" + struct.pack("<I", len(value)) + value.encode()

        storage = b"(" + text("storage") + global_("torch", "FloatStorage") + text("0") + text("cpu")
        storage += b"J" + struct.pack("<i", count) + b"tQ"
        arguments = b"(" + storage + b"J" + struct.pack("<i", 0) + integers(size) + integers(stride) + b"t"
        tensor = global_("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"
        return b"\x80\x02}" + text(name) + tensor + b"s."

    def test_a_tensor_is_read(self):
        values = np.arange(6, dtype="<f4")
        self.write_zip(self.state_dict("w", 6, (3, 2), (1, 3)), {"0": values.tobytes()})
        found = torch_checkpoint.load_state_dict(self.path)
        np.testing.assert_array_equal(found["w"], values.reshape(2, 3).T)

    def test_nothing_in_a_checkpoint_is_executed(self):
        marker = self.path.with_suffix(".executed")

        class Attack:
            def __reduce__(self):
                return (open, (str(marker), "w"))

        self.write_zip(pickle.dumps({"w": Attack()}), {})
        with self.assertRaisesRegex(torch_checkpoint.CheckpointError, "not part of a plain state dict"):
            torch_checkpoint.load(self.path)
        self.path.write_bytes(pickle.dumps(Attack()))
        with self.assertRaisesRegex(torch_checkpoint.CheckpointError, "not part of a plain state dict"):
            torch_checkpoint.load(self.path)
        self.assertFalse(marker.exists())

    def test_a_tensor_stays_inside_its_storage(self):
        for size, stride in (((4, 2), (2, 1)), ((2, 2), (5, 1)), ((-1,), (1,)), ((2,), (-1,)), ((2,), (1, 1))):
            self.write_zip(self.state_dict("w", 6, size, stride), {"0": bytes(24)})
            with self.assertRaises(torch_checkpoint.CheckpointError):
                torch_checkpoint.load(self.path)

    def test_sizes_are_checked_before_reading(self):
        self.write_zip(self.state_dict("w", 2_000_000_000, (6,), (1,)), {"0": bytes(24)})
        with self.assertRaisesRegex(torch_checkpoint.CheckpointError, "24 bytes, expected 8000000000"):
            torch_checkpoint.load(self.path)

    def test_damage_is_an_error_of_one_type(self):
        self.write_zip(self.state_dict("w", 6, (6,), (1,)), {"0": bytes(24)})
        whole = self.path.read_bytes()
        generator = np.random.default_rng(0)
        for _ in range(500):
            damaged = bytearray(whole[: generator.integers(1, len(whole) + 1)])
            for index in generator.integers(0, len(damaged), 3):
                damaged[index] = generator.integers(0, 256)
            self.path.write_bytes(damaged)
            try:
                torch_checkpoint.load(self.path)
            except torch_checkpoint.CheckpointError:
                pass


class Emoji(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def package(self, entries: list[tuple[str, str, bytes]]) -> Path:
        path = self.folder / "package.tgz"
        index = [
            {"unified": name.upper(), "image": f"{name}.png", "category": category} for name, category, _ in entries
        ]
        files = {make_noto_emoji.INDEX: json.dumps(index).encode(), "package/README.md": b"not wanted"}
        files |= {f"{make_noto_emoji.IMAGES}{name}.png": image for name, _, image in entries}
        with tarfile.open(path, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def test_selection(self):
        entries = [(f"{index:x}", "Objects", b"image %d" % index) for index in range(130)]
        entries += [("2b50", "Flags", b"same"), ("2b51", "Flags", b"same"), ("1f3fb", "Component", b"skin")]
        members = make_noto_emoji.read_members(self.package(entries))
        self.assertNotIn("package/README.md", members)
        chosen = make_noto_emoji.choose(members)
        categories = [emoji.category for emoji in chosen]
        self.assertEqual({name: categories.count(name) for name in set(categories)}, {"Objects": 120, "Flags": 1})
        again = make_noto_emoji.choose(make_noto_emoji.read_members(self.package(entries[::-1])))
        self.assertEqual(chosen, again)

    def test_the_shard_has_no_time_and_no_owner(self):
        emoji = [make_noto_emoji.Emoji("2b50", "Travel & Places", b"image")]
        paths = [self.folder / name for name in ("a.tar", "b.tar")]
        for path in paths:
            make_noto_emoji.write_shard(emoji, path)
        self.assertEqual(paths[0].read_bytes(), paths[1].read_bytes())
        with tarfile.open(paths[0]) as archive:
            members = archive.getmembers()
            self.assertEqual([member.name for member in members], ["0000-2b50.png", "0000-2b50.cls"])
            self.assertEqual({(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members}, {(0, 0, 0, "", "")})
            self.assertEqual(archive.extractfile(members[1]).read(), b"Travel & Places")

    def test_a_package_without_an_image_is_refused(self):
        members = make_noto_emoji.read_members(self.package([("2b50", "Flags", b"image")]))
        del members[f"{make_noto_emoji.IMAGES}2b50.png"]
        with self.assertRaisesRegex(make_noto_emoji.PackageError, "no package/img/google/64/2b50.png"):
            make_noto_emoji.choose(members)
        with self.assertRaisesRegex(make_noto_emoji.PackageError, "no package/emoji.json"):
            make_noto_emoji.choose({})


if __name__ == "__main__":
    unittest.main()
