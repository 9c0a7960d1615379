"""The rules of CUDA: tells where an operation would fail, or make Python wait; and runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .tensors import CPU, VirtualTensor
from .traits import FREE, INDEXING, Trait, trait_of

# (kind, what): kind is "operation", "sync" or "upload".
Report = Callable[[str, str], None]


class Rules:
    """Runs operations on virtual tensors, and reports what they cost.

    Args:
        report: told of every operation that is a kernel, of every time that Python would wait for
            the GPU (sync), and of every copy to the GPU that is not from pinned memory and in the
            background (upload).
        is_pinned: whether a CPU tensor's memory is pinned.
    """

    def __init__(self, report: Report, is_pinned: Callable[[Tensor], bool]) -> None:
        self.report, self.is_pinned = report, is_pinned
        self.random_state = torch.Generator().manual_seed(0).get_state()

    def run(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What torch calls for an operation, below autograd and autocast."""
        asked = kwargs.get("device")
        tensors = [*_tensors(args), *_tensors(kwargs.values())]
        here = any(isinstance(x, VirtualTensor) for x in tensors)
        if not here and (asked is None or torch.device(asked).type != "cuda"):
            return func(*args, **kwargs)
        if asked is not None and torch.device(asked).index not in (None, 0):
            raise RuntimeError("CUDA error: invalid device ordinal")
        special = _SPECIAL.get(func._schema.name)
        if special is not None:
            return special(self, func, args, kwargs)
        return self.compute(func, args, kwargs, tensors)

    def compute(
        self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: Sequence[Tensor]
    ) -> Any:
        """An operation all of whose tensors must be on the GPU."""
        trait = trait_of(func)
        if trait.composite:  # comes whole in inference mode, else in parts
            with RulesMode(self):
                return func.decompose(*args, **kwargs)
        for x in tensors:
            if not isinstance(x, VirtualTensor) and not (trait.scalars and x.dim() == 0):
                raise RuntimeError(
                    "Expected all tensors to be on the same device, but found at least two "
                    f"devices, cuda:0 and {x.device}! ({func})"
                )
        if not trait.views and func._schema.name not in FREE:
            self.report("operation", str(func))
        if trait.waits and kwargs.get("output_size") is None:  # of repeat_interleave
            self.report("sync", str(func))
        inner_kwargs = {name: _inner(value) for name, value in kwargs.items()}
        if inner_kwargs.get("device") is not None:
            inner_kwargs["device"] = CPU
        inner_kwargs.pop("pin_memory", None)
        draws = trait.random and kwargs.get("generator") is None
        with self._own_numbers() if draws else nullcontext():
            made = func(*_inner(args), **inner_kwargs)
        return self._outer(made, trait, args, kwargs)

    def upload(self, source: Tensor, non_blocking: bool) -> None:
        """A copy from the host."""
        self.report("operation", "copy to the GPU")
        if not (non_blocking and self.is_pinned(source)):
            pinned = "pinned" if self.is_pinned(source) else "pageable"
            self.report("upload", f"of {pinned} memory{'' if non_blocking else ', blocking'}")

    def _outer(self, made: Any, trait: Trait, args: tuple[Any, ...], kwargs: Any) -> Any:
        """Results as seen from outside: arguments that were written to, and new tensors."""
        if made is None:
            return None
        given = dict(zip(trait.names, args, strict=False)) | kwargs
        if trait.views and torch.is_inference_mode_enabled() and not args[0].is_inference():
            with torch.inference_mode(False):  # a view is what its base is
                return _wrapped(made)
        if len(trait.written) == 1:
            return given[trait.written[0]] if trait.written[0] else _wrapped(made)
        return tuple(
            given[name] if name else _wrapped(x)
            for x, name in zip(made, trait.written, strict=True)
        )

    @contextmanager
    def _own_numbers(self) -> Iterator[None]:
        """The GPU's own stream of random numbers, not the CPU's."""
        before = torch.get_rng_state()
        torch.set_rng_state(self.random_state)
        try:
            yield
        finally:
            self.random_state = torch.get_rng_state()
            torch.set_rng_state(before)


class RulesMode(TorchDispatchMode):
    """Brings operations that have no virtual tensor yet to the rules: what makes them."""

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self.rules = rules

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # nothing is compiled, and saying so takes time at every operation

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return self.rules.run(func, args, kwargs or {})


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _inner(value: Any) -> Any:
    if isinstance(value, VirtualTensor):
        return value.held
    if isinstance(value, list | tuple):
        return type(value)(map(_inner, value))
    return value


def _wrapped(value: Any) -> Any:
    if isinstance(value, Tensor):
        return VirtualTensor(value)
    if isinstance(value, list | tuple):
        return type(value)(map(_wrapped, value))
    return value


def _to_copy(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    (source,) = args
    asked = kwargs.get("device")
    target = source.device if asked is None else torch.device(asked)
    inner = {k: v for k, v in kwargs.items() if k not in ("device", "non_blocking", "pin_memory")}
    non_blocking = bool(kwargs.get("non_blocking"))
    made = func(_inner(source), **inner)
    if target.type != "cuda":
        rules.report("operation", "copy to the host")
        if not non_blocking:  # else torch copies to pinned memory
            rules.report("sync", "copy to the host")
        return made
    if isinstance(source, VirtualTensor):
        rules.report("operation", str(func))
    else:
        rules.upload(source, non_blocking)
    return VirtualTensor(made)


def _copy(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    target, source = args[:2]
    non_blocking = bool(args[2] if len(args) > 2 else kwargs.get("non_blocking"))
    to_gpu, from_gpu = (isinstance(x, VirtualTensor) for x in (target, source))
    if to_gpu and from_gpu:
        rules.report("operation", str(func))
    elif to_gpu:
        rules.upload(source, non_blocking)
    else:
        rules.report("operation", "copy to the host")
        if not (non_blocking and rules.is_pinned(target)):
            rules.report("sync", "copy to the host")
    _inner(target).copy_(_inner(source))
    return target


def _read(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    rules.report("sync", "item")
    return func(args[0].held)


def _index(rules: Rules, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Indices may be on the host, which copies them; a mask must be counted first."""
    given = dict(zip(trait_of(func).names, args, strict=False)) | kwargs
    indices = [x for x in given["indices"] if x is not None]
    if not isinstance(given["self"], VirtualTensor):
        raise RuntimeError(
            "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
        )
    for x in indices:
        if not isinstance(x, VirtualTensor):
            rules.upload(x, non_blocking=False)
    masks = [x for x in indices if x.dtype in (torch.bool, torch.uint8)]
    values = given.get("values")
    fills = values is not None and not isinstance(values, VirtualTensor) and values.numel() == 1
    if masks and not (fills and len(masks) == len(indices) == 1):
        rules.report("sync", "mask as index")
    others = [x for x in (given["self"], values) if x is not None]
    return rules.compute(func, args, kwargs, others)


_SPECIAL: dict[str, Callable[[Rules, Any, tuple[Any, ...], dict[str, Any]], Any]] = {
    "aten::_to_copy": _to_copy,
    "aten::copy_": _copy,
    "aten::_local_scalar_dense": _read,
    **dict.fromkeys(INDEXING, _index),
}
