"""The virtual GPU itself: it computes what the CPU does, refuses what CUDA refuses, and counts."""

from __future__ import annotations

import copy
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from virtual_gpu import Tally, VirtualGPU, to_numpy, virtual_gpu

pytestmark = pytest.mark.virtual_gpu


def _network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.GroupNorm(2, 8),
        nn.SiLU(),
        nn.Flatten(),
        nn.Linear(128, 5),
    )


def _train(device: str, steps: int = 3) -> tuple[nn.Module, Tensor]:
    network = _network().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, foreach=True)
    images = torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(1)).to(device)
    for _ in range(steps):
        loss = (network(images) + images.mean(dim=(1, 2, 3))[:, None]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network, loss


def test_a_training_computes_what_the_cpu_does(gpu: VirtualGPU) -> None:
    network, loss = _train("cuda")
    own, own_loss = _train("cpu")
    assert loss.device == torch.device("cuda", 0) and loss.is_cuda
    np.testing.assert_allclose(to_numpy(loss), to_numpy(own_loss), rtol=1e-5)
    for a, b in zip(network.parameters(), own.parameters(), strict=True):
        np.testing.assert_allclose(to_numpy(a), to_numpy(b), rtol=1e-4, atol=1e-6)


def test_gradients_of_inputs_and_through_attention_are_those_of_the_cpu(gpu: VirtualGPU) -> None:
    def gradients(device: str) -> list[np.ndarray]:
        given = torch.randn(3, 2, 2, 5, 4, generator=torch.Generator().manual_seed(0)).to(device)
        query, key, value = (x.requires_grad_() for x in given)
        mask = torch.tensor([[True, True, False, True, True]], device=device)
        seen = F.scaled_dot_product_attention(query, key, value, mask)
        return [to_numpy(g) for g in torch.autograd.grad(seen.square().sum(), [query, key, value])]

    for a, b in zip(gradients("cuda"), gradients("cpu"), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_a_leaf_used_twice_gets_both_gradients_and_adds_to_the_last(gpu: VirtualGPU) -> None:
    x = torch.full((2, 1), 3.0, device="cuda", requires_grad=True)
    for _ in range(2):
        (x * x + torch.ones(2, 4, device="cuda") * x).sum().backward()
    assert to_numpy(x.grad).tolist() == [[2 * 4 * (2 * 3.0 + 1)]] * 2


MIXED = {
    "add": lambda a, b: a + b,
    "cat": lambda a, b: torch.cat([a, b]),
    "matmul": lambda a, b: a @ b.T,
    "in place": lambda a, b: a.add_(b),
    "the other way": lambda a, b: b + a,
    "index of the host by the GPU": lambda a, b: b[a.long()],
    "attention": lambda a, b: F.scaled_dot_product_attention(a[None], b[None], b[None]),
    "a number of the GPU": lambda a, b: b * a[0, 0],
    "generator": lambda a, b: torch.randn(2, device="cuda", generator=torch.Generator()),
    "its generator": lambda a, b: torch.randn(2, generator=torch.Generator("cuda")),
    "another GPU": lambda a, b: a.to("cuda:1"),
}


@pytest.mark.parametrize("what", MIXED)
def test_devices_that_mix_are_refused(gpu: VirtualGPU, what: str) -> None:
    with pytest.raises(RuntimeError, match="device"):
        MIXED[what](torch.zeros(2, 3, device="cuda"), torch.zeros(2, 3))


def test_numbers_of_the_host_may_mix(gpu: VirtualGPU) -> None:
    x = torch.ones(3, device="cuda")
    assert (
        to_numpy(torch.where(x > 0, torch.tensor(2.0), x * torch.tensor(3.0))).tolist() == [2] * 3
    )
    with pytest.raises(RuntimeError, match="device"):
        torch.stack([x[0], torch.tensor(1.0)])


def test_numpy_needs_a_copy(gpu: VirtualGPU) -> None:
    with pytest.raises(TypeError, match="cpu"):
        np.asarray(torch.zeros(2, device="cuda"))
    with pytest.raises(TypeError, match="cpu"):
        torch.zeros(2, device="cuda").numpy()


SYNCS = {
    "item": lambda x: x.sum().item(),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "bool": lambda x: bool(x[0] > 0),
    "format": lambda x: f"{x[0]:.3f}",
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "to": lambda x: x.to("cpu"),
    "copy_": lambda x: torch.empty(4).copy_(x),
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 0),
    "mask": lambda x: x[x > 0],
    "set by mask": lambda x: x.__setitem__(x > 0, x + 1),
    "unique": lambda x: x.unique(),
    "masked_select": lambda x: x.masked_select(x > 0),
    "repeat": lambda x: x.repeat_interleave(torch.ones(4, dtype=torch.long, device="cuda")),
    "equal": lambda x: torch.equal(x, x),
    "synchronize": lambda x: torch.cuda.synchronize(),
    "event": lambda x: torch.cuda.Event().synchronize(),
}


@pytest.mark.parametrize("what", SYNCS)
def test_waits_are_counted_where_they_happen(gpu: VirtualGPU, what: str) -> None:
    x = torch.arange(1.0, 5.0, device="cuda")
    with gpu.count() as tally:
        SYNCS[what](x)
    assert tally.num_syncs == 1 and tally.num_uploads == 0, tally
    assert next(iter(tally.syncs)).startswith("tests/virtual_gpu/test_virtual_gpu.py:")


FREE = {
    "compute": lambda x: (x * 2 + 1).softmax(0).sum(),
    "fill by mask": lambda x: x.__setitem__(x > 2, 0.0),
    "where": lambda x: torch.where(x > 0, x, 0.0),
    "index": lambda x: x[torch.arange(2, device="cuda")],
    "slice": lambda x: x[1:3].clone(),
    "shape": lambda x: x.new_zeros(len(x), x.dim()),
    "repeat": lambda x: x.repeat_interleave(
        torch.ones(4, dtype=torch.long, device="cuda"), output_size=4
    ),
    "read later": lambda x: x.to("cpu", non_blocking=True),
    "pinned": lambda x: torch.zeros(4).pin_memory().to("cuda", non_blocking=True),
    "part of pinned": lambda x: x.copy_(torch.empty(8, pin_memory=True)[4:], non_blocking=True),
    "stream": lambda x: torch.cuda.current_stream().wait_stream(torch.cuda.Stream()),
    "half": lambda x: x.half(),
}


@pytest.mark.parametrize("what", FREE)
def test_what_needs_no_wait_is_not_counted(gpu: VirtualGPU, what: str) -> None:
    x = torch.arange(1.0, 5.0, device="cuda")
    with gpu.count() as tally:
        FREE[what](x)
    assert tally.num_syncs == tally.num_uploads == 0, tally


UPLOADS = {
    "tensor": lambda: torch.tensor([1.0, 2.0], device="cuda"),
    "as_tensor": lambda: torch.as_tensor(np.zeros(2), device="cuda"),
    "new_tensor": lambda: torch.zeros(1, device="cuda").new_tensor([1.0]),
    "pageable": lambda: torch.zeros(2).to("cuda", non_blocking=True),
    "blocking": lambda: torch.zeros(2).pin_memory().to("cuda"),
    "copy_": lambda: torch.zeros(2, device="cuda").copy_(torch.zeros(2)),
    "index": lambda: torch.zeros(2, device="cuda")[torch.tensor([1])],
    "index by list": lambda: torch.zeros(2, device="cuda")[[1, 0]],
    "index by array": lambda: torch.zeros(1, 2, device="cuda")[:, np.array([1, 0])],
}


@pytest.mark.parametrize("what", UPLOADS)
def test_copies_to_it_are_counted_apart(gpu: VirtualGPU, what: str) -> None:
    with gpu.count() as tally:
        UPLOADS[what]()
    assert tally.num_uploads == 1 and tally.num_syncs == 0, tally


def test_operations_are_counted_by_line_also_of_the_backward_pass(gpu: VirtualGPU) -> None:
    x = torch.ones(4, 4, device="cuda", requires_grad=True)
    with gpu.count() as tally:
        y = (x.view(16) * 3).sum()  # the view is free
        y.backward()
    lines = [(line.split(":")[-1].split(" ", 1)[1:], n) for line, n in tally.operations.items()]
    assert ([], 2) in lines and any(rest == ["backward"] for rest, _ in lines), tally.operations


def test_autocast_is_that_of_the_gpu(gpu: VirtualGPU) -> None:
    network, images = _network().to("cuda"), torch.ones(2, 3, 4, 4, device="cuda")
    with torch.autocast("cuda", torch.bfloat16):
        out = network(images)
        norm = F.group_norm(network[0](images), 2)
    assert out.dtype == torch.bfloat16 and norm.dtype == torch.float32  # on a CPU it is bf16
    out.float().square().mean().backward()
    assert all(p.grad.dtype == torch.float32 for p in network.parameters())


def test_a_module_stays_itself_when_it_moves(gpu: VirtualGPU) -> None:
    network = _network()
    before = list(map(id, network.parameters()))
    assert list(map(id, network.to("cuda").parameters())) == before
    assert all(isinstance(p, nn.Parameter) for p in network.parameters())
    twin = copy.deepcopy(network)
    assert all(p.is_cuda and p.requires_grad for p in twin.parameters())
    network(torch.ones(1, 3, 4, 4, device="cuda")).sum().backward()
    network.cpu()(torch.ones(1, 3, 4, 4)).sum().backward()
    assert list(map(id, network.parameters())) == before
    assert all(isinstance(p, nn.Parameter) and not p.is_cuda for p in network.parameters())


def test_files_hold_plain_tensors(gpu: VirtualGPU, tmp_path: Path) -> None:
    network = _network().to("cuda")
    with gpu.count() as tally:
        torch.save(network.state_dict(), tmp_path / "state.pt")
    assert tally.num_syncs == len(network.state_dict())
    loaded = torch.load(tmp_path / "state.pt", weights_only=True)
    assert all(type(x) is Tensor for x in loaded.values())
    save_file(network.state_dict(), tmp_path / "state.safetensors")
    assert load_file(tmp_path / "state.safetensors").keys() == loaded.keys()
    network.load_state_dict(loaded)
    np.testing.assert_array_equal(to_numpy(network[0].weight), to_numpy(loaded["0.weight"]))


@pytest.mark.parametrize("settings", [{"foreach": True}, {"fused": True}, {}])
def test_optimizers_wait_for_nothing(gpu: VirtualGPU, settings: dict[str, bool]) -> None:
    network = _network().to("cuda")
    optimizer = torch.optim.AdamW(network.parameters(), **settings)
    for _ in range(2):  # the first makes the optimizer's state
        network(torch.ones(1, 3, 4, 4, device="cuda")).sum().backward()
        with gpu.count() as tally:
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
    assert tally.num_syncs == tally.num_uploads == 0, tally
    assert tally.num_operations < 40, tally  # by lists: not one a parameter


def test_inference_mode_and_views(gpu: VirtualGPU) -> None:
    base = torch.zeros(4, 4, device="cuda")
    with torch.inference_mode():
        base.view(16)[3:5].fill_(1.0)
        made = base.T * 2
        made[0].mul_(3.0)
        assert made.to("cpu").device.type == "cpu" and made.to(torch.float64).is_cuda
    assert to_numpy(base).sum() == 2 and made.is_inference() and to_numpy(made).sum() == 8


def test_random_numbers_are_its_own(gpu: VirtualGPU) -> None:
    def drawn(device: str) -> list[float]:
        return to_numpy(torch.rand(2, device=device)).tolist()

    torch.manual_seed(5)
    first = drawn("cpu")
    torch.manual_seed(5)
    on_gpu = drawn("cuda")
    assert drawn("cpu") == first  # the CPU's stream did not move
    torch.manual_seed(5)
    assert drawn("cuda") == on_gpu
    generator = torch.Generator("cuda").manual_seed(3)
    assert torch.randn(2, device="cuda", generator=generator).is_cuda


def test_default_devices_and_other_threads(gpu: VirtualGPU) -> None:
    made: list[Tensor] = []
    with torch.device("cuda"):
        assert torch.zeros(2).is_cuda and torch.tensor([1.0]).is_cuda and torch.arange(3).is_cuda
    thread = threading.Thread(target=lambda: made.append(torch.zeros(2).cuda() + 1))
    thread.start()
    thread.join()
    assert made[0].is_cuda


def test_outside_there_is_no_gpu() -> None:
    with virtual_gpu() as gpu, gpu.count() as tally:
        x = torch.zeros(2, device="cuda")
    assert not torch.cuda.is_available() and isinstance(tally, Tally)
    with pytest.raises(RuntimeError, match="gone"):
        x + 1
    own = torch.ones(2, requires_grad=True)
    own.sum().backward()
    assert own.grad is not None
