"""Tables of points: a longitude and a latitude in each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from covermap.core.errors import LabelError
from covermap.labels.density import read_density
from covermap.labels.kind_settings import DensitySettings
from covermap.labels.polygons import read_polygons
from covermap.labels.settings import LabelSettings
from covermap.labels.text_table import holds_places, read_places
from tiny import tiny_geobox

ROWS = [
    ("15.001", "45.1", "crop", "7"),
    ("15.002", "45.2", "forest", ""),
    ("15.003", "45.3", "", "9"),
]


def written(path, head="lon,lat,cover,trees", rows=ROWS, sign=",", encoding="utf-8"):
    lines = [head.replace(",", sign), *(sign.join(row) for row in rows)]
    path.write_text("\r\n".join(lines) + "\r\n", encoding=encoding)
    return path


@pytest.mark.parametrize("head", ["lon,lat,cover,trees", "Longitude,LATITUDE,cover,trees",
                                  "Longitud,Latitud,cover,trees", "x,y,cover,trees"])  # fmt: skip
@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_points_stand_where_their_columns_say(tmp_path, head, sign):
    table = read_places(written(tmp_path / "a.csv", head, sign=sign, encoding="utf-8-sig"))
    assert table.crs.to_epsg() == 4326
    assert np.allclose(table.geometry.x, [15.001, 15.002, 15.003])
    assert np.allclose(table.geometry.y, [45.1, 45.2, 45.3])
    assert list(table.columns) == ["cover", "trees", "geometry"]
    assert table["cover"].tolist()[:2] == ["crop", "forest"]
    assert table["cover"].isna().tolist() == [False, False, True]
    assert table["trees"].tolist()[::2] == [7, 9]


def test_a_comma_may_be_the_decimal_sign(tmp_path):
    rows = [(lon.replace(".", ","), lat.replace(".", ","), *rest) for lon, lat, *rest in ROWS]
    table = read_places(written(tmp_path / "a.csv", rows=rows, sign=";"))
    assert np.allclose(table.geometry.y, [45.1, 45.2, 45.3])


@pytest.mark.parametrize(
    ("head", "rows", "told"),
    [("east,north,cover", [("1", "2", "a")], "expected the columns lon and lat.*found east, north"),
     ("lat,lon,cover", [("-93.3", "15.7", "a")], "are no degrees.*are the columns swapped"),
     ("x,y,cover", [("500000", "5000000", "a")], "are no degrees.*that says their CRS"),
     ("lon,lat,cover", [("15", "45", "a"), ("15", "north", "b")], "row 3: 'north' in column 'lat'"),
     ("lon,lat,cover", [("15", "", "a")], "row 2: '' in column 'lat' is no number")],
)  # fmt: skip
def test_what_is_no_place_is_told(tmp_path, head, rows, told):
    with pytest.raises(LabelError, match=told):
        read_places(written(tmp_path / "a.csv", head, rows))


def test_a_row_without_one_of_its_places_is_passed_over_and_told(tmp_path):
    rows = [*ROWS, ("", "45.4", "crop", "1"), ("15.004", "NA", "crop", "2")]
    path = written(tmp_path / "a.csv", rows=rows)
    assert read_places(path).geometry.isna().tolist() == [False] * 3 + [True] * 2
    labels = read_polygons(LabelSettings(path=str(path), attribute="cover", radius_m=15), Path())
    assert labels.faults[0] == "2 rows without geometry passed over"


def test_tables_without_places_are_not_of_points(tmp_path):
    assert holds_places(written(tmp_path / "a.csv"))
    assert not holds_places(written(tmp_path / "b.csv", "file,class,c,d"))
    assert not holds_places(tmp_path / "none.csv")
    assert not holds_places(Path(__file__))


def test_a_table_of_points_labels_discs_and_counts_points(tmp_path):
    affine_box = tiny_geobox(100, 100)
    lon, lat = affine_box.extent.to_crs("EPSG:4326").centroid.coords[0]
    rows = [(f"{lon + shift:.6f}", f"{lat:.6f}", name) for shift, name in ((0, "a"), (0.003, "b"))]
    written(tmp_path / "gps.csv", "lon,lat,cover", rows)
    labels = read_polygons(LabelSettings(path="gps.csv", attribute="cover", radius_m=30), tmp_path)
    assert labels.legend.names == ("a", "b")
    burnt = labels.burn(affine_box)
    assert 20 <= burnt.labelled[:, :60].sum() <= 36
    density = read_density(DensitySettings(points="gps.csv"), tmp_path)
    assert density.counts(affine_box).number.sum() == 2
