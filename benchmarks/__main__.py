"""``make bench``: the hub beside torchvision, in one run, as ratios."""

from __future__ import annotations

import argparse
import copy
from functools import partial

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import detection
from benchmarks.timing import compare
from hub.precision import has_bf16


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--batch", type=int, default=2, help="images a step (default: 2)")
    parser.add_argument("--size", type=int, nargs=2, default=(400, 533), metavar=("H", "W"), help="default: 400 533")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: 5)")
    parser.add_argument("--only", choices=("train", "infer"), help="one half")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()

    device = torch.device(args.device)
    fast = "bf16" if has_bf16(device) else "fp32"
    cpu_batch = detection.make_batch(args.batch, *args.size)
    ours, plain = detection.make_models(cpu_batch)
    batch = cpu_batch.to(device)
    images, targets = detection.their_inputs(batch)
    ours.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain.to(device)
    # At equal precision torchvision gets the memory format that suits that precision, too.
    tuned = copy.deepcopy(plain).to(memory_format=torch.channels_last)

    title = f"Faster R-CNN ResNet-50-FPN, batch {args.batch}, {args.size[0]}×{args.size[1]}, {_machine(device)}"
    table = Table(title=title)
    for column in ("", "hub, s", "torchvision, s", "hub is faster by", "lowest–highest"):
        table.add_column(column, justify="left" if not column else "right")
    for precision, their_precision in dict.fromkeys([(fast, "fp32"), (fast, fast), ("fp32", "fp32")]):
        theirs = plain if their_precision == "fp32" else tuned
        label = f"{precision} : {their_precision}" + (" (default)" if precision != their_precision else "")
        step = partial(detection.training_step, device=device)
        if args.only != "infer":
            result = compare(
                step(ours, lambda: ours(batch)["faster-rcnn"], precision=precision),
                step(theirs, partial(theirs, images, targets), precision=their_precision),
                rounds=args.rounds,
            )
            table.add_row(*result.row(f"training, {label}"))
        if args.only != "train":
            result = compare(
                partial(ours.infer, batch, precision=precision),
                detection.their_inference(theirs, images, device=device, precision=their_precision),
                rounds=args.rounds,
            )
            table.add_row(*result.row(f"inference, {label}"))
    Console(width=110).print(table)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


if __name__ == "__main__":
    main()
