"""A GPU for machines that have none: right devices are proved on it, and waits are counted.

    with virtual_gpu() as gpu:
        train()                       # as with one GPU: `mirage.distributed.device` finds it
        with gpu.count() as tally:
            step()
    assert tally.num_syncs == 0, tally

Tensors say `cuda:0` and compute on the CPU (see `virtual_tensors`); mixing them with the CPU's
fails as on a GPU. Every time that Python would have to wait for the GPU is counted by the line of
the project's code that it happens in, and so is every operation, of the backward pass too. What
this cannot show is in docs/cluster.md.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.overrides import TorchFunctionMode
from virtual_backward import run_backward
from virtual_tensors import CPU, DEVICE, Rules, RulesMode, VirtualTensor

_ROOT = Path(__file__).parents[2]
_OURS = tuple(
    f"{_ROOT / part}/" for part in ("src", "callbacks", "datamodules", "benchmarks", "tests")
)
_UNSEEN = (f"{_ROOT / 'tests' / 'helpers' / 'virtual_'}", "<")


@dataclass
class Tally:
    """What was asked of the GPU, by source line.

    Attributes:
        operations: kernels, of the backward pass too.
        syncs: times that Python waits for the GPU: it reads a number or copies to the host, or
            needs to know a shape that depends on data.
        uploads: copies to the GPU that Python waits for, or from memory that is not pinned.
    """

    operations: Counter[str] = field(default_factory=Counter)
    syncs: Counter[str] = field(default_factory=Counter)
    uploads: Counter[str] = field(default_factory=Counter)

    @property
    def num_operations(self) -> int:
        return self.operations.total()

    @property
    def num_syncs(self) -> int:
        return self.syncs.total()

    @property
    def num_uploads(self) -> int:
        return self.uploads.total()

    def __str__(self) -> str:
        lines = [f"{self.num_operations} operations"]
        for name, counted in (("syncs", self.syncs), ("uploads", self.uploads)):
            lines.append(f"{counted.total()} {name}")
            lines += [f"  {number:5} {line}" for line, number in counted.most_common()]
        return "\n".join(lines)


class VirtualGPU:
    """What is counted, and what the GPU was asked for beside operations.

    Attributes:
        compiled: what was to be compiled; it is left as it is.
        memory: bytes.
    """

    def __init__(self, memory: int) -> None:
        self.memory = memory
        self.compiled: list[Any] = []
        self._tallies: list[Tally] = []
        self._pinned: list[tuple[int, int, Any]] = []

    @contextmanager
    def count(self) -> Iterator[Tally]:
        """What happens within, in all threads."""
        tally = Tally()
        self._tallies.append(tally)
        try:
            yield tally
        finally:
            self._tallies.remove(tally)

    def report(self, kind: str, what: str) -> None:
        """Count it where it happens."""
        if not self._tallies:
            return
        line = _line()
        for tally in self._tallies:
            if kind == "operation":
                tally.operations[line] += 1
            else:
                (tally.syncs if kind == "sync" else tally.uploads)[f"{line}: {what}"] += 1

    def pin(self, tensor: Tensor) -> Tensor:
        """Say of a CPU tensor's memory that it is pinned."""
        storage = tensor.untyped_storage()  # kept, so that nothing else comes to its place
        self._pinned.append((storage.data_ptr(), storage.nbytes(), storage))
        return tensor

    def is_pinned(self, tensor: Tensor) -> bool:
        if isinstance(tensor, VirtualTensor) or tensor.device.type != "cpu":
            return False
        place = tensor.data_ptr()
        return any(start <= place < start + size for start, size, _ in self._pinned)


@contextmanager
def virtual_gpu(memory_gib: float = 16.0, bf16: bool = True) -> Iterator[VirtualGPU]:
    """This process has one GPU, which is virtual, for as long as the context lasts.

    Args:
        memory_gib: what it says that it has; none of it is ever taken.
        bf16: whether it knows the type.
    """
    gpu = VirtualGPU(int(memory_gib * 2**30))
    rules = Rules(gpu.report, gpu.is_pinned)
    torch._C._ensureCUDADeviceGuardSet()  # as torch's own fake tensors do
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        _patch_cuda(patch, gpu, rules, bf16)
        _patch_torch(patch, gpu, rules)
        patch.setattr(VirtualTensor, "rules", rules)
        stack.enter_context(_Calls(gpu))
        stack.enter_context(RulesMode(rules))
        yield gpu


class _Calls(TorchFunctionMode):
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


class VirtualGenerator(Generator):
    """Of any device; the numbers are the CPU's."""

    def __new__(cls, device: Any = "cpu") -> VirtualGenerator:
        return super().__new__(cls, "cpu")

    def __init__(self, device: Any = "cpu") -> None:
        self._device = DEVICE if torch.device(device).type == "cuda" else torch.device(device)

    @property
    def device(self) -> torch.device:
        return self._device


class _Stream:
    """Work on it is done at once."""

    def __init__(self, gpu: VirtualGPU) -> None:
        self.device, self._gpu = DEVICE, gpu

    def synchronize(self) -> None:
        self._gpu.report("sync", "synchronize a stream")

    def query(self) -> bool:
        return True

    def record_event(self, event: Any = None) -> Any:
        return event if event is not None else _Event(self._gpu)

    def wait_stream(self, _: Any) -> None:
        pass

    wait_event = wait_stream

    def __enter__(self) -> _Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        pass


class _Event:
    def __init__(self, gpu: VirtualGPU) -> None:
        self._gpu, self._at = gpu, time.perf_counter()

    def record(self, _: Any = None) -> None:
        self._at = time.perf_counter()

    def synchronize(self) -> None:
        self._gpu.report("sync", "synchronize with an event")

    def query(self) -> bool:
        return True

    def wait(self, _: Any = None) -> None:
        pass

    def elapsed_time(self, other: _Event) -> float:
        return (other._at - self._at) * 1000.0


def _patch_cuda(patch: pytest.MonkeyPatch, gpu: VirtualGPU, rules: Rules, bf16: bool) -> None:
    stream = _Stream(gpu)

    def seed(number: int) -> None:
        rules.random_state = Generator().manual_seed(number).get_state()

    def set_state(state: Tensor, *_: Any) -> None:
        rules.random_state = state

    properties = SimpleNamespace(
        name="Virtual GPU", total_memory=gpu.memory, major=8, minor=0, multi_processor_count=64
    )
    cuda: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "is_initialized": lambda: True,
        "init": lambda: None,
        "_lazy_init": lambda: None,
        "_lazy_call": lambda call, **_: call(),
        "current_device": lambda: 0,
        "set_device": _refuse_other,
        "get_device_name": lambda *_: properties.name,
        "get_device_capability": lambda *_: (8, 0),
        "get_device_properties": lambda *_: properties,
        "is_bf16_supported": lambda *_, **__: bf16,
        "mem_get_info": lambda *_: (gpu.memory, gpu.memory),
        "memory_allocated": lambda *_: 0,
        "max_memory_allocated": lambda *_: 0,
        "memory_reserved": lambda *_: 0,
        "max_memory_reserved": lambda *_: 0,
        "memory_stats": lambda *_: {},
        "reset_peak_memory_stats": lambda *_: None,
        "empty_cache": lambda: None,
        "synchronize": lambda *_: gpu.report("sync", "synchronize"),
        "manual_seed": seed,
        "manual_seed_all": seed,
        "get_rng_state": lambda *_: rules.random_state,
        "get_rng_state_all": lambda: [rules.random_state],
        "set_rng_state": set_state,
        "set_rng_state_all": lambda states: [set_state(state) for state in states],
        "Stream": lambda *_, **__: _Stream(gpu),
        "Event": lambda *_, **__: _Event(gpu),
        "stream": lambda chosen: chosen or stream,
        "current_stream": lambda *_: stream,
        "default_stream": lambda *_: stream,
    }
    for name, value in cuda.items():
        patch.setattr(torch.cuda, name, value)
    accelerator: dict[str, Any] = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_accelerator": lambda *_, **__: torch.device("cuda"),
        "current_device_index": lambda: 0,
        "set_device_index": lambda *_: None,
        "synchronize": cuda["synchronize"],
    }
    for name, value in accelerator.items():
        patch.setattr(torch.accelerator, name, value)


def _refuse_other(device: Any) -> None:
    index = device if isinstance(device, int) else torch.device(device).index
    if index not in (None, 0):
        raise RuntimeError("CUDA error: invalid device ordinal")


def _patch_torch(patch: pytest.MonkeyPatch, gpu: VirtualGPU, rules: Rules) -> None:
    patch.setattr(torch.backends.cudnn, "enabled", False)  # its operations have no CPU form
    patch.setattr(torch.backends.cudnn, "benchmark", torch.backends.cudnn.benchmark)
    _patch_generator(patch)
    for name in ("torch.optim.optimizer", "torch.utils._foreach_utils"):
        module = sys.modules[name]
        supported = [*module._foreach_supported_types, VirtualTensor]
        patch.setattr(module, "_foreach_supported_types", supported)
    engine = torch.autograd.graph._engine_run_backward

    def backward(outputs: Any, *args: Any, **kwargs: Any) -> Any:
        here = any(isinstance(x, VirtualTensor) for x in outputs)
        return (run_backward if here else engine)(outputs, *args, **kwargs)

    patch.setattr(torch.autograd, "_engine_run_backward", backward)
    patch.setattr(torch.autograd.graph, "_engine_run_backward", backward)

    def compile_module(module: nn.Module, *_: Any, **__: Any) -> None:
        gpu.compiled.append(module)

    def compiled(model: Any = None, **__: Any) -> Any:
        if model is None:
            return compiled
        gpu.compiled.append(model)
        return model

    patch.setattr(nn.Module, "compile", compile_module)
    patch.setattr(torch, "compile", compiled)
    run = threading.Thread.run

    def run_here(thread: threading.Thread) -> None:
        with _Calls(gpu), RulesMode(rules):  # modes are a thread's own
            run(thread)

    patch.setattr(threading.Thread, "run", run_here)


def _patch_generator(patch: pytest.MonkeyPatch) -> None:
    """Wherever it was imported to."""
    for module in list(sys.modules.values()):
        name = getattr(module, "__name__", "")
        if name.split(".")[0] in ("torch", "mirage", "callbacks", "datamodules"):
            for attribute, value in list(vars(module).items()):
                if value is Generator and not name.startswith("torch."):
                    patch.setattr(module, attribute, VirtualGenerator)


# Whose code it is, and its file as it is shown: ours, a library's, or unseen (torch, this helper).
_KINDS: dict[CodeType, tuple[str, str]] = {}


def _kind(code: CodeType) -> tuple[str, str]:
    name = code.co_filename
    if name.startswith(_UNSEEN) or "/torch/" in name or name.endswith("/contextlib.py"):
        return "unseen", name
    if name.startswith(_OURS):
        return "ours", name.removeprefix(f"{_ROOT}/")
    return "library", "/".join(Path(name).parts[-2:])


def _line() -> str:
    """The line of the project that it happens in, and where in a library that it called.

    Without one, the line of the test.
    """
    frame: Any = sys._getframe(1)
    library = backward = ""
    while frame is not None:
        code = frame.f_code
        found = _KINDS.get(code)
        if found is None:
            found = _KINDS[code] = _kind(code)
        kind, name = found
        if kind == "ours":
            return f"{name}:{frame.f_lineno}{backward}{library}"
        if kind == "library" and not library:
            library = f" in {name}:{frame.f_lineno}"
        elif code is run_backward.__code__:
            backward = " backward"
        frame = frame.f_back
    return f"nowhere{library}"


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The numbers of a tensor of any device, which costs nothing: for tests to look at."""
    inner = tensor.held if isinstance(tensor, VirtualTensor) else tensor
    return inner.detach().float().numpy()
