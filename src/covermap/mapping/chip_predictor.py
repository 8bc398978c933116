"""Models of whole chips: their answers for chips, and for pixels in sliding windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np

from covermap.assessment.chip_statistics import chip_statistics
from covermap.bundle.facts import Bundle
from covermap.bundle.folder import FOREST_FILE, read_forest
from covermap.mapping.activation_predictor import ActivationPredictor
from covermap.mapping.settings import TILE_MULTIPLE
from covermap.models.forest import Forest, forest_from_bytes
from covermap.models.registry import output_of
from covermap.models.settings import Activation, ModelSettings
from covermap.models.weak import reading_from_dict

if TYPE_CHECKING:
    import torch

    from covermap.mapping.predictor import Precision

# Pixels that go through a network at once, as a square of this side.
_BATCH_SIDE = 1024
# A window answers for its middle quarter at most: finer cells cost the square of it.
_CELLS_A_CHIP = 4


class ChipModel(Protocol):
    """Anything that answers for whole chips.

    Attributes
    ----------
    classes : int
        K, classes or tags.
    precision : str
        Arithmetic of the network.
    """

    @property
    def classes(self) -> int: ...
    @property
    def precision(self) -> str: ...

    def answers(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K), float32, of normalised chips (N, C, S, S), float32."""
        ...


class ChipNetwork:
    """A network of chips: softmax of classes, or a sigmoid for each tag.

    Parameters
    ----------
    network : torch.nn.Module
        Takes (N, C, S, S), gives logits (N, K); moved to the device and cast in place.
    classes : int
    tags : bool
        Whether a chip may have several classes, or none.
    precision, device : str
    temperature : float
        What logits of classes are divided by; those of tags are not.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        classes: int,
        tags: bool,
        precision: Precision = "float32",
        device: str = "cpu",
        temperature: float = 1.0,
    ) -> None:
        import torch

        self.classes, self.precision = classes, precision
        self._tags, self._device, self._temperature = tags, device, temperature
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = network.eval().to(device=device, dtype=self._dtype)

    def answers(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K), float32, of normalised chips (N, C, S, S), float32."""
        import torch

        from covermap.models.decoding import class_probabilities, tag_probabilities

        size = max(1, _BATCH_SIDE**2 // (values.shape[2] * values.shape[3]))
        found = []
        with torch.inference_mode():
            for begin in range(0, len(values), size):
                part = torch.from_numpy(np.ascontiguousarray(values[begin : begin + size]))
                part = part.to(self._device, self._dtype, memory_format=torch.channels_last)
                logits = self._network(part)
                if self._tags:
                    shares = tag_probabilities(logits)
                else:
                    shares = class_probabilities(logits, self._temperature)
                found.append(shares.cpu().numpy())
        return np.concatenate(found) if found else np.zeros((0, self.classes), np.float32)


class ChipValues:
    """A network of chips that answers with one number, as it was learnt."""

    classes = 1

    def __init__(
        self,
        network: torch.nn.Module,
        activation: Activation,
        precision: Precision = "float32",
        device: str = "cpu",
    ) -> None:
        import torch

        self.precision = precision
        self._activation: Activation = activation
        self._device = device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = network.eval().to(device=device, dtype=self._dtype)

    def answers(self, values: np.ndarray) -> np.ndarray:
        """Numbers (N, 1), float32, of normalised chips (N, C, S, S), float32."""
        import torch

        from covermap.models.decoding import activated

        found = [np.zeros((0, 1), np.float32)]
        size = max(1, _BATCH_SIDE**2 // (values.shape[2] * values.shape[3]))
        with torch.inference_mode():
            for begin in range(0, len(values), size):
                part = torch.from_numpy(np.ascontiguousarray(values[begin : begin + size]))
                part = part.to(self._device, self._dtype, memory_format=torch.channels_last)
                found.append(activated(self._network(part), self._activation).cpu().numpy())
        return np.concatenate(found)


class ChipForest:
    """A random forest of each band's statistics over a chip."""

    precision = "float32"

    def __init__(self, forest: Forest) -> None:
        self.classes = forest.classes
        self._forest = forest

    def answers(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K), float32, of normalised chips (N, C, S, S), float32."""
        return self._forest.probabilities(np.stack([chip_features(chip) for chip in values]))


def chip_features(values: np.ndarray) -> np.ndarray:
    """What a forest of chips is told of one, float32 (C * 7,).

    Invalid pixels take part with the training mean, as they do for a network.

    Parameters
    ----------
    values : ndarray of float32, shape (C, S, S)
        Normalised.
    """
    return chip_statistics(values, np.ones(values.shape, dtype=bool))


class SlidingPredictor:
    """A model of chips as a predictor of pixels: each window answers for the cell in its middle.

    Windows are of the trained size and stand on a lattice of cells, so that a pixel's answer does
    not depend on the tile. Towards the border of a scene, where tiles end too, they stay inside:
    the cells there are answered for by the outermost whole window. A model that never saw ground
    that ends would take its padding for something (of EuroSAT's classes, for water). Only where a
    scene is smaller than a window what lies beyond has the training mean.

    Parameters
    ----------
    model : ChipModel
    chip_size : int
        Side of the chips that it was trained with, a multiple of 32 px.
    """

    engine = "torch"

    def __init__(self, model: ChipModel, chip_size: int) -> None:
        self.classes, self.precision = model.classes, model.precision
        self.stride = cell_side(chip_size)
        self._around = (chip_size - self.stride) // 2
        # From a cell's far end to the other end of its window.
        self.halo = self._around + self.stride
        self.pixel_bytes = 4 * (chip_size // self.stride) ** 2
        self._model, self._chip_size = model, chip_size

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        shares = []
        for tile in values:
            rows = [self._model.answers(windows) for windows in self._rows(tile)]
            cells = np.moveaxis(np.stack(rows), -1, 0)
            shares.append(cells.repeat(self.stride, axis=1).repeat(self.stride, axis=2))
        return np.stack(shares)

    def _rows(self, tile: np.ndarray) -> Iterator[np.ndarray]:
        """The windows of each row of cells, (columns, C, S, S)."""
        size = self._chip_size
        lacking = [max(0, size - side) for side in tile.shape[1:]]
        whole = np.pad(tile, ((0, 0), *((less // 2, less - less // 2) for less in lacking)))
        windows = np.lib.stride_tricks.sliding_window_view(whole, (size, size), axis=(1, 2))
        down, across = (self._starts(side) for side in tile.shape[1:])
        for row in down:
            yield np.moveaxis(windows[:, row, across], 0, 1)

    def _starts(self, length: int) -> np.ndarray:
        """Where the window of each cell along a side of a tile begins."""
        cells = np.arange(0, length, self.stride)
        return np.clip(cells - self._around, 0, max(0, length - self._chip_size))


def cell_side(chip_size: int) -> int:
    """Side of the cell that a window answers for: the largest power of two up to a quarter of it.

    Examples
    --------
    >>> cell_side(64), cell_side(96), cell_side(256)
    (16, 16, 32)
    """
    side = TILE_MULTIPLE
    while side > max(1, chip_size // _CELLS_A_CHIP):
        side //= 2
    return side


def answers_chips(bundle: Bundle) -> bool:
    """Whether a model answers for whole chips and not for pixels."""
    if bundle.task == "regression":
        return output_of(str(bundle.model["name"])) == "chip"
    return bundle.task != "segmentation"


def open_chip_model(bundle: Bundle, precision: str = "auto") -> ChipModel:
    """The model of a bundle that answers for whole chips.

    Parameters
    ----------
    bundle : Bundle
        Of task `classification`, `multilabel`, `weak-segmentation`, or a `regression` of chips.
    precision : str
        `auto` takes bfloat16 where the processor computes it in hardware.
    """
    classes = len(bundle.legend)
    if bundle.is_forest:
        content = read_forest(bundle)
        return ChipForest(forest_from_bytes(content, classes, 1, f"{bundle.folder}/{FOREST_FILE}"))
    from covermap.models.loading import load_network

    network = load_network(bundle)
    if bundle.task == "regression":
        activation = ModelSettings(**bundle.model).activation
        return ChipValues(network, activation, *resolved(precision))
    tags = bundle.task != "classification"
    return ChipNetwork(network, classes, tags, *resolved(precision), bundle.divisor)


def resolved(precision: str) -> tuple[Precision, str]:
    """The arithmetic and the device that torch computes with."""
    import torch

    from covermap.models.hardware import bfloat16_pays, prepare_cpu

    prepare_cpu()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if precision == "bfloat16" or (precision == "auto" and bfloat16_pays()):
        return "bfloat16", device
    return "float32", device


class ValuePredictor:
    """A network that gives each pixel a number.

    Parameters
    ----------
    network : torch.nn.Module
        Takes (N, C, H, W), sides multiples of 32; gives (N, 1, H, W).
    halo : int
        Receptive radius in pixels.
    activation : str
    precision, device : str
    pixel_bytes : int
        Bytes of activations in float32 for each pixel of a tile.
    """

    classes = 1
    stride = TILE_MULTIPLE
    engine = "torch"

    def __init__(
        self,
        network: torch.nn.Module,
        halo: int,
        activation: Activation,
        precision: Precision = "float32",
        device: str = "cpu",
        pixel_bytes: int = 0,
    ) -> None:
        import torch

        self.halo, self.precision = halo, precision
        self.pixel_bytes = pixel_bytes // 2 if precision == "bfloat16" else pixel_bytes
        self._activation, self._device = activation, device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = network.eval().to(device=device, dtype=self._dtype)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Values (N, 1, H, W), float32."""
        import torch

        from covermap.models.decoding import activated

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            decoded = activated(self._network(batch), self._activation)
            result: np.ndarray = decoded.contiguous().cpu().numpy()
        return result


def open_task_predictor(
    bundle: Bundle, precision: str = "auto"
) -> SlidingPredictor | ActivationPredictor | ValuePredictor:
    """The predictor of pixels of a bundle of any task but segmentation.

    Classifiers of chips answer for cells; weak segmentation by class activation maps, combined as
    the bundle says; a regression with the values that its network learnt.

    Raises
    ------
    BundleError
        It holds no combiner that this version knows.
    """
    if bundle.task != "weak-segmentation" and answers_chips(bundle):
        return SlidingPredictor(open_chip_model(bundle, precision), bundle.chip_size)
    from covermap.models.footprint import activation_bytes
    from covermap.models.loading import load_network

    network, radius = load_network(bundle), bundle.receptive_radius
    channels = len(bundle.channels)
    arithmetic = resolved(precision)
    if bundle.task == "regression":
        from covermap.models.folding import folded

        activation = ModelSettings(**bundle.model).activation
        pixel_bytes = activation_bytes(network, channels)
        if arithmetic[1] == "cpu":
            network = folded(network, channels)
        return ValuePredictor(network, radius, activation, *arithmetic, pixel_bytes)
    from covermap.models.activation_maps import ActivationMapper
    from covermap.models.classifiers import ChipClassifier

    assert isinstance(network, ChipClassifier)
    classes = len(bundle.legend)
    reading = reading_from_dict(bundle.combiner, classes, str(bundle.folder))
    mapper = ActivationMapper(network, reading.upsampling, reading.bias)
    pixel_bytes = activation_bytes(mapper, channels)
    return ActivationPredictor(mapper, reading.combiner, classes, radius, *arithmetic, pixel_bytes)
