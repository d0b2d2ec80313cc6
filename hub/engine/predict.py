"""Predict files, and write drawings and a results file in COCO's format."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from hub.contract import Result, Windows
from hub.errors import AnnotationError, ImageError
from hub.files import write_bytes, write_text
from hub.images import read_image, to_rgb
from hub.model import Model
from hub.visual import write_image

log = logging.getLogger("hub")


def predict_files(
    model: Model,
    files: Sequence[Path],
    *,
    out: Path,
    score: float = 0.5,
    ids_from: Path | None = None,
    batch_size: int = 8,
    precision: str = "auto",
    windows: Windows | None = None,
) -> int:
    """Predict image files, and write drawings and results.

    Args:
        model: in any mode.
        files: images.
        out: gets a drawing ``<path of the image>.png`` for each image (see `output_names`), further files of its
            result, and ``results.json``; with several heads in a folder for each.
        score: minimum score to draw; the results file has all results.
        ids_from: COCO JSON whose image ids to use, matched by file name; by default see `image_ids`.
        batch_size: images computed together.
        precision: see `hub.precision.autocast`.
        windows: predict in these windows at the original resolution, one image at a time.

    Returns:
        The number of images that could not be read; each is logged, and the others are predicted.

    Raises:
        SaveError: ``out`` cannot be written.
    """
    ids = image_ids(files, ids_from)
    base = Path(os.path.commonpath([f.parent for f in files]))
    many = len(model.heads) > 1
    folders = {name: out / name if many else out for name in model.heads}
    names = {head: output_names(files, base, folder) for head, folder in folders.items()}
    records: dict[str, list[dict[str, Any]]] = {name: [] for name in model.heads}
    failed = 0
    at_once = batch_size if windows is None else 1
    by_parts = windows is not None and windows.scale == 1
    answers: dict[str, list[Result]] = {}
    starts = range(0, len(files), at_once)
    for start in track(
        starts, description="predict", console=Console(stderr=True), transient=True, disable=len(starts) < 2
    ):
        chosen, pixels = [], []
        for file in files[start : start + at_once]:
            try:
                if windows is not None and by_parts:
                    answers = model.infer_file(file, windows, image_id=ids[file], precision=precision)
                pixels.append(
                    read_image(file, in_chans=model.preprocessing.in_chans, pixels=model.preprocessing.pixels)
                )
                chosen.append(file)
            except ImageError as error:
                failed += 1
                log.error("%s", error)
        if not chosen:
            continue
        if not by_parts:
            batch = model.prepare(pixels, resize=windows is None)
            batch.ids = [ids[file] for file in chosen]
            answers = model.infer(batch, precision=precision, windows=windows)
        for name, head in model.items():
            for file, image, result in zip(chosen, pixels, answers[name], strict=True):
                place = str(folders[name] / names[name][file])
                write_image(f"{place}.png", head.draw(to_rgb(image), result, score=score))
                for suffix, content in result.files().items():
                    write_bytes(f"{place}{suffix}", content)
                shown = file.relative_to(base).as_posix()
                records[name] += [{**record, "file_name": shown} for record in result.to_records()]
    for name, found in records.items():
        write_text(folders[name] / "results.json", json.dumps(found))
    return failed


def output_names(files: Sequence[Path], base: Path, out: Path) -> dict[Path, str]:
    """Return for each image the name of its output files, relative to ``out``, without a suffix.

    ``street/a.jpg`` becomes ``street/a``. An image keeps its suffix if another image has the same name otherwise, or if
    its drawing would replace one of the images.

    >>> names = output_names([Path("x/a.jpg"), Path("x/b.jpg"), Path("x/b.tif")], Path("x"), Path("out"))
    >>> list(names.values())
    ['a', 'b.jpg', 'b.tif']
    """
    sources = {file.resolve() for file in files}
    stems = {file: file.relative_to(base).with_suffix("").as_posix() for file in files}
    counts = Counter(stem.lower() for stem in stems.values())  # some file systems ignore case
    return {
        file: file.relative_to(base).as_posix()
        if counts[stem.lower()] > 1 or (out / f"{stem}.png").resolve() in sources
        else stem
        for file, stem in stems.items()
    }


def image_ids(files: Sequence[Path], ids_from: Path | None = None) -> dict[Path, int]:
    """Return an integer id for each image, as COCO's results format needs.

    Args:
        files: images.
        ids_from: COCO JSON to take ids from, by file name. Without it a name that is a number is its own id
            (``000000000139.jpg`` → 139), provided that all are; otherwise images count from 1.

    Raises:
        AnnotationError: ``ids_from`` is not COCO JSON or lacks an image.
    """
    if ids_from is not None:
        try:
            listed = [(Path(i["file_name"]).name, int(i["id"])) for i in json.loads(ids_from.read_text())["images"]]
            known = dict(listed)
            if len(known) < len(listed):
                raise AnnotationError(f"{ids_from} has two images of one name", fix="leave out --ids-from")
            return {file: known[file.name] for file in files}
        except (OSError, ValueError, TypeError) as error:
            raise AnnotationError(f"{ids_from} is not COCO JSON: {error}", fix="check --ids-from") from None
        except KeyError as error:
            raise AnnotationError(f"{ids_from} has no entry {error}", fix="check --ids-from") from None
    stems = [file.stem for file in files]
    if all(s.isdecimal() for s in stems) and len({int(s) for s in stems}) == len(stems):
        return {file: int(file.stem) for file in files}
    return {file: number for number, file in enumerate(files, start=1)}
