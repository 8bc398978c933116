"""Bundles in folders that any process can load: a forest of windows, and a small network."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from covermap.bundle.facts import Bundle
from covermap.bundle.folder import write_bundle
from covermap.models.forest import features_of, fit_forest, forest_to_bytes
from oracle_predictors import tiny_bundle

BANDS = ("B02", "B03")


def forest_bundle(folder: Path, window: int = 5) -> Bundle:
    """A forest that was shown noise: decided, and different from pixel to pixel."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2, 60, 60)).astype(np.float32)
    features = features_of(values, window).reshape(3600, -1)
    forest = fit_forest(features, rng.integers(0, 3, 3600), 3, seed=0)
    facts = dataclasses.replace(
        tiny_bundle(BANDS, mean=0.15, std=0.1),
        model={"name": "random-forest", "window": window},
        receptive_radius=window // 2,
    )
    return write_bundle(folder, facts, forest_to_bytes(forest))


def network_bundle(folder: Path) -> Bundle:
    """A U-Net with random weights and decided answers."""
    import torch

    from covermap.models.loading import network_weights
    from covermap.models.registry import build_network
    from covermap.models.settings import ModelSettings

    model = ModelSettings(name="unet", encoder="efficientnet-lite0", weights="none")
    with torch.random.fork_rng(devices=[]):
        network = build_network(model, [492.7, 559.8], 3, seed=0)
    weights = network_weights(network)
    head = max(name for name in weights if name.endswith("segmentation_head.0.weight"))
    weights[head] = 50 * weights[head]
    facts = dataclasses.replace(
        tiny_bundle(BANDS, mean=0.15, std=0.1), model=model.model_dump(), receptive_radius=48
    )
    return write_bundle(folder, facts, weights)
