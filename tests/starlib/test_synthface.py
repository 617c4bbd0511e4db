"""Synthetic faces: what is drawn, where its landmarks are, and how they are annotated."""

import pytest
import torch

from starlib.schemes import SCHEMES
from starlib.synthface.faces import CORNERS, CURVES, annotate, place_faces, render_faces

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def faces():
    return render_faces(24, seed=5, size=64)


@pytest.fixture(scope="module")
def many():
    """Clean landmarks of many faces, without pictures."""
    return place_faces(400, seed=11).clean


def inter_ocular(clean: torch.Tensor) -> torch.Tensor:
    return (clean[:, 60] - clean[:, 72]).norm(dim=-1)


def annotate_often(clean: torch.Tensor, draws: int = 2000) -> tuple[torch.Tensor, torch.Tensor]:
    """Errors [draws, 98, 2] of annotating one face again and again, and the stated covariance."""
    landmarks, covariance = annotate(clean.expand(draws, -1, -1), seed=3)
    return landmarks - clean, covariance[0]


def test_shapes_and_types(faces):
    assert faces.images.shape == (24, 3, 64, 64) and faces.images.dtype == torch.uint8
    assert faces.clean.shape == faces.landmarks.shape == (24, 98, 2)
    assert faces.covariance.shape == (24, 98, 2, 2)
    assert {faces.clean.dtype, faces.landmarks.dtype, faces.covariance.dtype} == {torch.float32}


def test_a_face_depends_on_seed_and_number_alone(faces):
    part = render_faces(7, seed=5, size=64, start=10)
    for name in ("images", "clean", "landmarks", "covariance"):
        assert torch.equal(getattr(part, name), getattr(faces, name)[10:17]), name


def test_another_seed_gives_other_faces(faces):
    other = render_faces(1, seed=6, size=64)
    assert not torch.equal(other.clean, faces.clean[:1])
    assert not torch.equal(other.images, faces.images[:1])


def test_landmarks_do_not_depend_on_the_size_of_the_pictures(faces):
    small = render_faces(3, seed=5, size=16)
    assert small.images.shape == (3, 3, 16, 16)
    assert torch.equal(small.landmarks, faces.landmarks[:3])
    assert torch.equal(place_faces(3, seed=5).landmarks, small.landmarks)


def test_no_faces_are_an_empty_batch():
    assert render_faces(0, seed=0, size=32).images.shape == (0, 3, 32, 32)


def test_pictures_show_something_and_differ(faces):
    pixels = faces.images.float()
    assert (pixels.flatten(1).std(1) > 15).all()
    assert ((pixels[:-1] - pixels[1:]).abs().flatten(1).mean(1) > 10).all()


def test_a_larger_picture_shows_the_same_face():
    small, large = (render_faces(4, seed=2, size=size).images.float() for size in (64, 128))
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - small).abs().mean() < 8


def test_the_white_of_the_eyes_and_the_dark_of_the_pupils_are_at_the_landmarks():
    faces = render_faces(64, seed=1, size=128)
    height = (faces.clean[:, 62] - faces.clean[:, 66]).norm(dim=-1)
    wide_open = height > 0.3 * (faces.clean[:, 60] - faces.clean[:, 64]).norm(dim=-1)
    grey = faces.images.float().mean(1, keepdim=True)
    at = torch.nn.functional.grid_sample(grey, faces.clean[:, :, None], align_corners=False)
    at = at[:, 0, :, 0]
    pupil, cheek = at[:, [96, 97]].mean(1), at[:, [4, 28]].mean(1)
    assert wide_open.sum() > 20
    assert (pupil < cheek)[wide_open].float().mean() > 0.8


def test_all_points_are_well_inside_and_their_box_fills_the_picture(many):
    box = many.amax(1) - many.amin(1)
    assert many.abs().max() < 0.9
    assert (box.amax(1) / 2 - 1 / 1.6).abs().max() < 0.05


def test_the_mirrored_mean_shape_matches_the_flip_pairs(many):
    mean = many.mean(0)
    order = torch.tensor(SCHEMES["wflw"].flip)
    left = [*range(16), *range(33, 42), *range(60, 68), 55, 56, 76, 77, 78, 86, 87, 88, 89, 95, 96]
    assert (mean[left, 0] < mean[order[left], 0]).all()
    mirrored = mean[order] * torch.tensor([-1.0, 1.0])
    assert (mirrored - mean).abs().max() < 0.06


def test_parts_lie_in_the_order_of_a_face(many):
    mean = many.mean(0)
    heights = [mean[list(part), 1].mean() for part in (range(33, 51), (96, 97), (54,), (57,))]
    heights += [mean[79, 1], mean[85, 1], mean[16, 1]]
    assert heights == sorted(heights)
    assert mean[62, 1] < mean[66, 1] and mean[90, 1] < mean[94, 1]  # over the top first


def test_strength_zero_leaves_the_landmarks_clean(faces):
    exact = render_faces(2, seed=5, size=16, strength=0.0)
    assert torch.equal(exact.landmarks, exact.clean)
    assert torch.equal(exact.clean, faces.clean[:2])
    assert not exact.covariance.any()


def test_covariance_grows_with_the_square_of_the_strength(faces):
    _, once = annotate(faces.clean, seed=0, strength=1.0)
    _, twice = annotate(faces.clean, seed=0, strength=2.0)
    torch.testing.assert_close(twice, 4 * once)


def test_mean_error_of_annotators_is_two_to_two_and_a_half_percent(many):
    landmarks, _ = annotate(many, seed=1)
    error = (landmarks - many).norm(dim=-1).mean(1) / inter_ocular(many)
    assert 0.02 < error.mean() < 0.025


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


def test_neighbours_slide_together_and_distant_points_do_not(many):
    error, _ = annotate_often(many[0])
    along = torch.nn.functional.normalize(many[0, 2:33] - many[0, :31], dim=-1)
    slide = (error[:, 1:32] * along).sum(-1)
    correlation = torch.corrcoef(slide.T)
    assert correlation.diagonal(1).mean() > 0.6
    assert correlation.diagonal(20).abs().max() < 0.1


def test_corners_and_pupils_have_no_direction(faces):
    values = torch.linalg.eigvalsh(faces.covariance[:, list(CORNERS)])
    torch.testing.assert_close(values[..., 0], values[..., 1])


def test_every_point_but_the_pupils_lies_on_one_curve():
    points = [point for first, last, _, _ in CURVES for point in range(first, last)]
    assert points == list(range(96))


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
