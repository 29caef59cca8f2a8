from __future__ import annotations

from synthboost.domain import Quality
from synthboost.reports.model_card import model_card

REAL = {"name": "camus", "domain": "real", "patients": 50, "frames": 200, "split": "official"}
MADE = {"name": "sdm", "domain": "diffusion", "patients": 10, "frames": 40, "split": "official"}
SIMULATED = {"name": "sim", "domain": "simulated", "patients": 9, "frames": 36, "split": "official"}


def _spec(data: dict, roles: tuple[str, ...] = ("real",), **other: object) -> dict:
    values = {
        "name": "cris-real-P1", "model": "cris", "preset": "tiny", "weights": None, "strategy": "real",
        "encoders": "trained", "prompt_set": "P1", "seed": 0, "data": data, "stages": [{"role": r} for r in roles],
    }  # fmt: skip
    return values | other


def test_the_card_says_what_was_trained_on_what_and_how_well_it_did(make_row, make_run) -> None:
    rows = [
        make_row(0.8, quality=Quality.GOOD, sentence="Myocardium of the heart."),
        make_row(0.6, quality=Quality.POOR, patient="p2"),
        make_row(0.1, probe="swapped"),
    ]
    card = model_card(make_run(rows, spec=_spec({"real": REAL})))
    assert card.startswith("---\nlibrary_name: synthboost\n")
    assert "not a medical device" in card
    assert "| trained on (real) | camus: real images, 50 patients, 200 frames, split official |" in card
    assert "random weights (preset tiny)" in card
    assert "on 2 patients" in card
    # 80 and 60: mean 70, sample deviation 14.14; the swapped sentence is no result.
    assert "| LV | 70.00 ± 14.14 | 80.00" in card
    assert '["Myocardium of the heart."]' in card


def test_the_terms_of_patients_images_follow_the_weights_and_simulated_ones_have_none(make_row, make_run) -> None:
    real = model_card(make_run([make_row(0.8)], spec=_spec({"real": REAL})))
    assert "license: other" in real
    assert "CC BY-NC-SA" in real
    free = model_card(make_run([make_row(0.8, domain="simulated")], spec=_spec({"real": SIMULATED}, strategy="real")))
    assert "license: mit" in free
    assert "CC BY-NC-SA" not in free
    assert "say nothing about patients" in free


def test_data_that_only_judge_are_not_named_as_trained_on(make_row, make_run) -> None:
    card = model_card(
        make_run([make_row(0.5)], spec=_spec({"real": REAL, "synthetic": MADE}, ("synthetic",), strategy="synthetic"))
    )
    assert "trained on (synthetic)" in card
    assert "trained on (real)" not in card


def test_a_model_that_nothing_trained_says_so_and_words_from_the_truth_are_named(make_row, make_run) -> None:
    rows = [make_row(0.5, uses_ground_truth=True)]
    card = model_card(make_run(rows, spec=_spec({"real": REAL}, (), strategy="zero-shot")))
    assert "| trained on | nothing |" in card
    assert "too good" in card


def test_the_same_run_gives_the_same_card(make_row, make_run) -> None:
    run = make_run([make_row(0.5)], spec=_spec({"real": REAL}))
    assert model_card(run) == model_card(run)


def test_validation_patients_are_not_called_test_patients(make_row, make_run) -> None:
    card = model_card(make_run([make_row(0.5, split="no-test")], spec=_spec({"real": REAL})))
    assert "(real images; split no-test, official validation)" in card


def test_hostile_names_mean_themselves(make_row, make_run) -> None:
    name = "<script>x</script>|\n`\x1b"
    row = make_row(0.5, sentence='a"]); import os\n```')
    spec = _spec({"real": {**REAL, "name": name, "split": name}}, name=name, strategy=name, weights=name)
    card = model_card(make_run([row], spec=spec))
    assert not {"<script", "\x1b"} & {card[i : i + n] for n in (1, 7) for i in range(len(card))}
    assert r'["a\"]); import os ```"]' in card
    assert r"# &lt;script>x&lt;/script>\| \`\\x1b" in card.splitlines()


def test_a_run_that_was_not_scored_says_so(make_run) -> None:
    assert "It was not scored." in model_card(make_run([], spec=_spec({"real": REAL})))
