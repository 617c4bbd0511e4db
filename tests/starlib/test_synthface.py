"""Synthetic faces: what is drawn, where its landmarks are, and how they are annotated."""

import pytest
import torch

from starlib.schemes import SCHEMES
from starlib.synthface.faces import CORNERS, annotate, place_faces, render_faces

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def faces():
    return render_faces(24, seed=5, size=64)


@pytest.fixture(scope="module")
def many():
    """Clean landmarks of many faces, without pictures."""
    return place_faces(400, seed=11).clean


def annotate_often(clean: torch.Tensor, draws: int = 2000) -> tuple[torch.Tensor, torch.Tensor]:
    """Errors [draws, 98, 2] of annotating one face again and again, and the stated covariance."""
    landmarks, covariance = annotate(clean.expand(draws, -1, -1), seed=3)
    return landmarks - clean, covariance[0]


def test_a_face_depends_on_seed_and_number_alone(faces):
    part = render_faces(7, seed=5, size=64, start=10)
    for name in ("images", "clean", "landmarks", "covariance"):
        assert torch.equal(getattr(part, name), getattr(faces, name)[10:17]), name


def test_landmarks_do_not_depend_on_the_size_of_the_pictures(faces):
    small = render_faces(3, seed=5, size=16)
    assert small.images.shape == (3, 3, 16, 16)
    assert torch.equal(small.landmarks, faces.landmarks[:3])
    assert torch.equal(place_faces(3, seed=5).landmarks, small.landmarks)


def test_no_faces_are_an_empty_batch():
    assert render_faces(0, seed=0, size=32).images.shape == (0, 3, 32, 32)


def test_a_larger_picture_shows_the_same_face():
    small, large = (render_faces(4, seed=2, size=size).images.float() for size in (64, 128))
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - small).abs().mean() < 8


def test_the_mirrored_mean_shape_matches_the_flip_pairs(many):
    mean = many.mean(0)
    order = torch.tensor(SCHEMES["wflw"].flip)
    left = [*range(16), *range(33, 42), *range(60, 68), 55, 56, 76, 77, 78, 86, 87, 88, 89, 95, 96]
    assert (mean[left, 0] < mean[order[left], 0]).all()
    mirrored = mean[order] * torch.tensor([-1.0, 1.0])
    assert (mirrored - mean).abs().max() < 0.06


def test_strength_zero_leaves_the_landmarks_clean(faces):
    exact = render_faces(2, seed=5, size=16, strength=0.0)
    assert torch.equal(exact.landmarks, exact.clean)
    assert torch.equal(exact.clean, faces.clean[:2])
    assert not exact.covariance.any()


def test_covariance_grows_with_the_square_of_the_strength(faces):
    _, once = annotate(faces.clean, seed=0, strength=1.0)
    _, twice = annotate(faces.clean, seed=0, strength=2.0)
    torch.testing.assert_close(twice, 4 * once)


@pytest.mark.parametrize("number", [0, 3, 9])
def test_stated_covariance_is_that_of_many_annotations(many, number):
    error, stated = annotate_often(many[number])
    measured = torch.einsum("dni,dnj->nij", error, error) / len(error)
    smooth = [*range(1, 32), 52, 53, 56, 57, 58, *CORNERS]  # where curves are nearly straight
    difference = (measured - stated).flatten(1).norm(dim=1) / stated.flatten(1).norm(dim=1)
    assert difference[smooth].max() < 0.2
    # At the bends of brows, lids and lips a tangent tells less of where the curve goes.
    assert difference.median() < 0.12
    trace = measured.diagonal(dim1=1, dim2=2).sum(1) / stated.diagonal(dim1=1, dim2=2).sum(1)
    assert (trace - 1).abs().max() < 0.2


def test_contour_points_slide_along_the_contour(many):
    clean = many[2]
    error, stated = annotate_often(clean)
    along = torch.nn.functional.normalize(clean[2:33] - clean[:31], dim=-1)  # at points 1 to 31
    across = torch.stack([-along[:, 1], along[:, 0]], -1)
    inner = error[:, 1:32]
    slide, shake = ((inner * axis).sum(-1).std(0) for axis in (along, across))
    assert (slide > 3 * shake).all()
    direction = torch.linalg.eigh(stated[1:32]).eigenvectors[..., -1]
    assert ((direction * along).sum(-1).abs() > 0.98).all()


def test_corners_and_pupils_have_no_direction(faces):
    values = torch.linalg.eigvalsh(faces.covariance[:, list(CORNERS)])
    torch.testing.assert_close(values[..., 0], values[..., 1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("count", -1), ("size", 15), ("strength", -0.1), ("start", -1), ("seed", -1)],
)
def test_bad_arguments_are_named(name, value):
    with pytest.raises(ValueError, match=name):
        render_faces(**{"count": 1, "seed": 0, name: value})


def test_annotate_names_bad_arguments():
    with pytest.raises(ValueError, match="clean"):
        annotate(torch.zeros(1, 68, 2), seed=0)
    with pytest.raises(ValueError, match="strength"):
        annotate(torch.zeros(1, 98, 2), seed=0, strength=-1)
