import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from covermap.assessment.joint import JointCounts
from covermap.assessment.tally import Tally
from covermap.report import figures_scores as scores
from covermap.report.figures import figure_uri, log_confusion_figure

IMAGE = np.zeros((8, 8, 3), np.uint8)


def texts(figure):
    return [t.get_text() for t in figure.findobj(Text) if t.get_text() and t.get_visible()]


def chip(truth, prediction, confidence=None):
    return scores.ChipPanel(IMAGE, truth, prediction, confidence)


def test_logarithms_show_rare_mistakes_and_leave_0_empty():
    figure = log_confusion_figure(np.array([[1000, 1], [0, 0]]), ["a", "b"])
    assert [t.get_text() for t in figure.axes[0].texts] == ["6.9", "0.7", "", ""]
    empty = log_confusion_figure(np.zeros((2, 2), int), ["a", "b"])
    assert [t.get_text() for t in empty.axes[0].texts] == [""] * 4


@pytest.mark.parametrize("labels", [1, 5, 7])
def test_each_label_has_its_matrix_and_no_axes_is_left_empty(labels):
    tally = Tally(np.array([[3, 1], [0, 1234]]))
    figure = scores.label_matrices_figure({f"label {k}": tally for k in range(labels)})
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == labels
    assert [t.get_text() for t in shown[-1].texts] == ["3", "1", "0", "1,234"]


def test_a_scatter_lies_where_the_cells_are():
    joint = JointCounts.zero(0, 10, 11).with_cells(np.full(50, 2.0), np.full(50, 7.0))
    figure = scores.scatter_figure(joint, "points")
    picture = figure.axes[0].images[0]
    assert np.argwhere(np.isfinite(picture.get_array().filled(np.nan))).tolist() == [[7, 2]]
    assert picture.get_extent() == [-0.5, 10.5, -0.5, 10.5]
    assert "truth, points" in texts(figure)
    assert not [text for text in texts(figure) if "$" in text]


def test_cells_of_few_levels_are_wide_enough_to_be_seen():
    joint = JointCounts.zero().with_cells(np.repeat([0.0, 1.0], [30, 20]), np.full(50, 0.5))
    picture = scores.scatter_figure(joint).axes[0].images[0]
    counts = picture.get_array().filled(0)
    assert counts.shape == (64, 64)
    assert (counts[:, 0].sum(), counts[:, 63].sum()) == (30, 20)
    assert picture.norm.vmax == 30
    half = 0.5 / 255
    assert picture.get_extent() == pytest.approx([-half, 1 + half, -half, 1 + half])


def test_the_cap_stands_on_the_histogram_with_its_rule():
    shown = texts(scores.cap_figure({0: 80, 1: 3, 90: 1}, 15.15, "97th percentile of all cells"))
    assert "97th percentile of all cells: 15.15" in shown
    assert "points in a cell (80 cells are empty)" in shown
    assert not [text for text in shown if "$" in text]
    assert "cap: 0" in texts(scores.cap_figure({0: 9}, 0.0, "cap"))


def test_wrong_chips_are_told_by_colour():
    right, wrong = chip(("a", "b"), ("b", "a")), chip(("a",), (), 0.4)
    assert right.right
    assert not wrong.right
    figure = scores.chip_panels_figure([right, wrong])
    answers = figure.texts[1::2]
    assert answers[0].get_color() != answers[1].get_color()
    assert answers[1].get_text() == "nothing 40 %"


def test_no_text_of_chips_lies_on_another_one():
    panels = [chip(("HerbaceousVegetation",), ("PermanentCrop",), 0.59) for _ in range(12)]
    figure = scores.chip_panels_figure(panels)
    FigureCanvasAgg(figure)
    boxes = [text.get_window_extent() for text in figure.texts]
    for number, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:number])


def test_truth_and_prediction_share_a_scale_and_unknown_cells_are_masked():
    truth = np.array([[0, np.nan], [1, 2]])
    figure = scores.number_panels_figure(
        [scores.NumberPanel("here", IMAGE, truth, truth / 2)] * 2, highest=3.0, unit="density"
    )
    pictures = [axes.images[0] for axes in figure.axes[1:3]]
    assert [picture.get_clim() for picture in pictures] == [(0, 3), (0, 3)]
    assert pictures[0].get_array().mask.sum() == 1
    assert figure_uri(figure) == figure_uri(figure)


def test_a_long_name_of_a_piece_of_ground_does_not_run_into_the_titles():
    numbers = np.ones((8, 8))
    name = "S2A2A_20190704_065_Linkoping, row 64, column 128"
    figure = scores.number_panels_figure([scores.NumberPanel(name, IMAGE, numbers, numbers)], 1.0)
    first = figure.axes[0]
    assert [axes.get_title(loc="left") for axes in figure.axes[:3]] == [
        "image", "truth", "prediction",
    ]  # fmt: skip
    (caption,) = first.texts
    assert caption.get_text() == name
    assert caption.get_position()[1] < 0
