"""Combined class activation maps of a chip classifier as a predictor of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.mapping.settings import TILE_MULTIPLE
from covermap.models.combiners import Combiner, Standardised

if TYPE_CHECKING:
    import torch

    from covermap.mapping.predictor import Precision


class ActivationPredictor:
    """Softmax of the combined activation maps of a tile.

    Parameters
    ----------
    mapper : torch.nn.Module
        Takes (N, C, H, W), sides multiples of 32; gives activation maps (N, K, H, W). Moved to the
        device and cast in place.
    combiner : Combiner
    classes : int
        K.
    halo : int
        Receptive radius in pixels.
    precision, device : str
    pixel_bytes : int
        Bytes of activations in float32 for each pixel of a tile.
    """

    stride = TILE_MULTIPLE
    engine = "torch"

    def __init__(
        self,
        mapper: torch.nn.Module,
        combiner: Combiner,
        classes: int,
        halo: int,
        precision: Precision = "float32",
        device: str = "cpu",
        pixel_bytes: int = 0,
    ) -> None:
        import torch

        self.classes, self.halo, self.precision = classes, halo, precision
        self.pixel_bytes = pixel_bytes // 2 if precision == "bfloat16" else pixel_bytes
        self._combiner, self._device = combiner, device
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._mapper = mapper.eval().to(device=device, dtype=self._dtype)

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Shares (N, K, H, W), float32, of normalised values (N, C, H, W), float32.

        Where maps are standardised, a last channel says which pixels are usable (1, else 0): the
        others have no part in a map's mean and spread.
        """
        from scipy.special import softmax

        usable = None
        if isinstance(self._combiner, Standardised):
            values, usable = values[:, :-1], values[:, -1] > 0.5
        scores = self._combiner.scores(self._maps(values), usable)
        result: np.ndarray = softmax(scores, axis=1).astype(np.float32)
        return result

    def _maps(self, values: np.ndarray) -> np.ndarray:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
            batch = batch.to(self._device, self._dtype, memory_format=torch.channels_last)
            maps: np.ndarray = self._mapper(batch).float().cpu().numpy()
        return maps
