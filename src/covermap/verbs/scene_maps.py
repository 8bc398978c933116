"""Maps of scenes one by one: what is told of each, and how one that cannot be mapped is passed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from covermap.bundle.facts import Bundle
from covermap.core.errors import ImageryError, NothingToMapError, listed
from covermap.core.files import content_digest
from covermap.core.progress import say
from covermap.imagery.headers import parts_of_images
from covermap.imagery.raster import Scene
from covermap.mapping.catalog_item import MappedScene
from covermap.mapping.filling import Filler, fill_here
from covermap.mapping.own_files import remove_left_over
from covermap.mapping.result import MapResult
from covermap.mapping.seen import seen_bundle_digest, seen_digest
from covermap.mapping.settings import MapSettings

if TYPE_CHECKING:
    from covermap.mapping.predictor import Predictor

# A map, or why there is none.
Outcome = MapResult | ImageryError

_MOST_SHOWN = 5


def _by_its_files(scene: Scene) -> str:
    return ""


@dataclass(frozen=True)
class SceneMaps:
    """Maps of one call: by one model, with the same settings.

    Attributes
    ----------
    bundle : Bundle
    predictor : Predictor
    settings : MapSettings
    reading : callable
        Digest of how a scene is read, where more than its files says it; else empty.
    is_anew : bool
        Whether finished maps are made again.
    """

    bundle: Bundle
    predictor: Predictor
    settings: MapSettings
    reading: Callable[[Scene], str] = _by_its_files
    is_anew: bool = False

    def key(self, scene: Scene) -> str:
        """Digest of all that a map of a scene is made from."""
        key, reading = map_key(self.bundle, scene), self.reading(scene)
        return content_digest([key, reading]) if reading else key

    def made(self, scene: Scene, target: Path, fill: Filler = fill_here) -> MapResult:
        """The map of a scene at `target`; what looks wrong about scene and map is told.

        Raises
        ------
        CovermapError
            As `covermap.mapping.engine.map_scene`.
        """
        from covermap.mapping.checks import self_check

        result = self.drawn(scene, target, fill)
        for warning in self_check(result, self.bundle.legend) if len(self.bundle.legend) else ():
            say(f"WARNING  {warning}")
        return result

    def drawn(self, scene: Scene, target: Path, fill: Filler = fill_here) -> MapResult:
        """The same without a look at the map."""
        from covermap.mapping.checks import drift_warnings
        from covermap.mapping.engine import map_scene

        for warning in drift_warnings(scene, self.bundle):
            say(f"WARNING  {warning}")
        return map_scene(
            scene,
            self.bundle,
            self.predictor,
            target,
            self.settings,
            title=scene.name,
            key=self.key(scene),
            fill=fill,
            is_anew=self.is_anew,
        )

    def made_of_several(self, scene: Scene, target: Path, fill: Filler = fill_here) -> Outcome:
        """The same of one of several scenes: what is wrong with its files stops no other."""
        try:
            return self.made(scene, target, fill)
        except NothingToMapError as error:
            # A map of what the scene was before would be taken for one of the others' kind.
            remove_left_over(target)
            say(f"WARNING  {error}; left out of the maps")
            return error
        except ImageryError as error:
            say(f"WARNING  {error}; going on with the other scenes")
            return error


def require_some(outcomes: Sequence[Outcome], where: Path) -> None:
    """Stop where none of several scenes has a usable pixel.

    Raises
    ------
    NothingToMapError
    """
    if all(isinstance(outcome, NothingToMapError) for outcome in outcomes):
        raise NothingToMapError(
            f"{where}: none of the {len(outcomes)} scenes has a usable pixel; check nodata and "
            "quality"
        )


def require_readable(outcomes: Sequence[Outcome], where: Path) -> None:
    """Stop where scenes could not be read, once all others are mapped.

    Raises
    ------
    ImageryError
        Naming each.
    """
    failed = [
        str(outcome)
        for outcome in outcomes
        if isinstance(outcome, ImageryError) and not isinstance(outcome, NothingToMapError)
    ]
    if failed:
        raise ImageryError(
            f"{where}: {len(failed)} of {len(outcomes)} scenes could not be mapped "
            f"({listed(failed, _MOST_SHOWN, '; ')}). The maps of the others are finished: mend "
            "these, or leave them out, and the same command makes what is missing"
        )


def mapped_scenes(
    scenes: Sequence[Scene],
    targets: Sequence[Path],
    bundle: Bundle,
    settings: MapSettings,
    outcomes: Sequence[Outcome],
) -> list[MappedScene]:
    """What a catalog needs to know of finished maps; scenes without one are left out."""
    assert bundle.folder is not None
    digest = seen_bundle_digest(bundle.folder)
    return [
        MappedScene(scene.name, target, scene.geobox, scene.days, bundle, digest, settings, outcome)
        for scene, target, outcome in zip(scenes, targets, outcomes, strict=True)
        if isinstance(outcome, MapResult)
    ]


def map_key(bundle: Bundle, scene: Scene) -> str:
    """Digest of the contents of a bundle and a scene: work of the same key may be taken up."""
    assert bundle.folder is not None
    files = [seen_digest(path) for path in parts_of_images(scene.files)]
    # Files of one band each say by their names which it is.
    bands = [band.name for band in scene.bands]
    return content_digest([seen_bundle_digest(bundle.folder), bands, files])


def preview_of_map(bundle: Bundle, path: Path, out: Path, title: str) -> None:
    """A PNG picture of a map of classes, or of values with their colour ramp."""
    from covermap.mapping.preview import write_preview, write_value_preview

    if bundle.quantity is None:
        write_preview(path, bundle.legend, out, title=title)
    else:
        write_value_preview(path, bundle.quantity.name, out, title=title)
