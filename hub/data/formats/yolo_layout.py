"""The layouts of YOLO datasets: where Ultralytics, Roboflow, CVAT and Label Studio put images and class names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from hub.errors import AnnotationError, DataError, ImageError, did_you_mean
from hub.images import find_images
from hub.text_files import read_lines, read_text

_ALIASES = {"val": ("valid", "validation"), "valid": ("val", "validation"), "validation": ("val", "valid")}
_NO_NAMES = "write for example names: [cat, dog]"


@dataclass(frozen=True)
class YoloLayout:
    """One split of a YOLO dataset.

    Attributes:
        source: the file that describes it, for messages.
        names: names of the classes, in the order of their numbers.
        images: the image files.
        keypoints: (K, numbers per keypoint) of ``kpt_shape``, or None.
        keypoint_names: names of the K keypoints, if the file has them.
    """

    source: Path
    names: tuple[str, ...]
    images: list[Path]
    keypoints: tuple[int, int] | None = None
    keypoint_names: tuple[str, ...] = ()


def find_layout(root: Path) -> Path:
    """Return the file that describes the dataset in ``root``.

    That is ``data.yaml`` or ``dataset.yaml`` (Ultralytics, Roboflow), the only YAML file with ``names``, ``obj.data``
    (CVAT's "YOLO 1.1") or ``classes.txt`` (Label Studio).

    Raises:
        DataError: there is none.
    """
    for name in ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml", "obj.data", "classes.txt"):
        if (root / name).is_file():
            return root / name
    named = [p for p in sorted(root.glob("*.y*ml")) if p.is_file() and "names" in read_text(p)]
    if len(named) == 1:
        return named[0]
    raise DataError(
        f"{root} has no data.yaml, dataset.yaml, obj.data or classes.txt",
        fix="check root, or name the file: data: FILE in the dataset section",
    )


def read_layout(root: Path, path: Path, split: str) -> YoloLayout:
    """Read the description of a dataset and find the images of a split.

    Args:
        root: the folder of the dataset.
        path: the file that describes it.
        split: name of the split, such as ``train``; ``val`` and ``valid`` are the same.

    Raises:
        DataError: the file is missing or broken, or the split has no images.
    """
    try:
        if path.name == "classes.txt":
            return _label_studio(root, path)
        if path.suffix == ".data":
            return _darknet(root, path, split)
        return _ultralytics(root, path, split)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise DataError(f"{path} cannot be read: {error}", fix="check root and data in the dataset section") from None


def labels_of(image: Path) -> Path:
    """Return the label file of an image.

    The folder ``images`` nearest to the file becomes ``labels`` (Ultralytics); without such a folder, the label file is
    beside the image (Darknet, CVAT).

    >>> labels_of(Path("images/train/a.jpg")).as_posix(), labels_of(Path("obj_train_data/a.jpg")).as_posix()
    ('labels/train/a.txt', 'obj_train_data/a.txt')
    """
    parts = list(image.parts)
    for i in range(len(parts) - 2, -1, -1):
        if parts[i] == "images":
            parts[i] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _ultralytics(root: Path, path: Path, split: str) -> YoloLayout:
    content = yaml.safe_load(read_text(path))
    if not isinstance(content, Mapping):
        raise DataError(f"{path} has no keys", fix="it needs names, train and val")
    key = next((k for k in (split, *_ALIASES.get(split, ())) if content.get(k)), None)
    if key is None:
        known = [k for k, v in content.items() if isinstance(v, str | list) and k not in ("path", "names", "flip_idx")]
        raise DataError(
            f"{path} has no split {split!r}.{did_you_mean(split, known)}",
            fix=f"its splits are {', '.join(known) or '(none)'}",
        )
    given = content[key] if isinstance(content[key], list) else [content[key]]
    images = [image for place in given for image in _images(root, path, str(place), content.get("path"), key)]
    names = _names(root, path, content)
    shape = content.get("kpt_shape")
    if shape is not None and not (isinstance(shape, list) and len(shape) == 2 and shape[1] in (2, 3) and shape[0] > 0):
        raise DataError(f"{path}: kpt_shape {shape!r} is not [number of keypoints, 2 or 3]", fix="correct kpt_shape")
    return YoloLayout(path, names, images, None if shape is None else (int(shape[0]), int(shape[1])), _points(content))


def _names(root: Path, path: Path, content: Mapping[str, object]) -> tuple[str, ...]:
    given = content.get("names")
    if isinstance(given, str):
        return tuple(read_lines(root / given))
    if isinstance(given, Mapping):
        numbered = {int(number): str(name) for number, name in given.items() if str(number).isdecimal()}
        if len(numbered) < len(given) or sorted(numbered) != list(range(len(given))):
            raise DataError(f"{path}: the keys of names are not 0 to {len(given) - 1}", fix="number them from 0")
        return tuple(numbered[i] for i in range(len(given)))
    if not isinstance(given, list) or not given:
        raise DataError(f"{path} has no names", fix=_NO_NAMES)
    count = content.get("nc")
    if isinstance(count, int) and count != len(given):
        raise DataError(f"{path} has {len(given)} names, but nc is {count}", fix="correct nc or names")
    return tuple(map(str, given))


def _points(content: Mapping[str, object]) -> tuple[str, ...]:
    named = content.get("kpt_names")
    if isinstance(named, Mapping) and named:  # class number → names
        named = next(iter(named.values()))
    return tuple(map(str, named)) if isinstance(named, list) else ()


def _images(root: Path, path: Path, place: str, base: object, key: str) -> list[Path]:
    """Return the images of a folder or a list; exporting tools write it relative to different folders."""
    tried = []
    for candidate in _candidates(root, place, base):
        if candidate.suffix == ".txt" and candidate.is_file():
            if images := _listed(candidate, root):
                return images
        elif candidate.is_dir():
            try:
                return find_images(candidate)
            except ImageError:
                pass  # an empty folder: try the next candidate
        tried.append(str(candidate))
    raise DataError(f"no images for {key}: {place} of {path}; looked in {', '.join(tried)}", fix=f"check {key} there")


def _candidates(root: Path, place: str, base: object) -> list[Path]:
    """Return the possible locations of a path: Roboflow writes ``../train/images``, relative to another folder."""
    plain = place.replace("\\", "/")
    inside = Path(*[part for part in Path(plain).parts if part not in ("..", ".", "/")])
    found = [root / plain]
    if isinstance(base, str):
        found += [Path(base).expanduser() / plain, root / base / plain]
    found += [root / inside, root / Path(*inside.parts[1:])] if len(inside.parts) > 1 else [root / inside]
    # Some tools give the folder of the split and put the images into a folder below it.
    found.append(root / inside / "images")
    return list(dict.fromkeys(found))


def _listed(path: Path, root: Path) -> list[Path]:
    """Return the images that a text file lists, relative to the dataset, to the list, or one folder up (CVAT)."""
    images = []
    for line in read_lines(path):
        plain = Path(line.replace("\\", "/"))
        choices = [root / plain, path.parent / plain, root / Path(*plain.parts[1:])]
        image = next((choice for choice in choices if choice.is_file()), None)
        if image is None:
            raise AnnotationError(
                f"{path} lists {line!r}, which does not exist; looked in {', '.join(map(str, choices))}",
                fix="add the image, or remove its line",
            )
        images.append(image)
    return images


def _darknet(root: Path, path: Path, split: str) -> YoloLayout:
    """Read ``obj.data``: lines of ``key = value`` with the lists of images and the file of names (CVAT's YOLO 1.1)."""
    pairs = (line.partition("=") for line in read_lines(path))
    content = {key.strip(): value.strip() for key, _, value in pairs}
    key = next((k for k in (split, *_ALIASES.get(split, ())) if k in content), None)
    if key is None:
        known = [k for k in content if k not in ("classes", "names", "backup")]
        raise DataError(f"{path} has no split {split!r}", fix=f"its splits are {', '.join(known) or '(none)'}")
    listed = next((p for p in (root / content[key], root / Path(content[key]).name) if p.is_file()), None)
    named = next((p for p in _name_files(root, content.get("names", "obj.names")) if p.is_file()), None)
    if listed is None or named is None:
        missing = content[key] if listed is None else content.get("names", "obj.names")
        raise DataError(f"{path} lists {missing}, which does not exist", fix="export the dataset again, with images")
    return YoloLayout(path, tuple(read_lines(named)), _listed(listed, root))


def _name_files(root: Path, given: str) -> tuple[Path, ...]:
    return root / given, root / Path(given).name


def _label_studio(root: Path, path: Path) -> YoloLayout:
    """Read ``classes.txt`` with ``images`` and ``labels`` beside it: there are no splits."""
    return YoloLayout(path, tuple(read_lines(path)), _images(root, path, "images", None, "images"))
