"""The weights that others published and that our models can start from: where they are, and on which terms."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """One publication. Nothing of it is redistributed here."""

    name: str
    model: str
    """Which of our models takes it."""
    trained: str
    """What was trained, and on what."""
    source: str
    """A name on the Hugging Face hub, an address, or how else to get it."""
    licence: str
    sha256: str | None
    """Of the file, where its publisher states it."""
    use: str
    """The options with which training starts from it."""


CATALOGUE = (
    Published(
        name="clipseg-rd64-refined",
        model="clipseg",
        trained="all of CLIPSeg, on PhraseCut: what the paper starts from",
        source="CIDAS/clipseg-rd64-refined",
        licence="apache-2.0 says the hub's page; the authors' repository says only that its MIT licence excludes them",
        sha256=None,
        use="--weights CIDAS/clipseg-rd64-refined",
    ),
    Published(
        name="clip-rn50",
        model="cris",
        trained="CRIS' two encoders as CLIP, on pairs from the internet; neck, decoder and projector stay random",
        source="https://openaipublic.azureedge.net/clip/models/"
        "afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762/RN50.pt",
        licence="MIT (the repository's); its model card puts deployment out of scope",
        sha256="afeb0e10f9e5a86da6080e35cf09123aca3b358a0c3e3b6c78a7b63bc04b6762",
        use="weights convert RN50.pt --out cris-clip, then --model cris --weights cris-clip",
    ),
    Published(
        name="clip-rn101",
        model="cris",
        trained="as clip-rn50, with the deeper image encoder that CRIS' authors tried too",
        source="https://openaipublic.azureedge.net/clip/models/"
        "8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599/RN101.pt",
        licence="MIT (the repository's); its model card puts deployment out of scope",
        sha256="8fa8567bab74a42d41c5915025a8e4538c3bdbe8804a470a72f30b0d94fab599",
        use="weights convert RN101.pt --out cris-clip, then --model cris --weights cris-clip",
    ),
    Published(
        name="cris-refcoco",
        model="cris",
        trained="all of CRIS, on RefCOCO",
        source="not released by its authors; the paper used a reader's file (cris_best.pth). Train one with their code",
        licence="none stated",
        sha256=None,
        use="weights convert cris_best.pth --out cris-refcoco, then --model cris --weights cris-refcoco",
    ),
)


def by_sha256(digest: str) -> Published | None:
    """Return the publication whose stated checksum this is."""
    return next((one for one in CATALOGUE if one.sha256 == digest), None)
