import threading

import pytest
import torch

from mirage.threads import compute_pool, map_in_threads


def test_torch_has_one_thread_inside_and_its_own_number_after() -> None:
    before = torch.get_num_threads()
    with compute_pool(3) as pool:
        assert set(pool.map(lambda _: torch.get_num_threads(), range(8))) == {1}
    assert torch.get_num_threads() == before


def test_a_failure_restores_the_number_too() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), compute_pool() as pool:
        list(pool.map(lambda value: 1 / value, [0]))
    assert torch.get_num_threads() == before


def test_tasks_run_side_by_side() -> None:
    meet = threading.Barrier(2, timeout=30)  # broken unless two tasks run at once
    with compute_pool(2) as pool:
        assert sorted(pool.map(lambda _: meet.wait(), range(2))) == [0, 1]


def test_results_come_in_the_order_of_the_items() -> None:
    assert map_in_threads(lambda item: item**2, range(20)) == [item**2 for item in range(20)]
