from __future__ import annotations

import numpy as np
import pytest
from monai.transforms import NormalizeIntensity, ScaleIntensityRange

from hub.errors import DataError, OptionError
from hub_medical.volumes.intensity import (
    PIXELS,
    CtRule,
    WindowRule,
    ZScoreRule,
    fit_ct_rule,
    rule_from_dict,
    window_rule,
)

HU = np.random.default_rng(0).uniform(-1200, 1500, (6, 7, 8)).astype(np.float32)


def test_windows_are_monais_scaled_ranges_one_a_channel() -> None:
    unit = window_rule(["soft-tissue", "lung", "300/1500"]).unit(HU)
    for channel, (low, high) in zip(unit, [(-160, 240), (-1350, 150), (-450, 1050)], strict=True):
        np.testing.assert_allclose(channel, np.asarray(ScaleIntensityRange(low, high, 0, 1, clip=True)(HU)), atol=1e-6)


def test_z_score_is_monais_within_a_step_of_int16() -> None:
    rule = ZScoreRule(limit=4)
    (mean,), (std,) = rule.normalization()
    score = (rule.pixels(HU)[0] / PIXELS.span - mean) / std
    np.testing.assert_allclose(score, np.asarray(NormalizeIntensity()(HU)), atol=4 / PIXELS.span + 1e-5)


def test_ct_statistics_are_those_of_the_foreground() -> None:
    labels = (HU > 0).astype(np.uint8)
    rule = fit_ct_rule([(HU, labels), (HU[:3], labels[:3]), (HU, np.zeros_like(labels))], per_case=200_000)
    both = np.concatenate([np.random.default_rng(1).choice(x[x > 0], 200_000) for x in (HU, HU[:3])])
    np.testing.assert_allclose((rule.low, rule.high), np.percentile(both, (0.5, 99.5)), rtol=0.02, atol=3)
    np.testing.assert_allclose((rule.mean, rule.std), (both.mean(), both.std()), rtol=0.01)
    (mean,), (std,) = rule.normalization()
    score = (rule.unit(HU)[0] - mean) / std
    np.testing.assert_allclose(score, (HU.clip(rule.low, rule.high) - rule.mean) / rule.std, atol=1e-4)


def test_a_constant_case_is_gray_and_not_nan() -> None:
    assert ZScoreRule().pixels(np.full((2, 2, 2), 7.0)).tolist() == np.full((1, 2, 2, 2), 4096).tolist()


@pytest.mark.parametrize("rule", [WindowRule(((40, 400), (-600, 1500))), CtRule(-100, 300, 80, 40), ZScoreRule(5.0)])
def test_rules_are_stored(rule: WindowRule | CtRule | ZScoreRule) -> None:
    assert rule_from_dict(rule.to_dict()) == rule


def test_what_is_refused() -> None:
    with pytest.raises(OptionError, match="Did you mean lung"):
        window_rule(["lungs"])
    with pytest.raises(OptionError, match="above 0"):
        window_rule(["40/0"])
    with pytest.raises(OptionError, match="no intensity rule"):
        rule_from_dict({"rule": "x"})
    with pytest.raises(DataError, match="no training case has foreground"):
        fit_ct_rule([(HU, np.zeros(HU.shape, np.uint8))])
    with pytest.raises(DataError, match="one intensity only"):
        fit_ct_rule([(np.ones((2, 2, 2)), np.ones((2, 2, 2), np.uint8))])


def test_z_scores_beyond_the_range_are_kept() -> None:
    """A bright lesion in a volume that is mostly air: 6 standard deviations and 9 stay apart."""
    case = np.zeros(10_000, np.float32)
    case[:40], case[40:50] = 600, 900
    pixels = ZScoreRule().pixels(case)[0]
    score = (pixels / PIXELS.span - 0.5) * 8
    np.testing.assert_allclose(score, (case - case.mean()) / case.std(), atol=1e-3)
