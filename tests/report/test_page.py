import dataclasses
import functools
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from covermap.assessment.areas import class_pixels
from covermap.report.content import ChipChoice
from covermap.report.doubted import is_sure, why_no_doubts
from covermap.report.model_words import is_the_forest_beside, model_word
from covermap.report.page import _told, headlines_of, render
from covermap.report.template import count, hectares, percent
from report.example_report import NAMES, content, metrics

VOID = {"meta", "img", "br", "link"}


class Structure(HTMLParser):
    """Ids of sections in order, and whether every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.sections, self.text, self.addresses = [], [], [], []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.sections.append(named["id"])
        self.addresses += [named[key] for key in ("src", "href") if key in named]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    structure = Structure()
    structure.feed(html)
    assert structure.open == []
    return structure


def with_scores(test, forest=None, majority=None):
    """Metrics of the example with some scores set by hand."""
    numbers = metrics()
    for part, changes in (
        (numbers["test"], test),
        (numbers["baselines"]["random_forest"], forest or {}),
        (numbers["baselines"]["majority"], majority or {}),
    ):
        part |= changes
    return numbers


@functools.cache
def example_page():
    return render(content(headlines=["Mind the gap."]))


def bare(**changes):
    """A report with numbers only."""
    nothing = {
        "curves": (), "panels": (), "split": None, "doubts": (), "map_picture": None, "areas": (),
        "provenance": (), "map_file": None, "bundle_file": None,
    }  # fmt: skip
    return content(**(nothing | changes))


MODEL = {"class_mean_iou": 0.60, "overall_accuracy": 0.80}
WORSE = {"class_mean_iou": 0.50, "overall_accuracy": 0.70}
CALM = {"not_assessed": []} | {
    f"{key}_{end}": value
    for key, low, high in (("overall_accuracy", 0.76, 0.84), ("class_mean_iou", 0.55, 0.65))
    for end, value in (("low", low), ("high", high))
}


def test_nothing_is_said_where_nothing_is_amiss():
    assert headlines_of(with_scores(MODEL | CALM, WORSE, WORSE)) == []


def test_a_better_forest_is_the_first_line():
    numbers = with_scores(MODEL, {"class_mean_iou": 0.65, "overall_accuracy": 0.81}, WORSE)
    line = headlines_of(numbers, folds=5)[0].replace("\u202f", " ")
    assert line == (
        "The random forest does better here than the network: class-mean IoU 65.0 % against "
        "60.0 % and overall accuracy 81.0 % against 80.0 %. Prefer it, or draw more polygons."
    )


def test_a_forest_that_is_better_by_one_score_only_is_told_with_the_other():
    numbers = with_scores(MODEL, {"class_mean_iou": 0.55, "overall_accuracy": 0.82}, WORSE)
    line = headlines_of(numbers)[0].replace("\u202f", " ")
    assert "overall accuracy 82.0 % against 80.0 %" in line
    assert "It does worse by class-mean IoU 55.0 % against 60.0 %." in line


def test_a_model_below_the_commonest_class_is_not_to_be_used():
    numbers = with_scores(MODEL | CALM, WORSE, {"class_mean_iou": 0.2, "overall_accuracy": 0.9})
    (line,) = headlines_of(numbers)
    assert line.startswith("Giving every pixel the commonest class does better here")
    assert "Do not use this map" in line


def test_a_leak_comes_before_everything():
    numbers = with_scores(MODEL, {"class_mean_iou": 0.65}, WORSE)
    lines = headlines_of(numbers, leak_allowed=True)
    assert lines[0].startswith("LEAK ALLOWED")
    assert lines[1].startswith("The random forest does better")


def test_random_chips_and_copies_come_before_everything():
    numbers = with_scores(MODEL, {"class_mean_iou": 0.65}, WORSE)
    lines = headlines_of({**numbers, "split": {"leaky": "chips touch", "near_duplicates": 1234}})
    assert lines[0].startswith("LEAKY SPLIT (chips touch): chips were drawn at random")
    assert lines[1].startswith("NEAR-DUPLICATES: pictures that are shown in more than one part")
    assert "1,234 (pairs of chips" in lines[1]
    assert lines[2].startswith("The random forest does better")


def test_random_chips_are_stamped_on_every_table():
    page = content()
    html = render(dataclasses.replace(
        page, metrics={**page.metrics, "split": {"leaky": "chips touch"}}
    ))  # fmt: skip
    for section in re.split(r"<section", html)[1:]:
        assert ("<table>" not in section) or ('class="stamp">leaky: chips touch<' in section)


def test_classes_that_are_not_assessed_are_named():
    lines = headlines_of(with_scores(MODEL | CALM | {"not_assessed": ["bog", "fen"]}, WORSE, WORSE))
    assert len(lines) == 1
    assert "bog, fen" in lines[0]


def test_wide_and_missing_intervals_are_told():
    wide = CALM | {"overall_accuracy_low": 0.60, "overall_accuracy_high": 0.81, "groups": 5}
    (line,) = headlines_of(with_scores(MODEL | wide, WORSE, WORSE))
    assert "overall accuracy (60.0 to 81.0" in line
    assert "5 groups" in line
    missing = CALM | {f"{key}_{end}": None for key in MODEL for end in ("low", "high")}
    (line,) = headlines_of(with_scores(MODEL | missing | {"groups": 1}, WORSE, WORSE))
    assert line.startswith("No interval can be given")


@pytest.mark.parametrize(("true", "word"), [(0.79, "inside"), (0.70, "OUTSIDE")])
def test_the_true_score_is_set_beside_the_reported_one(true, word):
    numbers = with_scores(MODEL | CALM | {"true_overall_accuracy": true}, WORSE, WORSE)
    (line,) = headlines_of(numbers)
    assert f"{word} the interval" in line
    html = render(bare(metrics=numbers))
    assert "true value" in html


def test_a_k_fold_is_explained():
    (line,) = headlines_of(with_scores(MODEL | CALM, WORSE, WORSE), folds=4)
    assert "4 models" in line


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ("blocks", "12 blocks;"),
        ("scenes", "12 images (those that share ground count as one);"),
        ("regions", "12 regions;"),
    ],
)
def test_tested_ground_is_counted_in_what_the_split_deals_out(of, told):
    wide = CALM | {"overall_accuracy_low": 0.60, "overall_accuracy_high": 0.81, "groups": 12}
    numbers = {**with_scores(MODEL | wide, WORSE, WORSE), "split": {"of": of}}
    (line,) = headlines_of(numbers)
    assert told in line
    assert "polygons" not in line
    (line,) = headlines_of(
        {**with_scores(MODEL | CALM, WORSE, WORSE), "split": {"of": of}}, folds=3
    )
    assert "polygons" not in line


def test_pictures_without_a_crs_have_no_hectares():
    page = content()
    pixels = class_pixels(dict.fromkeys(page.legend.ids, 1234), page.legend)
    html = render(dataclasses.replace(page, areas=pixels))
    assert "1\u202f234" in html
    assert "hectares" not in html


def test_ground_that_several_scenes_show_is_not_counted_twice():
    page = content()
    pixels = class_pixels(dict.fromkeys(page.legend.ids, 1234), page.legend)
    plain = render(dataclasses.replace(page, areas=pixels))
    assert "counted twice" not in plain
    html = render(dataclasses.replace(page, areas=pixels, areas_of="june"))
    assert "Area in june" in html
    assert "must not be counted twice" in html


def test_the_page_has_its_sections_in_order_and_needs_no_other_file():
    structure = read(example_page())
    assert structure.sections == [
        "first", "scores", "classes", "confusion", "reliability", "map", "panels", "split",
        "doubts", "learning", "meaning", "provenance",
    ]  # fmt: skip
    assert structure.addresses
    assert all(address.startswith("data:image/") for address in structure.addresses)
    text = " ".join(structure.text)
    assert "mapped area, not an estimate" in text
    assert "blocks of 128 px, 10 of 64 never seen" in text
    assert "Mind the gap." in text


def test_sections_without_content_are_left_out():
    assert read(render(bare())).sections == [
        "scores", "classes", "confusion", "reliability", "meaning",
    ]  # fmt: skip


def test_a_run_that_an_earlier_version_scored_says_nothing_of_confidence():
    old = metrics()
    for key in ("ece", "reliability"):
        del old["test"][key]
    assert "reliability" not in read(render(bare(metrics=old))).sections


def test_the_error_of_confidence_is_told_in_points():
    numbers = metrics()
    numbers["test"]["ece"] = 0.0834
    assert "differ by 8.3 points of 100" in render(bare(metrics=numbers))


def test_the_same_content_gives_the_same_bytes():
    assert render(content(headlines=["Mind the gap."])) == example_page()


def test_further_maps_are_shown_small_with_how_many_are_not():
    small = np.zeros((8, 8, 3), np.uint8)
    page = content(further_maps=(("north", small), ("south", small)), maps_not_shown=1234)
    text = " ".join(read(render(page)).text)
    assert "north" in text
    assert "and 1\u202f234 more" in text


def test_a_split_of_many_scenes_says_how_many_are_not_shown():
    page = content()
    page = dataclasses.replace(page, split=dataclasses.replace(page.split, more=7))
    assert "1 scenes are shown, and there are 7 more" in " ".join(read(render(page)).text)


def test_what_users_write_is_escaped():
    evil = '<script>alert("x")</script>'
    names = (evil, *NAMES[1:])
    nasty = content(
        names,
        metrics=metrics(names, absent=(0,)),
        headlines=[evil],
        name=evil,
        how_tested=evil,
        provenance=((evil, evil),),
        map_file=evil,
    )
    nasty = dataclasses.replace(
        nasty,
        panels=tuple(dataclasses.replace(panel, caption=evil) for panel in nasty.panels),
        split=dataclasses.replace(nasty.split, audit=(evil,)),
        doubts=tuple(dataclasses.replace(d, source=evil, drawn=evil) for d in nasty.doubts),
        curves=tuple(dataclasses.replace(curve, title=evil) for curve in nasty.curves),
    )
    html = render(nasty)
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "default-src 'none'" in html


def test_a_leak_is_stamped_on_every_table():
    html = render(content(leak_allowed=True))
    tables = html.count("<table>")
    assert tables == 4
    for section in re.split(r"<section", html)[1:]:
        assert ("<table>" not in section) or ('class="stamp"' in section)
    assert 'class="stamp"' not in example_page()


def test_a_class_that_is_not_assessed_is_marked_in_the_table():
    html = example_page()
    row = re.search(r'<tr class="unassessed">.*?</tr>', html).group()
    assert "bog" in row
    assert row.count("–") == 4


def test_a_page_without_baselines_has_dashes():
    numbers = {"test": metrics()["test"], "baselines": {}}
    assert headlines_of(numbers)
    assert read(render(bare(metrics=numbers))).sections


def test_numbers_are_written_for_people():
    assert percent(0.8424) == "84.2\u202f%"
    assert percent(None) == "–"
    assert count(1234567) == "1\u202f234\u202f567"
    assert [hectares(v) for v in (0.034, 12.34, 12345.6)] == [
        "0.03\u202fha", "12.3\u202fha", "12\u202f346\u202fha",
    ]  # fmt: skip


def test_what_was_left_out_is_a_section_of_its_own():
    choice = ChipChoice(
        kept_valid=np.array([1.0, 0.9]),
        rejected_valid=np.array([0.4, 1.0, 0.3]),
        kept_cloud=np.array([0.0, 0.1]),
        rejected_cloud=np.array([0.2, 0.5, 0.0]),
        reasons=(("max_cloud", 2), ("min_valid", 2)),
        min_valid=0.5,
        max_cloud=0.15,
    )
    page = render(content(chips=choice))
    assert 'id="chips"' in page
    assert "2 windows with labels became chips, 3 did not" in page
    assert 'id="chips"' not in render(content())


def test_a_truth_that_lies_elsewhere_is_told():
    nothing = {"true_overall_accuracy": None, "true_class_mean_iou": None, "true_pixels": 0}
    lines = headlines_of(with_scores(nothing))
    assert any("Check truth: in the project" in line for line in lines)


def test_a_baseline_that_is_barely_ahead_is_not_told_by_equal_numbers():
    near = {"overall_accuracy": MODEL["overall_accuracy"] + 0.0002}
    line = headlines_of(with_scores(MODEL | CALM, WORSE | near, WORSE))[0]
    theirs, ours = re.search(r"accuracy (\S+)\s% against (\S+)\s%", line).groups()
    assert float(theirs) > float(ours)
    assert re.search(
        r"overall accuracy 11.0\s% against 12.0", _told("overall_accuracy", 0.11, 0.12)
    )


def test_a_doubted_polygon_says_how_its_row_is_counted():
    assert "Rows are those of the label file, counted from 0" in example_page()


def of_forest(seen, scores=None):
    numbers = with_scores(MODEL | CALM, scores or WORSE, WORSE)
    return {**numbers, "model": {"name": f"random forest, {seen}"}}


def test_a_forest_by_pixel_that_is_ahead_of_one_of_windows_is_told_apart_from_it():
    better = {"class_mean_iou": 0.65, "overall_accuracy": 0.81}
    numbers = of_forest("windows of 5 px", better)
    line = headlines_of(numbers, model_word(numbers))[0]
    assert line.startswith(
        "The forest by pixel does better here than the random forest of windows of 5 px: "
    )
    assert "Prefer it (model: {name: random-forest}, without window)" in line


def test_a_forest_that_is_its_own_baseline_is_shown_once():
    numbers = of_forest("by pixel")
    numbers["baselines"]["random_forest"] |= {
        key: numbers["test"][key] for key in ("overall_accuracy", "class_mean_iou", "micro_iou")
    }
    assert is_the_forest_beside(numbers)
    page = render(bare(metrics=numbers, model=model_word(numbers)))
    text = "".join(read(page).text)
    assert "answered in two ways" in text
    assert page.count("random forest<br>by pixel") == 0
    # Models of a k-fold that were chosen one by one may be others, and their scores are.
    assert not is_the_forest_beside(of_forest("by pixel"))
    assert "random forest<br>by pixel" in render(bare(metrics=of_forest("by pixel")))


def test_a_model_far_behind_a_simpler_one_is_no_judge_of_labels():
    numbers = with_scores({"overall_accuracy": 0.298}, {"overall_accuracy": 0.877})
    told = why_no_doubts(numbers).replace("\u202f", " ")
    assert "(overall accuracy 29.8 %)" in told
    assert "a random forest has 87.7 %" in told
    text = "".join(read(render(bare(no_doubts=told))).text)
    assert "Polygons to look at again" in text
    assert "before you trust the scores" not in text
    assert why_no_doubts(with_scores({"overall_accuracy": 0.85}, {"overall_accuracy": 0.877})) == ""


def test_an_answer_near_chance_contradicts_nobody():
    assert not is_sure(0.36, 4)
    assert is_sure(0.6, 4)
    assert is_sure(0.6, 2)
    assert not is_sure(0.55, 2)
