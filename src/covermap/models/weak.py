"""How a weakly taught network's activation maps are read: what a project says, a bundle keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from covermap.core.errors import BundleError
from covermap.core.settings import Settings
from covermap.models.combiners import (
    Combiner,
    CombinerName,
    Largest,
    Regressed,
    combiner_from_dict,
)

Upsampling = Literal["bilinear", "repeat"]
UPSAMPLINGS: tuple[Upsampling, ...] = ("bilinear", "repeat")


class WeakSettings(Settings):
    """The key `weak` of a project file of task `weak-segmentation`.

    Attributes
    ----------
    combiner : str
        How a pixel's activation maps become its class: `argmax`, the largest; `standardised` and
        `median`, the largest after each map was standardised; `regression`, which is fitted to the
        labels of pixels of some training chips.
    dense_images : int
        How many chips of the training ground give `regression` the labels of their pixels.
    bias : bool
        Whether the bias of a class is in its map; Wang, Chen and Guo (2018) leave it out.
    upsampling : str
        `bilinear` between the middles of cells, where these truly lie, or `repeat`: each cell as
        often as the stride, in the middle of the image.
    """

    combiner: CombinerName = "argmax"
    dense_images: int = Field(default=500, ge=1)
    bias: bool = True
    upsampling: Upsampling = "bilinear"


@dataclass(frozen=True)
class MapReading:
    """How activation maps are made and combined.

    Attributes
    ----------
    combiner : Combiner
    upsampling : str
    bias : bool
    """

    combiner: Combiner = Largest()  # noqa: RUF009
    upsampling: Upsampling = "bilinear"
    bias: bool = True

    def to_dict(self) -> dict[str, Any]:
        """As a bundle keeps it, under `combiner`."""
        maps = {"upsampling": self.upsampling, "bias": self.bias}
        return {**self.combiner.to_dict(), "maps": maps}


def reading_from_dict(facts: Mapping[str, Any] | None, classes: int, where: str) -> MapReading:
    """A reading as `to_dict` wrote it; without facts the largest map, with its bias.

    Parameters
    ----------
    facts : mapping or None
    classes : int
        Of the bundle's legend.
    where : str
        Begins the message of an error.

    Raises
    ------
    BundleError
        A value is none that this version knows, or the combiner is of other classes.
    """
    if facts is None:
        return MapReading()
    combiner = combiner_from_dict(dict(facts), where)
    if isinstance(combiner, Regressed) and len(combiner.bias) != classes:
        raise BundleError(
            f"{where}: combiner: it is of {len(combiner.bias)} classes, the legend has {classes}; "
            "copy the whole bundle again"
        )
    # Bundles of earlier versions do not say how maps are made.
    maps = facts.get("maps", {"upsampling": "bilinear", "bias": True})
    try:
        upsampling, bias = maps["upsampling"], maps["bias"]
    except (KeyError, TypeError):
        upsampling, bias = None, None
    if upsampling not in UPSAMPLINGS or not isinstance(bias, bool):
        raise BundleError(
            f"{where}: combiner: maps: {maps!r}, expected upsampling ({' or '.join(UPSAMPLINGS)}) "
            "and bias (true or false); copy the whole bundle again"
        )
    return MapReading(combiner, upsampling, bias)
