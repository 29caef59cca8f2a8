from __future__ import annotations

from synthboost.app.markup import figure, problem, table
from synthboost.app.results import MaskMeasurement
from synthboost.errors import DataError

EVIL = "<script>alert(1)</script>${x}{{y}}"


def test_what_a_visitor_wrote_is_text() -> None:
    lines = [MaskMeasurement(EVIL, 6, 0.3, 6.0, 0.75)]
    for made in (figure(b"png", EVIL, lines), table(lines, True), problem(DataError(EVIL, "kind", EVIL, "an image"))):
        assert "<script" not in made
        assert "&lt;script&gt;" in made
        assert "${" not in made
        assert "{{" not in made


def test_the_table_says_its_unit() -> None:
    lines = [MaskMeasurement("one", 6, 0.3, 12.0, 0.75)]
    assert "mm²" in table(lines, True)
    assert "<td>12</td>" in table(lines, True)
    assert "sizes are in pixels" in table([MaskMeasurement("one", 6, 0.3, None, 0.75)], False)
