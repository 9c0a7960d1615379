"""Tensors that say that they are on `cuda:0` and compute on the CPU, by the rules of CUDA.

The wrapper is a CUDA tensor to torch in every respect but its memory: composite operations,
autocast and optimizers take the way they take on a GPU. Each operation that would become a kernel
comes to `Rules.run`, which tells where it would fail, or make Python wait, and does it on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("cuda", 0)
CPU = torch.device("cpu")

aten = torch.ops.aten

# (kind, what): kind is "operation", "sync" or "upload".
Report = Callable[[str, str], None]


class VirtualTensor(Tensor):
    """A tensor of the virtual GPU; its numbers are in `held`, on the CPU."""

    rules: Rules | None = None  # in force; set by `virtual_gpu`
    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, inner: Tensor) -> VirtualTensor:
        made = Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=DEVICE,
        )
        made.held = inner
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if cls.rules is None:
            raise RuntimeError(f"{func}: a tensor of a virtual GPU that is gone")
        return cls.rules.run(func, args, kwargs or {})

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"VirtualTensor({tuple(self.shape)}, {self.dtype}, device='{DEVICE}')"

    def tolist(self) -> Any:
        return self.cpu().tolist()

    def numpy(self, *, force: bool = False) -> Any:
        if force:
            return self.detach().cpu().numpy()
        raise TypeError(
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the "
            "tensor to host memory first."
        )

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.dim() == 0 else repr(self), spec)

    def __array__(self, *_: Any, **__: Any) -> Any:
        return self.numpy()

    def pin_memory(self, *_: Any) -> Tensor:
        raise RuntimeError(
            "cannot pin 'torch.cuda.FloatTensor' only dense CPU tensors can be pinned"
        )

    def is_pinned(self, *_: Any) -> bool:
        return False

    def untyped_storage(self) -> Any:
        return self.held.untyped_storage()

    def data_ptr(self) -> int:
        return self.held.data_ptr()

    def record_stream(self, _: Any) -> None:
        pass

    @property
    def data(self) -> Tensor:
        return self.detach()

    @data.setter
    def data(self, value: Tensor) -> None:
        if isinstance(value, VirtualTensor):
            Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
            self.held = value.held
        else:  # as modules do that go to the CPU
            plain, gradient = value.detach(), self.grad
            if getattr(self, "_is_param", False):
                plain = nn.Parameter(plain, self.requires_grad)
            torch.utils.swap_tensors(self, plain)
            self.grad = gradient.held if isinstance(gradient, VirtualTensor) else gradient

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        copy = self.detach().clone().requires_grad_(self.requires_grad)
        if getattr(self, "_is_param", False):
            copy._is_param = True
        memo[id(self)] = copy
        return copy

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.detach().cpu().__reduce_ex__(protocol)

    # With these, `Module.to` keeps its parameters' identities, as it does on a GPU.
    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: Mapping[str, Tensor], *_: Any) -> VirtualTensor:
        return VirtualTensor(inner["held"])


@dataclass(frozen=True)
class Trait:
    """What is known of an operation without running it.

    Attributes:
        views: whether it makes a view, which costs no kernel.
        written: of each result, the name of the argument that it is; None: it is new.
        names: of the arguments by place.
        waits: whether Python must wait for what it finds, to know the shape of the result.
        scalars: whether CPU tensors without dimensions may be among its arguments.
        random: whether it draws numbers.
        composite: whether it is made of others, which cost what it costs.
    """

    views: bool
    written: tuple[str | None, ...]
    names: tuple[str, ...]
    waits: bool
    scalars: bool
    random: bool
    composite: bool


_FREE = {  # no kernel
    "aten::detach",
    "aten::alias",
    "aten::lift_fresh",
    "aten::empty",
    "aten::empty_like",
    "aten::empty_strided",
    "aten::new_empty",
    "aten::new_empty_strided",
}
_TAKE_SCALARS = {
    "aten::masked_fill",
    "aten::masked_fill_",
    "aten::fill",
    "aten::fill_",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::index_fill",
    "aten::index_fill_",
    "aten::masked_scatter",
    "aten::_unsafe_index_put",
}
# Operations that look at their result on the host without torch's tags saying so.
_ALSO_WAIT = {
    "aten::_linalg_check_errors",
    "aten::linalg_lstsq",
    "aten::_linalg_svd",
    "aten::_linalg_eigh",
    "aten::linalg_eig",
    "aten::linalg_qr",
    "aten::linalg_householder_product",
    "aten::histc",
}
_INDEXING = {
    "aten::index",
    "aten::index_put",
    "aten::index_put_",
    "aten::_index_put_impl_",
    "aten::_unsafe_index",
    "aten::_unsafe_index_put",
}


@cache
def trait_of(func: Any) -> Trait:
    schema = func._schema
    written = {}
    views = False
    for argument in schema.arguments:
        if argument.alias_info is None:
            continue
        if argument.alias_info.is_write:
            for alias in argument.alias_info.before_set:
                written[alias] = argument.name
        else:
            views = True
    results = tuple(
        next((written[a] for a in r.alias_info.before_set if a in written), None)
        if r.alias_info is not None
        else None
        for r in schema.returns
    )
    name, tags = schema.name, func.tags
    waits = name in _ALSO_WAIT or (
        name not in _INDEXING
        and (torch.Tag.dynamic_output_shape in tags or torch.Tag.data_dependent_output in tags)
    )
    return Trait(
        views=views,
        written=results,
        names=tuple(argument.name for argument in schema.arguments),
        waits=waits,
        scalars=name in _TAKE_SCALARS or torch.Tag.pointwise in tags,
        random=torch.Tag.nondeterministic_seeded in tags,
        composite=torch._C._dispatch_has_kernel_for_dispatch_key(
            func.name(), "CompositeImplicitAutograd"
        ),
    )


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
        if not trait.views and func._schema.name not in _FREE:
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
    **dict.fromkeys(_INDEXING, _index),
}
