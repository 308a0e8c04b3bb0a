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

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

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
