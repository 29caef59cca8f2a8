"""Settings that cannot work are refused by name; the defaults are the paper's."""

from __future__ import annotations

import pytest

from synthboost.errors import ConfigError
from synthboost.training.config import TrainingConfig
from synthboost.training.optimizer import PLATEAU_FACTOR, PLATEAU_PATIENCE


def test_the_defaults_are_the_papers() -> None:
    config = TrainingConfig()
    assert (config.rate_for("clipseg"), config.cross_entropy_weight) == (2e-3, 0.25)
    assert (config.schedule, PLATEAU_FACTOR, PLATEAU_PATIENCE) == ("plateau", 0.1, 5)
    assert config.augmentation == 0.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("epochs", 0), ("batch_images", 0), ("learning_rate", 0.0),
        ("learning_rate", -1e-3), ("learning_rate", float("nan")), ("learning_rate", float("inf")),
        ("cross_entropy_weight", float("nan")), ("augmentation", -0.1), ("augmentation", 2.1),
        ("layer_decay", 1.1), ("encoder_rate", 0.0), ("workers", -1), ("threads", 0),
        ("seed", -1), ("schedule", "cosine"), ("precision", "fp8"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_work_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}: {value}; expected"):
        TrainingConfig(**{field: value})  # type: ignore[arg-type]


def test_the_papers_rate_depends_on_the_model_and_a_given_one_does_not() -> None:
    assert TrainingConfig().rate_for("cris") == 2e-5
    assert TrainingConfig().rate_for("unet") == 1e-3
    assert (
        TrainingConfig(learning_rate=1e-3).rate_for("cris")
        == TrainingConfig(learning_rate=1e-3).rate_for("new")
        == 1e-3
    )
    with pytest.raises(
        ConfigError, match="model: new; expected one of clipseg, cris, dual, medclipseg, sam3, textunet, unet"
    ):
        TrainingConfig().rate_for("new")
