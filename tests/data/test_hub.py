"""Data sets by name, from local Parquet files in the hub's schema that the tests write."""

from __future__ import annotations

import io
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from snn2chip.data import load_data, load_split
from snn2chip.data.hub import CATALOG, read_part
from snn2chip.data.hub.speech import filters, log_mel, spectrogram
from snn2chip.errors import ConfigError, InputFileError

datasets = pytest.importorskip("datasets", reason="reads Parquet files of the hub")
pytest.importorskip("pyarrow")
pytest.importorskip("PIL", reason="image files")


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No test asks the hub, and none writes into a user's cache."""
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.delenv("SNN2CHIP_DATA", raising=False)


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def wav(sound: np.ndarray, rate: int = 16_000) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.rint(sound * 32767).astype("<i2").tobytes())
    return out.getvalue()


def write(path: Path, column: str, contents: list[bytes], labels: list[int], typed: bool) -> None:
    """A Parquet file as on the hub, with the library's own types in its header or without."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"bytes": content, "path": f"{k}"} for k, content in enumerate(contents)]
    if typed:
        feature = datasets.Audio() if column == "audio" else datasets.Image()
        names = [str(k) for k in range(max(labels) + 1)]
        features = datasets.Features({column: feature, "label": datasets.ClassLabel(names=names)})
        plain = datasets.Features(
            {column: {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
             "label": datasets.Value("int64")}
        )  # fmt: skip
        table = datasets.Dataset.from_dict({column: rows, "label": labels}, features=plain)
        arrow = table.data.table.replace_schema_metadata(features.arrow_schema.metadata)
        pq.write_table(arrow, path)
        return
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    arrays = {column: pa.array(rows, kind), "label": pa.array(labels, pa.int64())}
    pq.write_table(pa.table(arrays), path)


def images(folder: Path, name: str, where: str, counts=(30, 12), typed: bool = True):
    """A copy of an image data set with random pixels; x and y by part."""
    named, rng, made = CATALOG[name], np.random.default_rng(0), {}
    for part, count in zip(("train", "test"), counts, strict=True):
        x = rng.integers(0, 256, (count, *named.shape), np.uint8)
        y = [k % 10 for k in range(count)]
        files = [png(np.squeeze(image.transpose(1, 2, 0))) for image in x]
        write(folder / where.format(part=part), named.column, files, y, typed)
        made[part] = x, np.array(y)
    return made


@pytest.mark.parametrize("typed", [True, False], ids=["typed", "plain"])
@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("mnist", "mnist/mnist/{part}-00000-of-00001.parquet"),
        ("fashion-mnist", "zalando-datasets/fashion_mnist/fashion_mnist/{part}-00000.parquet"),
        ("cifar10", "cifar10/plain_text/{part}/0000.parquet"),
    ],
)
def test_images_are_their_pixels(tmp_path, name, where, typed):
    made = images(tmp_path, name, where, typed=typed)
    for part, (x, y) in made.items():
        found = read_part(CATALOG[name], part, tmp_path)
        np.testing.assert_array_equal(found[0], x)
        np.testing.assert_array_equal(found[1], y)
    few = read_part(CATALOG[name], "train", tmp_path, samples=7)
    np.testing.assert_array_equal(few[0], made["train"][0][:7])


def test_a_split_has_both_parts_as_values(tmp_path, monkeypatch):
    made = images(tmp_path, "mnist", "mnist/{part}-0.parquet")
    monkeypatch.setenv("SNN2CHIP_DATA", str(tmp_path))
    split = load_split("mnist", 0, 0.4)
    assert split.byte_scale == 255.0
    np.testing.assert_array_equal(split.x_test, made["test"][0] / np.float32(255))
    np.testing.assert_array_equal(split.y_train, made["train"][1])


def test_a_run_scores_the_test_part_and_calibrates_on_the_other(tmp_path, monkeypatch):
    made = images(tmp_path, "mnist", "mnist/{part}-0.parquet")
    monkeypatch.setenv("SNN2CHIP_DATA", str(tmp_path))
    data = load_data("mnist", {"in": (784,)}, seed=0, samples=5, classes=10)
    assert data.name == "mnist"
    np.testing.assert_array_equal(
        data.x["in"], (made["test"][0][:5] / np.float32(255)).reshape(5, 784)
    )
    np.testing.assert_array_equal(
        data.calibration["in"], (made["train"][0] / np.float32(255)).reshape(-1, 784)
    )
    with pytest.raises(ConfigError, match="does not fit"):
        load_data("mnist", {"in": (100,)}, seed=0)


def words(folder: Path, labels: dict[str, list[int]]) -> dict[str, list[np.ndarray]]:
    rng, made = np.random.default_rng(1), {}
    for part, of_part in labels.items():
        sounds = [
            0.5 * np.sin(2 * np.pi * (200 + 100 * k) * np.arange(rng.integers(8000, 20000)) / 16000)
            for k, _ in enumerate(of_part)
        ]
        path = folder / f"speech-commands/v0.02/{part}/0000.parquet"
        write(path, "audio", [wav(sound) for sound in sounds], of_part, typed=True)
        made[part] = sounds
    return made


def test_words_become_spectrograms_and_silence_is_left_out(tmp_path):
    made = words(tmp_path, {"train": [0, 34, 35, 2], "validation": [1], "test": [3]})
    x, y = read_part(CATALOG["speech-commands"], "train", tmp_path)
    assert y.tolist() == [0, 34, 2]
    assert x.shape == (3, 1, 49, 40)
    for found, sound in zip(x, [made["train"][k] for k in (0, 1, 3)], strict=True):
        np.testing.assert_array_equal(found, spectrogram(wav(sound), "x"))


@pytest.mark.parametrize("labels", [[0, -1, 3, 99], [0.0, 1.0, 0.5, float("nan")]])
def test_labels_that_are_no_class_are_refused_and_counted(tmp_path, labels):
    """A row that is left out, or a half that becomes 0, would be another data set."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = [{"bytes": png(np.zeros((28, 28), np.uint8)), "path": None}] * len(labels)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    (tmp_path / "mnist").mkdir()
    table = pa.table({"image": pa.array(content, kind), "label": pa.array(labels)})
    pq.write_table(table, tmp_path / "mnist/train-0.parquet")
    with pytest.raises(InputFileError, match="2 rows with labels") as caught:
        read_part(CATALOG["mnist"], "train", tmp_path)
    assert "0 to 9" in caught.value.needs
    first = next(k for k, label in enumerate(labels) if label not in range(10))
    assert caught.value.has == f"{labels[first]!r} in row {first}"
    assert read_part(CATALOG["mnist"], "train", tmp_path, samples=1)[1].tolist() == [0]


def test_a_validation_part_is_joined_to_the_training_samples(tmp_path, monkeypatch):
    words(tmp_path, {"train": [0, 1, 2, 0], "validation": [1, 2], "test": [2, 1]})
    monkeypatch.setenv("SNN2CHIP_DATA", str(tmp_path))
    split = load_split("speech-commands", 0, 0.4)
    assert split.y_train.tolist() == [0, 1, 2, 0, 1, 2]


def test_the_spectrogram_is_that_of_the_definition():
    """Window by window and band by band, with a plain Fourier sum."""
    rng = np.random.default_rng(2)
    sound = rng.normal(0, 0.1, 16_000)
    found = log_mel(sound)
    assert found.shape == (49, 40)
    mel = [2595 * np.log10(1 + f / 700) for f in (20.0, 7600.0)]
    edges = [700 * (10 ** (m / 2595) - 1) for m in np.linspace(*mel, 42)]
    for frame in (0, 17, 48):
        part = sound[320 * frame : 320 * frame + 480]
        window = [0.5 - 0.5 * np.cos(2 * np.pi * n / 480) for n in range(480)]
        waves = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(480)) / 512)
        power = np.abs(waves @ (part * window)) ** 2 / 512
        for band in (0, 1, 20, 39):
            total = 0.0
            for point, value in enumerate(power):
                m = 2595 * np.log10(1 + point * 31.25 / 700)
                low, middle, high = (2595 * np.log10(1 + f / 700) for f in edges[band : band + 3])
                total += value * max(
                    0.0, min((m - low) / (middle - low), (high - m) / (high - middle))
                )
            assert found[frame, band] == pytest.approx(np.log(total + 1e-6), rel=1e-9)


def test_a_tone_is_in_its_band_and_silence_is_zero():
    time = np.arange(16_000) / 16_000
    tone = spectrogram(wav(0.99 * np.sin(2 * np.pi * 1000 * time)), "x")[0]
    peak = int(filters()[:, 32].argmax())  # point 32 of the spectrum is 1000 Hz
    assert (tone.argmax(axis=1) == peak).all()
    assert tone.max() > 200
    assert spectrogram(wav(np.zeros(100)), "x").max() == 0


def test_short_sounds_are_filled_up_and_long_ones_cut():
    sound = np.random.default_rng(3).normal(0, 0.1, 20_000).clip(-1, 1)
    full = spectrogram(wav(sound), "x")
    np.testing.assert_array_equal(full, spectrogram(wav(sound[:16_000]), "x"))
    padded = np.concatenate([sound[:5000], np.zeros(11_000)])
    np.testing.assert_array_equal(
        spectrogram(wav(sound[:5000]), "x"), spectrogram(wav(padded), "x")
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no image"),
        (b"GIF89a" + bytes(40), "no image"),
        (png(np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8))[:300], "no image"),
        (png(np.zeros((2, 3), np.uint8)), "another size"),
    ],
    ids=["empty", "gif", "cut", "size"],
)
def test_files_that_are_no_images_of_that_size_are_refused(tmp_path, content, words):
    good = png(np.zeros((28, 28), np.uint8))
    write(tmp_path / "mnist/test-0.parquet", "image", [good, content], [1, 2], typed=True)
    with pytest.raises(InputFileError, match=words) as caught:
        read_part(CATALOG["mnist"], "test", tmp_path)
    assert "row 1" in caught.value.what


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"RIFF", "no wav file"),
        (wav(np.zeros(100), rate=8000), "another form"),
        (bytes(1 << 23), "at most 4 MiB"),
    ],
    ids=["cut", "rate", "large"],
)
def test_sounds_of_another_form_are_refused(content, words):
    with pytest.raises(InputFileError) as caught:
        spectrogram(content, "row 3")
    assert words in str(caught.value)


def test_other_columns_and_damaged_files_are_named(tmp_path):
    write(
        tmp_path / "cifar10/test-0.parquet", "image", [png(np.zeros((2, 2), np.uint8))], [0], True
    )
    with pytest.raises(InputFileError, match="cifar10"):
        read_part(CATALOG["cifar10"], "test", tmp_path)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist/train-0.parquet").write_bytes(b"PAR1 no parquet PAR1")
    with pytest.raises(InputFileError, match="mnist"):
        read_part(CATALOG["mnist"], "train", tmp_path)


def test_without_data_the_message_says_how_to_get_them(tmp_path):
    for folder in (None, tmp_path):
        with pytest.raises(ConfigError) as caught:
            read_part(CATALOG["fashion-mnist"], "test", folder)
        assert caught.value.exit_code == 2
        assert "zalando-datasets/fashion_mnist" in caught.value.needs
        assert "SNN2CHIP_DATA" in caught.value.remedy
        assert ".npz" in caught.value.remedy


def test_without_the_library_the_message_names_the_extra(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ConfigError, match="datasets") as caught:
        read_part(CATALOG["mnist"], "test", tmp_path)
    assert "snn2chip[data]" in caught.value.remedy


def test_only_files_of_the_right_version_are_read(tmp_path):
    root = tmp_path / "speech-commands"
    write(root / "v0.01/test/0000.parquet", "audio", [wav(np.zeros(9))], [5], typed=True)
    write(root / "v0.02/test/0000.parquet", "audio", [wav(np.zeros(9))], [7], typed=True)
    assert read_part(CATALOG["speech-commands"], "test", tmp_path)[1].tolist() == [7]


def test_the_catalog_is_consistent():
    for name, named in CATALOG.items():
        assert named.name == name
        assert len(set(named.classes)) == len(named.classes)
        assert replace(named, samples=(1, 0, 1)).parts == ("train", "test")
        assert named.licence
        assert named.source
