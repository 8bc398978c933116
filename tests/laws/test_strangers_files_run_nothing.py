"""Law 13, bundles: opening a stranger's folder runs none of it."""

import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covermap.bundle.facts import Bundle, Channel
from covermap.bundle.folder import read_bundle, read_weights, write_bundle
from covermap.core.errors import BundleError
from covermap.core.legend import Legend
from mistakes import Bomb


def bundle_in(folder):
    facts = Bundle(
        task="segmentation",
        model={"name": "unet", "encoder": "resnet18", "weights": None},
        channels=(Channel("B04", "reflectance", 665.0, 0.1, 0.05, 0.0, 0.4),),
        resolution_m=10.0,
        legend=Legend.of({1: "forest", 2: "water"}),
        chip_size=64,
        receptive_radius=40,
        min_dates=None,
        imagery={},
        trained_on={},
        scores={},
        versions={},
    )
    return write_bundle(folder, facts, {"a": np.zeros(3, np.float32)})


def message_of(opening):
    try:
        opening()
    except BundleError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".pkl", ".ckpt", ".PT", ".joblib"])
def test_a_folder_with_a_pickle_is_refused_unopened(tmp_path, suffix):
    bundle_in(tmp_path / "bundle")
    trace = tmp_path / "trace"
    (tmp_path / "bundle" / f"model{suffix}").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(BundleError, match="can run a stranger's code"):
        read_bundle(tmp_path / "bundle")
    assert not trace.exists()


def test_a_pickle_under_the_name_of_the_weights_is_not_run(tmp_path):
    bundle = bundle_in(tmp_path / "bundle")
    trace = tmp_path / "trace"
    (tmp_path / "bundle" / "weights.safetensors").write_bytes(pickle.dumps(Bomb(trace)))
    with pytest.raises(BundleError, match="not readable as safetensors"):
        read_weights(bundle)
    assert not trace.exists()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.binary(max_size=200))
def test_any_bytes_as_weights_end_in_one_line(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("any") / "bundle"
    bundle = bundle_in(folder)
    (folder / "weights.safetensors").write_bytes(data)
    assert "\n" not in message_of(lambda: read_weights(bundle))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = (
    "task", "model", "channels", "resolution_m", "legend", "chip_size", "receptive_radius",
    "min_dates", "imagery", "trained_on", "scores", "versions", "format",
)  # fmt: skip


@settings(max_examples=120, deadline=None, derandomize=True)
@given(key=st.sampled_from(KEYS), value=json_values)
def test_any_fact_of_another_kind_ends_in_one_line(tmp_path_factory, key, value):
    folder = tmp_path_factory.mktemp("facts") / "bundle"
    bundle_in(folder)
    facts = json.loads((folder / "bundle.json").read_text())
    facts[key] = value
    (folder / "bundle.json").write_text(json.dumps(facts))
    assert "\n" not in message_of(lambda: read_bundle(folder))
