"""What a project file says about its labels."""

from __future__ import annotations

from pydantic import Field, field_validator

from covermap.core.settings import Settings


class LabelSettings(Settings):
    """Polygons and the column that holds their class.

    Attributes
    ----------
    path : str
        Vector file in any format that OGR reads.
    layer : str, optional
        Needed where the file has several layers with polygons.
    attribute : str, optional
        Column that holds the class; chosen and told when not given.
    classes : dict, optional
        Id of each class name or code; equal ids merge classes under the first name.
    ignore : list
        Classes whose ground is left unlabelled.
    complete : bool
        True: ground that nobody drew is the class `background`.
    """

    path: str
    layer: str | None = None
    attribute: str | None = None
    classes: dict[str, int] | None = None
    ignore: list[str] = Field(default_factory=list)
    complete: bool = False

    @field_validator("classes", mode="before")
    @classmethod
    def _keys_as_text(cls, value: object) -> object:
        if isinstance(value, dict):
            return {str(key): item for key, item in value.items()}
        return value

    @field_validator("ignore", mode="before")
    @classmethod
    def _items_as_text(cls, value: object) -> object:
        if isinstance(value, list):
            return [str(item) for item in value]
        return value

    @field_validator("classes")
    @classmethod
    def _ids_in_range(cls, value: dict[str, int] | None) -> dict[str, int] | None:
        for name, number in (value or {}).items():
            if not 0 <= number <= 65534:
                raise ValueError(f"the id of '{name}' must lie in 0..65534, not {number}")
        return value
