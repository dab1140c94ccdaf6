"""What several tests share: where the real data lies, the built site, and what is begun first."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from built_site import Built

TESTS = Path(__file__).resolve().parent
SHARED = TESTS.parents[1] / "shared"
# By how long they take: a long file begun last leaves the other worker idle.
BEGUN_FIRST = (
    "test_browser", "reports/test_isolation", "test_lab", "reports/test_same", "schedule/test_month",
    "reports/test_run", "reports/test_private", "models/test_forecast", "collect/test_collect",
    "publish/test_publish", "publish/test_broken_off", "traffic/test_again", "schedule/test_kill",
    "test_importing", "publish/test_atomic", "models/test_cascade", "alerts/test_watching",
    "platforms/test_refusals", "platforms/test_exports",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    places = {TESTS / f"{name}.py": place for place, name in enumerate(BEGUN_FIRST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; the test is skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real data (../shared) does not lie beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> "Built":
    """The site of every shipped notebook, and of some that bite, on the made-up world."""
    from built_site import built_in, shared_folder

    return built_in(shared_folder(tmp_path_factory))
