"""What a map should reach, beside what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = tuple[str, str, str]


def table(report: dict[str, Any]) -> str:
    """Figure, aim and what was found, a line each; only what was measured."""
    rows = [("figure", "aim", "found"), *_rows(report.get("parts", {}))]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _rows(parts: dict[str, Any]) -> Iterator[Row]:
    for network, engines in parts.get("full", {}).get("networks", {}).items():
        yield from _full(network, engines)
    yield from _peers(parts.get("peers", {}))
    if "ratio" in (memory := parts.get("memory", {})):
        peaks = memory["peak_mib"]
        found = f"{peaks['full']:.0f} MiB, {peaks['long']:.0f} MiB, ratio {memory['ratio']:.2f}"
        yield "peak memory, large scene and larger one", "under 2 GB, within 20 %", found
    for network, found_of in parts.get("tiles", {}).get("networks", {}).items():
        yield from _tiles(network, found_of)
    if "ratio" in (half := parts.get("half", {})):
        yield "half nodata over the whole scene", "at most 0.60", f"{half['ratio']:.2f}"
    if "ratio" in (resume := parts.get("resume", {})):
        same = "identical" if resume["identical"] else "OTHER"
        yield (
            f"resumed after {resume['rows_done']:.0f} of {resume['rows']:.0f} rows",
            "at most 0.60, identical bytes",
            f"{resume['ratio']:.2f}, {same} bytes",
        )
    for network, shell in parts.get("shell", {}).get("networks", {}).items():
        yield f"{network}: covermap map, typed", "-", f"{shell['seconds']:.1f} s"
    cluster = parts.get("cluster", {})
    if "ratio" in cluster:
        yield "two workers over one process", "at most 1.10", f"{cluster['ratio']:.2f}"
    elif cluster:
        yield "two workers over one process", "at most 1.10", f"skipped: {cluster['skipped']}"


def _full(network: str, engines: dict[str, Any]) -> Iterator[Row]:
    forward = engines.get("openvino-bfloat16", {}).get("forward_mpx_s")
    for engine, found in engines.items():
        aim = "at most 25 s" if engine == "openvino-bfloat16" else "-"
        yield f"{network} {engine}: seconds", aim, f"{found['seconds']:.1f}"
        shown = f"{found['useful_mpx_s']:.2f} of {found['forward_mpx_s']:.2f} Mpx/s"
        yield f"{network} {engine}: useful of forward", "-", f"{shown}: {found['efficiency']:.2f}"
        if forward:
            share = found["useful_mpx_s"] / forward
            aim = "at least 0.55" if engine == "openvino-bfloat16" else "-"
            yield f"{network} {engine}: useful over bf16 forward", aim, f"{share:.2f}"


def _peers(peers: dict[str, Any]) -> Iterator[Row]:
    rates = peers.get("rates", {})
    ours = rates.get("covermap", {})
    agreeing = [found["mpx_s"] for found in ours.values() if found["agreement"] >= 0.999]
    for engine, found in ours.items():
        shown = f"{found['mpx_s']:.2f} Mpx/s, agreement {found['agreement']:.3%}"
        yield f"peers' scene, covermap {engine}", "agreement 99.9 %", shown
    others = {name: found for name, found in rates.items() if name != "covermap"}
    for variant in ("shipped", "tuned"):
        by_name = {
            name: found[variant]["mpx_s"] for name, found in others.items() if variant in found
        }
        if not by_name or not agreeing:
            continue
        for name, rate in by_name.items():
            aim = "at least 30x" if (name, variant) == ("geoai", "shipped") else "-"
            yield f"over {name}, {variant}", aim, f"{max(agreeing) / rate:.1f}x ({rate:.2f} Mpx/s)"
        aim = "at least 8x" if variant == "shipped" else "-"
        yield (
            f"over the fastest peer, {variant}",
            aim,
            f"{max(agreeing) / max(by_name.values()):.1f}x",
        )


def _tiles(network: str, found: dict[str, Any]) -> Iterator[Row]:
    for engine, by_size in found.items():
        if not isinstance(by_size, dict):
            continue
        for size, figures in by_size.items():
            yield (
                f"{network} {engine} {size} px: seam score, agreement",
                "0.95 to 1.05, 99.9 %",
                f"{figures['seam_score']:.3f} (the ground alone {figures['ground_score']:.3f}), "
                f"{figures['agreement']:.4%}",
            )
    if "disagreement" in found:
        shown = f"{found['disagreement']:.4%}"
        yield f"{network}: tile sizes disagree in float32", "under 0.05 %", shown
