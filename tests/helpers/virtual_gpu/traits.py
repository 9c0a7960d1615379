"""What is known of torch's operations without running them: views, kernels, waits."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch


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


FREE = {  # no kernel
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
INDEXING = {
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
        name not in INDEXING
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
