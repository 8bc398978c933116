"""map: any scene with just a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from covermap.assessment.kept_scores import told_scores
from covermap.bundle import Bundle, bundle_digest, check_fits, read_bundle
from covermap.core.errors import BundleError, CovermapError, ImageryError, OutputError
from covermap.core.files import content_digest, file_digest, refuse_strangers
from covermap.core.progress import say
from covermap.core.settings import parse
from covermap.imagery.opening import open_scene
from covermap.imagery.raster import Scene
from covermap.imagery.settings import ImagerySettings
from covermap.mapping.reading import pictures_allowed
from covermap.mapping.settings import MapSettings

if TYPE_CHECKING:
    from covermap.mapping.engine import MapResult


def map_scenes(
    bundle: str | Path,
    scenes: Sequence[str | Path],
    out: str | Path,
    tile: int | None = None,
    outputs: Sequence[str] = ("class",),
) -> list[MapResult]:
    """Map scenes with a trained model.

    Parameters
    ----------
    bundle : path
        Folder of a trained model (`RUN/bundle`).
    scenes : sequence of paths
        Files or folders, whatever `covermap doctor` recognises.
    out : path
        The map (`map.tif`), or a folder when there are several scenes: one `<scene>.tif` each.
    tile : int, optional
        Largest side in pixels that the network sees at once.
    outputs : sequence of str
        `class` and more: confidence, margin, entropy, probability.

    Returns
    -------
    list of MapResult
        One a scene, in order.

    Raises
    ------
    CovermapError
        A scene does not fit the bundle, or a file is in the way.
    """
    from covermap.mapping.checks import drift_warnings, self_check
    from covermap.mapping.engine import map_scene
    from covermap.mapping.predictor import open_predictor
    from covermap.mapping.preview import write_preview

    model = read_bundle(Path(bundle))
    settings = parse(
        MapSettings,
        {"outputs": list(outputs), **({} if tile is None else {"tile": tile})},
        "map",
    )
    opened = [open_for(model, Path(path)) for path in scenes]
    targets = _targets(opened, Path(out))
    files = [path for target in targets for path in output_files(target, settings)]
    refuse_strangers([p for p in files if not _is_map_of(p, model)], set())
    say(told_scores(model.scores))
    predictor = open_predictor(model, settings.precision)
    results = []
    for scene, target in zip(opened, targets, strict=True):
        for warning in drift_warnings(scene, model):
            say(f"WARNING  {warning}")
        result = map_scene(
            scene, model, predictor, target, settings, title=scene.name, key=map_key(model, scene)
        )
        for warning in self_check(result, model.legend):
            say(f"WARNING  {warning}")
        write_preview(target, model.legend, preview_of(target), title=scene.name)
        results.append(result)
    return results


def open_for(bundle: Bundle, path: Path) -> Scene:
    """Open a scene so that it fits a bundle.

    What the file does not say of itself is read as in training, and that is told.

    Raises
    ------
    BundleError
        Bands, units or resolution do not fit.
    """
    bare = _try(path, None, bundle)
    if isinstance(bare, CovermapError) or _says_little(bare, bundle):
        hints = bundle.imagery
        if hints:
            settings = parse(ImagerySettings, {"path": str(path), **hints}, str(path))
            described = _try(path, settings, bundle)
            if not isinstance(described, CovermapError):
                shown = ", ".join(f"{k} {v}" for k, v in hints.items() if k != "quality")
                say(f"{path.name}: read as the training imagery was ({shown})")
                return _told(described)
    if isinstance(bare, CovermapError):
        raise bare
    return _told(bare)


def output_files(target: Path, settings: MapSettings) -> list[Path]:
    """All files that a map with these settings writes."""
    further = [
        target.with_name(f"{target.stem}_{name}.tif")
        for name in settings.outputs
        if name != "class"
    ]
    files = [target, *further]
    # GDAL keeps category names in a file of its own beside the raster.
    return [*files, *(sidecar_of(path) for path in files), preview_of(target)]


def sidecar_of(path: Path) -> Path:
    """Where GDAL keeps what GeoTIFF has no place for."""
    return path.with_name(f"{path.name}.aux.xml")


def preview_of(target: Path) -> Path:
    """The picture that stands beside a map."""
    return target.with_name(f"{target.stem}_preview.png")


def map_key(bundle: Bundle, scene: Scene) -> str:
    """Digest of the contents of a bundle and a scene: work of the same key may be taken up."""
    assert bundle.folder is not None
    return content_digest(
        [bundle_digest(bundle.folder), *(file_digest(path) for path in scene.files)]
    )


def _try(path: Path, settings: ImagerySettings | None, bundle: Bundle) -> Scene | CovermapError:
    try:
        scene = open_scene(path, settings)
        check_fits(bundle, scene)
    except (BundleError, ImageryError) as error:
        return error
    return scene


def _says_little(scene: Scene, bundle: Bundle) -> bool:
    """True where plain numbers would be read without the nodata and scale known from training."""
    names = [channel.name for channel in bundle.channels]
    return any(band.unit == "dn" for band in scene.describe(names))


def _told(scene: Scene) -> Scene:
    for note in scene.notes:
        say(f"{scene.name}: {note}")
    return scene


def _targets(scenes: Sequence[Scene], out: Path) -> list[Path]:
    if len(scenes) == 1 and not out.is_dir() and out.suffix.lower() in {".tif", ".tiff"}:
        return [out]
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: is a file; several scenes need a folder")
    if len(scenes) == 1 and out.suffix and not out.is_dir():
        raise OutputError(f"{out}: a map is a GeoTIFF; call it {out.with_suffix('.tif').name}")
    names = [scene.name for scene in scenes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise OutputError(
            f"two scenes are called '{twice[0]}' and would be one file; map each on its own"
        )
    return [out / f"{name}.tif" for name in names]


def _is_map_of(path: Path, bundle: Bundle) -> bool:
    """Whether a file in the way is an earlier map by this program, which may be replaced."""
    if not path.exists():
        return True
    if path.name.endswith(".aux.xml"):
        return _is_map_of(path.with_name(path.name.removesuffix(".aux.xml")), bundle)
    if path.suffix == ".png":
        return (path.parent / f"{path.stem.removesuffix('_preview')}.tif").exists()
    import rasterio
    from rasterio.errors import RasterioIOError

    try:
        with pictures_allowed(), rasterio.open(path) as dataset:
            tags: dict[str, Any] = dataset.tags()
    except RasterioIOError:
        return False
    return any(key.startswith("covermap") for key in map(str.lower, tags))
