"""The bench teaches: the Tab key completes what analysts type, and help says what a thing answers."""

import inspect
from pathlib import Path

import nbformat
import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from analysis.models.result import Result
from analysis.simulate import fill
from analysis.store import Store

BENCH = Path(__file__).resolve().parents[1] / "notebooks" / "explore.ipynb"


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> InteractiveShell:
    """A shell in which the bench was run as far as its first model."""
    place = tmp_path_factory.mktemp("bench")
    fill(Store.open(place / "store"), 0)
    config = Config()
    config.HistoryManager.enabled = False
    made = InteractiveShell(config=config, user_ns={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIRALITY_STORE", str(place / "store"))
        patch.setenv("IPYTHONDIR", str(place / "ipython"))
        for cell in nbformat.read(BENCH, 4).cells:
            if cell.cell_type != "code":
                continue
            exec(compile(cell.source, "cell", "exec"), made.user_ns)
            if "spikes.find" in cell.source:
                break
    return made


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("store.re", "read"),
        ("store.s", "sql"),
        ('known["red', "reddit"),
        ("known[platform].met", "metrics"),
        ("result.ver", "verdict"),
        ("result.che", "checks"),
        ('result.extra["', "baseline"),
        ("result.table.ons", "onset"),
        ('events["plat', "platform"),
        ("spikes.fi", "find"),
        ("spikes.find(visits, false", "false_per_month="),
        ("database.sq", "sql"),
    ],
)
def test_the_tab_key_completes(shell: InteractiveShell, typed: str, offered: str) -> None:
    with provisionalcompleter():
        found = [completion.text for completion in shell.Completer.completions(typed, len(typed))]
    assert any(offered in text for text in found), found[:20]


def test_help_says_what_is_asked_for_and_what_comes_back(shell: InteractiveShell) -> None:
    names = [name for name in shell.user_ns if not name.startswith("_")]
    things = [shell.user_ns[name] for name in names]
    functions = [
        thing
        for thing in things
        if inspect.isfunction(thing) and (thing.__module__ or "").startswith("analysis.")
    ]
    assert len(functions) > 10
    for thing in (*functions, shell.user_ns["spikes"].find, Store.open, Store.read, Store.sql, Result):
        text = inspect.getdoc(thing) or ""
        assert len(text) > 20, thing
        for name, parameter in inspect.signature(thing).parameters.items():
            variable = parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
            assert name == "self" or variable or name in text, (thing, name)
