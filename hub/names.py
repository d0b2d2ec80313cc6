"""The grammar of model names: ``[task[+task…]/]backbone[.tag][-neck]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hub.errors import BadNameError

_WORD = r"[a-z0-9]+(?:[-_][a-z0-9]+)*"
_TASK = re.compile(rf"(?:[A-Za-z0-9][\w.-]*:)?{_WORD}", re.ASCII)
# A backbone's own name never holds "-" (timm writes "_"), so the first "-" starts the neck.
_TRUNK = re.compile(r"(?P<backbone>(?:\w+:)?\w+)(?:\.(?P<tag>\w+))?(?:-(?P<neck>(?:\w+:)?" + _WORD + r"))?", re.ASCII)
_GRAMMAR = "[task[+task…]/]backbone[.tag][-neck], for example faster-rcnn/resnet50.tv_in1k-fpn"


@dataclass(frozen=True)
class ModelName:
    """A parsed model name; `str` returns the text that was parsed.

    >>> name = ModelName.parse("mask-rcnn+semantic-fpn/resnet50.tv_in1k-fpn")
    >>> name.tasks, name.backbone, name.tag, name.neck
    (('mask-rcnn', 'semantic-fpn'), 'resnet50', 'tv_in1k', 'fpn')
    >>> str(name)
    'mask-rcnn+semantic-fpn/resnet50.tv_in1k-fpn'
    >>> ModelName.parse("resnet101").neck is None
    True
    """

    backbone: str
    tag: str | None = None
    neck: str | None = None
    tasks: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Parse a name.

        Raises:
            BadNameError: the text does not follow the grammar.
        """
        if not isinstance(text, str):
            raise BadNameError(f"a model name is a string, not {type(text).__name__}", fix=f"write {_GRAMMAR}")
        head, slash, trunk = text.rpartition("/")
        tasks = tuple(head.split("+")) if slash else ()
        match = _TRUNK.fullmatch(trunk)
        if match is None:
            raise BadNameError(f"{text!r}: {trunk!r} is not a backbone name", fix=f"write {_GRAMMAR}")
        for task in tasks:
            if not _TASK.fullmatch(task):
                raise BadNameError(f"{text!r}: {task!r} is not a task name", fix=f"write {_GRAMMAR}")
        if len(set(tasks)) != len(tasks):
            raise BadNameError(f"{text!r} has one task twice", fix="name each head once")
        return cls(match["backbone"], match["tag"], match["neck"], tasks)

    @property
    def trunk(self) -> str:
        """The name without its tasks, which `hub.create_trunk` takes."""
        tag = f".{self.tag}" if self.tag else ""
        neck = f"-{self.neck}" if self.neck else ""
        return f"{self.backbone}{tag}{neck}"

    def __str__(self) -> str:
        return f"{'+'.join(self.tasks)}/{self.trunk}" if self.tasks else self.trunk
