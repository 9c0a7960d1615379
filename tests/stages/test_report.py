"""What the report says in words and tables of a run's poses."""

from mirage.stages.report import _summary, _tables

FOUND = {
    "num_images": 90,
    "num_poses": 12,
    "ring_score": 0.913,
    "mean_confidence": 0.75,
    "circle_found": True,
}


def test_the_summary_tells_a_circle_from_an_arc() -> None:
    assert "a circle of 12 poses" in _summary(FOUND)
    assert "a circle of 12 poses" in _summary(FOUND | {"span": [0, 360]})
    assert "an arc of 120° with 12 poses" in _summary(FOUND | {"span": [300.0, 420.0]})
    assert "an arc of 120° with 12 poses" in _summary(FOUND | {"span": [300.0, 60.0]})
    assert "no full circle" in _summary(FOUND | {"circle_found": False})
    assert _summary(FOUND | {"outliers": 3}).endswith(
        "ring score 0.91, mean confidence 0.75; 3 outliers."
    )


def test_baselines_stand_beside_the_run_whatever_they_lack() -> None:
    errors = {"median_deg": 5.5, "p90_deg": 12.0, "beyond_90": 0.01}
    poses = FOUND | {"pose_azimuth_error": errors, "homogeneity": 0.8}
    assert [table.title for table in _tables({"poses": poses, "views": []})] == ["Poses"]
    baselines = [{"name": "random", "median_deg": 90.0, "p90_deg": 162.0, "beyond_90": 0.5}]
    _, table = _tables({"poses": poses | {"baselines": baselines}, "views": []})
    assert list(table.rows) == [
        ["this run", 5.5, 12.0, 0.01, 0.8], ["random", 90.0, 162.0, 0.5, None],
    ]  # fmt: skip
