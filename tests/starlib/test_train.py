import dataclasses

import numpy as np
import pytest
import torch

from starlib.data.crops import CropStore
from starlib.models.heads import StackOutput
from starlib.moments import soft_argmax
from starlib.schemes import SCHEMES
from starlib.training.checkpoints import read_checkpoint
from starlib.training.config import SCALES, RunConfig
from starlib.training.loop import StoppedError, learning_rate, predict, train
from starlib.training.start import begin, read_start
from starlib.training.state import State, build_model

CONFIG = RunConfig.at("smoke", "300w", image_size=32, width=8, depth=2, epochs=4, batch_size=4)
SCHEME = SCHEMES["300w"]

pytestmark = pytest.mark.usefixtures("one_thread")


def crops(count=10, seed=0):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, 3, 40, 40), dtype=np.uint8)
    landmarks = rng.uniform(-0.5, 0.5, (count, 68, 2)).astype(np.float32)
    return CropStore(images, landmarks, None, "none")


def weights(model):
    return torch.cat([v.flatten().double() for v in model.state_dict().values()])


def saved(model, path):
    torch.save({"weights": model.state_dict()}, path)
    return read_start(path)


@pytest.fixture(scope="module")
def trained():
    """The training of CONFIG, to which others are compared."""
    return train(CONFIG, crops(), SCHEME)


def test_fine_tuning_starts_from_the_weights_of_another_run(trained, tmp_path):
    start = saved(trained.model, tmp_path / "run.pt")
    gentle = dataclasses.replace(CONFIG, seed=5, epochs=1, learning_rate=1e-9, start=start.digest)
    tuned = train(gentle, crops(), SCHEME, start=start).model
    for name, values in tuned.named_parameters():  # batch norm's statistics are of the new faces
        torch.testing.assert_close(values, start.weights[name], atol=1e-6, rtol=0)
    for other in (None, dataclasses.replace(start, digest="0" * 12)):
        with pytest.raises(ValueError, match="^start: expected the weights"):
            train(gentle, crops(), SCHEME, start=other)


def test_layers_for_other_landmarks_are_drawn_anew_and_other_networks_refused(tmp_path):
    start = saved(build_model(CONFIG, SCHEMES["wflw"]), tmp_path / "wflw.pt")
    model = build_model(CONFIG, SCHEME)
    before = {name: values.clone() for name, values in model.state_dict().items()}
    left = begin(model, start)
    kept = [n for n, v in model.state_dict().items() if torch.equal(v, before[n])]
    heads = [n for n in kept if before[n].ndim and before[n].shape[0] == 68]
    assert heads and 0 < left < len(before) / 4
    with pytest.raises(ValueError, match=r"wflw.pt: expected the weights of a network of the same"):
        begin(build_model(dataclasses.replace(CONFIG, width=16), SCHEME), start)
    torch.save({"model": {}}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"other.pt: expected the weights of a run"):
        read_start(tmp_path / "other.pt")


def test_learning_rate_falls_tenfold_where_the_paper_has_it():
    full = RunConfig.at("full", "300w")
    assert learning_rate(dataclasses.replace(full, epochs=1), 0) == full.learning_rate
    rates = [learning_rate(full, epoch) for epoch in range(500)]
    drops = [epoch for epoch in range(1, 500) if rates[epoch] != rates[epoch - 1]]
    assert drops == [200, 350, 450]
    assert rates[0] == 1e-3 and rates[-1] == pytest.approx(1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained):
    again, other = (
        train(dataclasses.replace(CONFIG, seed=seed), crops(), SCHEME).model for seed in (0, 1)
    )
    assert torch.equal(weights(trained.model), weights(again))
    assert not torch.equal(weights(trained.model), weights(other))


def test_the_weights_of_the_result_are_the_average_over_the_steps(tmp_path):
    checkpoint = tmp_path / "run.pt"
    found = train(CONFIG, crops(), SCHEME, checkpoint=checkpoint).model
    saved = read_checkpoint(checkpoint)
    for name, value in found.state_dict().items():
        assert torch.equal(value, saved["average"][f"module.{name}"]), name
    raw = torch.cat([v.flatten().double() for v in saved["model"].values()])
    assert not torch.allclose(weights(found), raw, rtol=1e-4)


def test_weights_count_half_after_as_many_faces_as_the_half_life():
    config = dataclasses.replace(CONFIG, batch_size=5, ema_half_life=40)
    state = State(config, SCHEME, "none", torch.device("cpu"))
    for value in (0.0, *[1.0] * 8):  # the first are taken as they are; eight steps see 40 faces
        for parameter in state.model.parameters():
            parameter.data.fill_(value)
        state.average.update_parameters(state.model)
    averages = torch.cat([p.flatten() for p in state.average.parameters()])
    torch.testing.assert_close(averages, torch.full_like(averages, 0.5))


def test_both_losses_start_from_the_same_weights():
    plain = dataclasses.replace(CONFIG, loss="regression")
    assert torch.equal(weights(build_model(CONFIG, SCHEME)), weights(build_model(plain, SCHEME)))


def test_training_draws_nothing_from_the_global_random_state():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train(dataclasses.replace(CONFIG, epochs=1), crops(), SCHEME)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_stopped_training_goes_on_to_the_same_weights(trained, tmp_path):
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(StoppedError, match="after epoch 1"):
        train(CONFIG, crops(), SCHEME, checkpoint=checkpoint, stop=lambda: True)
    resumed = train(CONFIG, crops(), SCHEME, checkpoint=checkpoint)
    assert torch.equal(weights(resumed.model), weights(trained.model))
    for name in ("loss", "error", "learning_rate"):
        assert resumed.curves[name] == trained.curves[name]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # torch's own
@pytest.mark.parametrize("changes", [{}, {"aam": True, "dr": True}, {"loss": "rle"}])
def test_a_compiled_training_learns_what_the_other_does(changes, monkeypatch):
    config = dataclasses.replace(CONFIG, epochs=2, precision="float32", **changes)
    expected = train(config, crops(), SCHEME)
    seen, whole = [], torch.compile

    def compile_without_kernels(function, **options):
        seen.append(options)
        return whole(function, backend="aot_eager", dynamic=options["dynamic"])

    monkeypatch.setattr(torch, "compile", compile_without_kernels)
    found = train(config, crops(), SCHEME, compiled=True)
    torch.compiler.reset()
    assert seen == [{"dynamic": False, "mode": None}]
    for name in ("loss", "error"):
        np.testing.assert_allclose(found.curves[name], expected.curves[name], rtol=1e-3)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(StoppedError):
        train(CONFIG, crops(), SCHEME, checkpoint=checkpoint, stop=lambda: True)
    other_data = dataclasses.replace(crops(), fingerprint="other")
    for config, data in ((dataclasses.replace(CONFIG, seed=9), crops()), (CONFIG, other_data)):
        with pytest.raises(ValueError, match="expected checkpoints of this config"):
            train(config, data, SCHEME, checkpoint=checkpoint)


def test_predictions_are_in_the_coordinates_of_the_stored_crop():
    class Brightest(torch.nn.Module):  # finds the light, in [-1, 1] of what it is shown
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))

        def forward(self, images):
            light = images.mean(1, keepdim=True) + 1
            return [StackOutput(soft_argmax(light), None)]

    images = np.zeros((1, 3, 40, 40), np.uint8)
    images[..., 9:11, 27:29] = 255  # its centre is at x = 28, y = 10 of 40
    found, spread = predict(Brightest(), images, dataclasses.replace(CONFIG, precision="float32"))
    assert spread is None
    np.testing.assert_allclose(found[0, 0], [28 / 20 - 1, 10 / 20 - 1], atol=0.02)


def test_a_diverged_training_is_an_error_and_leaves_no_checkpoint(tmp_path):
    large = dataclasses.replace(CONFIG, loss_weight=3e38)  # its loss is beyond float32
    with pytest.raises(ValueError, match="diverged in epoch 1"):
        train(large, crops(), SCHEME, checkpoint=tmp_path / "run.pt")
    assert not list(tmp_path.iterdir())


def test_infinite_landmarks_are_an_error_and_not_unlabelled():
    broken = crops()
    broken.landmarks[3, 7, 0] = np.inf
    with pytest.raises(ValueError, match="crops: expected finite landmarks, .* face 3 has"):
        train(CONFIG, broken, SCHEME)


def test_scales_name_valid_configs():
    for scale in SCALES:
        config = RunConfig.at(scale, "synthface")
        build_model(dataclasses.replace(config, width=8), SCHEMES["wflw"])
