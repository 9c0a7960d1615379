"""The private names of Hydra do what is asked of them in the version that is installed."""

from __future__ import annotations

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser

from mirage.config import Config
from mirage.config.hydra_internals import Hydra, split_points
from mirage.config.load import open_experiments


def test_it_is_the_version_that_was_checked() -> None:
    assert hydra.__version__.startswith("1.3."), "look at hydra_internals.py, and say so here"


def test_points_are_every_combination_in_order() -> None:
    given = OverridesParser.create().parse_overrides(["a=1,2", "b=x", "c=[3,4],5"])
    assert split_points(given) == [
        ["a=1", "b=x", "c=[3,4]"],
        ["a=1", "b=x", "c=5"],
        ["a=2", "b=x", "c=[3,4]"],
        ["a=2", "b=x", "c=5"],
    ]


def test_hydras_own_object_is_what_a_block_is_given() -> None:
    with open_experiments(Config) as given:
        assert isinstance(given, Hydra) and given is GlobalHydra.instance().hydra
        assert callable(given.compose_config) and callable(given.config_loader.load_sweep_config)
