"""Self-describing checkpoints, and transfer of weights to other labels."""

from hub.weights.checkpoint import find_checkpoint, load, load_state, read_header, save
from hub.weights.transfer import TransferReport, transfer

__all__ = ["TransferReport", "find_checkpoint", "load", "load_state", "read_header", "save", "transfer"]
