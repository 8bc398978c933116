"""Spectral indices of the spyndex catalogue as if they were bands.

Formulas and default parameters: awesome-spectral-indices as packaged by spyndex (Montero et al.
2023, Scientific Data 10, 197).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from covermap.core.errors import ImageryError, nearest
from covermap.core.grid import Window
from covermap.imagery.bands import TABLES, known_band
from covermap.imagery.raster import Band, Raster

# STAC common names and spyndex's standard names of the same part of the spectrum.
_STANDARD = {
    "coastal": "A",
    "blue": "B",
    "green": "G",
    "yellow": "Y",
    "red": "R",
    "rededge071": "RE1",
    "rededge075": "RE2",
    "rededge078": "RE3",
    "nir": "N",
    "nir08": "N2",
    "nir09": "WV",
    "swir16": "S1",
    "swir22": "S2",
    "lwir": "T",
    "lwir11": "T1",
}
# Ranges of spyndex's band catalogue in nm; N without the part that is RE3.
_RANGES_NM = (
    ("A", 400, 455),
    ("B", 455, 510),
    ("G", 510, 585),
    ("Y", 585, 620),
    ("R", 620, 690),
    ("RE1", 695, 715),
    ("RE2", 730, 750),
    ("RE3", 765, 795),
    ("N", 795, 900),
    ("WV", 930, 960),
    ("S1", 1550, 1750),
    ("S2", 2080, 2350),
    ("T", 10400, 12500),
)
_WAVELENGTH_SLACK_NM = 30.0


@dataclass(frozen=True)
class Index:
    """An index of the catalogue: its spelling there, its formula's variables and its inputs."""

    name: str
    variables: tuple[str, ...]


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Index]:
    """All indices by their name in lower case.

    Where two differ in case alone (BAI, BaI) the lower case means the one in capitals.
    """
    import spyndex

    found: dict[str, Index] = {}
    for name in sorted(spyndex.indices, key=lambda word: (not word.isupper(), word)):
        entry = spyndex.indices[name]
        found.setdefault(name.casefold(), Index(name, tuple(entry.bands)))
    return MappingProxyType(found)


def is_index(name: str) -> bool:
    """Whether `name` is an index of the catalogue, in any case."""
    return name.casefold() in catalogue()


def standard_names(bands: Sequence[Band]) -> dict[str, Band]:
    """Bands by spyndex's standard name (`B`, `R`, `RE1`, `N`, `S1`, ...), by name or wavelength.

    Where no broad near infrared is there, the narrow one (`N2`, 865 nm) stands for `N` as well: it
    lies within the catalogue's range of `N`.
    """
    found: dict[str, Band] = {}
    for band in bands:
        standard = _standard_name(band)
        if standard is not None:
            found.setdefault(standard, band)
    for wide, narrow in (("N", "N2"), ("T", "T1")):
        if narrow in found:
            found.setdefault(wide, found[narrow])
    return found


def described(scene: str, bands: Sequence[Band], names: Sequence[str]) -> tuple[Band, ...]:
    """What each of `names` is: one of `bands` or an index that can be computed from them.

    Raises
    ------
    ImageryError
        Unknown name; or an index whose bands are missing or no reflectance.
    """
    own = {band.name: band for band in bands}
    found = []
    for name in names:
        if name in own:
            found.append(own[name])
        else:
            inputs = _inputs(scene, bands, name)
            coarsest = max((band.resolution_m or 0.0 for band in inputs.values()), default=0.0)
            found.append(Band(name, "index", None, coarsest or None))
    return tuple(found)


def inputs_of(scene: str, bands: Sequence[Band], names: Sequence[str]) -> list[str]:
    """Own bands that bands or indices are made of, each once.

    Raises
    ------
    ImageryError
        As `described`.
    """
    own = {band.name for band in bands}
    needed = [name for name in names if name in own]
    for name in names:
        if name not in own:
            needed += [band.name for band in _inputs(scene, bands, name).values()]
    return list(dict.fromkeys(needed))


def read_with_indices(
    scene: str,
    bands: Sequence[Band],
    read_own: Callable[[Sequence[str], Window], Raster],
    names: Sequence[str],
    window: Window,
) -> Raster:
    """Read bands and indices in a window; an index is valid where its bands are and it is finite.

    Parameters
    ----------
    scene : str
        Name for messages.
    bands : sequence of Band
        The bands that `read_own` can read.
    read_own : callable
        Reads own bands by name in a window.
    names : sequence of str
        Own bands or indices, in the order of the result.

    Raises
    ------
    ImageryError
        As `described`.
    """
    own = {band.name for band in bands}
    inputs = {name: _inputs(scene, bands, name) for name in names if name not in own}
    if not inputs:
        return read_own(names, window)
    needed = inputs_of(scene, bands, names)
    raster = read_own(needed, window)
    values = np.empty((len(names), *window.shape), np.float32)
    valid = np.empty(values.shape, bool)
    for row, name in enumerate(names):
        if name in own:
            values[row] = raster.values[needed.index(name)]
            valid[row] = raster.valid[needed.index(name)]
        else:
            values[row], valid[row] = _computed(name, inputs[name], raster)
    return Raster(values, valid, raster.geobox, tuple(names))


def _computed(
    name: str, inputs: Mapping[str, Band], raster: Raster
) -> tuple[np.ndarray, np.ndarray]:
    import spyndex

    index = catalogue()[_split(name)[0].casefold()]
    rows = {variable: raster.bands.index(band.name) for variable, band in inputs.items()}
    parameters: dict[str, Any] = {
        variable: raster.values[row].astype(np.float64) for variable, row in rows.items()
    }
    for variable in index.variables:
        if variable not in parameters:
            parameters[variable] = _parameter(variable, inputs)
    with np.errstate(all="ignore"):
        result = np.asarray(spyndex.computeIndex(index.name, parameters), np.float64)
        values = np.broadcast_to(result, raster.geobox.shape).astype(np.float32)
    valid = raster.valid[list(rows.values())].all(axis=0) & np.isfinite(values)
    return np.where(valid, values, 0), valid


def _inputs(scene: str, bands: Sequence[Band], name: str) -> dict[str, Band]:
    """The bands that index `name` is computed from, by spyndex's standard name."""
    word, suffix = _split(name)
    index = catalogue().get(word.casefold())
    if index is None:
        raise ImageryError(f"{scene}: no band or index '{name}'; {_hint(name, bands)}")
    if suffix:
        bands = [band for band in bands if band.name.endswith(suffix)]
    elif any("@" in band.name for band in bands):
        raise ImageryError(
            f"{scene}: index '{name}' of which date? The scene is a stack: write '{name}@01'"
        )
    present = standard_names(bands)
    inputs = {}
    for variable in index.variables:
        band = present.get(variable)
        if band is not None:
            inputs[variable] = _checked(scene, name, variable, band)
        elif not _is_parameter(variable, present):
            had = ", ".join(band.name for band in bands)
            raise ImageryError(
                f"{scene}: index '{name}' needs {_told(variable)}, which the scene does not have "
                f"(bands: {had}). Leave the index out, or add that band"
            )
    for variable in index.variables:
        if variable.startswith("lambda"):
            inputs.setdefault(variable.removeprefix("lambda"), present[variable[6:]])
    return inputs


def _checked(scene: str, name: str, variable: str, band: Band) -> Band:
    expected = "kelvin" if variable in ("T", "T1", "T2") else "reflectance"
    if band.unit == expected:
        return band
    raise ImageryError(
        f"{scene}: index '{name}' needs {expected}, but band '{band.name}' is in '{band.unit}'. "
        "Say how to get there in the project: imagery: - scale: 0.0001 (for values of reflectance "
        "x 10000), or unit: reflectance (for values that are reflectance already)"
    )


def _parameter(variable: str, inputs: Mapping[str, Band]) -> float:
    import spyndex

    if variable.startswith("lambda"):
        return float(inputs[variable.removeprefix("lambda")].wavelength_nm or np.nan)
    return float(spyndex.constants[variable].default)


def _is_parameter(variable: str, present: Mapping[str, Band]) -> bool:
    import spyndex

    if variable.startswith("lambda"):
        band = present.get(variable.removeprefix("lambda"))
        return band is not None and band.wavelength_nm is not None
    return variable in spyndex.constants and spyndex.constants[variable].default is not None


def _told(variable: str) -> str:
    words = [common for common, standard in _STANDARD.items() if standard == variable]
    return f"{variable} ({words[0]})" if words else variable


_NUMBERED = re.compile(r"[A-Za-z]+_?\d+[A-Za-z]?(@\d+)?")


def _hint(name: str, bands: Sequence[Band]) -> str:
    own = [band.name for band in bands]
    hint = nearest(name, [*own, *catalogue()])
    # B08 is near B03 in writing only: of numbered bands none stands for another.
    if hint.startswith("did you mean") and not _NUMBERED.fullmatch(name):
        return hint
    return f"its bands: {', '.join(own)}; or an index of spyndex such as ndvi"


def _standard_name(band: Band) -> str | None:
    base = _split(band.name)[0]
    for sensor in (None, *TABLES):
        known = known_band(base, sensor)
        if known is None or (sensor is not None and band.wavelength_nm is None):
            continue
        apart = 0.0 if band.wavelength_nm is None else abs(band.wavelength_nm - known.wavelength_nm)
        if apart <= _WAVELENGTH_SLACK_NM:
            return _STANDARD.get(known.common or "")
    if band.wavelength_nm is None:
        return None
    return next((name for name, low, high in _RANGES_NM if low <= band.wavelength_nm < high), None)


def _split(name: str) -> tuple[str, str]:
    """Name and date suffix of a band of a stack: `B04@02` is `B04` and `@02`."""
    match = re.fullmatch(r"(.*)(@\d+)", name)
    return (match.group(1), match.group(2)) if match else (name, "")
