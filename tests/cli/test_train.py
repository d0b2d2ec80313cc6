"""``hub train`` as a user runs it: as a process, which can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml

from hub.data.formats.shapes import generate_shapes

SIZE = {"train": 12, "val": 4, "size": 64}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a config of a tiny run of 30 steps."""
    root = tmp_path_factory.mktemp("cli")
    generate_shapes(root / "shapes", **SIZE)
    config = {
        "model": {
            "name": "faster-rcnn/resnet18-fpn",
            "channels": 16,
            "norm": "group",
            "resize": {"shortest": 64, "longest": 64},
            "heads": {
                "faster-rcnn": {
                    "rpn_batch_size_per_image": 32,
                    "box_batch_size_per_image": 16,
                    "box_head_fc_channels": 32,
                }
            },
        },
        "data": {
            "root": str(root / "shapes"),
            "train": {"format": "shapes", "split": "train", **SIZE},
            "val": {"format": "shapes", "split": "val", **SIZE},
            "workers": 0,
        },
        "train": {
            "batch": 4, "steps": 30, "lr": 0.01, "schedule": "constant", "warmup": 2, "precision": "fp32",
            "checkpoint_every": 3, "evaluate_every": 1000, "log_every": 1,
        },
    }  # fmt: skip
    (root / "tiny.yaml").write_text(yaml.safe_dump(config))
    return root


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}


def hub(*words: str, cwd: Path, launch: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *launch, "-m", "hub", *words]
    return subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300)


def started(*words: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hub", *words]
    return subprocess.Popen(
        command, cwd=cwd, env=environment(), stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def until(process: subprocess.Popen[str], step: int) -> Iterator[str]:
    """The log, line by line, up to that of a step."""
    assert process.stderr is not None
    deadline = time.monotonic() + 240
    for line in process.stderr:
        yield line
        if line.lstrip().startswith(f"step {step}/"):
            return
        assert time.monotonic() < deadline, "training hangs"
    raise AssertionError(f"the process ended with {process.wait()} before step {step}")


def state(path: Path) -> dict:
    return torch.load(path / "last.pt", weights_only=True)


@pytest.fixture(scope="module")
def straight(folder: Path) -> Path:
    done = hub("train", "tiny.yaml", "train.steps=9", "--out", "straight", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "straight"


def test_kill_9_and_resume_equal_a_run_that_was_never_killed(folder: Path, straight: Path) -> None:
    process = started("train", "tiny.yaml", "train.steps=9", "--out", "killed", cwd=folder)
    list(until(process, 7))
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert state(folder / "killed")["step"] in (3, 6)
    done = hub("train", "killed", "--resume", cwd=folder)
    assert done.returncode == 0, done.stderr
    expected = state(straight)["model"]
    assert all(torch.equal(w, expected[name]) for name, w in state(folder / "killed")["model"].items())


def test_sigterm_to_the_whole_group_saves_and_leaves_without_a_traceback(folder: Path) -> None:
    """torchrun and schedulers signal every process, the data workers too."""
    process = started("train", "tiny.yaml", "data.workers=2", "--out", "stopped", cwd=folder)
    list(until(process, 4))
    os.killpg(process.pid, signal.SIGTERM)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in rest
    assert "everything is saved in stopped" in rest
    assert "hub train stopped --resume" in rest
    assert 4 <= state(folder / "stopped")["step"] < 30


def test_two_processes_train_one_model(folder: Path) -> None:
    # Every anchor and proposal is sampled, so that chance does not tell the two runs apart.
    head = "model.heads.faster-rcnn"
    all_of_them = [
        f"{head}.rpn_batch_size_per_image=100000",
        f"{head}.box_batch_size_per_image=5000",
        f"{head}.box_positive_fraction=1.0",
    ]
    words = ["train", "tiny.yaml", "train.steps=3", "train.warmup=0", *all_of_them]
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = hub(*words, "--out", "both", cwd=folder, launch=launch)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("run folder both") == 1, "only one process talks"
    metrics = json.loads((folder / "both/evaluation.json").read_text())["heads"]["faster-rcnn"]["metrics"]
    assert len(metrics) == 12
    for name, more in (("alone", []), ("start", ["train.lr=1e-12"])):
        assert hub(*words, *more, "--out", name, cwd=folder).returncode == 0
    both, alone, start = (state(folder / name)["model"] for name in ("both", "alone", "start"))
    layer = "trunk.neck.output.p3.weight"
    moved, apart = (alone[layer] - start[layer]).norm(), (both[layer] - alone[layer]).norm()
    assert moved > 0
    assert apart < 0.2 * moved, "two processes of two images learn what one of four does"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["train", "tiny.yml"], "Did you mean tiny.yaml"),
        (["train", "tiny.yaml", "train.batsh=3"], "Did you mean batch"),
        (["train", "tiny.yaml", "data.root=nowhere", "data.train={format: voc, split: train}"], "nowhere"),
        (["train", "straight"], "add --resume"),
        (["train", "tiny.yaml", "--out", "none", "--resume"], "none is not the folder of a run"),
        (["train", "tiny.yaml", "--out", "straight"], "straight holds a run"),
        (["train", "tiny.yaml", "--device", "gpu"], "there is no device 'gpu'"),
        (["train", "tiny.yaml", "--device", "cuda:7"], "there is no device cuda:7"),
        (["evaluate", "nothing"], "nothing does not exist"),
    ],
)
def test_a_mistake_gives_one_readable_message(folder: Path, straight: Path, words: list[str], expected: str) -> None:
    done = hub(*words, cwd=folder)
    assert done.returncode == 2
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_a_corrupt_image_is_named_from_a_worker_process(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder / "shapes", tmp_path / "shapes")
    for image in (tmp_path / "shapes/train").iterdir():
        image.write_bytes(image.read_bytes()[:100])
    done = hub(
        "train", "tiny.yaml", f"data.root={tmp_path / 'shapes'}", "data.workers=2", "--out", str(tmp_path / "run"),
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be decoded" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_processes_learn_from_two_datasets_that_feed_different_heads(folder: Path) -> None:
    """A head without targets is left out in both processes, so that no process waits for its gradients."""
    objects = "{format: coco, images: train, annotations: annotations/instances_train.json}"
    shapes = "{format: shapes, split: train, train: 12, val: 4, size: 64}"
    words = ["model.name=faster-rcnn+classification/resnet18-fpn", "train.steps=4", "train.loss_weights=uncertainty"]
    launch = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    words += [f"data.train=[{objects}, {shapes}]", "--out", "turns"]
    done = hub("train", "tiny.yaml", *words, cwd=folder, launch=launch)
    assert done.returncode == 0, done.stderr
    learned = [json.loads(line) for line in (folder / "turns/metrics.jsonl").read_text().splitlines()][:4]
    assert ["loss/classification/loss_class" in record for record in learned] == [False, True] * 2
