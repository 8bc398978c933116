"""Which windows became chips and which were left out, for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from covermap.chips.filters import reason_counts
from covermap.chips.table import read_chips, reasons_of
from covermap.report.content import ChipChoice
from covermap.verbs.workspace import Workspace

if TYPE_CHECKING:
    import geopandas as gpd


def chip_choice(workspace: Workspace) -> ChipChoice | None:
    """Shares of all windows and why some are no chips; None where every window is a chip."""
    folder, settings = workspace.folder.path, workspace.project.chips
    rejected = read_chips(folder / "chips_rejected.parquet")
    if not len(rejected):
        return None
    # A window whose labels belong to several parts has a row for each.
    kept = read_chips(folder / "chips.parquet").drop_duplicates(
        ["scene", "row_off", "col_off", "region"]
    )
    return ChipChoice(
        kept_valid=_numbers(kept, "share_valid"),
        rejected_valid=_numbers(rejected, "share_valid"),
        kept_cloud=_numbers(kept, "share_cloud"),
        rejected_cloud=_numbers(rejected, "share_cloud"),
        reasons=tuple(reason_counts(reasons_of(rejected)).items()),
        min_valid=settings.min_valid if settings.min_valid > 0 else None,
        max_cloud=settings.max_cloud if settings.max_cloud < 1 else None,
    )


def _numbers(table: gpd.GeoDataFrame, column: str) -> np.ndarray:
    return table[column].to_numpy(dtype=np.float64)
