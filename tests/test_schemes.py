import json
from itertools import pairwise

import numpy as np
import pytest

from starlib.schemes import ALSO_BY, SCHEME_OF, SCHEMES, Scheme, get_scheme


def test_schemes_have_the_points_of_their_data_sets():
    assert {name: (s.points, len(s.edges)) for name, s in SCHEMES.items()} == {
        "300w": (68, 9),
        "wflw": (98, 9),
        "cofw": (29, 7),
        "cofw-ocular": (29, 7),
        "scut-fbp5500": (86, 7),
    }
    assert set(SCHEME_OF.values()) <= set(SCHEMES)
    assert all(name in SCHEMES for also in ALSO_BY.values() for name in also.values())


def test_points_on_no_edge_are_the_pupils_and_the_chin_of_cofw():
    for name, alone in {"300w": set(), "wflw": {96, 97}, "cofw": {16, 17, 28}}.items():
        on_edges = {i for points, _ in SCHEMES[name].edges for i in points}
        assert set(range(SCHEMES[name].points)) - on_edges == alone


@pytest.mark.parametrize("name", SCHEMES)
def test_flipping_maps_edges_onto_edges_and_swaps_the_normalising_points(name):
    scheme = SCHEMES[name]
    edges = {frozenset(points) for points, _ in scheme.edges}
    assert {frozenset(scheme.flip[i] for i in edge) for edge in edges} == edges
    left, right = scheme.normaliser
    assert tuple(scheme.flip[i] for i in left) == right


@pytest.mark.parametrize("name", SCHEMES)
def test_neighbours_on_an_edge_stay_neighbours_when_flipped(name):
    scheme = SCHEMES[name]
    steps = {frozenset(pair) for points, _ in scheme.edges for pair in pairwise(points)}
    steps |= {frozenset((p[0], p[-1])) for p, closed in scheme.edges if closed}
    assert {frozenset(scheme.flip[i] for i in step) for step in steps} == steps


def test_flip_pairs_agree_with_the_mirrored_mean_shape_of_real_faces(real_data):
    from starlib.data import load_dataset

    faces = load_dataset("300w", "test", real_data)
    points = faces.landmarks - faces.landmarks.mean(1, keepdims=True)
    shape = (points / np.ptp(points, axis=(1, 2), keepdims=True)).mean(0)
    mirrored = shape[list(faces.scheme.flip)] * [-1, 1]
    one, other = (points @ [1, 1j] for points in (shape, mirrored))
    turn = np.vdot(other, one)  # heads are tilted a little in the mean
    assert np.abs(one - other * turn / abs(turn)).max() < 0.02


def test_bad_schemes_and_unknown_names_are_errors():
    with pytest.raises(ValueError, match="scheme: expected one of 300w, wflw"):
        get_scheme("300W")
    with pytest.raises(ValueError, match="flip"):
        Scheme("odd", (), (1, 2, 0), ((0,), (1,)))
    with pytest.raises(ValueError, match="edges"):
        Scheme("odd", (((0, 5), False),), (1, 0), ((0,), (1,)))


@pytest.mark.parametrize("name", SCHEMES)
def test_a_scheme_survives_json(name):
    values = json.loads(json.dumps(SCHEMES[name].to_dict()))
    assert Scheme.from_dict(values) == SCHEMES[name]
