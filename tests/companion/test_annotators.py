"""People's scatter beside the heatmaps' covariance, on points whose answer is known."""

import numpy as np
import pytest

from companion.evidence import annotators
from companion.exhibits import annotators as shown
from companion.exhibits.cells import LIMITS
from companion.experiments.paper import EXPERIMENTS
from companion.experiments.records import Records
from starlib.schemes import PARTS, SCHEMES
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
    whole = annotators.resampled(squares, freedom)[0]
    np.testing.assert_allclose(whole[0], np.diag([2 / 3, 2 / 3]))


def test_limits_leave_out_a_fortieth_of_the_draws_on_either_side():
    assert annotators.limits(np.arange(1001.0)) == (25, 975)


@pytest.mark.parametrize(("degrees", "between"), [(0, 0), (30, 30), (90, 90), (150, 30)])
def test_angles_are_between_axes_without_a_sign(degrees, between):
    one, other = ALONG_X[None], turned(ALONG_X, degrees)[None]
    assert annotators.angle(one, other)[0] == pytest.approx(between, abs=1e-5)
    assert annotators.ratio(other)[0] == pytest.approx(2)


def test_a_network_that_shows_people_s_scatter_agrees_and_random_axes_are_at_chance():
    generator = np.random.default_rng(0)
    shapes = np.stack([turned(np.diag([2 + n, 1.0]), 17 * n) for n in range(12)])
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


def test_networks_are_compared_on_the_faces_whose_covariances_they_keep(tmp_path):
    experiment = EXPERIMENTS["ablation_distance"]
    faces = np.arange(12)
    generator = np.random.default_rng(0)
    covariance = generator.uniform(0.01, 0.04, (12, 68, 2))[..., None] * np.eye(2)
    for arm, kept in (("l2", covariance), ("STAR l2", covariance[:4])):
        write_run(experiment.config(arm, "300w", 0), tmp_path, 0.05, covariance=kept)
    write_run(experiment.config("l1", "300w", 0), tmp_path, 0.05)
    records = Records.load(tmp_path)
    runs = records.arm_runs(experiment, "300w", arms=["l1", "l2", "STAR l2"])
    networks = shown.covariances(runs, faces)
    assert networks["l2"].shape == (12, 21, 2, 2) and networks["STAR l2"].shape == (4, 21, 2, 2)
    assert "l1" not in networks
    measured = {"faces": faces, "people": generator.normal(size=(12, 3, 21, 2)),
                "edges": covariance[:, :21]}  # fmt: skip
    table = shown.table(shown.agreements(networks, measured))
    assert list(table.index)[1:] == ["edges of the picture", "l2", "STAR l2"]
    closer = table["closer by STAR (°) [95 %]"]
    assert closer["STAR l2"] and not closer["l2"]
    assert len(shown.figure(records, networks, measured, ["l2", "STAR l2", "l1"]).axes) == 3


def test_a_point_s_axis_and_ratio_are_those_that_its_labels_were_drawn_with():
    turn = turned(np.diag([9.0, 1.0]), -30)  # y points down: the axis rises by 30 degrees
    drawn = np.random.default_rng(0).multivariate_normal([0, 0], turn, (200, 3, 1))
    [row] = shown.scatter_table(drawn, ["eye_out"], "mm").attrs["data"]
    assert row["point"] == "eye out" and row["axis (°)"] == pytest.approx(30, abs=3)
    assert row["along (mm)"] == pytest.approx(3, rel=0.1)
    low, high = (row[f"along / across{limit}"] for limit in LIMITS)
    assert low < 3 < high


def test_the_floor_of_people_is_one_against_the_mean_of_the_others():
    people = np.array([[0.0, 0], [0, 2], [0, 4]]).reshape(1, 3, 1, 2)
    assert annotators.floor(people) == pytest.approx((2, 3))
    people = np.concatenate([people, np.full_like(people, np.nan)])  # nobody marked it
    assert annotators.floor(people) == pytest.approx((2, 3))


def test_at_chance_the_angle_is_45_degrees_and_its_interval_narrows_with_the_points():
    few, many = annotators.chance(5), annotators.chance(100)
    assert few.angle[0] == many.angle[0] == 45 and few.ratios[1] < many.ratios[1] < 0
    assert few.angle[1] < many.angle[1] < 45 < many.angle[2] < few.angle[2]


def test_points_of_rendered_faces_are_those_of_300w():
    pairs = list(zip(shown.SAME, shown.SAME_98, strict=True))
    for one, other in (*zip(*(SCHEMES[n].normaliser for n in ("300w", "wflw")), strict=True),):
        assert (one[0], other[0]) in pairs
    for region in PARTS:  # a point of a region is one of the same region there
        inside = {n for n, _ in pairs if n in SCHEMES["300w"].region(region)}
        assert inside == {n for n, m in pairs if m in SCHEMES["wflw"].region(region)}
    mirrored = dict(pairs)
    for one, other in pairs:
        flipped = SCHEMES["300w"].flip[one]
        if flipped in mirrored:
            assert mirrored[flipped] == SCHEMES["wflw"].flip[other]
