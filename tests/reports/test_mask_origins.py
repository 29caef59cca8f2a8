"""Real patients are not annotated patients when synthetic images carry the annotations of others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from synthboost.records.run_folder import RunRecord
from synthboost.reports.run_facts import mask_statements


@pytest.fixture
def make_masked_run(make_study_run, make_manifest):
    """A function (strategy, patients, counted) -> a run beside a diffusion set of 349 patients."""

    def make(strategy: str, patients: int = 10, counted: int = 349, domain: str = "diffusion") -> RunRecord:
        run = make_study_run([0.5], strategy, patients=patients)
        data = dict(run.spec.data)
        if "synthetic" in data:
            data["synthetic"] = replace(data["synthetic"], patients=349, domain=domain)
        return replace(run, spec=replace(run.spec, data=data), manifest=make_manifest(mask_patients=counted))

    return make


def test_ten_real_patients_after_the_masks_of_349_are_not_ten_annotated_patients(make_masked_run):
    runs = [make_masked_run("real"), make_masked_run("synth-PT:real-FT")]
    assert mask_statements(runs) == (
        "The diffusion images of sdm carry the annotations of 349 patients, from whose masks they were made. "
        "For models trained on these images first or beside real ones, “10 real patients” is therefore not 10 "
        "annotated patients.",
    )


def test_all_numbers_below_that_of_the_masks_stand_in_one_sentence(make_masked_run):
    runs = [make_masked_run("synth-PT:real-FT", n) for n in (50, 5, 349, 10)] + [make_masked_run("synthetic")]
    [text] = mask_statements(runs)
    assert "“5, 10 or 50 real patients” is therefore not 5, 10 or 50 annotated patients." in text
    assert text.endswith("To train on them alone is not to train without annotation.")


def test_as_many_real_patients_as_masks_need_no_word(make_masked_run):
    runs = [make_masked_run("synth-PT:real-FT", patients=349), make_masked_run("real", patients=10)]
    assert mask_statements(runs) == ()


def test_copies_of_a_mask_are_one_annotation(make_masked_run):
    (text,) = mask_statements([make_masked_run("synthetic", counted=35)])
    assert text.startswith("The diffusion images of sdm carry the annotations of 35 patients")


@pytest.mark.parametrize("domain", ["simulated", "pseudo-labelled"])
def test_simulated_and_pseudo_labelled_images_carry_no_annotation_of_a_patient(make_masked_run, domain: str):
    run = make_masked_run("synth-PT:real-FT", counted=0, domain=domain)
    assert mask_statements([run]) == ()
