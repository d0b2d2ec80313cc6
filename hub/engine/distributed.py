"""The processes that torchrun started, and communication between them."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from hub.errors import OptionError

T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """The process group, as seen by this process.

    Attributes:
        rank: number of this process, from 0; rank 0 writes files and logs.
        size: number of processes.
        device: device of this process.
    """

    rank: int
    size: int
    device: torch.device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and logs."""
        return self.rank == 0

    def any(self, *flags: bool) -> list[bool]:
        """Return for each flag whether it is True in any process; all processes must call this at the same point."""
        if self.size == 1:
            return list(flags)
        tensor = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return [bool(flag) for flag in tensor.tolist()]

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes in the order of ranks; values are pickled."""
        if self.size == 1:
            return [value]
        values: list[T | None] = [None] * self.size
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def broadcast(self, tensors: Iterable[torch.Tensor]) -> None:
        """Copy the values of these tensors from rank 0 to all processes, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            dist.barrier()


@contextmanager
def world(device: str | None = None) -> Iterator[World]:
    """Join the processes that torchrun started; without torchrun there is one process.

    Args:
        device: by default the GPU of this process if there is one, else the CPU.

    Raises:
        OptionError: there is no such device.
    """
    size, rank, local = (int(os.environ.get(k, d)) for k, d in (("WORLD_SIZE", 1), ("RANK", 0), ("LOCAL_RANK", 0)))
    here = choose_device(device, local=local, size=size)
    if here.type == "cuda":
        torch.cuda.set_device(here)
    if rank:
        logging.getLogger("hub").setLevel(logging.WARNING)  # rank 0 logs it
    if size > 1:
        dist.init_process_group("nccl" if here.type == "cuda" else "gloo")
    try:
        yield World(rank, size, here)
    finally:
        if size > 1 and dist.is_initialized():
            dist.destroy_process_group()


def choose_device(name: str | None, *, local: int = 0, size: int = 1) -> torch.device:
    """Return a device that exists.

    Args:
        name: such as ``"cpu"`` or ``"cuda:1"``; None means the GPU if there is one, else the CPU.
        local: local rank, the number of the GPU to use if the name has none.
        size: number of processes.

    Raises:
        OptionError: there is no such device, or several processes would share one GPU.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise OptionError(f"there is no device {name!r}", fix="cpu, cuda, or cuda:0, cuda:1, …") from None
    if device.type != "cuda":
        return device
    count = torch.cuda.device_count()
    if device.index is not None and size > 1:
        raise OptionError(f"{size} processes cannot share {name}", fix="leave out the number: each takes its own GPU")
    index = local if device.index is None else device.index
    if index >= count:
        raise OptionError(f"there is no device cuda:{index}: torch sees {count} GPUs here", fix="use --device cpu")
    return torch.device("cuda", index)
