"""Clauses that no golden sentence has."""

from __future__ import annotations

from synthboost.domain import Domain
from synthboost.prompts.templates import domain_clause


def test_the_domain_is_that_of_the_pixels_whoever_drew_the_masks() -> None:
    assert domain_clause(Domain.SIMULATED) == ", in a simulated image"
    assert domain_clause(Domain.PSEUDO_LABELLED) == domain_clause(Domain.REAL) == ", in a real image"
    assert domain_clause(Domain.REFINED) == domain_clause(Domain.DIFFUSION) == ", in a diffusion image"
