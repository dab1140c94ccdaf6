"""What several tests share: where the real data lies, and the built site."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from built_site import Built

SHARED = Path(__file__).resolve().parents[2] / "shared"


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
