"""How the map of a run and a random forest divide the same ground, drawn or not.

Labels say nothing of ground of a kind that nobody drew, and a score on tested labels neither: a
network may give all of it to one class and have no error. A forest by pixel errs otherwise. Where
both did well on tested ground and differ much elsewhere, a person should look.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.chips.audit import shares_of
from covermap.chips.loading import Chips
from covermap.chips.table import read_chips
from covermap.imagery.inspection import sample_windows
from covermap.imagery.raster import Scene
from covermap.mapping.reading import read_map_window
from covermap.mapping.source import Normalisation
from covermap.models.forest import Forest, features_of, fit_forest
from covermap.verbs.bundle_statistics import statistics_of_bundle
from covermap.verbs.forest_pixels import labelled_pixels
from covermap.verbs.plan_told import class_pixels
from covermap.verbs.workspace import Workspace

# Of all scenes together; a share of them is sure to a tenth of a per cent or two. Of thousands of
# pictures evenly chosen ones stand for all.
_PIXELS, _MOST_SCENES = 300_000, 100


def compared_with_forest(
    workspace: Workspace, bundle: Bundle, maps: Mapping[str, Path]
) -> dict[str, Any] | None:
    """Shares of each class on an even sample of the mapped ground, by the map and by a forest.

    Parameters
    ----------
    workspace : Workspace
    bundle : Bundle
        Of the delivered model; the forest learns the same ground.
    maps : mapping of str to Path
        The class map of each mapped scene.

    Returns
    -------
    dict or None
        `pixels`, `same_class` (0..1), `labelled_share` of the usable ground, and `classes`: by name
        the shares `map`, `forest` and `labels`. None for models without classes of pixels, and
        where a forest is what maps.
    """
    if bundle.task != "segmentation" or bundle.is_forest:
        return None
    legend, scenes = workspace.labels.legend, workspace.viewer.scenes
    chips = read_chips(workspace.folder.path / "chips.parquet")
    teach, _, _ = shares_of(workspace.viewer, chips, workspace.split.trainings[-1])
    source = Chips(teach, statistics_of_bundle(bundle))
    pixels = labelled_pixels(source, 1, len(legend), workspace.project.seed)
    forest = fit_forest(pixels.features, pixels.index, len(legend), workspace.project.seed)
    joint = np.zeros((len(legend), len(legend)), np.int64)
    sampled = usable = 0
    chosen = list(maps)[:: -(-len(maps) // _MOST_SCENES)]
    for name in chosen:
        found, seen = _joint(scenes[name], maps[name], bundle, forest, _PIXELS // len(chosen))
        joint += found
        sampled, usable = sampled + seen, usable + int(found.sum())
    if not usable:
        return None
    ground = sum(int(np.prod(scenes[name].geobox.shape)) for name in maps) * usable / sampled
    labelled = sum(class_pixels(workspace, chips, workspace.split.ground.parts).values())
    shares = {
        "map": joint.sum(axis=1) / usable,
        "forest": joint.sum(axis=0) / usable,
        "labels": pixels.counts / max(1, pixels.counts.sum()),
    }
    return {
        "pixels": usable,
        "same_class": float(np.trace(joint) / usable),
        "labelled_share": min(1.0, labelled / ground),
        "classes": {
            name: {key: float(values[place]) for key, values in shares.items()}
            for place, name in enumerate(legend.names)
        },
    }


def _joint(
    scene: Scene, path: Path, bundle: Bundle, forest: Forest, pixels: int
) -> tuple[np.ndarray, int]:
    """Pixels by class of map (rows) and forest (columns), and how many were looked at in all."""
    legend, normalisation = bundle.legend, Normalisation.of(bundle)
    counts = np.zeros((len(legend), len(legend)), np.int64)
    seen = 0
    windows = list(sample_windows(scene.geobox, pixels))
    for window in windows:
        raster = scene.read(bundle.channel_names, window)
        mapped, known = legend.to_index(read_map_window(path, window, legend.nodata))
        # Of a window evenly chosen pixels: a forest takes its time for each. A step that is odd
        # meets all columns of windows whose sides are even.
        asked = np.zeros(window.height * window.width, dtype=bool)
        asked[:: len(asked) * len(windows) // pixels | 1] = True
        here = known & scene.usable(raster) & asked.reshape(window.shape)
        seen += int(asked.sum())
        if here.any():
            guessed = forest.predict(features_of(normalisation.applied(raster), 1)[here])
            np.add.at(counts, (mapped[here], guessed), 1)
    return counts, seen
