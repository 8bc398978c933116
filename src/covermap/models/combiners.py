"""How class activation maps become a class for each pixel, in three ways.

Those of Wang, Chen and Guo (2018), "Deep Learning for Semantic Segmentation of Remote Sensing
Imagery": the largest; the largest after each map was standardised; multinomial logistic regression
on the pixels of some labelled images. Knows no torch; a bundle keeps a combiner as plain numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np

from covermap.core.errors import BundleError, SplitError

Centre = Literal["mean", "median"]
CombinerName = Literal["argmax", "standardised", "median", "regression"]
WEAK, WEAK_AND_DENSE = "weak labels", "weak + few dense labels"
# A patch of 50 x 50; neighbouring pixels of a larger one say little more.
PIXELS_PER_CHIP = 2_500


@dataclass(frozen=True)
class Largest:
    """The class whose map is largest. Maps of classes seen often are then larger everywhere."""

    name: ClassVar[CombinerName] = "argmax"
    reported_as: ClassVar[str] = WEAK
    chips: ClassVar[tuple[str, ...]] = ()

    def scores(self, maps: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """The maps (N, K, H, W) themselves."""
        return maps

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "largest"}


@dataclass(frozen=True)
class Standardised:
    """The class whose map is largest after each map of each image was standardised.

    Attributes
    ----------
    centre : str
        `mean`: less the map's mean, over its standard deviation; `median`: less its median, over
        the median distance from it, which a few bright cells do not move.

    Notes
    -----
    What a pixel gets depends on the image around it: to be used at the size that was validated.
    """

    centre: Centre = "mean"
    reported_as: ClassVar[str] = WEAK
    chips: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> CombinerName:
        return "standardised" if self.centre == "mean" else "median"

    def scores(self, maps: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Standardised maps, (N, K, H, W); 0 where a map is the same everywhere.

        `valid` (N, H, W) says which pixels the centre and the spread are of; all by default.
        """
        kept = np.ones((len(maps), *maps.shape[2:]), bool) if valid is None else valid
        result = np.zeros(maps.shape, np.float32)
        for chip, (image, inside) in enumerate(zip(maps, kept, strict=True)):
            if inside.any():
                result[chip] = _standardised(image, inside, self.centre)
        return result

    def to_dict(self) -> dict[str, Any]:
        return {"kind": "standardised", "centre": self.centre}


@dataclass(frozen=True)
class Regressed:
    """Multinomial logistic regression of the maps' values at a pixel.

    Attributes
    ----------
    weight : tuple of tuple of float, K x K
        Of each class (rows) for each map.
    bias : tuple of float, K
        Minus infinity is written as None: a class that no labelled pixel had.
    chips : tuple of str
        The labelled images that it was fitted on.
    """

    weight: tuple[tuple[float, ...], ...]
    bias: tuple[float | None, ...]
    chips: tuple[str, ...]
    name: ClassVar[CombinerName] = "regression"
    # Labels of pixels were used: no table may call it weak.
    reported_as: ClassVar[str] = WEAK_AND_DENSE

    def scores(self, maps: np.ndarray, valid: np.ndarray | None = None) -> np.ndarray:
        """Logits (N, K, H, W) out of maps (N, K, H, W)."""
        weight = np.asarray(self.weight, np.float64)
        bias = np.array([-np.inf if value is None else value for value in self.bias])
        logits = np.einsum("ck,nkhw->nchw", weight, maps) + bias[:, None, None]
        return logits.astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "regressed",
            "weight": [list(row) for row in self.weight],
            "bias": list(self.bias),
            "chips": list(self.chips),
        }


Combiner: TypeAlias = Largest | Standardised | Regressed
# Those that learn nothing, by name.
UNFITTED: dict[CombinerName, Combiner] = {
    "argmax": Largest(),
    "standardised": Standardised("mean"),
    "median": Standardised("median"),
}


@dataclass(frozen=True)
class LabelledMaps:
    """The activation maps of an image whose pixels are labelled.

    Attributes
    ----------
    maps : ndarray of float, shape (K, H, W)
    target : ndarray of int, shape (H, W)
        Class positions, 0..K-1 where counted.
    counted : ndarray of bool, shape (H, W)
    """

    maps: np.ndarray
    target: np.ndarray
    counted: np.ndarray


def combiner_from_dict(facts: dict[str, Any], where: str) -> Combiner:
    """A combiner as `to_dict` wrote it.

    Raises
    ------
    BundleError
        It is none that this version knows, or a value is not of its kind; `where` begins the
        message.
    """
    try:
        kind = facts["kind"]
        if kind == "largest":
            return Largest()
        if kind == "standardised" and facts["centre"] in ("mean", "median"):
            return Standardised(facts["centre"])
        if kind == "regressed":
            return _regressed(facts)
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            f"{where}: combiner: a value is not of its kind ({type(error).__name__}: {error}); "
            "copy the whole bundle again"
        ) from None
    raise BundleError(
        f"{where}: combiner: {facts} is none of largest, standardised, regressed; the bundle needs "
        "a version of covermap that knows it"
    )


def positions(scores: np.ndarray) -> np.ndarray:
    """The class position of each pixel, int16 (N, H, W), from scores (N, K, H, W)."""
    return scores.argmax(axis=1).astype(np.int16)


def choose_labelled(chips: Sequence[str], count: int, seed: int) -> tuple[str, ...]:
    """At most `count` chips, drawn at random and sorted, to fit a regression on.

    Parameters
    ----------
    chips : sequence of str
        Names of training chips with labelled pixels; their order does not matter.
    count : int
        500 in Wang, Chen and Guo (2018).
    seed : int
    """
    known = sorted(chips)
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.permutation(len(known))[:count]
    return tuple(known[place] for place in sorted(drawn))


def fit_regression(
    images: Iterable[LabelledMaps],
    chips: Sequence[str],
    classes: int,
    seed: int,
    per_chip: int = PIXELS_PER_CHIP,
) -> Regressed:
    """Multinomial logistic regression of the class of a pixel on its K maps.

    Images are asked for one after the other, and only the drawn pixels of each are kept.

    Parameters
    ----------
    images : iterable of LabelledMaps
        Of training chips only.
    chips : sequence of str
        Their names, in the same order.
    classes : int
        K.
    seed : int
        Of the drawing of pixels.
    per_chip : int
        At most so many pixels of each chip.

    Raises
    ------
    SplitError
        Fewer than two classes among the counted pixels.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    values, found = _drawn_pixels(images, chips, classes, seed, per_chip)
    present = np.unique(found)
    if len(present) < 2:
        raise SplitError(
            f"the {len(chips)} labelled chips hold {len(present)} class(es) among their counted "
            "pixels, expected 2 or more; label more chips, or combine the maps without labels"
        )
    # Scaled for the solver; the scales go into the weights, so that nothing else is to be kept.
    scaler = StandardScaler().fit(values)
    model = LogisticRegression(max_iter=1000).fit(scaler.transform(values), found)
    weight, bias = _of_each_class(model)
    weight = weight / scaler.scale_
    bias = bias - weight @ scaler.mean_
    return _with_places(weight, bias, present, classes, chips)


def _standardised(image: np.ndarray, inside: np.ndarray, centre: Centre) -> np.ndarray:
    """Maps (K, H, W) of one image less their centre, over their spread."""
    known = image[:, inside].astype(np.float64)
    if centre == "mean":
        middle, spread = known.mean(1), known.std(1)
    else:
        middle = np.median(known, 1)
        spread = np.median(np.abs(known - middle[:, None]), 1)
    # Rounding leaves a constant map a spread of its last digit.
    flat = spread <= 1e-6 * np.abs(known).max(1)
    scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, spread))
    result: np.ndarray = (image - middle[:, None, None]) * scale[:, None, None]
    return result


def _drawn_pixels(
    images: Iterable[LabelledMaps], chips: Sequence[str], classes: int, seed: int, per_chip: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (M, K) and classes (M,) of at most `per_chip` counted pixels of each image."""
    generator = np.random.Generator(np.random.PCG64(seed))
    values, found = [np.zeros((0, classes))], [np.zeros(0, np.int64)]
    for _, image in zip(chips, images, strict=True):
        places = np.flatnonzero(image.counted)
        if len(places) > per_chip:
            places = np.sort(generator.choice(places, per_chip, replace=False))
        values.append(image.maps.reshape(classes, -1)[:, places].T.astype(np.float64))
        found.append(image.target.reshape(-1)[places])
    return np.concatenate(values), np.concatenate(found)


def _of_each_class(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Weights and biases of a row a class; of two classes scikit-learn has one row."""
    if len(model.classes_) > 2:
        return model.coef_, model.intercept_
    return (
        np.concatenate([np.zeros_like(model.coef_), model.coef_]),
        np.concatenate([np.zeros(1), model.intercept_]),
    )


def _with_places(
    weight: np.ndarray,
    bias: np.ndarray,
    present: np.ndarray,
    classes: int,
    chips: Sequence[str],
) -> Regressed:
    rows = np.zeros((classes, classes))
    rows[present] = weight
    offsets: list[float | None] = [None] * classes
    for place, value in zip(present, bias, strict=True):
        offsets[int(place)] = float(value)
    return Regressed(
        tuple(tuple(float(value) for value in row) for row in rows),
        tuple(offsets),
        tuple(chips),
    )


def _regressed(facts: dict[str, Any]) -> Regressed:
    weight = tuple(tuple(float(value) for value in row) for row in facts["weight"])
    bias = tuple(None if value is None else float(value) for value in facts["bias"])
    if any(len(row) != len(bias) for row in weight) or len(weight) != len(bias):
        raise ValueError(f"{len(weight)} rows of weights for {len(bias)} classes")
    return Regressed(weight, bias, tuple(str(chip) for chip in facts["chips"]))
