"""Jobs as Ray's tasks: on this machine alone, and on a cluster of two nodes of which one is lost."""

from __future__ import annotations

import builtins
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from synthboost.errors import ConfigError, OutputError
from synthboost.io.lock import exclusive
from synthboost.studies.executors.base import Job, Outcome, Work
from synthboost.studies.executors.ray import RayExecutor, RaySettings

MakeWork = Callable[[Path], Work]
needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="ray is not installed: pip install 'synthboost[ray]'")


def run(jobs: list[Job], work: Work, folder: Path, settings: RaySettings) -> dict[str, str | None]:
    reported: dict[str, str | None] = {}

    def report(outcome: Outcome) -> None:
        assert outcome.name not in reported
        reported[outcome.name] = outcome.error

    RayExecutor(folder, settings).run(jobs, work, report)
    return reported


def attempts(folder: Path) -> dict[str, int]:
    return {path.name: len(path.read_text().splitlines()) for path in folder.iterdir() if path.name != "go"}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@needs_ray
def test_a_ray_of_this_machine_carries_out_every_job_and_ends(make_work: MakeWork, tmp_path: Path) -> None:
    import ray

    jobs = [
        Job("first"), Job("bad"), Job("dies"), Job("dies-once"), Job("second", ("first", "dies-once")),
        Job("after bad", ("bad",)), Job("after dies", ("dies",)),
    ]  # fmt: skip
    reported = run(jobs, make_work(tmp_path / "ran"), tmp_path / "ray", RaySettings())
    assert str(reported.pop("dies")).startswith("its process died 2 times, the last time by WorkerCrashedError")
    assert reported == {
        "first": None, "bad": "it is bad", "dies-once": None, "second": None,
        "after bad": "not run: it needs bad, which failed", "after dies": "not run: it needs dies, which failed",
    }  # fmt: skip
    assert attempts(tmp_path / "ran") == {"first": 1, "bad": 1, "dies": 2, "dies-once": 2, "second": 1}
    owners = {line.split()[1] for line in (tmp_path / "ran" / "dies-once").read_text().splitlines()}
    assert len(owners) == 1  # the second attempt may take over what the first had locked
    assert not ray.is_initialized()


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes of one processor each."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    import ray
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@needs_ray
def test_a_killed_process_and_a_lost_node_cost_the_runs_they_had(
    make_work: MakeWork, tmp_path: Path, cluster: Any
) -> None:
    ran, jobs = tmp_path / "ran", [Job("waits-1"), Job("waits-2"), Job("after", ("waits-1", "waits-2"))]
    with ThreadPoolExecutor(1) as pool:
        settings = RaySettings(address=cluster.address)
        driver = pool.submit(run, jobs, make_work(ran), tmp_path / "ray", settings)
        wait_for(lambda: attempts(ran) == {"waits-1": 1, "waits-2": 1})
        os.kill(int((ran / "waits-1").read_text().split()[0]), signal.SIGKILL)
        wait_for(lambda: attempts(ran)["waits-1"] == 2)
        [other] = cluster.worker_nodes
        cluster.remove_node(other, allow_graceful=False)
        (ran / "go").touch()
        assert driver.result(timeout=120) == {"waits-1": None, "waits-2": None, "after": None}
    assert attempts(ran)["after"] == 1


@needs_ray
def test_an_address_where_no_cluster_answers_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="address: 127.0.0.1:1; expected a Ray cluster that answers"):
        run([Job("a")], Outcome, tmp_path, RaySettings(address="127.0.0.1:1"))


@needs_ray
def test_two_studies_do_not_share_a_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(OutputError, match="held by process"):
        run([Job("a")], Outcome, tmp_path, RaySettings())


def test_without_ray_the_executor_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *others: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match=r"ray: not installed.*pip install 'synthboost\[ray\]'"):
        RayExecutor(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("cpus", -1.0), ("gpus", float("nan")), ("memory_gb", -1.0), ("at_once", 0)]
)
def test_a_setting_that_cannot_work_is_named(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"options: {field}"):
        RaySettings(**{field: value})
