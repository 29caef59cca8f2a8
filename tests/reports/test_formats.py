"""One table in four formats: golden Markdown, balanced LaTeX, CSV with the decimals of print, escaped HTML."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser

import pytest

from synthboost.errors import OutputError
from synthboost.reports.contrasts import p_value
from synthboost.reports.table import (
    MEAN_SD,
    Column,
    Table,
    absent,
    count,
    latex_text,
    mean_sd,
    number,
    to_csv,
    to_html,
    to_latex,
    to_markdown,
    to_text,
    words,
    write_tables,
)


@pytest.fixture
def table() -> Table:
    return Table(
        "small",
        "Dice in %",
        (Column("strategy", is_text=True), Column("Dice %", MEAN_SD), Column("n")),
        ((words("real_1 | <b>"), mean_sd([0.8, 0.9], scale=100), count(1200)),),
        ("A note & more.",),
    )


def test_markdown_is_as_agreed(table):
    assert to_markdown(table) == (
        "**Dice in %**\n\n"
        "| strategy | Dice % | n |\n"
        "| --- | ---: | ---: |\n"
        "| real_1 \\| &lt;b> | 85.00 ± 7.07 | 1,200 |\n\n"
        "A note & more.\n"
    )


def test_latex_is_balanced_and_its_special_characters_are_spelled_out(table):
    text = to_latex(table)
    assert re.findall(r"\\begin{(\w+)}", text) == ["table", "tabular"]
    assert re.findall(r"\\end{(\w+)}", text) == ["tabular", "table"]
    assert text.count("{") == text.count("}")
    assert text.count("$") % 2 == 0
    assert r"real\_1 | \textless{}b\textgreater{} & 85.00 $\pm$ 7.07 & 1,200 \\" in text
    assert r"A note \& more." in text
    assert r"\caption{Dice in \%}" in text


def test_every_latex_line_has_as_many_cells_as_the_table_has_columns(table):
    for line in to_latex(table).splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == 2


def test_csv_holds_one_column_per_part_with_the_decimals_that_are_printed(table):
    header, line = csv.reader(io.StringIO(to_csv(table)))
    assert header == ["strategy", "Dice % mean", "Dice % sd", "n"]
    assert line[1:] == ["85.0", "7.07", "1200"]


def test_csv_rounds_away_what_binary_fractions_add_and_keeps_the_digits_of_small_numbers():
    line = {"difference": number(84.72 - 89.01), "nothing": number(-0.001), "p": p_value(4.9116266609416925e-12)}
    assert to_csv(Table.of("t", "c", [line])) == "difference,nothing,p\n-4.29,0.0,4.911627e-12\n"


@pytest.mark.parametrize(
    ("said", "printed"),
    [
        ('"real" is a simulated domain', "``real'' is a simulated domain"),
        ('strategy ("real" = simulated): "a b", "c"', "strategy (``real'' = simulated): ``a b'', ``c''"),
        ("wherever it says “real”", "wherever it says ``real''"),
    ],
)
def test_latex_opens_and_closes_quotes(said, printed):
    assert latex_text(said) == printed


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@A1", "'=1"])
def test_a_formula_in_a_csv_cell_or_heading_is_defused(text):
    assert to_csv(Table.of("t", "c", [{text: words(text)}])) == f"'{text}\n'{text}\n"


HOSTILE = "a|b\n<script>x</script> [c](javascript:d) `e` &lt; \x1b[2J\u202e"


def test_a_hostile_name_means_itself_in_every_format():
    table = Table.of("t", HOSTILE, [{"name": words(HOSTILE), HOSTILE: words("x")}], (HOSTILE,))
    escaped = r"a\|b &lt;script>x&lt;/script> [c\](javascript:d) \`e\` &amp;lt; \\x1b[2J\\u202e"
    assert to_markdown(table) == (
        f"**{escaped}**\n\n| name | {escaped} |\n| --- | --- |\n| {escaped} | x |\n\n{escaped}\n"
    )
    assert "<script" not in to_html(table)
    assert to_csv(table).count("\n") == 2
    for formatter in (to_markdown, to_latex, to_csv, to_html, to_text):
        assert not {"\x1b", "\u202e"} & set(formatter(table))


def test_a_column_without_a_value_is_for_programs_alone():
    lines = [{"arm": words(""), "a": number(1), "b": absent(), "c": absent()}, {"arm": words("x"), "a": absent(),
             "b": number(2), "c": words("")}]  # fmt: skip
    table = Table.of("t", "c", lines)
    assert [column.heading for column in table.shown.columns] == ["arm", "a", "b"]
    assert to_csv(table).startswith("arm,a,b,c\n")
    for formatter in (to_markdown, to_latex, to_html, to_text):
        assert formatter(table) == formatter(table.shown)


def test_a_table_of_many_lines_says_by_what_it_sorts():
    lines = [
        {"arm": words(f"a{n}"), "Dice %": mean_sd([0.5, 0.6], scale=100) if n else absent(MEAN_SD)} for n in range(6)
    ]
    assert '<table class="sortable" aria-labelledby="caption-t">' in to_html(Table.of("t", "c", lines))
    assert '<td data-value="55">55.00 ± 7.07</td>' in to_html(Table.of("t", "c", lines))
    assert "<td>–</td>" in to_html(Table.of("t", "c", lines))
    assert "sortable" not in to_html(Table.of("t", "c", lines[:5]))
    assert "sortable" not in to_html(Table.of("t", "c", lines, inset=frozenset({1})))


def test_files_of_others_are_not_overwritten_and_own_ones_are(tmp_path):
    table = Table.of("t", "c", [{"name": words("a")}])
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(OutputError, match=r"t\.csv: file: not written by a report"):
        write_tables(tmp_path, [table])
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    (tmp_path / "t.csv").unlink()
    for _ in range(2):
        write_tables(tmp_path, [table])
    assert {path.suffix for path in tmp_path.glob("t.*")} == {".md", ".tex", ".csv", ".html"}


def test_html_escapes_cells_and_heads_its_columns_and_lines(table):
    text = to_html(table)
    assert "<b>" not in text
    assert text.count('scope="col"') == 3
    assert text.count('scope="row"') == 1
    HTMLParser().feed(text)


def test_a_table_without_lines_has_every_format():
    table = Table("empty", "Nothing", (Column("strategy", is_text=True),), ())
    assert all(formatter(table) for formatter in (to_markdown, to_latex, to_csv, to_html))


@pytest.mark.parametrize(("columns", "is_small"), [(7, False), (9, True)])
def test_a_latex_table_never_sticks_out_of_the_text_and_many_columns_are_set_small(columns: int, is_small: bool):
    heads = (Column("strategy", is_text=True), *(Column(f"P{n}", MEAN_SD) for n in range(columns - 1)))
    text = to_latex(Table("t", "c", heads, ()))
    scaled = "\\resizebox{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}{!}{%\n\\begin{tabular}"
    assert scaled in text
    assert "\\end{tabular}}\n" in text
    assert ("\\scriptsize\n\\setlength{\\tabcolsep}{3pt}\n\\resizebox" in text) == is_small
    assert text.count("{") == text.count("}")
