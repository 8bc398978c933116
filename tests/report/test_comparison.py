import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from covermap.core.errors import ProjectError
from covermap.core.settings import parse
from covermap.report.comparison import (
    comparison_facts,
    comparison_headlines,
    render_comparison,
)
from covermap.report.comparison_content import (
    ComparedGround,
    ComparedPanel,
    ComparedRun,
    Comparison,
)
from covermap.report.comparison_figure import ComparedCurve, CurvePoint, curves_figure
from covermap.report.comparison_pairs import compared_splits
from covermap.report.published import Published, PublishedNumber
from covermap.report.template import percent
from report.example_report import legend

CURVE = ComparedCurve(
    "class_mean_iou", (CurvePoint(1, 1.0, 1.1, 0.2), CurvePoint(2, 0.8, 0.9, 0.4))
)


def run(name="a", score=0.5, half=0.1, leaky="", forest=0.1, where="blocks"):
    test = {
        "class_mean_iou": score,
        "class_mean_iou_low": score - half,
        "class_mean_iou_high": score + half,
        "overall_accuracy": score + 0.2,
        "per_class": {"water": {"iou": score}, "road": {"iou": None}},
    }
    baselines = {"random_forest": {"class_mean_iou": forest}}
    return ComparedRun(
        name=name, folder=name, model="unet", tested_on=where, leaky=leaky,
        metrics={"test": test, "baselines": baselines}, curve=CURVE,
    )  # fmt: skip


def published(**more):
    number = PublishedNumber(
        variant="a", metric="pixel accuracy", value=0.887, measured_on="validation",
        ours="overall_accuracy",
    )  # fmt: skip
    return Published(source="Somebody 2020", numbers=(number,), **more)


def test_a_leaky_split_is_told_first_with_the_honest_variant():
    lines = comparison_headlines(Comparison("x", (run("a", leaky="leaky: chips touch"), run("b"))))
    assert lines[0].startswith("LEAKY SPLIT: a was tested beside")
    assert lines[0].endswith("expect those of b.")


def test_what_keeps_a_run_from_the_experiment_is_told_before_all():
    told = published(warnings=("MINIATURE",), remarks=("theirs is not ours",))
    content = Comparison("x", (run("a", leaky="leaky: chips touch"),), published=told)
    assert comparison_headlines(content)[0] == "MINIATURE"
    page = render_comparison(content)
    assert page.index("MINIATURE") < page.index("LEAKY SPLIT") < page.index("theirs is not ours")


def test_what_a_forest_beats_is_named():
    lines = comparison_headlines(Comparison("x", (run("a", 0.3, forest=0.4), run("b", 0.6))))
    assert "The random forest has a higher class-mean IoU than a on the same ground." in lines


def test_overlapping_intervals_decide_nothing():
    close = comparison_headlines(Comparison("x", (run("a", 0.50), run("b", 0.55))))
    assert any("b is ahead of a" in line and "does not tell which" in line for line in close)
    apart = comparison_headlines(Comparison("x", (run("a", 0.2, 0.01), run("b", 0.6, 0.01))))
    assert apart == []


def test_equal_scores_are_called_equal():
    (line,) = comparison_headlines(Comparison("x", (run("a", 0.5), run("b", 0.50001))))
    assert line == f"b and a are equally good by class-mean IoU ({percent(0.5)})."


@pytest.mark.parametrize("losses_compare", [True, False])
def test_where_nothing_validates_the_loss_that_taught_is_drawn(losses_compare):
    """Unless the losses are of several kinds."""
    curve = ComparedCurve("class_mean_iou", (CurvePoint(1, 1.0, None, None),))
    runs = tuple(replace(run(name), curve=curve) for name in "ab")
    page = render_comparison(Comparison("x", runs, losses_compare=losses_compare))
    assert ("How they learnt" in page) == losses_compare
    assert ("nothing validates" in page) == losses_compare
    assert "Validation ground chose" not in page


def test_scores_of_different_ground_are_not_put_in_order():
    assert comparison_headlines(Comparison("x", (run("a"), run("b", where="elsewhere")))) == []


def test_a_published_number_stands_beside_ours_and_the_honest_one():
    told = published(honest={"a": "b"})
    facts = comparison_facts(Comparison("x", (run("a", 0.5), run("b", 0.4)), published=told))
    (number,) = facts["published"]["numbers"]
    assert (number["value"], number["our_value"]) == (0.887, 0.7)
    assert number["our_honest_value"] == pytest.approx(0.6)


def test_a_number_without_a_counterpart_needs_a_reason():
    with pytest.raises(ProjectError, match="must say why none of our scores can be compared"):
        parse(PublishedNumber, {"variant": "a", "metric": "m", "value": 1, "measured_on": "x"}, "r")


def test_an_incomparable_number_gets_no_score_of_ours():
    number = PublishedNumber(
        variant="a", metric="stuck IoU", value=0.42857, measured_on="x", why="stuck"
    )
    content = Comparison("x", (run("a"),), published=Published(source="s", numbers=(number,)))
    (fact,) = comparison_facts(content)["published"]["numbers"]
    assert "our_value" not in fact
    assert "stuck" in render_comparison(content)


def test_the_page_shows_all_parts_and_needs_no_other_file():
    rng = np.random.default_rng(0)
    index = rng.integers(-1, 3, (8, 8)).astype(np.int16)
    image = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
    panel = ComparedPanel("best", image, index, (("a: 90%", index), ("b: 10%", index)))
    ground = ComparedGround("Tested on: blocks", legend(), (panel,))
    content = Comparison("x", (run("a"), run("b")), (ground,), True, published())
    page = render_comparison(content)
    assert page == render_comparison(content)
    assert page.count("data:image/png") == 4
    assert page.count("data:image/svg+xml") == 1
    assert "http:" not in page
    assert "https:" not in page
    for text in ("Somebody 2020", "pixel accuracy", "88.7", "water", "a: 90%", "50.0"):
        assert text in page
    assert "road" not in page.split("IoU class by class")[1].split("</table>")[0]


def test_names_in_a_page_are_text():
    page = render_comparison(Comparison("<b>x</b>", (run("<script>"),)))
    assert "<script>" not in page
    assert "<b>x</b>" not in page


def test_scores_of_other_tasks_are_shown_in_their_own_units():
    item = run("a")
    metrics = {"test": {"rmse": 0.123, "mean_accuracy": 0.9}}
    other = ComparedRun(item.name, "a", "m", "w", "", metrics, ComparedCurve("", ()))
    page = render_comparison(Comparison("x", (other,)))
    assert "0.123" in page
    assert "RMSE" in page
    assert "How they learnt" not in page
    assert json.dumps(comparison_facts(Comparison("x", (other,))))


def regression(name, spearman, r2, leaky=""):
    test = {"spearman": spearman, "r2": r2, "mae": 0.1, "iou_nonzero": None}
    baselines = {"mean": {"r2": 0.0, "spearman": None}, "distance_to_edge": {"spearman": 0.2}}
    return ComparedRun(
        name=name, folder=name, model="deeplabv3", tested_on="x", leaky=leaky,
        metrics={"test": test, "baselines": baselines}, curve=ComparedCurve("", ()),
    )  # fmt: skip


def test_the_published_split_stands_beside_the_honest_one_by_every_score_of_both():
    runs = (regression("dates", 0.8, 0.6, leaky="leaky"), regression("regions", 0.3, -2.0))
    told = Published(source="s", honest={"dates": "regions"})
    content = Comparison("x", runs, published=told)
    rows = compared_splits(content)
    # Of errors the lower is the better: they do not belong on an axis of scores.
    assert [(row.score, row.leaky.value, row.honest.value, row.baseline) for row in rows] == [
        ("R2", 0.6, -2.0, 0.0),
        ("Spearman", 0.8, 0.3, 0.2),
    ]
    assert "What other ground costs" in render_comparison(content)


def test_what_the_mean_beats_is_named_too():
    poor, fair = regression("a", 0.1, 0.0), regression("b", 0.5, 0.3)
    for item, ours in ((poor, 0.2), (fair, 0.6)):
        item.metrics["test"]["ruzicka"] = ours
        item.metrics["baselines"]["mean"]["ruzicka"] = 0.3
    lines = comparison_headlines(Comparison("x", (poor, fair)))
    assert lines == [
        "The mean of the training cells has a higher Ruzicka than a on the same ground."
    ]


def test_a_forest_that_knew_more_than_tags_is_told_as_such():
    weak = run("a", 0.3, forest=0.4)
    weak.metrics["task"] = "weak-segmentation"
    (line,) = comparison_headlines(Comparison("x", (weak,)))
    assert line.startswith("The random forest, which was told the class of every training pixel, ")


def test_without_an_honest_partner_no_split_is_compared():
    content = Comparison("x", (run("a"), run("b")), published=published())
    assert compared_splits(content) == []
    assert "What other ground costs" not in render_comparison(content)


def test_errors_in_a_small_unit_are_not_told_as_nothing():
    numbers = {"mae": 0.00042, "mae_low": 0.0003, "mae_high": 0.0005, "r2": 0.5}
    content = Comparison("x", (replace(run(), metrics={"test": numbers, "baselines": {}}),))
    page = render_comparison(content)
    assert "<b>0.00042</b><small>0.00030 to 0.00050</small>" in page
    assert "<b>0.500</b>" in page


def test_baselines_that_differ_between_variants_are_all_shown():
    page = render_comparison(Comparison("x", (run("rgb", forest=0.31), run("all", forest=0.52))))
    assert "random forest beside rgb" in page
    assert "random forest beside all" in page
    assert "31.0" in page
    assert "52.0" in page
    alike = render_comparison(Comparison("x", (run("a", forest=0.3), run("b", forest=0.3))))
    assert alike.count("random forest <small>(baseline)") == 1


def test_errors_are_drawn_as_errors_not_below_nothing():
    curve = ComparedCurve("minus_rmse", (CurvePoint(1, 1.0, 1.1, -0.3), CurvePoint(2, 1, 1, -0.2)))
    axes = curves_figure([("a", curve)], "Root mean squared error").axes[0]
    assert axes.lines[0].get_ydata().tolist() == [0.3, 0.2]
    metrics = {"task": "regression", "test": {"mae": 3.0, "caps": []}, "baselines": {}}
    page = render_comparison(Comparison("x", (replace(run(), metrics=metrics, curve=curve),)))
    svg = base64.b64decode(page.split("data:image/svg+xml;base64,")[1].split('"')[0]).decode()
    assert "Root mean squared error, in standard deviations, on" in svg


def test_a_published_mean_of_f1_stands_beside_ours():
    table = {"class_table": {"macro": {"f1": 0.91}}}
    number = PublishedNumber(
        variant="a", metric="macro F1", value=0.95, measured_on="x", ours="class_table.macro.f1"
    )
    one = replace(run(), metrics={"test": table, "baselines": {}})
    told = Published(source="Somebody 2020", numbers=(number,))
    page = render_comparison(Comparison("x", (one,), published=told))
    assert "F1, macro" in page
    assert "<b>91.0" in page


def test_a_baseline_with_smaller_errors_is_told_where_numbers_are_no_amounts():
    metrics = {"test": {"mae": 3.0, "ruzicka": None}, "baselines": {"random_forest": {"mae": 2.0}}}
    lines = comparison_headlines(Comparison("x", (replace(run(), metrics=metrics),)))
    assert lines == [
        "The random forest has a lower mean absolute error than every variant on the same ground."
    ]
