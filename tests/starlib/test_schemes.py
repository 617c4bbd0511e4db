import json
from itertools import pairwise

import numpy as np
import pytest

from starlib.schemes import SCHEMES, Scheme, get_scheme


@pytest.mark.parametrize(
    ("name", "edges", "alone"),  # alone: the pupils, and the chin of COFW
    [("300w", 9, ()), ("wflw", 9, (96, 97)), ("cofw", 7, (16, 17, 28)),
     ("scut-fbp5500", 7, (58, 59))],
)  # fmt: skip
def test_all_points_but_the_pupils_and_the_chin_of_cofw_lie_on_an_edge(name, edges, alone):
    scheme = SCHEMES[name]
    assert len(scheme.edges) == edges
    on_edges = {i for points, _ in scheme.edges for i in points}
    assert set(range(scheme.points)) - on_edges == set(alone)


def test_edges_of_cofw_are_in_the_order_of_the_released_edge_maps():
    first = [points[0] for points, _ in SCHEMES["cofw"].edges]
    assert first == [0, 1, 8, 9, 18, 22, 22]
    assert 26 in SCHEMES["cofw"].edges[5][0]  # the lower lip comes before the upper one


@pytest.mark.parametrize("name", SCHEMES)
def test_flipping_maps_edges_onto_edges_and_swaps_the_normalising_points(name):
    scheme = SCHEMES[name]
    edges = {frozenset(points) for points, _ in scheme.edges}
    assert {frozenset(scheme.flip[i] for i in edge) for edge in edges} == edges
    left, right = scheme.normaliser
    assert tuple(scheme.flip[i] for i in left) == (right if scheme.mirrors else left)
    # Neighbours on an edge stay neighbours.
    steps = {frozenset(pair) for points, _ in scheme.edges for pair in pairwise(points)}
    steps |= {frozenset((p[0], p[-1])) for p, closed in scheme.edges if closed}
    assert {frozenset(scheme.flip[i] for i in step) for step in steps} == steps


@pytest.mark.parametrize("name", ["300w", "scut-fbp5500", "wflw", "lfpw-annotators"])
def test_flip_pairs_agree_with_the_mirrored_mean_shape_of_real_faces(real_data, name):
    from starlib.data import load_dataset

    faces = load_dataset(name, "test", real_data)
    points = faces.landmarks - faces.landmarks.mean(1, keepdims=True)
    shape = (points / np.ptp(points, axis=(1, 2), keepdims=True)).mean(0)
    mirrored = shape[list(faces.scheme.flip)] * [-1, 1]
    one, other = (points @ [1, 1j] for points in (shape, mirrored))
    turn = np.vdot(other, one)  # heads are tilted a little in the mean
    # The few faces of WFLW's hard subset are turned to one side in the mean.
    assert np.abs(one - other * turn / abs(turn)).max() < (0.05 if name == "wflw" else 0.02)


def test_flip_pairs_of_cofw_lie_left_and_right_of_each_other(real_data):
    annotated = json.loads((real_data / "samples/cofw/test_cofw.json").read_text())["annotations"]
    flip = np.array(SCHEMES["cofw"].flip)
    left = np.flatnonzero(flip > np.arange(29))
    for face in annotated:
        points = np.reshape(face["keypoints"], (29, 3))[:, :2]
        across = points[flip[left]] - points[left]
        assert (across[:, 0] > 0).all()
        # Heads are tilted, but all pairs by the same angle.
        angles = np.arctan2(across[:, 1], across[:, 0])
        assert np.abs(angles - np.median(angles)).max() < 0.25


def test_errors_are_divided_by_the_distance_of_the_outer_eye_corners(real_data):
    from starlib.data import load_dataset

    for name, eyes in {"scut-fbp5500": range(42, 58), "wflw": range(60, 76)}.items():
        faces = load_dataset(name, "test", real_data)
        x = faces.landmarks.mean(0)[list(eyes), 0]
        outer = (eyes[int(x.argmin())],), (eyes[int(x.argmax())],)
        assert faces.scheme.normaliser == outer


def test_bad_schemes_and_unknown_names_are_errors():
    with pytest.raises(ValueError, match="scheme: expected one of 300w, wflw"):
        get_scheme("300W")
    with pytest.raises(ValueError, match="flip"):
        Scheme("odd", (), (1, 2, 0), ((0,), (1,)))
    with pytest.raises(ValueError, match="edges"):
        Scheme("odd", (((0, 5), False),), (1, 0), ((0,), (1,)))
    for unscored in ((2,), (-1,), (0, 0), (0, 1)):
        with pytest.raises(ValueError, match="unscored: scheme 'odd' has 2 points"):
            Scheme("odd", (), (1, 0), ((0,), (1,)), unscored)


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_survives_json(name):
    values = json.loads(json.dumps(SCHEMES[name].to_dict()))
    assert Scheme.from_dict(values) == SCHEMES[name]


def test_a_scheme_without_unscored_points_writes_none():
    """Fingerprints of your own data are made of what is written."""
    assert set(SCHEMES["wflw"].to_dict()) == {"name", "edges", "flip", "normaliser"}
