"""A bundle's facts without a training, for tests that only need a network in one."""

from __future__ import annotations

from collections.abc import Sequence

from covermap.bundle.facts import Bundle, Channel
from covermap.core.legend import Legend
from covermap.models.settings import ModelSettings


def bundle_of(model: ModelSettings, wavelengths: Sequence[float | None], classes: int) -> Bundle:
    """Facts of a bundle for a network of these inputs and outputs."""
    return Bundle(
        task="segmentation",
        model=model.model_dump(),
        channels=tuple(
            Channel(f"b{number}", "reflectance", wavelength, 0.0, 1.0, -2.0, 2.0)
            for number, wavelength in enumerate(wavelengths)
        ),
        resolution_m=10.0,
        legend=Legend.of({number: f"class{number}" for number in range(1, classes + 1)}),
        chip_size=64,
        receptive_radius=40,
        min_dates=None,
        imagery={},
        trained_on={},
        scores={},
        versions={},
    )
