"""Settings: environment before .env before virality.toml; secrets stay secret."""

import pytest

from analysis.settings import keys, root, settings


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "virality.toml").write_text('site = "from/toml"\ncontact = "toml@example.org"\n')
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    for name in ("VIRALITY_STORE", "VIRALITY_SITE", "VIRALITY_CONTACT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_the_project_is_found_from_any_folder_below(project):
    assert root() == project
    assert settings().path("store") == str(project / "data/store")
    assert settings().path("site") == str(project / "from/toml")


def test_the_environment_wins(project, monkeypatch):
    (project / ".env").write_text("VIRALITY_SITE=from/dotenv\nVIRALITY_CONTACT=dotenv@example.org\n")
    monkeypatch.setenv("VIRALITY_SITE", "/from/environment")
    assert settings().path("site") == "/from/environment"
    assert settings().contact == "dotenv@example.org"


def test_keys_come_from_the_environment_or_dotenv_and_do_not_show(project, monkeypatch):
    (project / ".env").write_text("VIRALITY_REDDIT_CLIENT_SECRET=marked-secret-1\n")
    monkeypatch.setenv("VIRALITY_REDDIT_CLIENT_ID", "marked-secret-2")
    monkeypatch.setenv("VIRALITY_REDDIT_EMPTY", "")
    found = keys("reddit", ("client_id", "client_secret", "empty", "absent"))
    assert found["client_id"].get_secret_value() == "marked-secret-2"
    assert found["client_secret"].get_secret_value() == "marked-secret-1"
    assert found["empty"] is None
    assert found["absent"] is None
    assert "marked" not in repr(found)
    assert "marked" not in repr(settings())
