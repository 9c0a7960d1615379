"""The table of metrics tells of every one."""

from __future__ import annotations

from reference import metrics

from mirage.metrics.registry import METRICS


def test_every_metric_is_told_of() -> None:
    rows = [line.split(" | ") for line in metrics().splitlines() if "` |" in line]
    assert [row[1].strip("`") for row in rows] == list(METRICS)
    assert {len(row) for row in rows} == {6}
    psnr = next(row for row in rows if row[1] == "`psnr`")
    assert psnr[0] == "| PSNR" and psnr[2:5] == ["dB", "more", "yes"]
