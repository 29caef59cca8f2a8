"""A study's runs on a SLURM cluster, as arrays of jobs that submitit writes (extra `slurm`)."""

from __future__ import annotations

import getpass
import math
import shutil
import subprocess
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthboost.errors import ConfigError, SynthboostError, extra, require_fields
from synthboost.io.lock import exclusive, owned_by
from synthboost.studies.executors.base import Job, JobQueue, Outcome, Report, Work

LARGEST_ARRAY = 1000
"""Jobs that are submitted at once; SLURM's `MaxArraySize` is 1001 unless somebody changed it."""
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

    def __post_init__(self) -> None:
        """Refuse values that cannot work, naming the field."""
        require_fields(
            self,
            *((name, 0 < getattr(self, name) < math.inf, "a positive number") for name in ("hours", "memory_gb")),
            *((name, getattr(self, name) >= 1, "1 or more") for name in ("stretches", "cpus", "at_once")),
            ("gpus", self.gpus >= 0, "zero or more"),
            ("options", all("=" in option for option in self.options), "name=value"),
        )


@dataclass(frozen=True)
class SlurmExecutor:
    """Carries out jobs on a SLURM cluster.

    All are submitted at once, with dependencies. This process only watches: when it ends, the jobs go on, and the
    same study finds them in SLURM's queue, or finished.
    """

    folder: Path
    """Of submitit: what each job was given, and its logs; every node must see it under this name, like the data."""
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
            OutputError: another process does the same in this folder, or it cannot be written.
            SynthboostError: SLURM refuses a job or does not answer; those that were submitted go on.
        """
        with exclusive(self.folder):
            watch(jobs, work, report, SlurmQueue(self.folder, self.settings))


def watch(jobs: Sequence[Job], work: Work, report: Report, system: SlurmQueue) -> None:
    """Submit what is neither done nor queued, and report each job as it ends; see `Executor.run`."""
    queue, missing = JobQueue(jobs), set[str]()

    def report_all(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            report(outcome)

    numbers = system.adopt({job.name for job in jobs})
    for job in jobs:
        if job.name not in numbers and job.is_done is not None and job.is_done():
            report_all(queue.ended(Outcome(job.name)))
    while not queue.is_over:
        queued = system.queued()  # before looking for outcomes: what ends in between has left one
        for job in [job for job in queue.waiting if job.name in numbers]:
            if job not in queue.waiting:  # its need has failed meanwhile
                continue
            outcome = system.outcome(job.name, numbers[job.name])
            if outcome is not None and (outcome.error is not None or job.is_done is None or job.is_done()):
                report_all(queue.ended(outcome))
            elif numbers[job.name] in queued:
                missing.discard(job.name)
            elif job.name not in missing:  # shared disks show files late: look once more
                missing.add(job.name)
            else:
                missing.discard(job.name)
                how = f"in job {numbers.pop(job.name)}, whose log may say why"
                if not {other.name for other in queue.waiting} & set(job.needs):  # else it never started
                    report_all(queue.lost(job, how))
        numbers |= _submit([job for job in queue.waiting if job.name not in numbers], numbers, work, system)
        if not queue.is_over:
            time.sleep(system.poll_seconds)


def _submit(waiting: list[Job], numbers: Mapping[str, str], work: Work, system: SlurmQueue) -> dict[str, str]:
    """Submit jobs, those that wait for the same ones together; return their numbers."""
    new: dict[str, str] = {}
    while waiting:
        names = {job.name for job in waiting}
        ready = [job for job in waiting if not names.intersection(job.needs)]
        alike: dict[tuple[str, ...], list[str]] = {}
        for job in ready:
            known = {**numbers, **new}
            after = tuple(sorted(known[need] for need in job.needs if need in known))
            alike.setdefault(after, []).append(job.name)
        for after, group in alike.items():
            for first in range(0, len(group), LARGEST_ARRAY):
                chunk = group[first : first + LARGEST_ARRAY]
                new |= zip(chunk, system.submit([SlurmTask(name, work) for name in chunk], after), strict=True)
        waiting = [job for job in waiting if job not in ready]
    return new


class RunFailedError(Exception):
    """A run failed on a node; the batch system then does not start what needs it."""


@dataclass(frozen=True)
class SlurmTask:
    """What a node carries out."""

    name: str
    work: Work

    def __call__(self) -> Outcome:
        """Do the work; an attempt on another node inherits the locks that this one leaves."""
        with owned_by(self.name):
            outcome = self.work(self.name)
        if outcome.error is not None:
            raise RunFailedError(outcome.error)
        return outcome

    def checkpoint(self) -> Any:
        """Say to submitit what to queue again before this is pre-empted or its time is up: the same, which resumes."""
        return _submitit().helpers.DelayedSubmission(self)


@dataclass
class SlurmQueue:
    """SLURM's queue, through submitit and `squeue`."""

    folder: Path
    settings: SlurmSettings = SlurmSettings()
    poll_seconds: float = 15.0
    """Between two looks at the queue."""

    def submit(self, tasks: Sequence[SlurmTask], after: Sequence[str]) -> list[str]:
        """Submit one array (one task: a single job), to start once the jobs `after` have succeeded; return numbers."""
        submitit = _submitit()
        executor = submitit.SlurmExecutor(self.folder, max_num_timeout=self.settings.stretches - 1)
        executor.update_parameters(**_parameters(self.settings, after))
        try:
            with executor.batch():
                jobs = [executor.submit(task) for task in tasks]
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError, OSError) as error:
            raise ConfigError(
                "sbatch", "jobs", str(error).strip() or type(error).__name__, "jobs that this cluster accepts",
                "Mend the settings and start again; what was submitted goes on.",
            ) from error  # fmt: skip
        return [job.job_id for job in jobs]

    def adopt(self, names: Container[str]) -> dict[str, str]:
        """Return the numbers of queued jobs that an earlier call submitted, by name."""
        utils, found = _submitit().core.utils, {}
        for number in self.queued():
            given = utils.JobPaths(self.folder, number).submitted_pickle
            if given.is_file() and (name := utils.DelayedSubmission.load(given).function.name) in names:
                found[name] = number
        return found

    def queued(self) -> set[str]:
        """Ask `squeue` for the numbers of all jobs; it works without SLURM's accounting database, unlike `sacct`."""
        command = ["squeue", "--user", getpass.getuser(), "--array", "--noheader", "--format=%F|%K"]
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode == 0:
                places = [line.split("|") for line in answer.stdout.splitlines()]
                return {f"{number}_{place}" if place.isdigit() else number for number, place in places}
            if time.monotonic() > deadline:
                raise SynthboostError(
                    "squeue", "answer", answer.stderr.strip(), "the list of jobs",
                    "The jobs go on; start the study again when SLURM answers.",
                )  # fmt: skip
            time.sleep(self.poll_seconds)

    def outcome(self, name: str, number: str) -> Outcome | None:
        """Return how a job ended, if it left word of it."""
        utils = _submitit().core.utils
        path = utils.JobPaths(self.folder, number).result_pickle
        if not path.is_file():
            return None
        kind, result = utils.pickle_load(path)
        if kind == "success":
            return Outcome(name, seconds=result.seconds)
        return Outcome(name, result.rstrip().splitlines()[-1].partition(": ")[2])  # the traceback ends in the error


def _parameters(settings: SlurmSettings, after: Sequence[str]) -> dict[str, Any]:
    """Return what submitit shall write on top of the batch script."""
    further = dict(option.removeprefix("--").split("=", 1) for option in settings.options)
    wanted = {
        "job_name": "synthboost",
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
    with extra("slurm", "submitit"):
        import submitit
    return submitit
