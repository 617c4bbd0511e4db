import numpy as np
import pytest
import torch

from starlib import metrics
from starlib.schemes import Scheme


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
    for wrong in ("a", face() + 1j, torch.zeros(1, 68, 2, requires_grad=True)):
        with pytest.raises(ValueError, match="^predicted: expected an array of numbers"):
            metrics.nme(wrong, face(), "300w")
        with pytest.raises(ValueError, match="^target: expected an array of numbers"):
            metrics.nme(face(), wrong, "300w")
    with pytest.raises(ValueError, match="^target: expected finite"):
        metrics.nme(face(), face() + np.inf, "300w")
    with pytest.raises(ValueError, match="^nmes: expected an array of numbers"):
        metrics.auc("x", 0.1)
    with pytest.raises(ValueError, match="nmes"):
        metrics.auc([], 0.1)
    with pytest.raises(ValueError, match="nmes"):
        metrics.failure_rate([np.nan], 0.1)
    for threshold in (0, -1, None, "x", True, float("nan"), [0.1]):
        for measure in (metrics.auc, metrics.failure_rate):
            with pytest.raises(ValueError, match="^threshold: expected a number > 0, got"):
                measure([0.1], threshold)


def test_the_error_of_a_face_is_that_of_its_labelled_points():
    target = np.concatenate((face(), face()))
    predicted = np.concatenate((face(p0=(3.0, 4.0)), face(p1=(3.0, 4.0))))
    target[0, 1:9], target[1, 7:9, 0], target[1, 67, 1] = np.nan, np.nan, np.nan
    errors = metrics.point_errors(predicted, target, "300w")
    assert np.isnan(errors).sum(1).tolist() == [8, 3]
    assert np.isnan(errors[0, 1:9]).all() and np.isnan(errors[1, [7, 8, 67]]).all()
    np.testing.assert_allclose(metrics.nme(predicted, target, "300w"), [2.5 / 60, 2.5 / 65])


def test_predictions_that_are_not_finite_count_where_the_target_is_labelled_alone():
    predicted, target = np.concatenate((face(), face())), np.concatenate((face(), face()))
    target[1, 3] = predicted[1, 3] = np.nan
    assert metrics.nme(predicted, target, "300w").tolist() == [0, 0]
    for value in (np.nan, np.inf):
        predicted[1, 5, 1] = value
        message = "^predicted: expected finite landmarks .* point 5 of face 1 is"
        with pytest.raises(ValueError, match=message):
            metrics.nme(predicted, target, "300w")


def test_the_normalising_distance_is_that_of_labelled_points():
    scheme = Scheme("two", (), (0, 1, 2, 3), ((0, 1), (2, 3)))
    target = np.array([[[0, 0], [np.nan, 5], [3, 4], [3, 4]]])
    assert scheme.unit(target).tolist() == [5]
    assert metrics.nme(np.zeros((1, 4, 2)), target, scheme) == pytest.approx(2 / 3)
    target[0, 0] = np.nan
    with pytest.raises(ValueError, match="target: normalising distance is zero or NaN in face 0"):
        metrics.nme(np.zeros((1, 4, 2)), target, scheme)
    with pytest.raises(ValueError, match="target: expected a labelled point, face 1 has none"):
        metrics.labelled_mean(np.array([[1.0, np.nan], [np.nan, np.nan]]))


def test_the_squared_mahalanobis_distance_has_a_floor():
    covariance = np.array([[[4.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    error = np.array([[2.0, 3.0], [1.0, 0.0]])
    found = metrics.squared_mahalanobis(error[:1], covariance[:1])
    assert found == pytest.approx([1 + 9])
    assert metrics.squared_mahalanobis(error, covariance, 0.5)[1] == pytest.approx(2)


def test_a_cell_has_a_twelfth_of_its_area_as_variance():
    inside = np.linspace(-1 / 64, 1 / 64, 100_001)
    assert metrics.cell_variance(64) == pytest.approx(inside.var(), rel=1e-4)
    assert metrics.cell_variance(64, side=1.0) == pytest.approx(inside.var() / 4, rel=1e-4)
