"""Files are read as their formats say, written here byte by byte; others are refused and told apart."""

import gzip
import struct
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import brainsim as bs

X = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) * 10
Y = np.array([3, 7], np.uint8)
SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def idx(array):
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def check(found):
    for part in (found.train, found.test):
        np.testing.assert_allclose(part[0], X / 255, rtol=1e-6)
        assert part[0].dtype == np.float32 and part[1].dtype == np.int32
        np.testing.assert_array_equal(part[1], Y)


def test_idx_files(tmp_path):
    for stem, end in (("train", ""), ("t10k", ".gz")):
        for what, array in (("images-idx3-ubyte", X), ("labels-idx1-ubyte", Y)):
            content = idx(array)
            (tmp_path / f"{stem}-{what}{end}").write_bytes(gzip.compress(content) if end else content)
    check(bs.data.images(tmp_path))
    floats = struct.pack(">HBBI2f", 0, 0x0D, 1, 2, 1.5, -2.0)
    (tmp_path / "f").write_bytes(floats)
    np.testing.assert_array_equal(bs.data.read_idx(tmp_path / "f"), np.array([1.5, -2.0], np.float32))
    for content, message in (
        (b"", "begins with nothing"), (b"\x89PNG", "begins with 89 50 4e 47"), (floats[:-1], "has 15 bytes"), (floats[:6], "has 6 bytes"),
    ):  # fmt: skip
        (tmp_path / "f").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            bs.data.read_idx(tmp_path / "f")


def test_npz_files(tmp_path):
    np.savez(tmp_path / "mnist.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    check(bs.data.images(tmp_path / "mnist.npz"))
    folder = tmp_path / "parts"
    folder.mkdir()
    for k in range(2):
        np.savez(folder / f"train_{k}.npz", x=X[k : k + 1], y=Y[k : k + 1])
    np.savez(folder / "test.npz", x=X, y=Y)
    check(bs.data.images(folder))


def test_what_holds_something_else_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        bs.data.images(tmp_path / "none")
    with pytest.raises(ValueError, match="holds neither train-images-idx3-ubyte"):
        bs.data.images(tmp_path)
    np.savez(tmp_path / "a.npz", x=X)
    with pytest.raises(ValueError, match="holds x; expected x_train"):
        bs.data.images(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", x_train=X, y_train=Y[:1], x_test=X, y_test=Y)
    with pytest.raises(ValueError, match=r"of train.*\(2, 3, 4\) and labels of shape \(1,\)"):
        bs.data.images(tmp_path / "b.npz")
    (tmp_path / "c.npz").write_text("no")
    with pytest.raises(ValueError, match="not an npz file"):
        bs.data.images(tmp_path / "c.npz")
    np.savez(tmp_path / "d.npz", x_train=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="plain arrays"):
        bs.data.images(tmp_path / "d.npz")
    with pytest.raises(ValueError, match="not an HDF5 file"):
        bs.data.spikes(tmp_path / "a.npz")


def test_spike_trains(tmp_path):
    times = [np.array([0.0, 0.0014, 0.0016, 0.0032]), np.array([0.0005, 0.9])]
    units = [np.array([0, 5, 5, 3]), np.array([2, 1])]
    with h5py.File(tmp_path / "s.h5", "w") as file:
        kind = h5py.vlen_dtype(np.float64), h5py.vlen_dtype(np.int64)
        for name, arrays, dtype in (("times", times, kind[0]), ("units", units, kind[1])):
            made = file.create_dataset(f"spikes/{name}", (2,), dtype=dtype)
            made[0], made[1] = arrays
        file["labels"] = [4, 9]
    found = bs.data.spikes(tmp_path / "s.h5", count=6)
    assert len(found) == 2 and list(found.labels) == [4, 9]
    frames = found.binned(4, 1.0)
    expected = np.zeros((2, 4, 6), np.uint8)
    expected[0, 0, 0], expected[0, 1, 5], expected[0, 3, 3], expected[1, 0, 2] = 1, 2, 1, 1
    np.testing.assert_array_equal(frames, expected)
    np.testing.assert_array_equal(found.binned(4, 1.0, group=2, binary=True), expected.reshape(2, 4, 3, 2).max(-1) > 0)
    with pytest.raises(ValueError, match="units from 0 to 5; expected 5"):
        bs.data.spikes(tmp_path / "s.h5", count=5)
    with pytest.raises(ValueError, match="cannot be taken together by 4"):
        found.binned(4, 1.0, group=4)


@pytest.mark.skipif(not SHARED.is_dir(), reason="no data beside the checkout")
def test_mnist_itself(tmp_path):
    for name in ("mnist_train_0", "mnist_test"):
        (tmp_path / f"{name}.npz").symlink_to(SHARED / f"{name}.npz")
    found = bs.data.images(tmp_path)
    assert found.train_images.shape == (15000, 28, 28) and found.test_images.shape == (10000, 28, 28)
    assert list(found.train_labels[:5]) == [5, 0, 4, 1, 9] and list(found.test_labels[:5]) == [7, 2, 1, 0, 4]


def spoken(path, **changes):
    """Four recordings of two channels, with 2, 0, 3 and 1 spikes."""
    arrays = dict(t_ms=[5, 31, 0, 12, 12, 99], ch=[0, 1, 1, 0, 1, 1], count=[2, 0, 3, 1], digit=[3, 4, 5, 6], speaker=[0, 1, 1, 0],
                  take=[0, 4, 5, 30], cf_hz=[80.0, 200.0])  # fmt: skip
    np.savez(path, **{name: np.asarray(values) for name, values in (arrays | changes).items()})
    return path


def test_spoken_digits(tmp_path):
    digits = bs.data.spoken_digits(spoken(tmp_path / "d.npz"))
    assert digits.train.labels.tolist() == [5, 6] and digits.test.labels.tolist() == [3, 4]
    np.testing.assert_array_equal(digits.train.times, [0, 12, 12, 99])
    np.testing.assert_array_equal(digits.test.lengths(10.0), [4, 0])
    frames = digits.test.binned(4, 10.0)
    assert frames[0].tolist() == [[1, 0], [0, 0], [0, 0], [0, 1]] and not frames[1].any()
    alone = bs.data.spoken_digits(tmp_path / "d.npz", left_out="jackson")
    assert alone.test.labels.tolist() == [4, 5] and alone.train.labels.tolist() == [3, 6]
    assert alone.train.take([1, 0]).times.tolist() == [99, 5, 31]
    with pytest.raises(ValueError, match="there is no speaker 'anna'; there are george"):
        bs.data.spoken_digits(tmp_path / "d.npz", left_out="anna")
    with pytest.raises(FileNotFoundError, match="data.spoken_digits: there is no file"):
        bs.data.spoken_digits(tmp_path)
    for changes in ({"count": [2, 0, 3, 2]}, {"ch": [0, 1, 1, 0, 1, 2]}, {"take": [1]}):
        with pytest.raises(ValueError, match="do not belong together"):
            bs.data.spoken_digits(spoken(tmp_path / "e.npz", **changes))
    np.savez(tmp_path / "f.npz", x=np.zeros(3))
    with pytest.raises(ValueError, match="has no t_ms, ch, count, digit, speaker, take, cf_hz; it holds x"):
        bs.data.spoken_digits(tmp_path / "f.npz")


def test_vowels(tmp_path):
    arrays = {"V_train_x": np.ones((2, 3, 4), np.float16), "V_train_y": [0, 8], "V_train_len": [2, 3]}
    arrays |= {"V_test_x": np.ones((1, 5, 4)), "V_test_y": [1], "V_test_len": [5]}
    np.savez(tmp_path / "v.npz", **arrays)
    vowels = bs.data.vowels(tmp_path / "v.npz")
    x, y, lengths = vowels.train
    assert x.shape == (2, 5, 4) and x.dtype == np.float32 and not x[:, 3:].any() and x[:, :3].all()
    assert y.tolist() == [0, 8] and lengths.tolist() == [2, 3] and vowels.test[0].shape == (1, 5, 4)
    np.savez(tmp_path / "w.npz", **(arrays | {"V_train_len": [2, 4]}))
    with pytest.raises(ValueError, match="of train, .* lengths of shape"):
        bs.data.vowels(tmp_path / "w.npz")
    with pytest.raises(ValueError, match="has no train_x, train_y"):
        bs.data.vowels(spoken(tmp_path / "d.npz"))


@pytest.mark.skipif(not SHARED.exists(), reason="no data here")
def test_speech_as_it_is():
    digits = bs.data.spoken_digits(SHARED / "fsdd_spikes.npz")
    assert (len(digits.train), len(digits.test), digits.train.count) == (2700, 300, 64)
    assert np.bincount(digits.test.labels).tolist() == [30] * 10 and np.diff(digits.frequencies).min() > 0
    vowels = bs.data.vowels(SHARED / "japanese_vowels.npz")
    assert vowels.train_inputs.shape == (270, 29, 12) and np.bincount(vowels.test_labels).sum() == 370


def test_without_h5py_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.h5").write_bytes(b"x")
    with pytest.raises(ImportError, match="pip install h5py"):
        bs.data.spikes(tmp_path / "a.h5")
