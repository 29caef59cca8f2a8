"""A study's runs on a SLURM cluster, as arrays of jobs that submitit writes (extra `slurm`)."""

from __future__ import annotations

import getpass
import math
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import ConfigError, SynthboostError
from synthboost.studies.executors.base import Job, Report, Work
from synthboost.studies.executors.batch_queue import BatchTask, Place, carry_out

PATIENCE_SECONDS = 900.0
"""How long SLURM may leave `squeue` without an answer, e.g. while its controller is restarted."""


@dataclass(frozen=True)
class SlurmSettings:
    """What each run asks of the cluster."""

    partition: str | None = None
    """`None` is the cluster's default."""
    hours: float = 12.0
    """Longest time at a stretch. A run that is not done by then is queued again and resumes."""
    stretches: int = 10
    """How often a run may use up its time; then it has failed."""
    memory_gb: float = 16.0
    cpus: int = 4
    gpus: int = 0
    at_once: int = 64
    """Jobs of one array that run at the same time."""
    account: str | None = None
    setup: tuple[str, ...] = ()
    """Lines of shell before Python starts, e.g. `module load cuda`."""
    options: tuple[str, ...] = ()
    """Further options of `sbatch`, as `constraint=a100`."""
    poll_seconds: float = 15.0
    """Between two looks at the queue."""
    grace_seconds: float = 30.0
    """Before a job that has left the queue without an outcome counts as lost: shared disks show files late."""

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        for name in ("hours", "memory_gb", "poll_seconds", "grace_seconds"):
            self._require(name, math.isfinite(getattr(self, name)) and getattr(self, name) > 0, "a positive number")
        for name in ("stretches", "cpus", "at_once"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        self._require("gpus", self.gpus >= 0, "zero or more")
        self._require("options", all("=" in option for option in self.options), "name=value")

    def _require(self, name: str, holds: bool, expected: str) -> None:
        if not holds:
            raise ConfigError("executor slurm", name, getattr(self, name), expected)


@dataclass(frozen=True)
class SlurmExecutor:
    """Carries out jobs on a SLURM cluster.

    All are submitted at once, with dependencies. This process only watches: when it ends, the jobs go on, and the
    same study takes them up again (`batch_queue.carry_out`).
    """

    folder: Path
    """For logs and the ledger; every node must see it under this name, like the runs and the data."""
    settings: SlurmSettings = SlurmSettings()

    def __post_init__(self) -> None:
        """Refuse a machine without submitit or SLURM."""
        _submitit()
        for program in ("sbatch", "srun", "squeue", "scontrol"):
            if shutil.which(program) is None:
                raise ConfigError(
                    "executor", "slurm", f"no program {program}", "SLURM's commands", "Start it on a login node."
                )

    def run(self, jobs: Sequence[Job], work: Work, report: Report) -> None:
        """Carry out all jobs; see `Executor.run`.

        Raises:
            SynthboostError: SLURM refuses a job or does not answer; those that were submitted go on.
        """
        queue = SlurmQueue(self.folder / "jobs", self.settings)
        carry_out(jobs, work, report, queue, self.folder, self.settings.poll_seconds, self.settings.grace_seconds)


@dataclass(frozen=True)
class SlurmQueue:
    """SLURM as a `BatchSystem`."""

    folder: Path
    """Of submitit: what each job was given, and its logs."""
    settings: SlurmSettings

    def submit(self, tasks: Sequence[BatchTask], label: str, after: Sequence[str]) -> list[str]:
        """Submit one array (one task: a single job), whose job name is the label; see `BatchSystem.submit`."""
        submitit = _submitit()
        executor = submitit.SlurmExecutor(self.folder, max_num_timeout=self.settings.stretches - 1)
        executor.update_parameters(**_parameters(self.settings, label, after))
        try:
            with executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError, OSError) as error:
            raise ConfigError(
                "sbatch", "jobs", str(error).strip() or type(error).__name__, "jobs that this cluster accepts",
                "Mend the settings and start again; what was submitted goes on.",
            ) from error  # fmt: skip
        return [job.job_id for job in jobs]

    def queued(self) -> dict[Place, str]:
        """Ask `squeue`, which works without SLURM's accounting database, unlike `sacct`."""
        command = ["squeue", "--user", getpass.getuser(), "--array", "--noheader", "--format=%j|%F|%K"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                return dict(_places(answer.stdout))
            if time.monotonic() > deadline:
                raise SynthboostError(
                    "squeue", "answer", answer.stderr.strip(), "the list of jobs",
                    "The jobs go on; start the study again when SLURM answers.",
                )  # fmt: skip
            time.sleep(self.settings.poll_seconds)


def _places(listing: str) -> list[tuple[Place, str]]:
    """Read lines of name|number|position; the position of a single job is N/A."""
    lines = [line.rsplit("|", 2) for line in listing.splitlines() if line.startswith("synthboost-")]
    return [
        (Place(label, int(position)), f"{number}_{position}") if position.isdigit() else (Place(label, 0), number)
        for label, number, position in lines
    ]


def _parameters(settings: SlurmSettings, label: str, after: Sequence[str]) -> dict[str, Any]:
    """Return what submitit shall write on top of the batch script."""
    further = dict(option.removeprefix("--").split("=", 1) for option in settings.options)
    wanted = {
        "job_name": label,
        "partition": settings.partition,
        "account": settings.account,
        "time": max(1, round(60 * settings.hours)),
        "mem": f"{math.ceil(1024 * settings.memory_gb)}MB",
        "cpus_per_task": settings.cpus,
        "gpus_per_node": settings.gpus or None,
        "array_parallelism": settings.at_once,
        "setup": list(settings.setup) or None,
        "dependency": ":".join(("afterok", *after)) if after else None,
        "additional_parameters": {"requeue": True, "kill-on-invalid-dep": "yes", **further},
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _submitit() -> Any:
    try:
        import submitit
    except ImportError as error:
        raise ConfigError(
            "executor", "slurm", "submitit is not installed", "the extra `slurm`", "pip install 'synthboost[slurm]'"
        ) from error
    return submitit
