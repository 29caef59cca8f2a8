"""The headline says what the numbers say, and not more."""

from __future__ import annotations

from synthboost.records.rows import rows_frame
from synthboost.reports import content as sentences
from synthboost.reports.arms import ordered_arms
from synthboost.reports.content import answer
from synthboost.reports.contrasts import differences


def headline(rows, target_is_simulated=False):
    arms = ordered_arms(rows_frame(rows))
    return sentences.headline(arms, differences(arms), target_is_simulated)


def pair(make_row, base, boosted, alike=3, **other):
    """Two patients under `real` and under `synth-PT:real-FT`, and as many more `alike`: six can be told apart."""
    rows = []
    for patient, (first, second) in enumerate(zip(alike * base, alike * boosted, strict=True)):
        where = {"patient": f"p{patient}", "frame": f"f{patient}", **other}
        rows += [make_row(first, **where), make_row(second, strategy="synth-PT:real-FT", **where)]
    return rows


def test_the_answer_names_the_best_model_and_what_a_constant_mask_reaches(make_row):
    rows = pair(make_row, (0.7, 0.8), (0.8, 0.9))
    best = "real-FT: mean Dice 85.0 % (1 seed, 95 % interval 81.7 to 88.3, 6 images of 6 patients)"
    assert answer(ordered_arms(rows_frame(rows))).endswith(f"{best}. No constant mask was evaluated beside it.")
    blind = [make_row(0.6, model="baseline", strategy="image-blind", patient=f"p{n}", frame=f"f{n}") for n in range(6)]
    text = answer(ordered_arms(rows_frame(rows + blind)))
    assert text.endswith(f"{best}, 25.0 points above the best constant mask (image-blind baseline).")
    blind = [make_row(0.9, model="baseline", strategy="image-blind", patient=f"p{n}", frame=f"f{n}") for n in range(6)]
    text = answer(ordered_arms(rows_frame(rows + blind)))
    assert text.startswith("No model beats the constant mask of the image-blind baseline (90.0 %). Best: ")
    assert answer(ordered_arms(rows_frame(blind))) == ""


def test_a_clear_gain_is_called_one_with_its_interval(make_row):
    # All patients gain 0.1, so the interval is a point.
    assert headline(pair(make_row, (0.7, 0.8), (0.8, 0.9))) == (
        "Pretraining on synthetic images before training on real images raised mean Dice by 10.0 points "
        "(95 % interval +10.0 to +10.0 over 6 patients): 85.0 % against 75.0 % with real images alone, on 6 images "
        "of 6 patients. "
        "Each was trained once, so chance in training is not in the interval."
    )


def test_a_clear_loss_is_called_one(make_row):
    assert " lowered mean Dice by 10.0 points " in headline(pair(make_row, (0.8, 0.9), (0.7, 0.8)))


def test_an_interval_around_zero_is_no_clear_change(make_row):
    text = headline(pair(make_row, (0.7, 0.8), (0.8, 0.7)))
    assert "did not clearly change mean Dice (0.0 points, 95 % interval −6.7 to +6.7 over 6 patients)" in text


def test_a_simulated_target_is_never_called_real(make_row):
    text = headline(pair(make_row, (0.7, 0.8), (0.8, 0.9)), target_is_simulated=True)
    assert "the simulated target domain alone" in text
    assert "real" not in text


def test_a_few_settings_have_a_sentence_each(make_row):
    rows = pair(make_row, (0.7, 0.8), (0.8, 0.9), model="cris") + pair(
        make_row, (0.8, 0.9), (0.7, 0.8), model="clipseg"
    )
    assert headline(rows) == (
        "Pretraining on synthetic images before training on real images, on 6 images of 6 patients. "
        "For clipseg it lowered mean Dice by 10.0 points (95 % interval −10.0 to −10.0 over 6 patients): 75.0 % "
        "against 85.0 %. "
        "For cris it raised mean Dice by 10.0 points (95 % interval +10.0 to +10.0 over 6 patients): 85.0 % against "
        "75.0 %. "
        "Each was trained once, so chance in training is not in the interval."
    )


def test_several_settings_are_summed_up_without_picking_one(make_row):
    rows = pair(make_row, (0.8, 0.9), (0.7, 0.8))
    for prompt_set in ("P1", "P2", "P3"):
        rows += pair(make_row, (0.7, 0.8), (0.8, 0.9), prompt_set=prompt_set)
    text = headline(rows)
    assert text.startswith("Over 4 settings, ")
    assert "clearly higher in 3, clearly lower in 1, not told apart in 0" in text


def test_one_patient_gives_no_claim(make_row):
    assert "too few patients" in headline(pair(make_row, (0.7,), (0.8,), alike=1))


def test_so_few_patients_that_no_test_can_tell_give_no_verdict(make_row):
    # Five patients: p is at least 2 / 2^5 = 0.0625, however alike they are.
    text = headline(pair(make_row, (0.8,), (0.7,), alike=5))
    assert text.startswith(
        "Pretraining on synthetic images before training on real images changed mean Dice by −10.0 points "
        "(95 % interval −10.0 to −10.0 over 5 patients: too few patients to tell): 70.0 % against 80.0 % "
    )
    assert "lowered mean Dice by 10.0 points" in headline(pair(make_row, (0.8,), (0.7,), alike=6))
    rows = [row for name in ("P1", "P2", "P3", "P4") for row in pair(make_row, (0.8,), (0.7,), 5, prompt_set=name)]
    text = headline(rows)
    assert ", on 5 patients: clearly higher in 0, clearly lower in 0, not told apart in 0, too few patients" in text
    assert "to tell in 4." in text


def test_without_a_comparison_the_score_stands_alone(make_row):
    assert headline([make_row(0.8)]) == ("The strategy real reached a mean Dice of 80.0 %, on 1 image of 1 patient.")


def test_baselines_alone_are_no_result(make_row):
    text = headline([make_row(0.4, model="baseline", strategy="text-blind")])
    assert text == "No run has scored a model yet, so there is no result to report."


def test_a_boosted_run_is_compared_with_as_many_real_patients(make_row):
    rows = pair(make_row, (0.8, 0.9), (0.7, 0.8), real_patients=10) + pair(
        make_row, (0.7, 0.8), (0.8, 0.9), real_patients=50
    )
    text = headline(rows)
    assert "For 10 it lowered mean Dice by 10.0 points" in text
    assert "For 50 it raised mean Dice by 10.0 points" in text


def test_each_kind_of_synthetic_images_is_compared_with_the_same_run_on_real_ones(make_row):
    first = [{"patient": f"p{n}", "frame": f"f{n}"} for n in range(6)]
    rows = [make_row(0.7, **where) for where in first]
    for kind, dice in (("diffusion", 0.8), ("simulated", 0.6)):
        rows += [make_row(dice, strategy="synthetic", synthetic=kind, **where) for where in first]
    text = headline(rows)
    assert "For diffusion it raised mean Dice by 10.0 points" in text
    assert "For simulated it lowered mean Dice by 10.0 points" in text


def constant(make_row, dice):
    """The image-blind baseline on the patients of `pair`."""
    return [
        make_row(
            dice, model="baseline", strategy="image-blind", encoders="none", patient=f"p{n}", frame=f"f{n}", run="blind"
        )
        for n in range(6)
    ]


def test_a_gain_between_two_models_that_are_worse_than_the_constant_mask_is_no_gain(make_row):
    rows = pair(make_row, (0.006, 0.006), (0.13, 0.134)) + constant(make_row, 0.572)
    assert headline(rows) == (
        "Neither model beats the constant mask of the image-blind baseline (57.2 %): 13.2 % with pretraining on "
        "synthetic images before training on real images and 0.6 % with real images alone, on 6 images of 6 patients. "
        "So nothing can be said of the strategies."
    )
    arms = ordered_arms(rows_frame(rows))
    (found,) = differences(arms)
    assert found.reading == "neither beats a constant mask"


def test_a_model_that_beats_the_constant_mask_may_be_compared_with_one_that_does_not(make_row):
    rows = pair(make_row, (0.1, 0.2), (0.6, 0.7)) + constant(make_row, 0.572)
    assert "raised mean Dice by 50.0 points" in headline(rows)


def test_only_settings_in_which_a_model_beats_the_constant_mask_are_summed_up(make_row):
    rows = pair(make_row, (0.7, 0.8), (0.8, 0.9), prompt_set="P1") + constant(make_row, 0.572)
    rows += pair(make_row, (0.1, 0.2), (0.3, 0.4), prompt_set="P2")
    text = headline(rows)
    assert "For P1 it raised mean Dice by 10.0 points" in text
    assert (
        "For P2 neither model beats the constant mask of the image-blind baseline (57.2 %): 35.0 % against 15.0 %."
        in text
    )
    for prompt_set in ("P3", "P4"):
        rows += pair(make_row, (0.1, 0.2), (0.3, 0.4), prompt_set=prompt_set)
    text = headline(rows)
    assert text.startswith(
        "Over 1 setting, pretraining on synthetic images before training on real images changed mean"
    )
    assert "In 3 more neither side beats a constant mask; they are left out." in text
    rows = constant(make_row, 0.572)
    for prompt_set in ("P1", "P2", "P3", "P4"):
        rows += pair(make_row, (0.1, 0.2), (0.3, 0.4), prompt_set=prompt_set)
    assert headline(rows).startswith("In none of 4 settings does a model beat a constant mask")


def test_a_score_alone_that_is_below_the_constant_mask_says_so(make_row):
    rows = [make_row(0.3, patient="p0", frame="f0"), *constant(make_row, 0.572)]
    assert headline(rows).endswith("The constant mask of the image-blind baseline reaches 57.2 %.")


def test_the_weakest_group_of_patients_stands_in_the_headline_with_interval_and_number(make_row):
    rows = [
        make_row(0.6 + 0.02 * n if sex == "F" else 0.9, patient=f"{sex}{n}", frame=f"{sex}{n}", sex=sex)
        for sex in ("F", "M")
        for n in range(5)
    ]
    text = sentences.weakest_group(ordered_arms(rows_frame(rows)))
    assert text.startswith("Of 2 groups of patients the weakest is sex: F: 64.0 % (95 % interval 61")
    assert text.endswith(", 5 patients).")
    assert sentences.weakest_group(ordered_arms(rows_frame(rows[1:]))).startswith("Of 1 groups")  # four women are few
    assert sentences.weakest_group(ordered_arms(rows_frame(rows[5:]))) == ""  # all patients are no group
