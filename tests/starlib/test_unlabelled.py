"""A landmark that is NaN trains nothing, and changes nothing about the others."""

import pytest
import torch

from starlib.comparisons.aam import edges_missing
from starlib.comparisons.adl import edge_normals
from starlib.data.augment import augment
from starlib.models.heads import StackOutput
from starlib.schemes import SCHEMES
from starlib.training.config import RunConfig
from starlib.training.objective import Objective
from starlib.training.state import State, build_model
from starlib.unlabelled import labelled_mean
from tests.losses import SCHEME, default_losses, every_loss, prediction

N = SCHEME.points
EVERY = {label: (takes, loss) for label, takes, loss in every_loss()}
PRECISIONS = ("float32", "float64", "float16", "bfloat16", "autocast")

pytestmark = pytest.mark.usefixtures("one_thread")


def maps_and_landmarks(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(3, N, 16, 16, generator=generator, dtype=torch.float64) ** 4
    landmarks = torch.rand(3, N, 2, generator=generator) - 0.5
    missing = torch.rand(3, N, generator=generator) < 0.2
    missing[0], missing[1] = False, True
    return maps.to(dtype), landmarks, missing


def unlabelled(landmarks, missing):
    """In x alone, in y alone, and in both."""
    changed = landmarks.clone()
    changed[missing] = torch.nan
    changed[..., 0] = changed[..., 0].where(torch.arange(N) % 3 > 0, landmarks[..., 0])
    changed[..., 1] = changed[..., 1].where(torch.arange(N) % 3 > 1, landmarks[..., 1])
    assert torch.equal(changed.isnan().any(-1), missing & (torch.arange(N) % 3 > 0))
    return changed


def value_and_gradients(loss, inputs, landmarks):
    leaves = [value.detach().clone().requires_grad_() for value in inputs]
    value = loss(*leaves, landmarks)
    value.sum().backward()
    return value.detach(), [leaf.grad for leaf in leaves]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_loss_and_the_gradient_are_zero_there_and_the_same_elsewhere(precision):
    half = precision == "autocast"
    maps, landmarks, missing = maps_and_landmarks(
        torch.bfloat16 if half else getattr(torch, precision)
    )
    changed = unlabelled(landmarks, missing)
    missing = changed.isnan().any(-1)
    if precision == "float16":
        landmarks, changed = landmarks.half(), changed.half()
    for label, (takes, loss) in EVERY.items():
        inputs = prediction(maps, takes)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            value, gradients = value_and_gradients(loss, inputs, changed)
            full, gradients_of_full = value_and_gradients(loss, inputs, landmarks)
        assert (value[missing] == 0).all(), label
        assert (full[missing] != 0).all(), label
        alone = ~missing if not label.startswith("adl") else ~missing & ~beside(missing)
        assert torch.equal(value[alone], full[alone]), label
        for gradient, other in zip(gradients, gradients_of_full, strict=True):
            assert (gradient[missing] == 0).all(), label
            assert torch.isfinite(gradient).all(), label
            assert torch.equal(gradient[alone], other[alone]), label


def beside(missing):
    """Which landmarks have an unlabelled neighbour on an edge."""
    near = torch.zeros_like(missing)
    for points, closed in SCHEME.edges:
        for one, other in zip(points, [*points[1:], *(points[:1] if closed else ())], strict=False):
            near[:, one] |= missing[:, other]
            near[:, other] |= missing[:, one]
    return near


def test_adl_weighs_errors_beside_an_unlabelled_neighbour_alike_in_all_directions():
    _, landmarks, _ = maps_and_landmarks()
    missing = torch.zeros(3, N, dtype=torch.bool)
    missing[2, SCHEME.edges[0][0][1]] = True
    changed = landmarks.masked_fill(missing[..., None], torch.nan)
    normals, directed = edge_normals(changed, SCHEME)
    whole, on_edge = edge_normals(landmarks, SCHEME)
    assert torch.equal(directed, on_edge & ~(missing | beside(missing)))
    assert (on_edge & ~directed).sum() == 3
    assert torch.equal(normals[directed], whole[directed])
    assert (normals[~directed] == torch.tensor([1.0, 0.0])).all()


@pytest.mark.parametrize("kind", default_losses())
def test_unlabelled_landmarks_are_masked_in_compiled_losses_too(kind):
    takes, loss = default_losses()[kind]
    torch._dynamo.reset()
    maps, landmarks, missing = maps_and_landmarks()
    changed = landmarks.masked_fill(missing[..., None], torch.nan)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    value, gradients = value_and_gradients(compiled, prediction(maps, takes), changed)
    expected, _ = value_and_gradients(loss, prediction(maps, takes), changed)
    torch.testing.assert_close(value, expected)
    assert all((gradient[missing] == 0).all() for gradient in gradients)


def test_infinite_landmarks_are_refused_beside_unlabelled_ones_and_nan_predictions_too():
    for takes, loss in default_losses(check_values=True).values():
        maps, landmarks, _ = maps_and_landmarks()
        inputs = prediction(maps, takes)
        landmarks[0, 0], landmarks[1, 1, 0] = torch.nan, torch.inf
        with pytest.raises(ValueError, match=r"^landmarks: expected finite .*unlabelled.*got inf"):
            loss(*inputs, landmarks)
        landmarks[1, 1, 0] = 0
        inputs[0].data[2, 3] = torch.nan
        with pytest.raises(ValueError, match="^(heatmaps|mean|predicted): expected finite"):
            loss(*inputs, landmarks)


def test_the_mean_is_over_labelled_values_and_bit_for_bit_the_mean_where_all_are():
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.float32, torch.float64):
        for shape in ((3, 29), (7, 98), (1, 1), (64, 68)):
            values = torch.rand(shape, generator=generator, dtype=dtype).requires_grad_()
            none = torch.zeros(shape, dtype=torch.bool)
            assert torch.equal(labelled_mean(values, none), values.mean())
            some = torch.rand(shape, generator=generator) < 0.3
            some.view(-1)[0] = False
            torch.testing.assert_close(labelled_mean(values, some), values[~some].mean())
            assert labelled_mean(values, ~none) == 0


def leaves(output):
    """The output with each of its fields a leaf."""
    fields = output._asdict().items()
    return output._replace(
        **{name: v.detach().clone().requires_grad_() for name, v in fields if v is not None}
    )


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"loss": "regression"}, {"landmarks"}),
        (
            {"loss": "regression", "aam": True, "dr": True},
            {"landmarks", "heatmaps", "point_maps", "edge_maps"},
        ),
        ({"loss": "rle"}, {"landmarks", "scale_tril"}),
    ],
)
def test_a_run_minimises_the_mean_over_labelled_landmarks(fields, expected):
    scheme = SCHEMES["wflw"]
    config = RunConfig.at("smoke", "synthface", **{"width": 8, "depth": 2, "stacks": 2, **fields})
    model, objective = build_model(config, scheme), Objective(config, scheme)
    outputs = [leaves(output) for output in model(torch.rand(2, 3, 64, 64))]
    changed = torch.rand(2, 98, 2) - 0.5
    changed[0, [5, 40, 97]], changed[1] = torch.nan, torch.nan
    missing = changed.isnan().any(-1)
    found = objective(outputs, changed)
    if fields == {"loss": "regression"}:
        each = [objective.landmark_loss(output, changed)[~missing].mean() for output in outputs]
        torch.testing.assert_close(found, each[0] / 2 + each[1])
    found.backward()
    assert torch.isfinite(found)
    used = set()
    for output in outputs:
        for name, values in output._asdict().items():
            if values is not None and values.grad is not None:
                used.add(name)
                where = edges_missing(missing, scheme) if name == "edge_maps" else missing
                assert (values.grad[where] == 0).all(), name
                assert (values.grad[~where].abs().flatten(1).amax(1) > 0).all(), name
    assert used == expected


def test_edges_with_an_unlabelled_landmark_are_left_out_in_that_face_alone():
    missing = torch.zeros(2, N, dtype=torch.bool)
    missing[1, 22] = True  # both lips share it
    assert edges_missing(missing, SCHEME).tolist() == [[False] * 7, [False] * 5 + [True] * 2]
    assert not edges_missing(torch.zeros(2, N, dtype=torch.bool), SCHEME).any()


def test_augmentation_leaves_the_other_landmarks_of_a_face_as_they_are():
    scheme = SCHEMES["wflw"]
    images = torch.zeros(32, 3, 40, 40, dtype=torch.uint8)
    landmarks = torch.rand(32, 98, 2) - 0.5
    missing = torch.rand(32, 98) < 0.3
    changed = landmarks.masked_fill(missing[..., None], torch.nan)
    for kind in ("paper", "released"):
        whole, found = (
            augment(images, y, scheme, 32, torch.Generator().manual_seed(0), kind=kind)[1]
            for y in (landmarks, changed)
        )
        assert found.isnan().sum() == changed.isnan().sum()
        mirrored = missing[:, list(scheme.flip)]
        assert ((found.isnan().any(-1) == missing) | (found.isnan().any(-1) == mirrored)).all()
        assert torch.equal(found[~found.isnan()], whole[~found.isnan()])


def test_the_training_error_is_that_of_labelled_landmarks(monkeypatch):
    scheme = SCHEMES["wflw"]
    config = RunConfig.at("smoke", "synthface", width=8, depth=2, precision="float32")
    state = State(config, scheme, "", torch.device("cpu"))
    batch, targets = torch.zeros(2, 3, 64, 64), torch.zeros(2, 98, 2)
    targets[:, 1:] = torch.nan
    [output] = state.model(batch)
    assert isinstance(output, StackOutput)
    error = state.step(batch, targets)[1]
    torch.testing.assert_close(error, output.landmarks[:, 0].norm(dim=-1).mean().detach())
