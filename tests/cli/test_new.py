"""Starts from every template: each checks, is formatted, and fits what it promises."""

import re

import pytest

from qdsl.cli.templates import summary, template_text, templates


@pytest.mark.parametrize("template", templates())
def test_a_template_is_sound(qdsl, folder, template):
    found = qdsl("new", "start", "--template", template)
    assert (found.status, found.err) == (0, "")
    assert (folder / "start.qspec").read_text() == template_text(template)
    checked = qdsl("check", "start.qspec")
    assert (checked.status, checked.err) == (0, "")
    assert qdsl("fmt", "--check", "start.qspec").status == 0
    sized = qdsl("size", "start.qspec").out
    assert ", held" in sized
    assert "missed" not in sized


@pytest.mark.parametrize("template", templates())
def test_a_template_is_commented(template):
    text = template_text(template)
    assert len(re.findall(r"^ *#", text, re.MULTILINE)) >= 3
    assert summary(template).endswith(".")


def test_what_is_said_next_works(qdsl):
    commands = qdsl("new", "start").out.partition("next:\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        words = [word.strip("'") for word in command.split()]
        assert words[0] == "qdsl"
        assert qdsl(*words[1:]).status == 0


def test_nothing_is_overwritten(qdsl, folder):
    before = (folder / "net.qspec").read_bytes()
    assert qdsl("new", "net.qspec").status == 2
    assert qdsl("new", "net").status == 2
    assert (folder / "net.qspec").read_bytes() == before


def test_the_name_may_have_dots(qdsl, folder):
    assert qdsl("new", "v1.2").status == 0
    assert (folder / "v1.2.qspec").exists()


def test_list_writes_nothing(qdsl, folder):
    before = sorted(folder.iterdir())
    found = qdsl("new", "--list")
    assert [line.split()[0] for line in found.out.splitlines()[1:]] == list(templates())
    assert sorted(folder.iterdir()) == before


def test_an_unknown_template(qdsl):
    found = qdsl("new", "start", "--template", "vision")
    assert found.status == 2
    assert "error: `--template` takes no `vision`" in found.err
    assert "known: `conformer-rnnt`, " in found.err
