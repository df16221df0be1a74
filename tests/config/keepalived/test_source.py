"""The words of keepalived.conf: comments, quotes, conditions, definitions, includes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fullnat.config.errors import ConfigError
from fullnat.config.keepalived import source


def words(text: str) -> list[tuple[str, ...]]:
    return [line.words for line in source.lines(text)]


def test_comments_end_a_line_and_quotes_keep_what_is_in_them() -> None:
    text = """\
! a comment
delay_loop 7 # seconds
quorum_up "/usr/bin/announce up ! # now" ! done
notify_up '/bin/sh -c "x"'

misc_path "say \\"yes\\""
real_server 10.0.0.1 80{
"""
    assert words(text) == [
        ("delay_loop", "7"),
        ("quorum_up", "/usr/bin/announce up ! # now"),
        ("notify_up", '/bin/sh -c "x"'),
        ("misc_path", 'say "yes"'),
        ("real_server", "10.0.0.1", "80", "{"),
    ]


def test_a_quoted_brace_is_a_word() -> None:
    (line,) = source.lines('misc_path "{" {\n')
    assert (line.words, line.quoted) == (("misc_path", "{", "{"), frozenset({1}))


def test_lines_under_conditions_of_others_are_passed_over() -> None:
    assert words("@main a\n@fullnat b\n@^main c\n@^fullnat d\n@ e\ne\n") == [("b",), ("c",), ("e",)]


def test_definitions_stand_for_words_and_for_lines() -> None:
    text = """\
$NET = 10.0.0
$SERVER = real_server ${NET}.1 $PORT {\\
weight 3\\
}
$PORT=80
$SERVER
password $ecret
"""
    assert words(text) == [
        ("real_server", "10.0.0.1", "80", "{"),
        ("weight", "3"),
        ("}",),
        ("password", "$ecret"),
    ]


def test_a_line_goes_on_after_a_backslash() -> None:
    (first, second) = source.lines("quorum \\\n  2\nnext\n", "f")
    assert (first.words, str(first.place), str(second.place)) == (("quorum", "2"), "f:1", "f:3")


def test_includes_stand_where_they_are_asked_for_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    for name, text in (("b.conf", "b\n"), ("a.conf", "a\ninclude deeper.inc\n"), ("deeper.inc", "c\n"), ("x.txt", "x")):
        (tmp_path / "conf.d" / name).write_text(text)
    main = tmp_path / "main.conf"
    main.write_text("first\ninclude conf.d/*.conf\ninclude none/*.conf\nlast\n")
    found = [(line.words[0], line.place.line, Path(line.place.file).name) for line in source.read(main)]
    assert found == [
        ("first", 1, "main.conf"),
        ("a", 1, "a.conf"),
        ("c", 1, "deeper.inc"),
        ("b", 1, "b.conf"),
        ("last", 4, "main.conf"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('a\nquorum_up "never closed\n', "f:2: the quote of '\"never closed' is not closed"),
        ("${MISSING}\n", "f:1: ${MISSING} is not defined above"),
        (
            "${SERVER ip=10.0.0.1}\n",
            "f:1: ${SERVER ip=10.0.0.1}: a definition with parameters is not supported; write its lines out",
        ),
        ("$A = ${B}\n$B = ${A}\n\n$A\n", "f:4: definitions refer to one another more than 16 times deep"),
        ("include\n", "f:1: include takes one file name or pattern"),
        ("include nowhere.conf\n", "f:1: nowhere.conf: No such file or directory"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        list(source.lines(text, "f"))
    assert caught.value.problems == (message,)


def test_definitions_that_grow_without_end_are_refused() -> None:
    text = "$A = " + "${B} ${B} " * 500 + "\n$B = " + "${C} " * 500 + "\n$C = " + "c" * 100 + "\n$A\n"
    with pytest.raises(ConfigError, match="f:4: definitions grow to more than 2000000 characters"):
        list(source.lines(text, "f"))


def test_a_file_that_includes_itself_ends(tmp_path: Path) -> None:
    main = tmp_path / "main.conf"
    main.write_text("include main.conf\n")
    with pytest.raises(ConfigError, match="files include one another more than 16 times deep"):
        list(source.read(main))
    main.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"main\.conf: is not UTF-8 text"):
        list(source.read(main))


def test_a_long_line_of_many_is_read_in_proportion() -> None:
    """Each line that goes on once copied all before it."""
    text = "x \\\n" * 400_000
    started = time.process_time()
    (line,) = source.lines(text)
    assert line.words == ("x",) * 400_000
    assert time.process_time() - started < 20
