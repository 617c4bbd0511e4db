"""People's scatter beside the heatmaps' covariance, on points whose answer is known."""

import numpy as np
import pytest

from companion.evidence import annotators
from companion.exhibits import annotators as shown
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from tests.fakes import write_run

ALONG_X = np.diag([4.0, 1.0])


def turned(covariance, degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return turn @ covariance @ turn.T


def test_the_frame_of_a_face_has_its_eyes_level_and_one_apart():
    left, right = np.array([[1.0, 1.0]]), np.array([[1.0, 3.0]])  # a face that lies on its side
    frame = annotators.rotation_to_frame(left, right)
    np.testing.assert_allclose(frame[0] @ (right - left)[0], [1.0, 0.0], atol=1e-12)
    inside = annotators.to_frame(np.diag([1.0, 4.0])[None, None], frame)
    np.testing.assert_allclose(inside[0, 0], np.diag([4.0, 1.0]) / 4, atol=1e-12)


def test_scatter_is_around_each_face_s_mean_and_leaves_out_what_nobody_marked():
    people = np.zeros((2, 3, 1, 2))
    people[0, :, 0, 0] = [-1, 0, 1]
    people[1, :, 0] = [[9, 8], [9, 10], [np.nan, np.nan]]
    squares, freedom = annotators.scatter(people)
    np.testing.assert_allclose(squares[:, 0], [np.diag([2.0, 0]), np.diag([0, 2.0])])
    assert freedom[:, 0].tolist() == [2, 1]
    np.testing.assert_allclose(annotators.pooled(squares, freedom)[0], np.diag([2 / 3, 2 / 3]))


@pytest.mark.parametrize(("degrees", "between"), [(0, 0), (30, 30), (90, 90), (150, 30)])
def test_angles_are_between_axes_without_a_sign(degrees, between):
    one, other = ALONG_X[None], turned(ALONG_X, degrees)[None]
    assert annotators.angle(one, other)[0] == pytest.approx(between, abs=1e-5)
    assert annotators.ratio(other)[0] == pytest.approx(2)


def test_a_network_that_shows_people_s_scatter_agrees_and_random_axes_are_at_chance():
    generator = np.random.default_rng(0)
    shapes = np.stack([turned(np.diag([1 + n, 1.0]), 17 * n) for n in range(12)])
    roots = np.linalg.cholesky(shapes)
    drawn = np.einsum("nij,fanj->fani", roots, generator.normal(size=(150, 3, 12, 2)))
    squares, freedom = annotators.scatter(drawn)
    alike = annotators.agreement(squares, freedom, np.broadcast_to(shapes, (150, 12, 2, 2)))
    assert alike.angle[0] < 5 and alike.ratios[0] > 0.8
    angles = generator.uniform(0, 180, (150, 12))
    other = np.array([[turned(ALONG_X, a) for a in face] for face in angles])
    chance = annotators.agreement(squares, freedom, other)
    assert chance.angle[1] < 45 < chance.angle[2] + 5
    gain, low, _ = annotators.closer(alike, chance)
    assert gain == pytest.approx(chance.angle[0] - alike.angle[0]) and low > 0


def test_edges_point_along_the_stripes_of_a_picture():
    tensor = np.diag([4.0, 1.0])  # the grey levels change from left to right
    [axis] = annotators.long_axis(annotators.edge_covariance(tensor)[None])
    assert abs(axis[1]) == pytest.approx(1)


def test_records_without_all_covariances_are_left_out(tmp_path):
    experiment = EXPERIMENTS["ablation_distance"]
    faces = np.arange(12)
    generator = np.random.default_rng(0)
    covariance = generator.uniform(0.01, 0.04, (12, 68, 2))[..., None] * np.eye(2)
    for arm, kept in (("l2", covariance), ("STAR l2", covariance[:4])):
        write_run(experiment.config(arm, "300w", 0), tmp_path, 0.05, covariance=kept)
    runs = Records.load(tmp_path).arm_runs(experiment, "300w", arms=["l2", "STAR l2"])
    assert shown.heatmaps(runs["l2"][0], faces).shape == (12, 21, 2, 2)
    assert shown.heatmaps(runs["STAR l2"][0], faces) is None
    measured = {"faces": faces, "people": generator.normal(size=(12, 3, 21, 2)),
                "edges": covariance[:, :21]}  # fmt: skip
    table = shown.table(shown.agreements(runs, measured))
    assert list(table.index) == ["edges of the picture", "l2"]
    assert shown.figure(runs, measured).axes
