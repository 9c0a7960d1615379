"""Where commands run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mirage.config.values.checks import one_of, positive, require


@dataclass
class LauncherConfig:
    """In this process, or as jobs of a Slurm cluster; `launcher=NAME` names a file of settings."""

    kind: str = "local"  # local | slurm
    nodes: int = 1  # of a job
    tasks_per_node: int = 1  # processes a node; one a GPU
    cpus_per_task: int = 4  # of a process
    gpus_per_node: int = 0  # as many as processes a node, or none
    memory_gb: int | None = None  # a node; null: the cluster's default
    minutes: int = 24 * 60  # time limit of a job
    requeues: int = 50  # how often a job that ran into its time limit is put back in the queue
    signal_seconds: int = 120  # how long before the time limit a job is told to save
    at_once: int = 8  # points of a sweep that run at a time
    partition: str | None = None  # that the job queues in
    account: str | None = None  # that the job is counted on
    qos: str | None = None  # quality of service
    constraint: str | None = None  # features that the nodes must have
    setup: list[str] = field(default_factory=list)  # shell lines before the command: modules, …
    options: dict[str, Any] = field(default_factory=dict)  # any other of sbatch, without dashes
    python: str | None = None  # what starts Python on the nodes (a container's); null: as here
    wait: bool = False  # stay until the job has ended

    def __post_init__(self) -> None:
        one_of("launcher.kind", self.kind)
        positive(
            "launcher",
            self,
            "nodes",
            "tasks_per_node",
            "cpus_per_task",
            "minutes",
            "signal_seconds",
            "at_once",
        )
        require(
            60 * self.minutes > self.signal_seconds,
            "launcher.signal_seconds",
            f"{self.signal_seconds} s before a limit of {self.minutes} minutes is no time at all",
        )
        require(
            self.gpus_per_node in (0, self.tasks_per_node),
            "launcher.tasks_per_node",
            f"{self.tasks_per_node} processes for {self.gpus_per_node} GPUs",
            "one process trains on one GPU: give both the same number",
        )
