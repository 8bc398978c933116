"""What turns normalised pixels of a tile into class probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from covermap.mapping.settings import TILE_MULTIPLE
from covermap.models.forest import Forest, features_of

if TYPE_CHECKING:
    import torch


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
    engine, precision : str
        What computes, and in which arithmetic; kept in the files of a map.
    pixel_bytes : int
        Bytes that computing takes for each pixel of a tile, input and output aside.
    """

    @property
    def classes(self) -> int: ...
    @property
    def stride(self) -> int: ...
    @property
    def halo(self) -> int: ...
    @property
    def engine(self) -> str: ...
    @property
    def precision(self) -> str: ...
    @property
    def pixel_bytes(self) -> int: ...

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
    pixel_bytes : int
        Bytes of activations in float32 for each pixel of a tile.
    temperature : float
        What logits are divided by.
    """

    stride = TILE_MULTIPLE
    engine = "torch"

    def __init__(
        self,
        network: torch.nn.Module,
        classes: int,
        halo: int,
        precision: Precision = "float32",
        device: str = "cpu",
        pixel_bytes: int = 0,
        temperature: float = 1.0,
    ) -> None:
        import torch

        self.classes = classes
        self.halo = halo
        self.precision: Precision = precision
        self.pixel_bytes = pixel_bytes // 2 if precision == "bfloat16" else pixel_bytes
        self._device, self._temperature = device, temperature
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._network = network.eval().to(device=device, dtype=self._dtype)
        # torch's annotations lack this form of `to`.
        self._network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probabilities (N, K, H, W), float32, of normalised values (N, C, H, W), float32."""
        import torch

        from covermap.models.decoding import class_probabilities

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            if self._device != "cpu":
                # Only pinned pages are copied to a GPU while it computes.
                batch = batch.pin_memory()
            batch = batch.to(
                self._device, self._dtype, non_blocking=True, memory_format=torch.channels_last
            )
            shares = class_probabilities(self._network(batch), self._temperature)
            result: np.ndarray = shares.contiguous().cpu().numpy()
        return result


class ForestPredictor:
    """A random forest by pixel, or with the statistics of a window around it."""

    stride = TILE_MULTIPLE
    engine = "forest"
    precision = "float32"

    def __init__(self, forest: Forest, channels: int = 0) -> None:
        self.classes = forest.classes
        # Features of a pixel (a band and its window's mean, deviation) in float64, and votes.
        self.pixel_bytes = 8 * (4 * channels + 2 * forest.classes)
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
