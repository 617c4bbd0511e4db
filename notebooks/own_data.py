# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own data
#
# From twenty pictures with landmarks to a trained model and its predictions. The pictures here are
# rendered, so that the page can be built anywhere; yours would be files that you have. It takes the
# pictures, a list of landmarks, and one `.yml` file that says what the points are.

# %%
import csv
import shutil

import torch
from PIL import Image

from starlib.__main__ import main
from starlib.data import crop_store, load_dataset
from starlib.experiments.records import results_folder
from starlib.experiments.runs import run
from starlib.report import figures
from starlib.synthface.faces import render_faces
from starlib.training.config import RunConfig

# %% tags=["parameters"]
epochs = 80
device = "cpu"
results = "results/live"  # folder whose own_data/ gets the files and the run, anew each time

# %% [markdown]
# ## Pictures and lists
#
# Sixteen faces to train on, four to test. Ten of the points of a rendered face are kept: the
# corners of the eyes, the tip of the nose, four points of the mouth and the chin. A CSV list has a
# row for each face: the picture, then x and y of each point in pixels.

# %%
folder = results_folder().parent / results / "own_data"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
rendered = render_faces(20, seed=7, size=160)
landmarks = (rendered.clean[:, [60, 64, 68, 72, 57, 76, 79, 82, 85, 16]] + 1) / 2 * 160 - 0.5
for split, numbers in {"train": range(16), "test": range(16, 20)}.items():
    with (folder / f"{split}.csv").open("w", newline="") as file:
        for number in numbers:
            picture = rendered.images[number].permute(1, 2, 0).numpy()
            Image.fromarray(picture).save(folder / f"{number:02}.png")
            points = landmarks[number].flatten().tolist()
            csv.writer(file).writerow([f"{number:02}.png", *(f"{v:.2f}" for v in points)])

# %% [markdown]
# ## What the points are
#
# `edges` are the curves that points lie on; `flip` pairs each point with its mirror image, since
# half of the training pictures are mirrored; errors are divided by the distance of the two groups
# of `normaliser`, here the outer corners of the eyes. Points are counted from 0. `first_pixel` is
# the coordinate that your lists give to the centre of the first pixel: 0 for most tools, 1 for
# `.pts` files and MATLAB.

# %%
description = """\
name: rendered
points: 10
edges:
  - {points: [0, 1]}
  - {points: [2, 3]}
  - {points: [5, 6, 7, 8], closed: true}
flip: [[0, 3], [1, 2], [5, 7]]
normaliser: [[0], [3]]
train: train.csv
test: test.csv
first_pixel: 0
"""
path = folder / "faces.yml"
_ = path.write_text(description)

# %% [markdown]
# In place of a `.csv`, a list may be
#
# - a `.json` file in the form of COCO key points, where flag 1 marks a hidden point,
# - a `.tsv` file as the released code of STAR and ADNet reads it,
# - a folder of pictures with a `.pts` file beside each.
#
# With `images: folder` the lists and the pictures may lie apart. Paths are relative to the `.yml`
# file. `python -m starlib data check faces.yml` looks at every file and names all that is wrong:

# %%
_ = main(["data", "check", str(path)])

# %% [markdown]
# ## Training
#
# On the command line this is `python -m starlib train --dataset faces.yml`. Here the network is
# small, so that the page is built within a minute. The scale "full" is the paper's protocol; the
# loss is STAR loss in either case. A run is trained once: after changing the faces, remove its
# record or choose another folder with `--results`.

# %% tags=["nbval-ignore-output"]
small = {"width": 32, "batch_size": 4, "ema_half_life": 200, "precision": "float32"}
config = RunConfig.at("smoke", str(path), epochs=epochs, **small)
torch.set_num_threads(1)  # for a network as small as this, more threads wait for each other
found = run(config, device, folder)
error = found.metrics["test"]
print(f"NME of the {error['faces']} test faces: {100 * error['nme']:.1f} %")

# %% [markdown]
# ## Predictions
#
# The record of the run holds the predictions for the test faces, and `weights/` beside it the
# network. White: labels; orange: predictions. Sixteen faces are few, and it shows.

# %% tags=["nbval-ignore-output"]
test = load_dataset(str(path), "test")
crops = crop_store(test, config.image_size, folder / "crops")
points = found.landmarks()
figures.predictions(crops.images, points["target"], points["predicted"])

# %% [markdown]
# Crops know where they were cut out, so that predictions go back to the pixels of the pictures:

# %% tags=["nbval-ignore-output"]
for name, pixels in zip(test.names, crops.to_pixels(points["predicted"]), strict=True):
    x, y = pixels[4]
    print(f"{name}: tip of the nose at ({x:.1f}, {y:.1f})")
