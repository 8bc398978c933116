"""The tested windows of a run, mapped by the engine that maps: what is scored is delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.chips.loading import Share
from covermap.core.files import content_digest
from covermap.core.grid import window_geobox
from covermap.mapping.settings import MapSettings
from covermap.verbs.run_engine import run_predictor
from covermap.verbs.scene_maps import map_key
from covermap.verbs.workspace import Workspace


def require_mapped(counted: np.ndarray, mapped: np.ndarray, path: Path) -> None:
    """Stop where a pixel is scored that the map at `path` has no class for; both bool (H, W).

    Raises
    ------
    RuntimeError
        The engine left out what it was asked for: no mistake of a user.
    """
    if (counted & ~mapped).any():
        raise RuntimeError(f"{path}: scored pixels are not mapped")


def map_tested(
    workspace: Workspace,
    score: Share,
    bundle: Bundle,
    path_of: Callable[[str], Path],
    outputs: tuple[str, ...],
    title: str,
) -> None:
    """Map the tested windows of each scene; tiles elsewhere are not computed.

    Parameters
    ----------
    workspace : Workspace
    score : Share
        What is tested.
    bundle : Bundle
        Its folder holds the weights; its combiner may be another than that of the folder.
    path_of : callable
        Where the map of a scene goes, by the scene's name.
    outputs : tuple of str
    title : str
        Kept in the files, with the scene's name where there are several.
    """
    import shapely

    from covermap.mapping.engine import map_scene

    predictor = run_predictor(workspace, bundle)
    settings: MapSettings = workspace.project.map.model_copy(update={"outputs": outputs})
    windows = defaultdict(list)
    for name, window in score.windows:
        windows[name].append(window)
    for name, tested in windows.items():
        scene = workspace.viewer.scenes[name]
        shapes = [window_geobox(scene.geobox, window).extent.geom for window in tested]
        path = path_of(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        map_scene(
            scene,
            bundle,
            predictor,
            path,
            settings,
            ground=shapely.union_all(shapes),
            title=title if len(workspace.viewer.scenes) == 1 else f"{title}, {name}",
            key=content_digest(
                [map_key(bundle, scene), workspace.sources.reading_digest(scene), bundle.combiner]
            ),
        )
