import base64
import io
import struct

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.text import Text

from covermap.core.legend import Legend
from covermap.report import figures
from covermap.report.chips_figure import chips_figure
from covermap.report.content import ChipChoice, Curve, Panel, SceneParts, SplitMap
from covermap.report.split_figure import split_figure
from report.example_report import Epoch, content, legend, metrics


def decoded(uri):
    kind, text = uri.removeprefix("data:image/").split(";base64,")
    return kind, base64.b64decode(text)


def chunks(png):
    """Names of the parts of a PNG file."""
    names, place = [], 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        names.append(png[place + 4 : place + 8].decode())
        place += length + 12
    return names


def texts(figure):
    return [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


@pytest.mark.parametrize("classes", [2, 7, 30])
def test_a_confusion_matrix_is_readable_at_any_number_of_classes(classes):
    matrix = np.random.default_rng(0).integers(0, 2_000_000, (classes, classes))
    names = [f"a class with a rather long name {k}" for k in range(classes)]
    for figure in figures.confusion_figures(matrix, names):
        assert min(text.get_fontsize() for text in texts(figure)) >= 9
        assert max(len(text.get_text()) for text in texts(figure)) <= 22
        assert figure.get_size_inches()[0] >= 0.4 * classes


def test_a_confusion_matrix_says_what_it_counts():
    for said, more in (("Pixels", ()), ("Chips", ("Chips",))):
        counts, _ = figures.confusion_figures(np.eye(2, dtype=int), ["a", "b"], *more)
        assert said in [axes.get_title(loc="left") for axes in counts.axes]


def test_shares_are_of_the_reference_and_an_empty_row_stays_empty():
    counts, shares = figures.confusion_figures(np.array([[75, 25], [0, 0]]), ["a", "b"])
    assert [t.get_text() for t in counts.axes[0].texts] == ["75", "25", "", ""]
    assert [t.get_text() for t in shares.axes[0].texts] == ["75", "25", "", ""]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, ""), (7, "7"), (999, "999"), (1234, "1.2k"), (9999, "10k"), (45_600_000, "46M")],
)
def test_counts_are_shortened_to_four_characters(number, text):
    assert figures.compact(number) == text


def test_small_shares_are_told_from_none():
    assert [figures._percent(share) for share in (0, 0.001, 0.005, 0.5, 1)] == [
        "", "<1", "0", "50", "100",
    ]  # fmt: skip


def test_dollars_and_tags_in_a_class_name_are_plain_text():
    names = [r"$\frac$", "<script>alert(1)</script>"]
    figure, _ = figures.confusion_figures(np.eye(2, dtype=int), names)
    _, svg = decoded(figures.figure_uri(figure))
    assert b"<script" not in svg
    assert b"frac" in svg


def test_the_same_figure_gives_the_same_bytes_without_dates():
    numbers = metrics()
    answers = [("network", numbers["test"]), ("forest", numbers["baselines"]["random_forest"])]
    first, second = (figures.figure_uri(figures.scores_figure(answers)) for _ in range(2))
    assert first == second
    _, svg = decoded(first)
    assert b"date" not in svg.lower()
    assert b"Matplotlib" not in svg


def test_the_readers_own_settings_do_not_change_a_figure():
    split = content().split
    before = figures.figure_uri(split_figure(split), "png")
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red"}):
        assert figures.figure_uri(split_figure(split), "png") == before
        assert mpl.rcParams["font.size"] == 20


def test_pictures_are_exact_and_hold_no_notes():
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    kind, png = decoded(figures.picture_uri(picture))
    assert kind == "png"
    assert set(chunks(png)) <= {"IHDR", "pHYs", "IDAT", "IEND"}
    assert np.array_equal(np.round(imread(io.BytesIO(png))[..., :3] * 255), picture)


def test_png_figures_hold_no_notes():
    _, png = decoded(figures.figure_uri(split_figure(content().split), "png"))
    assert set(chunks(png)) <= {"IHDR", "pHYs", "IDAT", "IEND"}


def test_a_picture_of_another_type_is_an_error():
    with pytest.raises(ValueError, match="uint8"):
        figures.picture_uri(np.zeros((4, 4, 3), np.float32))


def test_panels_are_painted_in_the_colours_of_the_legend():
    known = legend(("water", "forest"))
    truth = np.array([[0, 1, -1]], np.int16)
    prediction = np.array([[0, 0, 1]], np.int16)
    panel = Panel("here", np.zeros((1, 3, 3), np.uint8), truth, prediction)
    pictures = figures.panel_pictures(panel, known)
    colors = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in known.colors]
    assert pictures.truth[0, :2].tolist() == colors
    assert pictures.prediction[0].tolist() == [colors[0], colors[0], colors[1]]
    right, wrong, unscored = pictures.error[0].tolist()
    assert len({tuple(right), tuple(wrong), tuple(unscored)}) == 3
    assert pictures.truth[0, 2].tolist() == unscored


def test_scores_that_are_undefined_are_left_out():
    test = metrics()["test"] | {"class_mean_iou": None, "micro_iou_low": None}
    figure = figures.scores_figure([("network", test)])
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert shown == [f"{100 * test[key]:.1f}" for key in ("overall_accuracy", "micro_iou")]


def test_epochs_without_validation_leave_gaps():
    rows = (Epoch(1, 1.0, None, None), Epoch(2, 0.8, 0.9, 0.4))
    losses, scores = figures.curve_figure(Curve("one", rows)).axes
    assert np.isnan(losses.lines[1].get_ydata()).tolist() == [True, False]
    assert np.isnan(scores.lines[0].get_ydata()).tolist() == [True, False]


def test_errors_by_epoch_say_what_they_are_counted_in():
    rows = (Epoch(1, 1.0, 0.9, -0.8, "minus_rmse"), Epoch(2, 0.8, 0.9, -0.7, "minus_rmse"))
    _, plain = figures.curve_figure(Curve("one", rows)).axes
    _, scores = figures.curve_figure(Curve("one", rows, "standard deviations")).axes
    assert (plain.get_ylabel(), scores.get_ylabel()) == ("", "standard deviations")
    assert scores.lines[0].get_ydata().tolist() == [0.8, 0.7]


def test_without_validation_no_empty_picture_stands_beside_the_loss():
    rows = (Epoch(1, 1.0, None, None), Epoch(2, 0.8, None, None))
    (losses,) = figures.curve_figure(Curve("fold1", rows)).axes
    assert len(losses.lines) == 1
    assert losses.get_legend() is None
    assert losses.get_title("left") == "Loss on the ground that taught"


def one_scene(names, **more):
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    parts = tuple((name, [square]) for name in names)
    return SceneParts("here", np.zeros((4, 4, 3), np.uint8), (0, 4, 0, 4), parts, **more)


def test_every_part_of_a_split_has_a_colour_of_its_own():
    for names in (("train", "val", "test"), tuple(f"fold {k}" for k in range(1, 6))):
        split = SplitMap((one_scene(names),), 0, tuple((name, 7) for name in names))
        axes = split_figure(split).axes[0]
        assert len({tuple(c.get_facecolor()[0]) for c in axes.collections}) == len(names)
        assert [t.get_text() for t in axes.get_legend().get_texts()] == [f"{n} (7)" for n in names]
        assert axes.get_xlim() == (0, 4)


def test_more_folds_than_colours_are_told_apart_too():
    names = tuple(f"fold{k}" for k in range(1, 13))
    counts = tuple((name, 7) for name in names)
    axes = split_figure(SplitMap((one_scene(names),), 0, counts)).axes[0]
    looks = {(tuple(c.get_facecolor()[0]), c.get_hatch()) for c in axes.collections}
    keys = {(key.get_facecolor(), key.get_hatch()) for key in axes.get_legend().get_patches()}
    assert len(looks) == len(keys) == len(names)


def test_many_folds_of_whole_scenes_fill_rows_below_their_legend():
    names = tuple(f"fold{k}" for k in range(1, 13))
    scenes = tuple(one_scene((), whole=name) for name in names)
    figure = split_figure(SplitMap(scenes, 0, tuple((name, 1) for name in names)))
    shown = [axes for axes in figure.axes if axes.axison]
    assert len({round(axes.get_position().y0, 3) for axes in shown}) == 3
    figure.canvas.draw()
    (legend,) = figure.legends
    top = max(axes.get_tightbbox().y1 for axes in shown)
    assert legend.get_window_extent().y0 > top


def test_the_ground_of_a_south_up_scene_lies_under_its_parts():
    square = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)
    ground = np.full((4, 4, 3), 255, np.uint8)
    # Its first row is its south.
    ground[:2, :2] = 0
    parts = (("train", [square]),)
    scene = SceneParts("here", ground, (0, 4, 0, 4), parts, grid=(1, 0, 0, 0, 1, 0))
    figure = split_figure(SplitMap((scene,), 0, (("train", 1),)))
    figure.axes[0].collections[0].set_visible(False)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[::-1]
    axes = figure.axes[0]

    def seen(x, y):
        column, row = axes.transData.transform((x, y)).astype(int)
        return drawn[row, column, :3].mean()

    assert seen(1, 1) < 120
    assert min(seen(1, 3), seen(3, 1), seen(3, 3)) > 200


def test_a_part_has_the_same_colour_in_every_scene():
    names = tuple(f"fold {k}" for k in range(1, 4))
    scenes = (one_scene(names), one_scene(names[2:]))
    first, second = split_figure(SplitMap(scenes, 0, tuple((n, 1) for n in names))).axes[:2]
    of = [[tuple(c.get_facecolor()[0]) for c in axes.collections] for axes in (first, second)]
    assert of[1] == of[0][2:]


def test_whole_scenes_stand_in_rows_by_part_with_a_frame():
    scenes = [one_scene((), whole=part) for part in ("train",) * 5 + ("test",) * 2]
    figure = split_figure(SplitMap(tuple(scenes), 3, (("train", 8), ("test", 2))))
    drawn = [bool(axes.images) for axes in figure.axes]
    assert drawn == [True] * 4 + [True] + [False] * 3 + [True] * 2 + [False] * 2
    frames = {axes.spines["left"].get_edgecolor() for axes in figure.axes if axes.images}
    assert len(frames) == 2
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["train (8)", "test (2)"]


def test_confidence_is_darker_where_the_model_is_surer():
    nothing = np.zeros((1, 4), np.int16)
    sure = np.array([[0.2, 0.5, 1.0, np.nan]])
    panel = Panel("here", np.zeros((1, 4, 3), np.uint8), nothing, nothing, sure)
    shades = figures.panel_pictures(panel, legend(("water",))).confidence[0].sum(1).tolist()
    assert shades[0] > shades[1] > shades[2]
    assert shades[3] > shades[0]


def test_the_figure_of_chips_draws_limits_and_reasons_only_where_there_are_any():
    shares = np.array([0.0, 0.2, 1.0])
    one = ChipChoice(shares, shares, shares, shares, (("max_cloud", 1200),), max_cloud=0.15)
    drawn = [text.get_text() for text in texts(chips_figure(one))]
    assert {"limit 15%", "max_cloud", "1.2k"} <= set(drawn)
    none = ChipChoice(shares, shares, shares, shares, (("no usable label", 1),))
    drawn = [text.get_text() for text in texts(chips_figure(none))]
    assert "no usable label" in drawn
    assert not any(text.startswith("limit") for text in drawn)


def test_nothing_does_not_look_like_a_white_class():
    index = np.array([[0, 1, -1] * 8] * 24)
    names = {1: "a", 2: "b"}
    dark, white = (
        figures.painted(index, Legend.of(names, colors={"a": color, "b": "#904010"}))
        for color in ("#102030", "#ffffff")
    )
    for picture, kinds in ((dark, 1), (white, 2)):
        assert len(np.unique(picture[index < 0], axis=0)) == kinds
        for place in (0, 1):
            assert len(np.unique(picture[index == place], axis=0)) == 1
