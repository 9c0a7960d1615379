"""A GPU for machines that have none: right devices are proved on it, and waits are counted.

    with virtual_gpu() as gpu:
        train()                       # as with one GPU: `mirage.distributed.device` finds it
        with gpu.count() as tally:
            step()
    assert tally.num_syncs == 0, tally

Tensors say `cuda:0` and compute on the CPU (see `tensors`); mixing them with the CPU's
fails as on a GPU. Every time that Python would have to wait for the GPU is counted by the line of
the project's code that it happens in, and so is every operation, of the backward pass too. What
this cannot show is in docs/cluster.md.
"""

from .counts import VirtualGPU
from .patches import virtual_gpu
from .tally import Tally
from .tensors import to_numpy

__all__ = ["Tally", "VirtualGPU", "to_numpy", "virtual_gpu"]
