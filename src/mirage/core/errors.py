"""The one error a person is meant to read."""

from __future__ import annotations


class MirageError(Exception):
    """Bad input or an unusable environment: what is wrong, where, and what to do about it.

    Args:
        what: what is wrong, one sentence, with the offending value.
        where: the file, configuration key or stage it was found in.
        todo: the next step that would mend it.
    """

    def __init__(self, what: str, *, where: str = "", todo: str = "") -> None:
        self.what, self.where, self.todo = what, where, todo
        lines = [what]
        if where:
            lines.append(f"  where: {where}")
        if todo:
            lines.append(f"  do:    {todo}")
        super().__init__("\n".join(lines))


def require_items(count: int, what: str) -> None:
    """Raise MirageError where there is nothing to measure `what` on."""
    if count == 0:
        raise MirageError(
            f"no items to measure {what} on",
            todo="check that the labels or views being compared are not empty",
        )
