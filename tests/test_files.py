from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from hub.errors import SaveError
from hub.files import write_atomic, write_text


def full_disk(path: Path) -> None:
    path.write_bytes(b"half of the fi")
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_only_the_old_file(tmp_path: Path) -> None:
    target = write_text(tmp_path / "last.pt", "the old one")
    with pytest.raises(SaveError, match=r"no space left.*last\.pt.*\n.*--resume"):
        write_atomic(target, full_disk)
    assert target.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [target]


def test_torch_reporting_a_failed_write_is_a_save_error(tmp_path: Path) -> None:
    def failing(path: Path) -> None:
        raise RuntimeError("[enforce fail at inline_container.cc] . PytorchStreamWriter failed: file write failed")

    with pytest.raises(SaveError, match="no space left"):
        write_atomic(tmp_path / "x", failing)


def test_a_real_full_device_is_reported(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")

    def onto_full_device(path: Path) -> None:
        path.symlink_to("/dev/full")
        torch.save(torch.zeros(100_000), path)

    with pytest.raises(SaveError):
        write_atomic(tmp_path / "x.pt", onto_full_device)
    assert not any(p.suffix == ".tmp" for p in tmp_path.iterdir())


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    def interrupted(path: Path) -> None:
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "x", interrupted)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SaveError, match="file/below"):
        write_text(tmp_path / "file" / "below", "x")
