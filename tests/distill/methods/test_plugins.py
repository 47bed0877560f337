"""Methods and penalties of other packages: the one in the documentation, installed."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs torch")
pytest.importorskip("norse", reason="students have Norse cells")

from snn2chip.distill import distill, recipe_from_dict
from snn2chip.errors import ConfigError
from tests.distill.test_run import RECIPE, rows

PAGE = Path(__file__).resolve().parents[3] / "docs" / "methods.md"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Install a package of one module, with entry points."""

    def install(code: str, entries: str) -> None:
        place = tmp_path / "site"
        info = place / "unsure-1.0.dist-info"
        info.mkdir(parents=True)
        (place / "unsure.py").write_text(code)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: unsure\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entries)
        monkeypatch.syspath_prepend(str(place))
        monkeypatch.delitem(sys.modules, "unsure", raising=False)

    yield install
    sys.modules.pop("unsure", None)


def of_the_page() -> tuple[str, str]:
    """The module and its entry points, as the page has them."""
    text = PAGE.read_text("utf-8").split("## A method of your own")[1]
    code, toml = re.search(r"```python\n(.*?)```.*?```toml\n(.*?)```", text, re.DOTALL).groups()
    group, entry = toml.strip().splitlines()
    name = re.fullmatch(r'\[project\.entry-points\."(.*)"\]', group).group(1)
    return code, f"[{name}]\n{entry.replace(chr(34), '')}\n"


def test_the_method_of_the_page_trains(installed, tmp_path: Path) -> None:
    installed(*of_the_page())
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + '[method]\nname = "unsure"\nbeta = 0.25\n')
    made = distill(path, tmp_path / "out")
    assert set(made.history[0]) >= {"ce", "entropy"}
    assert rows(made.card.read_text())["method"] == "unsure (beta 0.25)"


def test_its_options_are_checked(installed) -> None:
    installed(*of_the_page())
    tables = {"student": {"kind": "mlp"}, "method": {"name": "unsure", "bta": 1.0}}
    with pytest.raises(ConfigError, match="bta") as caught:
        recipe_from_dict(tables)
    assert "beta" in caught.value.remedy


def test_unknown_names_list_what_is_installed(installed) -> None:
    installed(*of_the_page())
    with pytest.raises(ConfigError) as caught:
        recipe_from_dict({"student": {"kind": "mlp"}, "method": {"name": "unsur"}})
    assert "unsure" in caught.value.has
    assert "unsure" in caught.value.remedy


def test_a_class_of_a_module_below_is_called_as_its_entry_point(installed, tmp_path: Path) -> None:
    code, entries = of_the_page()
    installed(code, entries.replace("unsure =", "doubting ="))
    module = tmp_path / "site" / "unsure.py"
    below = tmp_path / "site" / "unsure_below.py"
    below.write_text(module.read_text())
    module.write_text("from unsure_below import Unsure\n")
    recipe = recipe_from_dict({"student": {"kind": "mlp"}, "method": {"name": "doubting"}})
    assert recipe.to_dict()["method"] == {"name": "doubting", "beta": 0.1}
    sys.modules.pop("unsure_below")


@pytest.mark.parametrize(
    ("code", "entries"),
    [
        ("raise RuntimeError('x')", "[snn2chip.methods]\nunsure = unsure:Unsure\n"),
        ("", "[snn2chip.methods]\nunsure = unsure:Unsure\n"),
        ("import no_such_module", "[snn2chip.methods]\nunsure = unsure:Unsure\n"),
        ("Unsure = 3", "[snn2chip.methods]\nunsure = unsure:Unsure\n"),
        ("class Unsure: pass", "[snn2chip.methods]\nunsure = unsure:Unsure\n"),
    ],
)
def test_what_is_no_method_is_told(installed, code: str, entries: str) -> None:
    installed(code, entries)
    with pytest.raises(ConfigError, match="unsure"):
        recipe_from_dict({"student": {"kind": "mlp"}, "method": {"name": "unsure"}})


def test_a_name_of_ours_is_never_theirs(installed) -> None:
    code, entries = of_the_page()
    installed(code, entries.replace("unsure =", "ce ="))
    recipe = recipe_from_dict({"student": {"kind": "mlp"}, "method": {"name": "ce"}})
    assert type(recipe.method).__name__ == "CrossEntropy"
