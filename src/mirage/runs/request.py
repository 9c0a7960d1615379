"""What somebody asked `mirage` for: a command, its options, and the words it works on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mirage.config import Config
from mirage.core.errors import MirageError
from mirage.core.files import path_of
from mirage.runs.folder import RunFolder


@dataclass(frozen=True)
class Request:
    """One command as it was typed, or as a sweep asks for it.

    Attributes:
        command: its name.
        words: `key=value` overrides and operands (photos, runs), in the order of the command line.
        options: the words with a dash.
        given: the configuration where it is known already; else it is loaded when first needed.
    """

    command: str
    words: tuple[str, ...] = ()
    options: frozenset[str] = frozenset()
    given: Config | None = None

    @cached_property
    def overrides(self) -> list[str]:
        """The words that are `key=value` and not the name of a file or folder."""
        return [word for word in self.words if "=" in word and not path_of(word).exists()]

    @property
    def operands(self) -> list[str]:
        """The other words."""
        return [word for word in self.words if word not in self.overrides]

    @cached_property
    def config(self) -> Config:
        """The run's configuration.

        Raises:
            MirageError: a key or value is wrong.
        """
        if self.given is not None:
            return self.given
        from mirage.config.load import load_config  # Hydra takes a second

        return load_config(self.overrides)

    @property
    def folder(self) -> RunFolder:
        """The run's folder."""
        return RunFolder(Path(self.config.run))

    def refuse(self, words: Sequence[str], todo: str) -> None:
        """Raise MirageError where there are such words."""
        if words:
            raise MirageError(f"{words[0]!r} is not understood", where="command line", todo=todo)
