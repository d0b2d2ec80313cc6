"""``hub predict`` for models of findings: images or stacks of slices in; scores and pictures out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.progress import track

from hub import Classification, Head, Model, Result
from hub.engine import Outcome, Reader, Request
from hub.errors import DataError, SaveError
from hub.files import write_json
from hub.images import SUFFIXES, to_rgb
from hub.visual import write_image
from hub_medical import NOTICE, __version__
from hub_medical.errors import VolumeError
from hub_medical.io.dicom_scan import is_dicom
from hub_medical.io.stacks import spread
from hub_medical.io.volume_files import SUFFIXES as VOLUMES
from hub_medical.studies.study_case import CaseRule
from hub_medical.studies.study_result import StudyScores
from hub_medical.volumes.intensity import to_gray

log = logging.getLogger("hub")


class StudyReader(Reader):
    """Predicts findings; ``results.json`` has the scores of every case, ``<case>.png`` shows them.

    A study of slices is shown by the slice that has most attention, and its entry has the attention of each slice
    that the model read, with the slice's number in the study, counted from 0.
    """

    Options: ClassVar[type[CaseRule]] = CaseRule
    options: CaseRule

    def predict(self, model: Model, request: Request) -> Outcome:
        """See `hub.engine.reader.Reader.predict`; one case among several that fails is logged and counted.

        Raises:
            DataError: there is nothing to predict, or the model has no head that predicts findings.
            SaveError: the folder cannot be written, or it is the one that holds the images.
        """
        cases = find_cases(request.source, self.options.kind)
        base = request.source if request.source.is_dir() and cases != [request.source] else request.source.parent
        if request.out.resolve() in (base.resolve(), request.source.resolve()):
            raise SaveError(f"{request.out} holds the images, which pictures might replace", fix="give another --out")
        heads = {name: head for name, head in model.items() if head.labels_from == "labels"}
        if not heads:
            raise DataError(f"{model.recipe.name} has no head that predicts findings", fix="train one, such as study")
        entries: dict[str, list[dict[str, Any]]] = {name: [] for name in heads}
        folders = {name: request.out / name if len(heads) > 1 else request.out for name in heads}
        failed = 0
        for start in track(
            range(0, len(cases), request.batch_size), description="predict", transient=True, disable=len(cases) < 2
        ):
            read = self._read(cases[start : start + request.batch_size], model.preprocessing.in_chans)
            failed += len(cases[start : start + request.batch_size]) - len(read)
            if not read:
                continue
            results = model.infer(model.prepare([image for _, image, _ in read]), precision=request.precision)
            for name, head in heads.items():
                for (path, image, slices), result in zip(read, results[name], strict=True):
                    shown = str(path.relative_to(base))
                    write_image(folders[name] / f"{shown}.png", self._drawn(head, image, result, request.score))
                    entries[name].append(_entry(shown, result, slices))
        for name in heads:
            about = {"notice": NOTICE, "version": __version__, "model": model.recipe.name}
            write_json(folders[name] / "results.json", {**about, "cases": entries[name]})
        return Outcome(len(cases) - failed, failed, "cases")

    def _read(self, cases: Sequence[Path], in_chans: int) -> list[tuple[Path, np.ndarray, list[int]]]:
        found = []
        for path in cases:
            try:
                image, slices = self.options.read(path, in_chans=in_chans)
                found.append((path, image, slices))
            except DataError as error:
                log.error("%s", error)
        return found

    def _drawn(self, head: Head, image: np.ndarray, result: Result, score: float) -> np.ndarray:
        if not isinstance(result, StudyScores):
            return head.draw(to_rgb(to_gray(image)), result, score=score)
        channels = image.shape[2] // len(result.attention) or 1
        best = int(result.attention.argmax()) * channels
        return head.draw(to_gray(image)[:, :, best, None].repeat(3, axis=2), result, score=score)


def find_cases(source: Path, kind: str) -> list[Path]:
    """The images or studies at a place.

    Args:
        source: an image or a study; or a folder: with its subfolders of images, or of NIfTI files, or with a
            subfolder for each study.
        kind: "image" or "slices", as in `CaseRule`.

    Raises:
        VolumeError: there is none.
    """
    if not source.exists():
        raise VolumeError(f"{source} does not exist", fix="give an image, a study, or a folder of them")
    if source.is_file():
        return [source]
    if kind == "image":
        files = [p for p in sorted(source.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        found = [p for p in files if p.suffix.lower() in SUFFIXES or is_dicom(p)]
    else:
        inside = [p for p in sorted(source.iterdir()) if not p.name.startswith(".")]
        found = [p for p in inside if p.name.endswith(VOLUMES)] or [p for p in inside if p.is_dir()]
        if any(p.is_file() and (p.suffix.lower() in SUFFIXES or is_dicom(p)) for p in inside):
            found = [source]
    if not found:
        raise VolumeError(f"{source} holds no {'image' if kind == 'image' else 'study'}", fix="check the path")
    return found


def _entry(case: str, result: Result, slices: Sequence[int]) -> dict[str, Any]:
    assert isinstance(result, Classification)  # what a head that predicts findings gives
    scores = zip(result.label_space.names, result.scores.tolist(), strict=True)
    entry: dict[str, Any] = {"case": case, "scores": {name: round(score, 6) for name, score in scores}}
    if isinstance(result, StudyScores):
        entry["attention"] = [round(weight, 4) for weight in result.attention.tolist()]
        entry["slices"] = [slices[i] for i in spread(len(slices), len(result.attention))]
    return entry
