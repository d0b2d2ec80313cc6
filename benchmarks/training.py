"""``python -m benchmarks.training``: training speed of Mask R-CNN in images per second, ours and torchvision's.

The batch is already on the device, so only the step is measured: normalization, forward, backward, SGD.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch
import torch._inductor.config as inductor
from torch._C._autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks import detection
from hub.contract import Batch
from hub.model import Model

TASK = "mask-rcnn"
VARIANTS = ("eager", "compile", "cudagraphs", "cudagraphs-trunk", "torchvision", "torchvision-fp32")
LONGEST = 5


@dataclass(frozen=True)
class Throughput:
    """One measured variant.

    Attributes:
        images_per_second: of the median step; None where the variant failed.
        first_step_seconds: with compilation and autotuning.
        peak_gib: most memory allocated on the device.
        error: why there is no number.
    """

    variant: str
    batch: int
    size: tuple[int, int]
    device: str
    torch: str
    images_per_second: float | None = None
    first_step_seconds: float | None = None
    peak_gib: float | None = None
    error: str | None = None


def main() -> None:
    """Measure the variants and print one line each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("variants", nargs="*", metavar="VARIANT", help=f"any of {', '.join(VARIANTS)} (default: eager)")
    parser.add_argument("--batch", type=int, nargs="+", default=[12], help="images per step (default: 12)")
    parser.add_argument("--size", type=int, nargs=2, default=(800, 1333), metavar=("H", "W"), help="default: 800 1333")
    parser.add_argument("--steps", type=int, default=20, help="timed steps (default: 20)")
    parser.add_argument("--profile", action="store_true", help=f"print the {LONGEST} longest kernels of the eager step")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--json", type=Path, help="append each result to this file, one JSON object per line")
    args = parser.parse_args()
    unknown = sorted(set(args.variants) - set(VARIANTS))
    if unknown:
        parser.error(f"unknown variant {unknown[0]!r}: choose from {', '.join(VARIANTS)}")
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    device = torch.device(args.device)
    for count in args.batch:
        batch = detection.make_batch(count, *args.size)
        for variant in args.variants or VARIANTS[:1]:
            found = _measure(variant, batch, device, args)
            print(_line(found), flush=True)
            if args.json:
                with args.json.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(found)) + "\n")
    if args.profile:
        _profile(detection.make_batch(args.batch[0], *args.size), device)


def _measure(variant: str, batch: Batch, device: torch.device, args: argparse.Namespace) -> Throughput:
    blank = Throughput(variant, len(batch), tuple(args.size), device_name(device), torch.__version__)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    try:
        step = make_step(variant, batch, device)
        first = _timed(step, device)
        for _ in range(min(args.steps, 5)):
            step()
        times = [_timed(step, device) for _ in range(args.steps)]
    except Exception as error:  # a variant that fails must not lose the others' numbers
        return Throughput(**{**asdict(blank), "error": f"{type(error).__name__}: {error}"[:2000]})
    finally:
        torch.compiler.reset()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    measured = {
        "images_per_second": len(batch) / statistics.median(times),
        "first_step_seconds": first,
        "peak_gib": torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else None,
    }
    return Throughput(**{**asdict(blank), **measured})


def make_step(variant: str, batch: Batch, device: torch.device) -> Callable[[], None]:
    """Return a training step of one variant: everything but ``torchvision-fp32`` at bfloat16 in channels_last."""
    ours, theirs = detection.make_models(TASK, detection.make_batch(2, *batch.sizes[0].tolist()))
    on_device = batch.to(device)
    step = partial(detection.training_step, device=device)
    if variant.startswith("torchvision"):
        images, targets = detection.their_inputs(on_device)
        plain = variant.endswith("fp32")
        theirs.to(device)
        if not plain:
            theirs.to(memory_format=torch.channels_last)
        return step(theirs, partial(theirs, images, targets), precision="fp32" if plain else "bf16")
    ours.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if variant != "eager":
        _compile(ours, variant)
    one = step(ours, lambda: ours(on_device)[TASK], precision="bf16")

    def marked() -> None:
        torch.compiler.cudagraph_mark_step_begin()
        one()

    return marked if variant.startswith("cudagraphs") else one


def _compile(model: Model, variant: str) -> None:
    """Compile the trunk and the head's losses, each as one graph of fixed shapes."""
    if hasattr(inductor, "custom_should_partition_ops"):  # NMS waits for the device, which no CUDA graph may do
        inductor.custom_should_partition_ops = ["hub_detection::nms"]
    trunk_mode = "reduce-overhead" if variant.startswith("cudagraphs") else "default"
    head_mode = "reduce-overhead" if variant == "cudagraphs" else "default"
    compiled = partial(torch.compile, dynamic=False, fullgraph=True)
    model.features = compiled(model.features, mode=trunk_mode)  # type: ignore[method-assign]
    head = model.heads[TASK]
    head.losses = compiled(head.losses, mode=head_mode)  # type: ignore[assignment]


def _timed(step: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    step()
    _wait(device)
    return time.perf_counter() - start


def _profile(batch: Batch, device: torch.device, steps: int = 3) -> None:
    """Print a profile of the eager step."""
    step = make_step("eager", batch, device)
    for _ in range(3):
        step()
    _wait(device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device.type == "cuda" else [])]
    start = time.perf_counter()
    with profile(activities=activities) as found:
        for _ in range(steps):
            step()
        _wait(device)
    wall = (time.perf_counter() - start) * 1e6
    on_gpu = device.type == "cuda"
    key = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    rows = [row for row in found.key_averages() if not on_gpu or row.device_type != DeviceType.CPU]
    rows.sort(key=lambda row: -getattr(row, key))
    total = sum(getattr(row, key) for row in rows)
    print(f"profile, {steps} steps: {wall / steps / 1e3:.1f} ms per step, {total / wall:.0%} of it on the device")
    for row in rows[:LONGEST]:
        share = getattr(row, key) / total
        print(f"{share:6.1%} {getattr(row, key) / steps / 1e3:9.2f} ms {row.count // steps:6d} calls  {row.key[:100]}")
    waits = sum(row.count for row in found.key_averages() if row.key in ("cudaStreamSynchronize", "aten::item"))
    print(f"the host waits for the device {waits // steps} times per step")


def _line(found: Throughput) -> str:
    name = f"{found.variant:18s} batch {found.batch:3d}"
    if found.error is not None or found.images_per_second is None:
        return f"{name}  failed: {(found.error or '').splitlines()[0][:200]}"
    memory = "" if found.peak_gib is None else f", {found.peak_gib:.1f} GiB"
    return f"{name}  {found.images_per_second:8.2f} images/s, first step {found.first_step_seconds:.1f} s{memory}"


def device_name(device: torch.device) -> str:
    """Return the name of the GPU, or of the processor with the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()}, {torch.get_num_threads()} threads"


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
