"""Strategies: how the processes of a run train one model.

`Single` trains in one process, `DDP` keeps a copy of the model in each. A strategy that shards the model (FSDP2) would
override the same methods: `wrap`, `backward`, `clip`, `state_dict` and `mean`.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn

from hub.engine.distributed import World, choose_device
from hub.engine.objective import Objective


class Strategy(ABC):
    """Base of the strategies.

    Args:
        world: the process group, with the device of this process.
    """

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self.world.device

    @abstractmethod
    def wrap(self, objective: Objective, *, static_graph: bool) -> nn.Module:
        """Return the module whose forward pass is one of training.

        Args:
            objective: on its device.
            static_graph: whether every batch trains the same heads.
        """

    @abstractmethod
    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the mean over processes of scalars; every process must call this with the same names."""

    def backward(self, loss: Tensor) -> None:
        """Add the gradients of a loss, averaged over processes, to those of the parameters."""
        torch.autograd.backward(loss)

    def clip(self, parameters: Iterable[nn.Parameter], largest: float) -> None:
        """Scale the gradients so that their total norm is at most ``largest``."""
        nn.utils.clip_grad_norm_(parameters, largest)

    def state_dict(self, module: nn.Module) -> dict[str, Tensor]:
        """Return the complete state of a module to save; all processes must call this."""
        return module.state_dict()

    def synchronize(self, module: nn.Module) -> None:
        """Copy the buffers of rank 0, such as running statistics, to all processes."""
        self.world.broadcast(module.buffers())


class Single(Strategy):
    """Train in one process.

    Args:
        device: by default the GPU if there is one, else the CPU.

    Raises:
        OptionError: there is no such device.

    >>> Single("cpu").world.size
    1
    """

    def __init__(self, device: str | torch.device | None = None) -> None:
        super().__init__(World(0, 1, choose_device(None if device is None else str(device))))

    def wrap(self, objective: Objective, *, static_graph: bool) -> nn.Module:
        """Return the objective itself."""
        return objective

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the values."""
        return {name: float(value) for name, value in values.items()}


class DDP(Strategy):
    """Keep a copy of the model in each process and average the gradients: `torch.nn.parallel.DistributedDataParallel`.

    Args:
        world: from `hub.engine.distributed.world`, inside its ``with`` block.
    """

    def wrap(self, objective: Objective, *, static_graph: bool) -> nn.Module:
        """Return the objective as a `DistributedDataParallel` module."""
        # For 1×1 kernels both memory formats are the same, yet DDP warns that their strides differ.
        warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
        return nn.parallel.DistributedDataParallel(
            objective, static_graph=static_graph, find_unused_parameters=not static_graph
        )

    def mean(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        """Average over processes with one all-reduce."""
        stacked = torch.stack([value.float() for value in values.values()])
        dist.all_reduce(stacked)
        return dict(zip(values, (stacked / self.world.size).tolist(), strict=True))


def strategy_for(world: World) -> Strategy:
    """Return `Single` for one process and `DDP` for several."""
    return Single(world.device) if world.size == 1 else DDP(world)
