from __future__ import annotations

from pathlib import Path

import pytest

from synthboost.errors import ConfigError
from synthboost.experiments.executors.local import LocalExecutor
from synthboost.experiments.executors.registry import make_executor


def test_an_executor_is_built_by_name(tmp_path: Path) -> None:
    assert make_executor("local", 3, tmp_path) == LocalExecutor(3)


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="executor: abacus; expected one of local"):
        make_executor("abacus", 1, tmp_path)
