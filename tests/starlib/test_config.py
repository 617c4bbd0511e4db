import dataclasses

import pytest

from starlib.training.config import SCALES, RunConfig


def test_the_name_is_that_of_the_config_and_the_faces():
    config = RunConfig.at("reduced", "300w")
    assert config.name("a", "b") == RunConfig.at("reduced", "300w", weight=1).name("a", "b")
    assert len({config.name(*faces) for faces in ("ab", "ac", "cb", "ba")}) == 4
    changes = {"dataset": "synthface", "loss": "regression", "distance": "l1", "seed": 1}
    changes |= {"epochs": 3, "protocol": 1, "weight": 2.0, "train_faces": 10}
    names = {dataclasses.replace(config, **{k: v}).name("a", "b") for k, v in changes.items()}
    assert len(names | {config.name("a", "b")}) == len(changes) + 1


def test_the_path_of_own_data_is_no_part_of_the_name():
    names = {RunConfig(path).name("a", "b") for path in ("faces.yml", "./faces.yml", "/x/y.yml")}
    assert len(names) == 1 and names != {RunConfig("300w").name("a", "b")}


def test_a_config_survives_its_dictionary_and_one_written_before_a_field_existed():
    config = RunConfig.at("reduced", "300w", distance="l2", seed=3)
    assert RunConfig.from_dict(config.to_dict()) == config
    older = config.to_dict()
    del older["train_faces"]
    assert RunConfig.from_dict(older).name("a", "b") == config.name("a", "b")


def test_unknown_keys_and_values_out_of_range_are_named():
    for name in ("colour", "scale"):  # a scale follows from the sizes
        with pytest.raises(ValueError, match=f"^{name}: unknown"):
            RunConfig.from_dict({"dataset": "300w", name: "red"})
    for field, value in {
        "dataset": "cats",
        "loss": "star2",
        "distance": "l3",
        "restriction": "both",
        "precision": "int8",
        "epochs": 0,
        "seed": -1,
        "batch_size": 2.5,
        "stacks": True,
        "depth": 10**30,
        "learning_rate": 0.0,
        "weight": -1.0,
        "train_faces": 0,
        "image_size": 40,
        "width": 6,
        "dr": 1,
        "aam": "yes",
        "adl_ratio": 0.5,
        "covariance": "diagonal",
        "backbone": "vgg",
        "output": "boxes",
    }.items():
        with pytest.raises(ValueError, match=f"^{field}: expected"):
            RunConfig.from_dict({"dataset": "300w", field: value})
    with pytest.raises(ValueError, match="^scale: expected one of smoke, reduced, long, full"):
        RunConfig.at("huge", "300w")


MEANINGLESS = {
    "weight: belongs to the value restriction": {"restriction": "detach", "weight": 3.0},
    "restriction": {"loss": "regression", "weight": 2.0},
    "distance": {"loss": "mahalanobis", "distance": "l1"},
    "adl_ratio": {"adl_ratio": 3.0},
    "covariance": {"loss": "adl", "covariance": "cholesky"},
    "stacks": {"backbone": "resnet18", "aam": True},
    "output: the hourglass": {"loss": "regression", "output": "coordinates"},
    "output: star": {"output": "coordinates", "backbone": "resnet18"},
    "output: DR": {"loss": "rle", "output": "coordinates", "backbone": "resnet18", "dr": True},
    "loss: awing": {"loss": "awing", "dr": True},
}


@pytest.mark.parametrize("start", MEANINGLESS)
def test_settings_without_meaning_cannot_make_a_second_name_for_a_run(start):
    with pytest.raises(ValueError, match=f"^{start}"):
        RunConfig.at("reduced", "300w", **MEANINGLESS[start])


def test_a_scale_is_derived_from_its_sizes_and_never_claimed():
    for changes in ({"seed": 4}, {"epochs": 18}):
        assert RunConfig.at("reduced", "300w", **changes).scale == "reduced"
    assert RunConfig("300w").scale == "full"
    for scale, changes in (("reduced", {"epochs": 1}), ("full", {"stacks": 2})):
        assert RunConfig.at(scale, "300w", **changes).scale == "custom"
    assert RunConfig("300w", **SCALES["smoke"]).scale == "smoke"
    assert "scale" not in RunConfig("300w").to_dict()
    sizes = {"stacks": 1, "width": 256, "backbone": "hrnet_w18"}  # the network's own count
    assert RunConfig.at("reduced", "300w", **sizes).scale == "reduced"
