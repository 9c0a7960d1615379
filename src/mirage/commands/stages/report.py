"""report: what the other stages left → one HTML page."""

from __future__ import annotations

from typing import Any

from mirage.distributed.ranks import find_ranks
from mirage.metrics.registry import MEDIAN, PSNR
from mirage.report.page import write_page
from mirage.report.run_page import page_of_run, read_figures
from mirage.runs.request import Request


def run(request: Request) -> str:
    """Write the page; returns the closing line with the main figures."""
    config, folder = request.config, request.folder
    page = page_of_run(config, folder)
    path = folder["report"] / "index.html"
    if find_ranks().is_first:
        write_page(path, page)
    return f"report: {path}{_headline(read_figures(folder))}"


def _headline(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    parts = []
    poses = figures["poses"]
    error = poses.get("image_azimuth_error") or poses.get("truth", {}).get("error")
    if error:
        parts.append(f"azimuth error {error[MEDIAN.name]:.1f}{MEDIAN.unit} (median)")
    parts += [
        f"{row['mode']} {row[PSNR.name]:.1f} {PSNR.unit}"
        for row in figures["views"]
        if PSNR.name in row
    ]
    return " · " + " · ".join(parts) if parts else ""
