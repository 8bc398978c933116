"""covermap: imagery and whatever labels you have -> a trained model, an honest accuracy, a map."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# The verbs load what they need when first used: `import covermap` stays quick.
_VERBS = {
    "demo": "covermap.verbs.demo",
    "doctor": "covermap.verbs.doctor",
    "evaluate": "covermap.verbs.evaluate",
    "init": "covermap.verbs.init",
    "map_scenes": "covermap.verbs.map_scenes",
    "open_scene": "covermap.imagery.opening",
    "predict": "covermap.verbs.predict",
    "prepare": "covermap.verbs.prepare",
    "report": "covermap.verbs.report",
    "run": "covermap.verbs.run",
    "train": "covermap.verbs.train",
}

__all__ = ["__version__", *_VERBS]


def __getattr__(name: str) -> Any:
    if name in _VERBS:
        return getattr(importlib.import_module(_VERBS[name]), name)
    raise AttributeError(f"module 'covermap' has no attribute '{name}'")
