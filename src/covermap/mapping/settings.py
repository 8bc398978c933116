"""What a project file may say about maps."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.settings import Settings

MapOutput = Literal["class", "polygons", "confidence", "margin", "entropy", "probability", "value"]
EngineName = Literal["auto", "torch", "openvino"]
PrecisionName = Literal["auto", "float32", "bfloat16", "mixed", "int8"]

# Tiles stand on the lattice of the network's coarsest level.
TILE_MULTIPLE = 32
SMALLEST_TILE = 64


class MapSettings(Settings):
    """Which maps are written, and how the scene is cut and computed for it.

    Attributes
    ----------
    outputs : tuple of str
        Which files besides the class map, which is always written: `polygons` (its regions as a
        GeoPackage), `confidence` (highest probability), `margin` (highest minus second highest),
        `entropy` (of the probabilities, 0..1), `probability` (one band a class). A regression
        writes its `value` alone.
    min_area_m2 : float, optional
        Minimum mapping unit of `polygons` in square metres (pixels for pictures without a CRS):
        smaller regions are merged into their neighbours. The class map keeps them.
    probability_type : str
        Of the file `probability`: whole per cent in `uint8`, or shares in `float32`.
    tile : int or "auto"
        Largest side in pixels of what the network sees at once; a multiple of 32. `auto`: as large
        as memory allows, so that little is computed twice. A network that sees everything gets
        tiles of the size of its training chips, whatever is allowed.
    engine : str
        What computes the network; `auto` takes the fastest that agrees with torch in float32.
    precision : str
        Arithmetic of the network; `auto` as `engine`. What was taken is kept in the file. `mixed`
        is bfloat16 with the first layers in float32.
    tta : bool
        Whether the probabilities are averages over the flips and quarter turns of each tile
        (test-time augmentation): eight times the work.
    """

    outputs: tuple[MapOutput, ...] = ("class",)
    min_area_m2: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    probability_type: Literal["uint8", "float32"] = "uint8"
    tile: int | Literal["auto"] = "auto"
    engine: EngineName = "auto"
    precision: PrecisionName = "auto"
    tta: bool = False

    @field_validator("outputs")
    @classmethod
    def _class_first_and_each_once(cls, outputs: tuple[MapOutput, ...]) -> tuple[MapOutput, ...]:
        if "value" in outputs:
            raise ValueError("`value` is what a regression writes by itself; leave it out")
        return tuple(dict.fromkeys(("class", *outputs)))

    @model_validator(mode="after")
    def _unit_of_polygons(self) -> MapSettings:
        if self.min_area_m2 is not None and "polygons" not in self.outputs:
            raise ValueError(
                "min_area_m2 is the smallest of the polygons, which are not among the outputs; add "
                "them (outputs: [polygons] in a project, --output polygons), or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _type_of_probabilities(self) -> MapSettings:
        if self.probability_type != "uint8" and "probability" not in self.outputs:
            raise ValueError(
                f"probability_type: {self.probability_type} is of the probabilities, which are not "
                "among the outputs; add them (outputs: [probability] in a project, "
                "--output probability), or leave it out"
            )
        return self

    @property
    def of_classes(self) -> str:
        """Which of the outputs only a model of classes has, told in words; empty without any."""
        return ", ".join(output for output in self.outputs if output != "class")

    @property
    def rasters(self) -> tuple[MapOutput, ...]:
        """The outputs that a network's answers are written to, tile by tile."""
        return tuple(output for output in self.outputs if output != "polygons")

    @field_validator("tile")
    @classmethod
    def _tile_fits_the_network(cls, tile: int | str) -> int | str:
        if isinstance(tile, int) and (tile < SMALLEST_TILE or tile % TILE_MULTIPLE):
            raise ValueError(
                f"expected a multiple of {TILE_MULTIPLE} from {SMALLEST_TILE} on, such as 512, "
                "or auto"
            )
        return tile
