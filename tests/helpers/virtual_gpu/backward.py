"""Backward passes without the threads and streams that torch's engine asks a GPU for.

Nodes are run from Python, in the engine's order and with its rules: gradients are summed to the
shape and cast to the type of what they are gradients of, and one on another device is refused.
Hooks of tensors that are no leaves are not run, and a graph may be gone through twice.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

Node = Any  # torch has no public type for what the graph is made of


def run_backward(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    retain_graph: bool | None,
    create_graph: bool,
    inputs: Sequence[Tensor],
    allow_unreachable: bool = False,
    accumulate_grad: bool = False,
) -> tuple[Tensor | None, ...]:
    """What torch's engine does with the same arguments."""
    with torch.set_grad_enabled(create_graph):
        edges = [(edge.node, edge.output_nr) for edge in map(get_gradient_edge, inputs)]
        arrived = _run(outputs, gradients, edges, accumulate_grad)
        found = tuple(arrived.get(edge) for edge in edges)
        if accumulate_grad:
            for (node, _), gradient in zip(edges, found, strict=True):
                if gradient is not None:
                    node(gradient)
            return ()
    if not allow_unreachable and any(gradient is None for gradient in found):
        raise RuntimeError("One of the differentiated Tensors appears to not have been used")
    return found


def _run(
    outputs: Sequence[Tensor],
    gradients: Sequence[Tensor | None],
    wanted: Sequence[tuple[Node, int]],
    accumulate: bool,
) -> dict[tuple[Node, int], Tensor]:
    """Go through the graph; returns what arrived at the edges `wanted`.

    Args:
        accumulate: whether leaves get their `grad`, where no edges are wanted.
    """
    given: defaultdict[Node, dict[int, Tensor]] = defaultdict(dict)
    for output, gradient in zip(outputs, gradients, strict=True):
        edge = get_gradient_edge(output)
        seed = torch.ones_like(output) if gradient is None else gradient
        _add(given[edge.node], edge.output_nr, seed)
    waited_for = _count_users(list(given))
    ready = [(-_order(node), i, node) for i, node in enumerate(given) if not waited_for[node]]
    heapq.heapify(ready)
    wanted_nodes = {node for node, _ in wanted}
    arrived: dict[tuple[Node, int], Tensor] = {}
    while ready:
        node = heapq.heappop(ready)[2]
        inputs = given.pop(node, {})
        arrived |= {(node, place): x for place, x in inputs.items() if node in wanted_nodes}
        if _is_leaf(node) and (wanted or not accumulate):
            continue
        made = _call(node, inputs) if inputs else [None] * len(node.next_functions)
        for gradient, (following, place) in zip(made, node.next_functions, strict=True):
            if following is None:
                continue
            if gradient is not None:
                _add(given[following], place, _fitted(gradient, following, place, node))
            waited_for[following] -= 1
            if waited_for[following] == 0:
                heapq.heappush(ready, (-_order(following), id(following), following))
    return arrived


def _count_users(roots: Sequence[Node]) -> defaultdict[Node, int]:
    """How many nodes hand each node a gradient."""
    users: defaultdict[Node, int] = defaultdict(int)
    seen, todo = set(roots), list(roots)
    while todo:
        for following, _ in todo.pop().next_functions:
            if following is not None:
                users[following] += 1
                if following not in seen:
                    seen.add(following)
                    todo.append(following)
    return users


def _order(node: Node) -> int:
    return int(node._sequence_nr())


def _is_leaf(node: Node) -> bool:
    return type(node).__name__ == "AccumulateGrad"


def _call(node: Node, inputs: dict[int, Tensor]) -> Sequence[Tensor | None]:
    """A gradient for each of the node's `next_functions`."""
    if not isinstance(node, torch.autograd.function.BackwardCFunction):
        made = node(*(inputs.get(i) for i in range(len(node._input_metadata))))
        return made if isinstance(made, tuple) else (made,)
    given = [
        inputs[i] if i in inputs else torch.zeros(tuple(m.shape), dtype=m.dtype, device=m.device)
        for i, m in enumerate(node._input_metadata)
    ]
    made = node.apply(*given)
    made = made if isinstance(made, tuple) else (made,)
    # One for each argument of its forward pass, be it a tensor or not.
    needed = iter([x for x, needs in zip(made, node.needs_input_grad, strict=True) if needs])
    return [None if f is None else next(needed) for f, _ in node.next_functions]


def _fitted(gradient: Tensor, following: Node, place: int, node: Node) -> Tensor:
    """As the tensor is that it is a gradient of."""
    metadata = following._input_metadata[place]
    if gradient.device != metadata.device:
        if gradient.dim():
            raise RuntimeError(
                f"Function {type(node).__name__} returned an invalid gradient - expected device "
                f"{metadata.device} but got {gradient.device}"
            )
        gradient = gradient.to(metadata.device)
    shape = tuple(metadata.shape)
    if gradient.shape != shape:
        gradient = gradient.sum_to_size(shape)
    return gradient if gradient.dtype == metadata.dtype else gradient.to(metadata.dtype)


def _add(given: dict[int, Tensor], place: int, gradient: Tensor) -> None:
    given[place] = given[place] + gradient if place in given else gradient
