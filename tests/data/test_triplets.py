"""From a frame and a recipe to sentences and masks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from synthboost.data import TripletRecipe, make_triplets
from synthboost.domain import (
    STRUCTURES,
    Attributes,
    Frame,
    FrameInfo,
    PatientId,
    Phase,
    PromptSet,
    Quality,
    Sex,
    View,
)
from synthboost.errors import ConfigError, DataError

LV, MYO, LA = STRUCTURES


@pytest.fixture
def frame() -> Frame:
    patient = PatientId("camus-nifti", "database_nifti", "patient0001")
    info = FrameInfo(patient, View.TWO_CHAMBER, Phase.END_DIASTOLE, Attributes(Sex.MALE, 73, Quality.GOOD, 50.0))
    label_map = np.zeros((40, 30), np.uint8)
    label_map[5:25, 8:20] = 2
    label_map[8:22, 11:17] = 1
    label_map[28:36, 10:18] = 3
    return Frame(info, np.zeros((40, 30), np.uint8), label_map, (1.0, 1.0))


def test_there_is_one_triplet_per_structure_and_the_image_is_shared(frame):
    triplets = make_triplets(frame, TripletRecipe(PromptSet.P1))
    assert [t.prompt.text for t in triplets] == [
        "Left ventricular cavity of the heart.", "Myocardium of the heart.", "Left atrium cavity of the heart.",
    ]  # fmt: skip
    assert [int(t.mask.sum()) for t in triplets] == [14 * 6, 20 * 12 - 14 * 6, 8 * 8]
    assert all(t.frame is frame for t in triplets)


def test_the_recipe_chooses_structures_and_paraphrase(frame):
    (triplet,) = make_triplets(frame, TripletRecipe(PromptSet.P2, (LA,), paraphrase=1))
    assert triplet.prompt.text == "Left atrium cavity in two-chamber view in the cardiac ultrasound."


def test_seeded_paraphrases_repeat_for_a_seed_and_vary_over_epochs(frame):
    recipe = TripletRecipe(PromptSet.P1, paraphrase="seeded", seed=3)

    def drawn(recipe, epoch):
        return [t.prompt.paraphrase for t in make_triplets(frame, recipe, epoch)]

    many = [drawn(recipe, epoch) for epoch in range(200)]
    assert many == [drawn(recipe, epoch) for epoch in range(200)]
    assert 0.4 < np.mean(many) < 0.6
    assert many != [drawn(replace(recipe, seed=4), epoch) for epoch in range(200)]


def test_a_shape_word_of_the_true_mask_is_marked(frame):
    (triplet,) = make_triplets(frame, TripletRecipe(PromptSet.P7, (LA,)))
    assert triplet.prompt.text.startswith("Left atrium cavity of square shape in two-chamber view")
    assert triplet.prompt.uses_ground_truth


def test_a_sentence_that_names_no_shape_is_not_marked(frame):
    for triplet in make_triplets(frame, TripletRecipe(PromptSet.P6)):
        assert not triplet.prompt.uses_ground_truth


def test_a_structure_that_is_not_there_has_no_shape(frame):
    frame.label_map[frame.label_map == 3] = 0
    (triplet,) = make_triplets(frame, TripletRecipe(PromptSet.P7, (LA,)))
    assert triplet.prompt.dropped == ("shape",)
    assert not triplet.mask.any()


def test_a_frame_without_label_map_is_refused(frame):
    with pytest.raises(DataError, match="patient0001_2CH_ED has none"):
        make_triplets(replace(frame, label_map=None), TripletRecipe(PromptSet.P1))


@pytest.mark.parametrize("wrong", [{"structures": ()}, {"structures": (LV, LV)}, {"paraphrase": 2}, {"seed": -1}])
def test_a_recipe_that_cannot_work_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        TripletRecipe(PromptSet.P1, **wrong)


def test_training_on_any_clauses_leaves_some_out_and_evaluation_none(frame):
    recipe = TripletRecipe(PromptSet.P7_ANY, (LV,), paraphrase="seeded")
    drawn = {make_triplets(frame, recipe, epoch)[0].prompt.dropped for epoch in range(30)}
    assert len(drawn) > 10
    (whole,) = make_triplets(frame, replace(recipe, paraphrase=0))
    assert whole.prompt.text == make_triplets(frame, TripletRecipe(PromptSet.P7, (LV,)))[0].prompt.text


def test_what_the_frame_does_not_annotate_is_not_asked_for(frame):
    partly = replace(frame, info=replace(frame.info, structures=(LV, LA)))
    assert [triplet.structure for triplet in make_triplets(partly, TripletRecipe(PromptSet.P1))] == [LV, LA]
    with pytest.raises(DataError, match="structures: LV, LA; expected one of MYO annotated"):
        make_triplets(partly, TripletRecipe(PromptSet.P1, structures=(MYO,)))
