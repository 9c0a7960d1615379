"""Tensors that say that they are on `cuda:0`; their numbers are on the CPU.

The wrapper is a CUDA tensor to torch in every respect but its memory: composite operations,
autocast and optimizers take the way they take on a GPU. Each operation that would become a kernel
comes to `Rules.run`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from .rules import Rules

DEVICE = torch.device("cuda", 0)
CPU = torch.device("cpu")


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


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor of any device, which costs nothing: for tests to look at."""
    inner = tensor.held if isinstance(tensor, VirtualTensor) else tensor
    return inner.detach().float().numpy()
