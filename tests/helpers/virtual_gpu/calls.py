"""Calls of torch that never come to the rules as operations of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .counts import VirtualGPU
from .tensors import CPU, DEVICE, VirtualTensor


class CallsMode(TorchFunctionMode):
    """Calls of torch that never come to the rules as operations of their own."""

    def __init__(self, gpu: VirtualGPU) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if kwargs.get("generator") is not None:
            _refuse_other_generator(args, kwargs)
        handle = _CALLS.get(func)
        if handle is not None:
            return handle(self.gpu, func, args, kwargs)
        if kwargs.get("pin_memory"):  # of a factory
            return self.gpu.pin(func(*args, **kwargs | {"pin_memory": False}))
        return func(*args, **kwargs)


def _refuse_other_generator(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Told here: on its way to the rules a generator loses what it says of itself."""
    given = kwargs.get("device")
    if given is None:
        given = next((x.device for x in args if isinstance(x, Tensor)), CPU)
    wanted, found = torch.device(given).type, kwargs["generator"].device.type
    if wanted != found:
        raise RuntimeError(f"Expected a '{wanted}' device type for generator but found '{found}'")


def _from_data(gpu: VirtualGPU, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """torch.tensor and the like: made on the host, then copied."""
    asked = kwargs.get("device")
    if func is Tensor.new_tensor:
        asked = args[0].device if asked is None else asked
        func, args = torch.tensor, args[1:]
    if "data" in kwargs:
        args, kwargs = (kwargs["data"], *args), {k: v for k, v in kwargs.items() if k != "data"}
    if isinstance(args[0], VirtualTensor):
        source = args[0].detach().clone() if func is torch.tensor else args[0]
        return source.to(asked or DEVICE, kwargs.get("dtype") or source.dtype)
    pinned = kwargs.get("pin_memory", False)
    rest = {k: v for k, v in kwargs.items() if k not in ("device", "pin_memory")}
    made = func(_read_all(args[0]), *args[1:], **rest, device=CPU)
    if pinned:
        gpu.pin(made)
    if asked is None or torch.device(asked).type != "cuda":
        return made
    grad = made.requires_grad
    return made.detach().to(asked).requires_grad_(grad)


def _read_all(data: Any) -> Any:
    """Numbers in a list that are on the GPU are read one by one."""
    if isinstance(data, VirtualTensor):
        return data.tolist()
    return type(data)(map(_read_all, data)) if type(data) in (list, tuple) else data


def _subscript(gpu: VirtualGPU, func: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    """Lists and arrays in an index become tensors on the device that they index."""

    def on_device(index: Any) -> Any:
        if isinstance(index, list | np.ndarray):
            array = np.asarray(index)
            array = array.astype(np.int64) if array.size == 0 else array
            return _from_data(gpu, torch.tensor, (array,), {"device": args[0].device})
        return index

    target, index, *rest = args
    if isinstance(target, VirtualTensor):
        index = tuple(map(on_device, index)) if isinstance(index, tuple) else on_device(index)
    return func(target, index, *rest)


def _pin_memory(gpu: VirtualGPU, func: Any, args: tuple[Any, ...], kwargs: Any) -> Tensor:
    source: Tensor = args[0]
    if isinstance(source, VirtualTensor):
        return source.pin_memory()
    return source if gpu.is_pinned(source) else gpu.pin(source.clone())


def _is_pinned(gpu: VirtualGPU, func: Any, args: tuple[Any, ...], kwargs: Any) -> bool:
    return gpu.is_pinned(args[0])


class _Attention(torch.autograd.Function):
    """Attention as one kernel, and its backward pass as another."""

    @staticmethod
    def forward(
        ctx: Any, gpu: VirtualGPU, query: Any, key: Any, value: Any, mask: Any, rest: Any
    ) -> Any:
        gpu.report("operation", "scaled_dot_product_attention")
        ctx.gpu, ctx.rest = gpu, rest
        ctx.save_for_backward(query, key, value, mask)
        inner = [None if x is None else x.held for x in (query, key, value, mask)]
        return VirtualTensor(F.scaled_dot_product_attention(*inner, **rest))

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        ctx.gpu.report("operation", "scaled_dot_product_attention (backward)")
        inner = [None if x is None else x.held.detach() for x in ctx.saved_tensors]
        asked = [x.requires_grad_() for x in inner[:3]]
        with torch.enable_grad():
            again = F.scaled_dot_product_attention(*asked, inner[3], **ctx.rest)
        found = torch.autograd.grad(again, asked, gradient.held)
        return None, *map(VirtualTensor, found), None, None


_LISTED = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


def _attention(gpu: VirtualGPU, func: Any, args: tuple[Any, ...], kwargs: Any) -> Any:
    given = dict(zip(_LISTED, args, strict=False)) | kwargs
    parts = [given.pop(name, None) for name in _LISTED[:4]]
    present = [x for x in parts if x is not None]
    if not any(isinstance(x, VirtualTensor) for x in present):
        return func(*args, **kwargs)
    if not all(isinstance(x, VirtualTensor) for x in present):
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            "cuda:0 and cpu! (scaled_dot_product_attention)"
        )
    if torch.is_autocast_enabled("cuda"):
        low = torch.get_autocast_dtype("cuda")
        parts = [x if x is None or x.dtype == torch.bool else x.to(low) for x in parts]
    return _Attention.apply(gpu, *parts, given)


_CALLS: dict[Any, Callable[..., Any]] = {
    torch.tensor: _from_data,
    torch.as_tensor: _from_data,
    torch.asarray: _from_data,
    Tensor.new_tensor: _from_data,
    Tensor.__getitem__: _subscript,
    Tensor.__setitem__: _subscript,
    Tensor.pin_memory: _pin_memory,
    Tensor.is_pinned: _is_pinned,
    F.scaled_dot_product_attention: _attention,
}
