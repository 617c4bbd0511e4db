"""Networks as ONNX files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.torch_version import TorchVersion

from starlib.__main__ import main
from starlib.files import ROOT
from starlib.inference.faces import predict
from starlib.synthface import render_faces
from tests.released import released_parts, small

# torch 2.6 does not translate our networks; what is said then is tested below.
translates = pytest.mark.skipif(
    TorchVersion(torch.__version__) < (2, 7), reason="torch 2.6 does not translate"
)


@translates
def test_export_agrees_with_pytorch_for_any_batch_and_takes_rgb(
    tmp_path, called, capsys, monkeypatch
):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    from starlib.commands import export

    model = small("300w", stacks=1)
    torch.save(released_parts(model), tmp_path / "w.pkl")
    out = tmp_path / "model.onnx"
    given = ["export", "--weights", str(tmp_path / "w.pkl"), "--out", str(out)]
    assert "largest difference from PyTorch" in called(*given)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    images = torch.rand(2, 3, 256, 256) * 2 - 1
    landmarks, covariance, heatmaps = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        expected = model(images.flip(1))[-1]
    np.testing.assert_allclose(landmarks, expected.landmarks, atol=1e-4)
    np.testing.assert_allclose(heatmaps, expected.heatmaps, atol=1e-3)
    assert covariance.shape == (2, 68, 2, 2)
    about = session.get_modelmeta().custom_metadata_map
    assert json.loads(about["starlib.scheme"])["name"] == "300w"
    assert about["starlib.image_size"] == "256" and "RGB" in about["starlib.images"]
    assert about["starlib.calibration"] == "1"
    assert str(ROOT).encode() not in out.read_bytes()  # no trace of where it was made

    out.unlink()
    monkeypatch.setattr(export, "_onnx_program", lambda _: _Saved())
    monkeypatch.setattr(export, "_difference", lambda *_: 2e-4)
    assert "they differ by 0.0002" in called(*given, code=2)
    assert not out.exists() and not list(tmp_path.glob("partial-*"))
    assert main([*given[:-1], str(tmp_path / "nowhere" / "m.onnx")]) == 2
    assert "--out: expected an .onnx file in a folder" in capsys.readouterr().err


class _Saved:
    """Stands for an exported program."""

    def __init__(self):
        self.model = self
        self.metadata_props = {}

    def save(self, path, external_data):
        path.write_text("onnx")


def test_weights_that_are_not_finite_are_refused(run_file, tmp_path, capsys):
    parts = torch.load(run_file)
    name = next(iter(parts["weights"]))
    parts["weights"][name].fill_(float("nan"))
    torch.save(parts, run_file)
    out = tmp_path / "m.onnx"
    assert main(["export", "--weights", str(run_file), "--out", str(out)]) == 2
    assert "run.pt: expected finite weights, model." in capsys.readouterr().err
    assert not out.exists()


@translates
def test_outputs_that_are_not_finite_are_no_agreement(run_file, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    parts = torch.load(run_file)
    for name, values in parts["weights"].items():
        if name.endswith("weight"):
            values.fill_(1e30)  # finite, and infinite as soon as two are multiplied
    torch.save(parts, run_file)
    assert main(["export", "--weights", str(run_file), "--out", str(tmp_path / "m.onnx")]) == 2
    assert "weights: expected finite outputs" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.onnx"))


def test_versions_that_do_not_translate_are_named(run_file, tmp_path, monkeypatch, called):
    onnxscript = pytest.importorskip("onnxscript")

    def failing(*args, **options):
        raise torch.onnx.OnnxExporterError("'tuple' object has no attribute 'dtype'")

    monkeypatch.setattr(torch.onnx, "export", failing)
    said = called("export", "--weights", str(run_file), "--out", str(tmp_path / "m.onnx"), code=2)
    assert f"torch {torch.__version__}" in said and f"onnxscript {onnxscript.__version__}" in said
    assert not list(tmp_path.glob("*.onnx"))


@translates
def test_the_example_of_the_book_goes_from_a_picture_to_points_with_onnx_runtime_alone(
    tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "book" / "photos.md").read_text(encoding="utf-8")
    [code] = [block for block in text.split("```python\n") if "onnxruntime" in block]
    faces = render_faces(1, 4, 128)
    Image.fromarray(faces.images[0].permute(1, 2, 0).numpy()).save("photo.png")
    Path("photo.png").rename("photo.jpg")  # read by its content, without loss
    truth = (faces.landmarks[0].numpy() + 1) * 64
    face = (*truth.min(0), *truth.max(0))
    [command] = [line for line in text.splitlines() if line.startswith("python -m starlib export")]
    assert main(command.split()[3:]) == 0
    scope = {"face": face}
    exec(code.split("```")[0], scope)
    assert [o.name for o in scope["session"].get_outputs()] == ["landmarks", "covariance"]
    [ours] = predict("photo.jpg", "synthface", [face])
    eyes = np.linalg.norm(truth[60] - truth[72])
    assert np.linalg.norm(scope["points"] - ours.landmarks, axis=1).mean() < 0.01 * eyes
