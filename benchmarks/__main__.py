"""``make bench``: the hub beside torchvision, in one run, as ratios."""

from __future__ import annotations

import argparse

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import detection
from benchmarks.timing import compare
from hub.precision import has_bf16


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--batch", type=int, default=2, help="images a step (default: 2)")
    parser.add_argument("--size", type=int, nargs=2, default=(400, 533), metavar=("H", "W"), help="default: 400 533")
    parser.add_argument("--rounds", type=int, default=7, help="timed rounds (default: 7)")
    parser.add_argument("--only", choices=("train", "infer"), help="one half")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()

    device = torch.device(args.device)
    fast = "bf16" if has_bf16(device) else "fp32"
    inputs = detection.make_inputs(args.batch, *args.size, device=device)
    ours = detection.our_model(device)
    plain = detection.their_model(device, min(args.size))
    # At equal precision theirs gets the memory format that suits it best, too.
    tuned = detection.their_model(device, min(args.size)).to(memory_format=torch.channels_last)

    table = Table(
        title=f"Faster R-CNN ResNet-50-FPN, batch {args.batch}, {args.size[0]}×{args.size[1]}, {_machine(device)}"
    )
    for column in ("", "hub, s", "torchvision, s", "hub is faster by", "lowest–highest"):
        table.add_column(column, justify="left" if not column else "right")
    pairs = dict.fromkeys([(fast, "fp32"), (fast, fast), ("fp32", "fp32")])
    for precision, theirs in pairs:
        model = plain if theirs == "fp32" else tuned
        label = f"{precision} against {theirs}" + (" (torchvision's default)" if precision != theirs else "")
        if args.only != "infer":
            mine = detection.training_step(ours, detection.our_losses(ours, inputs), device=device, precision=precision)
            other = detection.training_step(
                model, detection.their_losses(model, inputs), device=device, precision=theirs
            )
            table.add_row(*compare(mine, other, rounds=args.rounds).row(f"training step, {label}"))
        if args.only != "train":
            mine_infer = detection.our_inference(ours, inputs, precision=precision)
            other_infer = detection.their_inference(model, inputs, device=device, precision=theirs)
            table.add_row(*compare(mine_infer, other_infer, rounds=args.rounds).row(f"inference, {label}"))
    Console(width=110).print(table)


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


if __name__ == "__main__":
    main()
