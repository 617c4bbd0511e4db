import numpy as np
import pytest

from starlib import metrics


def face(**moved):
    points = np.random.default_rng(0).uniform(0, 1, (1, 68, 2))
    points[0, 36], points[0, 45] = (0.0, 0.0), (2.0, 0.0)  # outer eye corners
    for point, offset in moved.items():
        points[0, int(point[1:])] += offset
    return points


def test_nme_is_the_mean_error_over_the_outer_eye_distance():
    assert metrics.nme(face(p0=(3.0, 4.0)), face(), "300w") == pytest.approx(5 / 68 / 2)


def test_nme_does_not_change_with_the_unit():
    ours, target = face(p3=(0.2, 0.1)), face()
    expected = metrics.nme(ours, target, "300w")
    assert metrics.nme(100 * ours + 7, 100 * target + 7, "300w") == pytest.approx(expected)


def test_failure_rate_counts_faces_above_the_threshold():
    assert metrics.failure_rate([0.05, 0.1, 0.11, 0.2], 0.1) == 0.5


def test_auc_is_the_area_under_the_cumulative_error_curve():
    nmes = np.random.default_rng(0).gamma(4, 0.01, 500)
    thresholds = np.linspace(0, 0.1, 200_001)
    curve = np.searchsorted(np.sort(nmes), thresholds, side="right") / len(nmes)
    assert metrics.auc(nmes, 0.1) == pytest.approx(curve.mean(), abs=1e-5)
    assert metrics.auc([0.2, 0.3], 0.1) == 0
    assert metrics.auc([0.0], 0.1) == 1


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="target: expected shape"):
        metrics.nme(face(), face()[:, :67], "300w")
    with pytest.raises(ValueError, match="predicted: expected shape"):
        metrics.nme(face()[:, :67], face(), "300w")
    with pytest.raises(ValueError, match="face 0"):
        metrics.nme(face(), np.zeros((1, 68, 2)), "300w")
    with pytest.raises(ValueError, match="nmes"):
        metrics.auc([], 0.1)
    with pytest.raises(ValueError, match="nmes"):
        metrics.failure_rate([np.nan], 0.1)
    with pytest.raises(ValueError, match="threshold"):
        metrics.auc([0.1], 0)
