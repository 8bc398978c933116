"""What a project file says about one entry of its imagery."""

from __future__ import annotations

import datetime
from typing import Literal

from pydantic import Field, field_validator, model_validator

from covermap.core.settings import Settings
from covermap.imagery.raster import Unit


class QualitySettings(Settings):
    """A layer that says which pixels must not be used.

    Attributes
    ----------
    path : str or list of str, optional
        File, glob or list, relative to the project's folder; left out where a band of the image
        itself is meant. With `stack: dates` one file for each date, matched by the date and time
        in its name.
    band : str or int, optional
        Name or number (from 1) of the band that holds the codes; the first one by default.
    invalid : list of int
        Codes of pixels that are not to be used. By default, for a layer with `SCL` in its name,
        classes 0, 1, 3, 8, 9, 10; for `QA_PIXEL` the flags fill, dilated cloud, cirrus, cloud and
        shadow; for any other layer every code but 0.
    cloud : list of int, optional
        Codes that mean cloud or cloud shadow. By default, for `SCL`, those of 3, 8, 9, 10 that are
        invalid; otherwise the same as `invalid`.
    """

    path: str | list[str] | None = None
    band: str | int | None = None
    invalid: list[int] | None = None
    cloud: list[int] | None = None


class ImagerySettings(Settings):
    """One entry of `imagery:`; everything but `path` only where the files do not say it themselves.

    Attributes
    ----------
    path : str or list of str
        File, folder, glob or list, relative to the project's folder.
    bands : list of str, optional
        Which bands to use, or, where a file does not name its bands, what they are, in order.
    scale, offset, nodata : float or list of float, optional
        One value, or one for each band. Value in the band's unit = DN x scale + offset; what is
        left out of these is as the file declares it. `nodata` is a DN.
    unit : str or list of str, optional
        `reflectance`, `index`, `kelvin` or `dn`; a given scale implies `reflectance`.
    quality : QualitySettings, optional
    date : date, optional
    name : str, optional
    stack : {"dates"}, optional
        Open all files as one scene with bands `<band>@01`, `<band>@02`, ... in order of date.
    join : bool
        Whether tiles that adjoin are opened as one scene.
    min_dates : int, optional
        For stacks: a pixel is usable when so many dates are valid; half of them by default.
    max_invalid : float, optional
        For stacks: dates with a larger share (0..1) of invalid pixels are left out.
    """

    path: str | list[str]
    bands: list[str] | None = None
    scale: float | list[float] | None = None
    offset: float | list[float] | None = None
    nodata: float | list[float] | None = None
    unit: Unit | list[Unit] | None = None
    quality: QualitySettings | None = None
    date: datetime.date | None = None
    name: str | None = None
    stack: Literal["dates"] | None = None
    join: bool = True
    min_dates: int | None = Field(default=None, ge=1)
    max_invalid: float | None = Field(default=None, ge=0, le=1)

    @field_validator("path")
    @classmethod
    def _some_path(cls, value: str | list[str]) -> str | list[str]:
        if not value:
            raise ValueError("expected a file, folder, glob or list of these")
        return value

    @field_validator("scale")
    @classmethod
    def _scale_keeps_differences(
        cls, value: float | list[float] | None
    ) -> float | list[float] | None:
        if 0 in (value if isinstance(value, list) else [value]):
            raise ValueError("a scale of 0 makes all values equal; leave scale out if none is due")
        return value

    @field_validator("bands")
    @classmethod
    def _different_bands(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and (not value or len(set(value)) < len(value)):
            raise ValueError("expected at least one band name, each once")
        return value

    @model_validator(mode="after")
    def _keys_of_a_stack(self) -> ImagerySettings:
        for key in ("min_dates", "max_invalid"):
            if self.stack is None and getattr(self, key) is not None:
                raise ValueError(f"{key} is of a stack of dates; add stack: dates, or leave it out")
        if self.stack is not None and self.date is not None:
            raise ValueError("date is of one picture, and stack: dates has many; leave date out")
        return self

    @property
    def paths(self) -> list[str]:
        return [self.path] if isinstance(self.path, str) else list(self.path)
