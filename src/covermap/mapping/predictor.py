"""What turns normalised pixels of a tile into class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from covermap.bundle import Bundle, read_forest
from covermap.mapping.settings import TILE_MULTIPLE
from covermap.models.forest import Forest, features_of, forest_from_bytes

if TYPE_CHECKING:
    import torch

    from covermap.mapping.chip_predictor import DensePredictor, SlidingPredictor

Precision = Literal["float32", "bfloat16"]


class Predictor(Protocol):
    """Anything that says which class a pixel has: a network, a forest, an oracle in a test.

    Attributes
    ----------
    classes : int
        K, the number of probabilities a pixel gets.
    stride : int
        Sides of tiles are multiples of it, and outputs repeat only under shifts by it.
    halo : int
        Pixels of context that a pixel's answer depends on, to each side.
    """

    @property
    def classes(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def halo(self) -> int: ...

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        ...


class TorchPredictor:
    """A network with softmax, in evaluation mode and without gradients.

    Parameters
    ----------
    network : torch.nn.Module
        Takes (N, C, H, W), sides multiples of 32; gives logits (N, K, H, W). It is moved to the
        device and cast to the precision in place.
    classes : int
    halo : int
        Receptive radius in pixels.
    precision : "float32" or "bfloat16"
        Arithmetic of the network; softmax and what is handed out are float32 always.
    device : str
        As torch names it.
    """

    stride = TILE_MULTIPLE

    def __init__(
        self,
        network: torch.nn.Module,
        classes: int,
        halo: int,
        precision: Precision = "float32",
        device: str = "cpu",
    ) -> None:
        import torch

        self.classes = classes
        self.halo = halo
        self.precision: Precision = precision
        self._device = device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = network.eval().to(device=device, dtype=self._dtype)
        # torch's annotations lack this form of `to`.
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            logits = self._network(batch).float()
            shares = torch.softmax(logits, dim=1).contiguous()
            result: np.ndarray = shares.cpu().numpy()
        return result


class ForestPredictor:
    """A random forest by pixel, or with the statistics of a window around it."""

    stride = TILE_MULTIPLE
    precision: Precision = "float32"

    def __init__(self, forest: Forest) -> None:
        self.classes = forest.classes
        self.halo = forest.window // 2
        self._forest = forest

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        shares = []
        for chip in values:
            features = features_of(chip, self._forest.window)
            height, width, count = features.shape
            votes = self._forest.probabilities(features.reshape(-1, count))
            shares.append(np.moveaxis(votes.reshape(height, width, self.classes), -1, 0))
        return np.stack(shares)


def open_predictor(
    bundle: Bundle, precision: Literal["auto", "float32", "bfloat16"] = "auto"
) -> TorchPredictor | ForestPredictor | SlidingPredictor | DensePredictor:
    """The model of a bundle, ready to map on the fastest device of this machine.

    Parameters
    ----------
    bundle : Bundle
        As `read_bundle` gives it.
    precision : str
        `auto` takes bfloat16 where the processor computes it in hardware; what was taken is the
        predictor's `precision`.
    """
    if bundle.task != "segmentation":
        from covermap.mapping.chip_predictor import open_task_predictor

        return open_task_predictor(bundle, precision)
    if bundle.is_forest:
        window = int(bundle.model.get("window", 1))
        content = read_forest(bundle)
        return ForestPredictor(
            forest_from_bytes(content, len(bundle.legend), window, str(bundle.folder))
        )
    import torch

    from covermap.models.hardware import bfloat16_pays, prepare_cpu
    from covermap.models.loading import load_network

    prepare_cpu()
    if precision == "auto":
        precision = "bfloat16" if bfloat16_pays() else "float32"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = load_network(bundle)
    return TorchPredictor(network, len(bundle.legend), bundle.receptive_radius, precision, device)
