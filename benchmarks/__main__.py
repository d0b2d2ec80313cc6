"""``make bench``: compare the hub with torchvision, and several heads with one, as ratios within one run."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import detection, evaluation, heads, memory
from benchmarks.timing import compare
from hub.contract import Batch
from hub.model import Model
from hub.precision import has_bf16

SUBJECTS = (*detection.THEIRS, "heads", "evaluation", "memory")


def main() -> None:
    """Compare, and print one table per subject."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)} (default: all)")
    parser.add_argument("--batch", type=int, default=2, help="images per step (default: 2)")
    parser.add_argument("--size", type=int, nargs=2, default=(400, 533), metavar=("H", "W"), help="default: 400 533")
    parser.add_argument("--rounds", type=int, default=5, help="timed rounds (default: 5)")
    parser.add_argument("--only", choices=("train", "infer"), help="only training or only inference")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    for subject in args.subjects:
        if subject not in SUBJECTS:
            parser.error(f"no subject {subject!r}: choose from {', '.join(SUBJECTS)}")
    for subject in args.subjects or SUBJECTS:
        Console(width=120).print(_table_of(subject, args))


def _table_of(subject: str, args: argparse.Namespace) -> Table:
    if subject == "evaluation":
        return evaluation.table()
    if subject == "memory":
        return memory.table(torch.device(args.device))
    return _heads(args) if subject == "heads" else _two_stage(subject, args)


def _two_stage(task: str, args: argparse.Namespace) -> Table:
    device = torch.device(args.device)
    fast = _fast(device)
    cpu_batch = detection.make_batch(args.batch, *args.size)
    ours, plain = detection.make_models(task, cpu_batch)
    batch = cpu_batch.to(device)
    images, targets = detection.their_inputs(batch)
    ours.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    plain.to(device)
    # At equal precision torchvision gets the memory format that suits that precision, too.
    tuned = copy.deepcopy(plain).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    table = _table(f"{task}, ResNet-50-FPN", ("hub", "torchvision", "hub is faster by"), args)
    for precision, their_precision in dict.fromkeys([(fast, "fp32"), (fast, fast), ("fp32", "fp32")]):
        theirs = plain if their_precision == "fp32" else tuned
        label = f"{precision} : {their_precision}" + (" (default)" if precision != their_precision else "")
        step = partial(detection.training_step, device=device)
        if args.only != "infer":
            result = compare(
                step(ours, lambda: ours(batch)[task], precision=precision),
                step(theirs, partial(theirs, images, targets), precision=their_precision),
                rounds=args.rounds,
                device=device,
            )
            table.add_row(*result.row(f"training, {label}"))
        if args.only != "train":
            result = compare(
                partial(ours.infer, batch, precision=precision),
                detection.their_inference(theirs, images, device=device, precision=their_precision),
                rounds=args.rounds,
                device=device,
            )
            table.add_row(*result.row(f"inference, {label}"))
    return table


def _heads(args: argparse.Namespace) -> Table:
    """Compare the time of three heads with that of detection alone."""
    device = torch.device(args.device)
    batch = heads.with_maps(detection.make_batch(args.batch, *args.size)).to(device)
    alone, together = (heads.make_model(tasks).to(device) for tasks in (heads.ALONE, heads.TOGETHER))
    table = _table(f"{heads.TOGETHER}, ResNet-50-FPN", ("alone", "three heads", "three cost"), args)
    for precision in dict.fromkeys((_fast(device), "fp32")):
        if args.only != "infer":
            steps = [_step(model, batch, device=device, precision=precision) for model in (alone, together)]
            table.add_row(*compare(*steps, rounds=args.rounds, device=device).row(f"training, {precision}"))
        if args.only != "train":
            answers = [partial(model.infer, batch, precision=precision) for model in (alone, together)]
            table.add_row(*compare(*answers, rounds=args.rounds, device=device).row(f"inference, {precision}"))
    return table


def _step(model: Model, batch: Batch, *, device: torch.device, precision: str) -> Callable[[], None]:
    def losses() -> dict[str, torch.Tensor]:
        return {f"{head}/{name}": loss for head, named in model(batch).items() for name, loss in named.items()}

    return detection.training_step(model, losses, device=device, precision=precision)


def _table(title: str, columns: tuple[str, str, str], args: argparse.Namespace) -> Table:
    machine = _machine(torch.device(args.device))
    table = Table(title=f"{title}, batch {args.batch}, {args.size[0]}×{args.size[1]}, {machine}")
    first, second, ratio = columns
    for column in ("", f"{first}, s", f"{second}, s", ratio, "lowest–highest", "memory, MB"):
        table.add_column(column, justify="left" if not column else "right")
    return table


def _fast(device: torch.device) -> str:
    return "bf16" if has_bf16(device) else "fp32"


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} CPU threads"


if __name__ == "__main__":
    main()
