"""Publishing weights; what loads them is tested where models are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthboost.errors import CheckpointError
from synthboost.models.registry import push_weights


def test_a_folder_of_weights_is_uploaded_whole_and_privately(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_tiny_model: Callable[..., Any]
) -> None:
    import huggingface_hub

    asked: dict[str, Any] = {}

    class Hub:
        def create_repo(self, repo: str, **options: Any) -> None:
            asked["repo"] = (repo, options)

        def upload_folder(self, **options: Any) -> str:
            asked["files"] = sorted(path.name for path in Path(options["folder_path"]).iterdir())
            return f"https://hub/{options['repo_id']}"

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    make_tiny_model().save_pretrained(tmp_path / "run" / "checkpoint")
    (tmp_path / "run" / "rows.csv").write_text("secret")
    assert push_weights(tmp_path / "run", "owner/name") == "https://hub/owner/name"
    assert asked["repo"] == ("owner/name", {"private": True, "exist_ok": True})
    assert "model.safetensors" in asked["files"]
    assert "rows.csv" not in asked["files"]


def test_a_hub_that_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_tiny_model: Callable[..., Any]
) -> None:
    import huggingface_hub

    class Hub:
        def create_repo(self, repo: str, **options: Any) -> None:
            raise OSError("no network")

    monkeypatch.setattr(huggingface_hub, "HfApi", Hub)
    make_tiny_model().save_pretrained(tmp_path / "weights")
    with pytest.raises(CheckpointError, match="hf auth login"):
        push_weights(tmp_path / "weights", "owner/name")
