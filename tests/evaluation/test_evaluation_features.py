"""Features that are learnt without labels, and features from files: they rank images, and are found again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

import gantape as gt
from gantape import evaluation as ev
from gantape.errors import DataError, RangeError, ShapeError
from gantape.evaluation.feature_files import CleanResize
from gantape.testing import assert_modes_agree

SIZE = 16
QUICK = ev.TransformationClassifier(height=SIZE, width=SIZE, features=16, filters=8, steps=250)
FEW = ev.Bootstrap(resamples=2)


def crops(split: Any, count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Random crops of the embedded photographs."""
    images = gt.data.photographs(batch_size=8, size=SIZE, labels=False, split=split).arrays
    found: np.ndarray[Any, np.dtype[np.uint8]] = images[np.random.default_rng(0).permutation(len(images))[:count]]
    return found


@pytest.fixture(scope="module")
def images() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return crops("train", 1500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("features")


@pytest.fixture(scope="module")
def network(images: Any, folder: Path) -> ev.FeatureNetwork:
    return ev.learn_features(images[:900], name="crops", folder=folder, classifier=QUICK)


def blurred(images: Any, amount: float) -> Any:
    return gaussian_filter(images, (0, amount, amount, 0))


def noisy(images: Any, amount: float) -> Any:
    return np.clip(images + np.random.default_rng(1).normal(0.0, amount, images.shape), 0.0, 1.0)


def paler(images: Any, amount: float) -> Any:
    return images + amount * (images.mean(axis=-1, keepdims=True) - images)


def covered(images: Any, amount: float) -> Any:
    """A grey square at a random place."""
    found, side, random = images.copy(), int(amount * SIZE), np.random.default_rng(2)
    for image in found:
        top, left = random.integers(0, SIZE - side + 1, 2)
        image[top : top + side, left : left + side] = 0.5
    return found


@pytest.mark.parametrize(
    ("damaged", "little", "much"),
    [(blurred, 0.5, 2.0), (noisy, 0.03, 0.2), (paler, 0.5, 1.0), (covered, 0.3, 0.7)],
)
def test_more_damage_is_a_larger_distance_and_noise_the_largest(
    network: ev.FeatureNetwork, images: Any, damaged: Callable[[Any, float], Any], little: float, much: float
) -> None:
    known, held_out = network.features(images[:300], pixels=(0, 255)), images[900:1200] / 255.0
    noise = np.random.default_rng(3).uniform(size=held_out.shape)
    sets = [network.features(some) for some in (held_out, damaged(held_out, little), damaged(held_out, much), noise)]
    for metric in (ev.frechet_distance, ev.kernel_distance):
        values = [metric(known, found, bootstrap=FEW).value for found in sets]
        assert values == sorted(values), metric.__name__
        assert values[1] > 1.2 * values[0], metric.__name__
    shares = [[result.value for result in ev.density_coverage(known, found, bootstrap=FEW)] for found in sets]
    assert shares[0][1] > shares[1][1] > shares[2][1] >= shares[3][1]
    assert shares[3] == pytest.approx([0.0, 0.0], abs=0.02)


def test_less_diverse_images_have_less_recall_and_coverage_but_the_same_precision(
    network: ev.FeatureNetwork, images: Any
) -> None:
    known, held_out = (network.features(part, pixels=(0, 255)) for part in (images[:300], images[900:1200]))
    sets = [held_out[np.arange(300) % distinct] for distinct in (300, 100, 20)]
    recalls = [ev.precision_recall(known, found, bootstrap=FEW)[1].value for found in sets]
    coverages = [ev.density_coverage(known, found, bootstrap=FEW)[1].value for found in sets]
    precisions = [ev.precision_recall(known, found, bootstrap=FEW)[0].value for found in sets]
    assert recalls[0] > 0.8
    assert recalls[0] - 0.15 > recalls[1] > recalls[2] + 0.15
    assert coverages[0] > coverages[1] + 0.1 > coverages[2] + 0.2
    assert min(precisions) > precisions[0] - 0.15


def test_half_of_the_training_images_stand_in_for_held_out_ones(network: ev.FeatureNetwork, images: Any) -> None:
    known = network.features(images[:400], pixels=(0, 255))
    real = network.features(images[900:1100], pixels=(0, 255))
    measured = {result.name: result for result in ev.score_features(real, train=known, bootstrap=FEW)}
    for name in ("precision", "recall", "density", "coverage", "authenticity"):
        assert measured[name].value == pytest.approx(measured[name].baseline, abs=0.15), name
    with pytest.raises(DataError, match="same N"):
        ev.score_features(known[:201], train=known)
    with pytest.raises(DataError, match="too few"):
        ev.score_features(real, train=known[:7])


def test_copies_are_not_authentic_and_noise_is() -> None:
    random = np.random.default_rng(0)
    known, others = random.normal(size=(400, 6)), random.normal(size=(300, 6))
    assert ev.authenticity(known[:50], known).value == 0.0
    assert ev.authenticity(known[:50] + 1e-3, known).value == 0.0
    assert ev.authenticity(random.normal(size=(50, 6)) + 100.0, known).value == 1.0
    honest = ev.authenticity(others, known, reference=random.normal(size=(300, 6)))
    assert honest.baseline is not None
    assert honest.value == pytest.approx(honest.baseline, abs=0.1)
    assert ev.authenticity(others, known, leave_one_out=True).baseline == pytest.approx(honest.value, abs=0.1)
    mixed = np.concatenate([known[:150], others[:150]])
    assert ev.authenticity(mixed, known).value == pytest.approx(honest.value / 2.0, abs=0.1)


def test_leaving_one_out_is_what_a_loop_over_the_others_finds() -> None:
    known = np.random.default_rng(0).normal(size=(30, 3))
    known[1] = known[0]
    distances, shares = [], []
    for place, example in enumerate(known):
        others = np.delete(known, place, axis=0)
        away = np.linalg.norm(others - example, axis=1)
        nearest = int(away.argmin())
        distances.append(away[nearest])
        shares.append(away[nearest] > np.linalg.norm(np.delete(others, nearest, axis=0) - others[nearest], axis=1).min())
    assert ev.training_distance(known[:2], known, leave_one_out=True).baseline == pytest.approx(np.mean(distances), abs=1e-7)
    assert ev.authenticity(known[:2], known, leave_one_out=True).baseline == pytest.approx(np.mean(shares))
    with pytest.raises(DataError, match="too few"):
        ev.authenticity(known, known[:2])


def test_features_are_found_again_by_content_and_say_who_they_are(
    network: ev.FeatureNetwork, images: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(network).startswith(
        f"features {network.identity}, learnt from 900 images of crops without labels (turns recognised "
    )

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained anew")

    monkeypatch.setattr("gantape.evaluation.learning._fit", refuse)
    found = ev.learn_features(images[:900], name="crops", folder=folder, classifier=QUICK)
    assert str(found) == str(network)
    np.testing.assert_array_equal(found.features(images[:5]), network.features(images[:5]))
    with pytest.raises(AssertionError, match="trained anew"):
        ev.learn_features(images[1:901], folder=folder, classifier=QUICK)


def test_an_image_has_the_same_features_whatever_stands_beside_it(network: ev.FeatureNetwork, images: Any) -> None:
    whole = network.features(images[:260], pixels=(0, 255))
    np.testing.assert_allclose(whole[255:], network.features(images[255:260] / 127.5 - 1.0, pixels=(-1, 1)), atol=1e-4)


def test_images_of_a_wrong_kind_are_refused(network: ev.FeatureNetwork, images: Any) -> None:
    with pytest.raises(DataError, match="at least 20 images") as refused:
        ev.learn_features(images[:19])
    assert refused.value.got == "19 images"
    for wrong in (images / 255.0, images[..., 0], images[:, :7]):
        with pytest.raises(DataError, match="features are learnt"):
            ev.learn_features(wrong)
    with pytest.raises(ShapeError):
        network.features(images[:, :8])
    with pytest.raises(DataError, match="no images"):
        network.features(images[:0])
    with pytest.raises(RangeError, match="not finite"):
        network.features(np.full((2, SIZE, SIZE, 3), np.nan))


@pytest.mark.slow
@pytest.mark.parametrize(("shape", "modes"), [((8, 8, 1), ("eager", "graph", "xla")), ((9, 14, 3), ("eager", "graph"))])
def test_the_classifier_learns_the_same_in_every_mode_on_any_shape(shape: tuple[int, ...], modes: Any) -> None:
    sizes = {"height": shape[0], "width": shape[1], "channels": shape[2]}
    pixels = np.random.default_rng(0).integers(0, 256, (32, *shape), np.uint8)
    data = gt.data.from_arrays(pixels, batch_size=8, prepare=gt.data.scale_pixels())
    assert_modes_agree(lambda: ev.TransformationClassifier(**sizes, features=4, filters=2, batch_size=8), data, modes=modes)


def saved(path: Path, model: Any) -> Path:
    model.save(path)
    return path


def small_network(side: int | None = 20, channels: int = 3) -> Any:
    inputs = keras.Input((side, side, channels))
    return keras.Model(inputs, keras.layers.Conv2D(4, 3, kernel_initializer=keras.initializers.HeNormal(seed=0))(inputs))


def test_a_file_is_a_network_of_features_with_its_name_and_hash(tmp_path: Path, images: Any) -> None:
    model = small_network()
    network = ev.load_features(saved(tmp_path / "small.keras", model), pixels=(0, 255))
    assert str(network) == f"features {network.identity}, small.keras, 20×20, pixels 0 to 255"
    large = np.stack([np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC)) for image in images[:3]])
    expected = model(large.astype(np.float32)).numpy().mean(axis=(1, 2))
    # Pillow rounds resized bytes; the network's input is not rounded.
    np.testing.assert_allclose(network.features(images[:3], pixels=(0, 255)), expected, atol=2.0)
    keras.Model.export(model, tmp_path / "exported", verbose=False)
    exported = ev.load_features(tmp_path / "exported", pixels=(0, 255))
    np.testing.assert_allclose(exported.features(images[:3]), network.features(images[:3]), rtol=1e-4, atol=1e-4)
    assert exported.identity != network.identity


def test_images_are_resized_as_clean_fid_does(images: Any) -> None:
    """Against the bicubic filter (a = -0.5) with its support stretched by the scale, computed here with NumPy."""

    def weights(size: int, wanted: int) -> Any:
        scale = max(size / wanted, 1.0)
        centres = (np.arange(wanted) + 0.5) * size / wanted
        away = np.abs((np.arange(size) + 0.5)[None] - centres[:, None]) / scale
        near, far = 1.5 * away**3 - 2.5 * away**2 + 1.0, -0.5 * away**3 + 2.5 * away**2 - 4.0 * away + 2.0
        found = np.where(away < 1.0, near, np.where(away < 2.0, far, 0.0))
        return found / found.sum(axis=1, keepdims=True)

    for side in (7, 40):
        found = CleanResize(side, side + 1, 3, (-1.0, 1.0))(images[:2] / 255.0)
        down, across = weights(SIZE, side), weights(SIZE, side + 1)
        expected = np.einsum("ai,nijc,bj->nabc", down, images[:2].astype(float), across).clip(0.0, 255.0) / 127.5 - 1.0
        np.testing.assert_allclose(found, expected, atol=1e-4)
    same = CleanResize(SIZE, SIZE, 3, (0.0, 255.0))(images[:2] / 255.0)
    np.testing.assert_array_equal(same, images[:2])


def test_grey_and_colour_meet_in_the_network(images: Any) -> None:
    grey = images[:2, ..., :1] / 255.0
    colour = CleanResize(SIZE, SIZE, 3, (0.0, 255.0))(grey)
    assert (colour == colour[..., :1]).all()
    luma = CleanResize(SIZE, SIZE, 1, (0.0, 255.0))(images[:2] / 255.0)
    expected = [np.asarray(Image.fromarray(image).convert("L")) for image in images[:2]]
    np.testing.assert_allclose(luma[..., 0], expected, atol=0.6)


def test_networks_that_give_no_features_are_refused(tmp_path: Path) -> None:
    dense = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    blind = small_network()
    blind.set_weights([0.0 * value for value in blind.get_weights()])
    (tmp_path / "broken.keras").write_bytes(b"no network")
    for file, words in [
        (saved(tmp_path / "dense.keras", dense), "does not map images to features"),
        (saved(tmp_path / "blind.keras", blind), "does not tell black, white and noise apart"),
        (tmp_path / "broken.keras", "cannot be loaded"),
        (tmp_path / "missing.keras", "cannot be loaded"),
    ]:
        with pytest.raises(DataError, match=words):
            ev.load_features(file)


def test_a_network_for_any_size_gets_the_size_of_inception(tmp_path: Path) -> None:
    network = ev.load_features(saved(tmp_path / "any.keras", small_network(None)))
    assert "299×299" in network.source
    assert isinstance(network.prepare, CleanResize)
    assert attrs.asdict(network.prepare) == {"height": 299, "width": 299, "channels": 3, "pixels": (-1.0, 1.0)}


@pytest.mark.parametrize(("channels", "wanted"), [(4, 3), (2, 1)])
def test_images_with_other_channels_than_grey_or_colour_are_refused(channels: int, wanted: int) -> None:
    with pytest.raises(ShapeError, match=f"{channels} channels"):
        CleanResize(8, 8, wanted, (0.0, 1.0))(np.zeros([1, 8, 8, channels]))
