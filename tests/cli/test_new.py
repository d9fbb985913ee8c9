"""Starts from every template: each checks, is formatted, and fits what it promises."""

import re
import shlex

import pytest

from qdsl import load_spec
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


@pytest.mark.parametrize("name", ["start", "a small one", "it's", "$HOME"])
def test_what_is_said_next_works(qdsl, name):
    commands = qdsl("new", name).out.partition("next:\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        words = shlex.split(command)
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


@pytest.mark.parametrize("name", [".", "/", "..", "a/..", "a/", "#x", "x:y", "a#b/c"])
def test_a_name_that_no_command_could_take(qdsl, folder, name):
    before = sorted(folder.iterdir())
    found = qdsl("new", name)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith(f"error: `{name}` ")
    assert len(found.err.splitlines()) == 2
    assert sorted(folder.iterdir()) == before


def test_the_name_of_a_template(qdsl, folder):
    found = qdsl("new", "conformer-rnnt")
    assert (found.status, found.out) == (2, "")
    help = "  help: `qdsl new NAME --template conformer-rnnt`\n"
    assert found.err == f"error: `conformer-rnnt` is a template\n{help}"
    name = "conformer-rnnt"
    assert qdsl("new", name, "--template", name).status == 0
    assert (folder / f"{name}.qspec").exists()


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


def test_a_language_model_can_be_trained(qdsl, folder):
    assert qdsl("new", "writer", "--template", "language-model").status == 0
    recipe = load_spec(folder / "writer.qspec").variants["int4"].resolved.recipe
    assert [stage.name for stage in recipe.stages] == ["float", "qat"]
