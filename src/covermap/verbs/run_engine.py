"""The engine of a run: chosen once, kept in `run.json`, used by evaluation and map alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from covermap.bundle.facts import Bundle
from covermap.core.progress import say
from covermap.verbs.map_scenes import ENGINE_CHOICE, kept_in
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    from covermap.mapping.predictor import Predictor


def run_predictor(workspace: Workspace, bundle: Bundle) -> Predictor:
    """A predictor of one of a run's bundles, on the engine that this run uses.

    What scores is what maps: the first step that needs an engine chooses it on the project's
    scenes, and all later ones, repeated ones included, take the same.
    """
    from covermap.mapping.choice import open_chosen

    kept = kept_in(workspace.folder)
    predictor, choice = open_chosen(bundle, workspace.scenes, workspace.project.map, kept)
    if choice != kept and choice.to_dict() != workspace.folder.choice(ENGINE_CHOICE):
        say(choice.told)
        workspace.folder.choose(ENGINE_CHOICE, choice.to_dict())
    return predictor
