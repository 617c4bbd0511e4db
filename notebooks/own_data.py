# %% [markdown]
# # Your own data
#
# From twenty pictures with landmarks to a trained network, its errors and its predictions. You need
# the pictures (here rendered), a list of landmarks, and one `.yml` file that says what the points
# are. `main([…])` in a cell is `python -m starlib …` on the command line.

# %%
import csv
import json
import os
import shutil
from pathlib import Path

import torch
from PIL import Image

from companion.exhibits import figures
from starlib.__main__ import main
from starlib.data import crop_store, load_dataset
from starlib.files import results_folder
from starlib.runs.evaluation import beside
from starlib.runs.run import run
from starlib.synthface.faces import render_faces
from starlib.training.config import RunConfig

# %% tags=["parameters", "show-input"]
epochs = 160
device = "auto"  # a GPU where there is one, else the CPU
results = "results/live"  # folder whose own_data/ gets the files and the run, anew each time

# %% [markdown]
# ## Pictures and a list
#
# Twenty faces with ten points: the corners of the eyes, the tip of the nose, four points of the
# mouth and the chin. The list is a CSV file with a row for each face: the picture, who it is, then
# x and y of each point in pixels of the upright picture.

# %%
folder = results_folder().parent / results / "own_data"
shutil.rmtree(folder, ignore_errors=True)
folder.mkdir(parents=True)
os.chdir(folder)
rendered = render_faces(20, seed=7, size=160)
landmarks = (rendered.clean[:, [60, 64, 68, 72, 57, 76, 79, 82, 85, 16]] + 1) / 2 * 160 - 0.5

# %%
rows = [["image", "person", *(f"{axis}{point}" for point in range(10) for axis in "xy")]]
for number, picture in enumerate(rendered.images):
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(f"{number:02}.png")
    points = [f"{value:.1f}" for value in landmarks[number].flatten().tolist()]
    rows.append([f"{number:02}.png", f"p{number:02}", *points])
with open("faces.csv", "w", newline="") as file:
    csv.writer(file).writerows(rows)
print(*Path("faces.csv").read_text().splitlines()[:2], sep="\n")

# %% [markdown]
# Cells may also stand between semicolons or tabs. Faces to test on should be of people that the
# network has not seen: `data split` draws people, not pictures.

# %% tags=["show-input"]
_ = main(["data", "split", "faces.csv", "--by", "person", "--test", "0.2", "--seed", "0"])

# %% [markdown]
# ## What the points are
#
# `edges` are the curves that points lie on; `flip` pairs each point with its mirror image, since
# half of the training pictures are mirrored; errors are divided by the distance of the two groups
# of `normaliser`, here the outer corners of the eyes. Points are counted from 0. `first_pixel` is
# the coordinate that your lists give to the centre of the first pixel: 0 for most tools, 1 for
# MATLAB. Without it, it is 1 for folders of `.pts` files, and what a list says of itself in a
# column of that name, as `predictions.csv` does. `data describe faces.csv` proposes such a file.

# %% tags=["show-input"]
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
_ = Path("faces.yml").write_text(description)

# %% [markdown]
# - `scheme: 300w` (or wflw, cofw, scut-fbp5500) takes the place of the first five keys.
# - `flip: none` is for points without mirror images: no picture is mirrored then.
# - `train` or `test` may be missing: a network is evaluated without training faces.
# - Columns that are called x0, y0, … (or nose_x, nose_y, …) are taken by their names, in whichever
#   order they stand; `names: [nose, …]` says the order of named points.
# - In place of a `.csv`, a list may be a `.json` file of COCO key points or of Label Studio, an
#   `.xml` file of CVAT or imglab, a `.tsv` file as the released code reads it, or a
#   folder of pictures with a `.pts` file, or a `.json` file of labelme, beside each.
# - A point without numbers (an empty cell, nan), of flag 0 in a `.json` file, or whose x and y are
#   both the number that the key `missing` names (`missing: -1`, or a list) is unlabelled, in
#   training and test. Where `missing` is not given, (-1, -1) is such a point, and (0, 0) is where
#   it is there more than once.
# - With `images: folder` the lists and the pictures may lie apart. Paths are relative to the `.yml`
#   file.
#
# `data check` looks at every file and names all that is wrong. It also warns of what only looks
# wrong: faces unlike the others, such as one whose points are in the reverse order; coordinates in
# percent, or with y upwards; pairs of `flip` that the mean of the training faces contradicts; and
# pictures that are both in `train` and in `test`. Look at the sheet of faces that it draws.

# %% tags=["show-input"]
_ = main(["data", "check", "faces.yml"])

# %% [markdown]
# ## Training
#
# On the command line this is
#
# ```
# python -m starlib train --dataset faces.yml
# ```
#
# It trains at the scale "reduced" for as many epochs as your number of faces needs, some minutes on
# one core; `--scale` and `--epochs` choose otherwise. Here the network is smaller still, so that
# the page is built in about a minute. Beside the error stands that of the mean training shape,
# which a network must beat to have learned anything.

# %% tags=["nbval-ignore-output", "show-input"]
small = {"width": 32, "batch_size": 4, "ema_half_life": 200}
config = RunConfig.at("smoke", "faces.yml", epochs=epochs, **small)
torch.set_num_threads(1)  # for a network as small as this, more threads wait for each other
trained = run(config, device, folder)
error = 100 * trained.metrics["test"]["nme"]
print(f"NME of the test faces: {error:.1f} %{beside(trained.metrics)}")

# %% [markdown]
# ## Errors and predictions
#
# `evaluate` takes the weights of the run and any data with the same points.

# %% tags=["nbval-ignore-output", "show-input"]
weights = os.path.relpath(folder / "weights" / f"{trained.path.stem}.pt")
_ = main(["evaluate", "--weights", weights, "--dataset", "faces.yml"])

# %% [markdown]
# `predict` looks for the faces in pictures without landmarks. The result is a drawing and a `.json`
# file with the landmarks in pixels and each one's covariance.

# %% tags=["nbval-ignore-output", "show-input"]
picture = load_dataset("faces.yml", "test").names[0].split()[0]
_ = main(["predict", picture, "--weights", weights])
predicted = json.loads(Path("predictions", picture).with_suffix(".json").read_text())
print("tip of the nose:", predicted["faces"][0]["landmarks"][4])

# %% [markdown]
# White: labels; orange: predictions. Sixteen faces are few, and it shows.

# %% tags=["nbval-ignore-output"]
crops = crop_store(load_dataset("faces.yml", "test"), config.image_size, folder / "crops")
points = trained.landmarks()
figures.predictions(crops.images, points["target"], points["predicted"])
