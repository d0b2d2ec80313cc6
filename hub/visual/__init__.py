"""Drawings of predictions and annotations, and tables of metrics."""

from hub.visual.classes import draw_classes
from hub.visual.colors import class_color, text_color_on
from hub.visual.draw import draw_detections, draw_instances
from hub.visual.grid import side_by_side
from hub.visual.panoptic import draw_panoptic
from hub.visual.semantic import draw_semantic
from hub.visual.tables import empty_classes, evaluation_line, evaluation_table, per_class_table
from hub.visual.text import font, shorten
from hub.visual.write import write_image

__all__ = [
    "class_color",
    "draw_classes",
    "draw_detections",
    "draw_instances",
    "draw_panoptic",
    "draw_semantic",
    "empty_classes",
    "evaluation_line",
    "evaluation_table",
    "font",
    "per_class_table",
    "shorten",
    "side_by_side",
    "text_color_on",
    "write_image",
]
