"""Heatmap cells match torchvision's, and decoding finds the maximum."""

from __future__ import annotations

import torch
from torchvision.models.detection import roi_heads

from hub_detection.two_stage.keypoint_maps import heatmaps_to_keypoints, keypoints_to_heatmap


def test_heatmap_cells_match_torchvision() -> None:
    torch.manual_seed(0)
    corner = (torch.rand(40, 2) * 50).round()
    boxes = torch.cat([corner, corner + 5 + (torch.rand(40, 2) * 40).round()], dim=1)
    points = torch.cat([torch.rand(40, 9, 2) * 110 - 5, torch.randint(0, 3, (40, 9, 1))], dim=2)
    points[:, 0, :2] = boxes[:, 2:]  # the corner itself is in the last cell
    cells, visible = keypoints_to_heatmap(points, boxes, 56)
    expected, valid = roi_heads.keypoints_to_heatmap(points, boxes, 56)
    assert 0.1 < valid.float().mean() < 0.9
    assert torch.equal(visible, valid.bool())
    assert torch.equal(cells, expected)


def test_the_peak_of_a_smooth_map_is_found_to_an_eighth_of_a_cell() -> None:
    torch.manual_seed(0)
    size, box = 56, torch.tensor([[10.0, 20.0, 66.0, 132.0]]).expand(200, 4)
    peak = torch.rand(200, 1, 2) * 50 + 3
    centres = torch.arange(size) + 0.5
    distance = (centres[:, None] - peak[..., None, None, 1]) ** 2 + (centres - peak[..., None, None, 0]) ** 2
    found = heatmaps_to_keypoints(-distance / 8, box)
    expected = box[:, None, :2] + peak * torch.tensor([1.0, 2.0])
    assert ((found[..., :2] - expected).abs() <= torch.tensor([1.0, 2.0]) * 0.0635).all()
    assert found[..., 2].min() > 0.7
    assert found[..., 2].max() <= 1


def test_flat_heatmaps_and_corners_stay_in_their_box() -> None:
    logits = torch.zeros(2, 1, 8, 8)
    logits[1, 0, 7, 7] = 30.0
    found = heatmaps_to_keypoints(logits, torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 8]]))
    assert ((found[..., :2] >= 0) & (found[..., :2] <= 8)).all()
    torch.testing.assert_close(found[0, 0, 2], torch.tensor(16 / 64))
    torch.testing.assert_close(found[1, 0, 2], torch.tensor(1.0))
