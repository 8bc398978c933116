"""Initial weights: out of a package, a local file, a published set."""

import pickle

import pytest
import torch
from safetensors.torch import save_file

from covermap.core.errors import ModelError
from covermap.models.encoders import encoder_of, imagenet_file
from covermap.models.libraries import smp
from covermap.models.registry import build_network
from covermap.models.settings import ModelSettings

pytestmark = pytest.mark.slow

RGB = [665.0, 560.0, 490.0]
IMAGE = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def built(bands=RGB, seed=0, base=None, **model):
    return build_network(ModelSettings(**model), bands, 3, seed, base).eval()


def encoder_state(seed=1, bands=RGB, **model):
    model = {"encoder": "resnet18", "weights": "none"} | model
    return built(bands, seed, **model).encoder.state_dict()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in other)


def test_imagenet_weights_are_those_of_the_file():
    stored = torch.load(imagenet_file(encoder_of("efficientnet-lite0")), weights_only=True)
    loaded = built().encoder.state_dict()
    for expected, found in zip(stored.values(), loaded.values(), strict=False):
        assert torch.equal(expected, found)


def test_imagenet_weights_take_bands_in_any_order():
    with torch.inference_mode():
        one, other = built()(IMAGE), built(RGB[::-1])(IMAGE.flip(1))
    torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_rgb_first_gives_three_bands_the_kernels_and_leaves_the_rest_random():
    bands = [842.0, None, 490.0, 560.0, 665.0]
    rgb = built().encoder.model.conv_stem.weight
    random = built(bands, weights="none").encoder.model.conv_stem.weight
    first = built(bands, stem="rgb-first").encoder.model.conv_stem.weight
    assert torch.equal(first[:, :3], rgb)
    assert torch.equal(first[:, 3:], random[:, 3:])


def test_rgb_first_with_one_band_takes_the_first_kernel():
    first = built([None], stem="rgb-first").encoder.model.conv_stem.weight
    assert torch.equal(first, built().encoder.model.conv_stem.weight[:, :1])


def test_a_random_stem_leaves_the_rest_pretrained():
    random, trained = (built(stem=stem).encoder.model for stem in ("random", "wavelength"))
    start = built(weights="none").encoder.model
    assert torch.equal(random.conv_stem.weight, start.conv_stem.weight)
    assert torch.equal(random.blocks[0][0].conv_dw.weight, trained.blocks[0][0].conv_dw.weight)


@pytest.mark.parametrize("prefix", ["", "encoder.", "module.", "backbone."])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_local_file_is_loaded_whatever_stands_before_the_names(tmp_path, prefix, suffix):
    state = encoder_state()
    stored = {prefix + name: value for name, value in state.items()} | {"fc.bias": torch.ones(9)}
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save({"state_dict": stored}, path)
    else:
        save_file(stored, path)
    network = built(encoder="resnet18", weights=path.name, base=tmp_path)
    assert same(network.encoder.state_dict(), state)


def test_weights_of_timm_are_loaded_under_their_own_names(tmp_path):
    from covermap.models.libraries import timm

    torch.manual_seed(3)
    whole = timm().create_model("mobilenetv3_small_050")
    torch.save(whole.state_dict(), tmp_path / "own.pth")
    network = built(encoder="timm:mobilenetv3_small_050", weights="own.pth", base=tmp_path)
    assert torch.equal(network.encoder.model.conv_stem.weight, whole.conv_stem.weight)


def test_a_first_layer_of_as_many_bands_is_taken_as_it_is(tmp_path):
    bands = [None, 842.0, 665.0, 560.0]
    state = encoder_state(bands=bands)
    save_file(state, tmp_path / "own.safetensors")
    network = built(bands, encoder="resnet18", weights="own.safetensors", base=tmp_path)
    assert same(network.encoder.state_dict(), state)


def test_a_file_of_rgb_weights_serves_other_bands_by_wavelength(tmp_path):
    state = encoder_state()
    save_file(state, tmp_path / "rgb.safetensors")
    network = built(RGB[::-1], encoder="resnet18", weights="rgb.safetensors", base=tmp_path)
    assert torch.equal(network.encoder.conv1.weight, state["conv1.weight"].flip(1))


class Harmful:
    def __reduce__(self):
        return (pytest.fail, ("executed",))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda p: None, "no such file; check model:"),
        (lambda p: p.write_bytes(b"nonsense"), "not readable as weights"),
        (lambda p: p.write_bytes(pickle.dumps(Harmful())), "not readable as weights"),
        (lambda p: torch.save([1, 2], p), "holds 0 of the encoder's 100 tensors"),
        (lambda p: torch.save(encoder_state(encoder="resnet34"), p), "layer1.0"),
        (lambda p: torch.save(encoder_state(bands=[None] * 2), p), "expected \\(64, 3, 7, 7\\)"),
        (
            lambda p: torch.save(dict(list(encoder_state().items())[:50]), p),
            "of the encoder's 100 tensors; layer",
        ),
    ],
)
def test_a_file_that_does_not_serve_is_named(tmp_path, write, message):
    path = tmp_path / "weights.pth"
    write(path)
    model = ModelSettings(encoder="resnet50" if "layer1.0" in message else "resnet18",
                          weights="weights.pth")  # fmt: skip
    with pytest.raises(ModelError, match=message) as caught:
        build_network(model, RGB, 2, 0, tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_published_set_is_fetched_only_when_asked(monkeypatch):
    state = encoder_state(seed=9)
    asked = []

    def get_encoder(name, in_channels, weights, **_):
        asked.append((name, in_channels, weights))
        return torch.nn.ParameterDict(
            {key.replace(".", "_"): torch.nn.Parameter(value, value.is_floating_point())
             for key, value in state.items()}
        )  # fmt: skip

    built(encoder="resnet18", weights="none")
    monkeypatch.setattr(smp().encoders, "get_encoder", get_encoder)
    network = built(encoder="resnet18", weights="hub:ssl")
    assert asked == [("resnet18", 3, "ssl")]
    assert same(network.encoder.state_dict(), state)


@pytest.mark.parametrize("encoder", ["resnet18", "timm:mobilenetv3_small_050"])
def test_without_a_connection_the_message_says_what_else_works(monkeypatch, encoder):
    def get_encoder(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(smp().encoders, "get_encoder", get_encoder)
    name = "imagenet" if encoder == "resnet18" else "lamb_in1k"
    with pytest.raises(ModelError, match=r"weights: FILE\.safetensors") as caught:
        built(encoder=encoder, weights=f"hub:{name}")
    assert f"hub:{name}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("encoder", "name", "message"),
    [
        ("resnet18", "imagnet", "did you mean 'imagenet'"),
        ("timm:mobilenetv3_small_050", "lamb_in2k", "did you mean 'lamb_in1k'"),
        ("mobileone_s0", "none-such", "known: imagenet"),
    ],
)
def test_a_set_that_nobody_published_is_named_without_asking_the_hub(encoder, name, message):
    with pytest.raises(ModelError, match=message):
        built(encoder=encoder, weights=f"hub:{name}")
