"""What may be published to: what others read must be declared, a folder of this machine need not."""

from pathlib import Path

import pytest

from analysis.errors import UserError
from analysis.publish import publish, targets
from analysis.publish.folder import Folder
from publish.conftest import Growing
from publish.servers import SECRET, Bucket


def find(name: str, home: Path) -> object:
    return targets.find(name, home / "site")


def toml(home: Path, text: str) -> None:
    (home / "virality.toml").write_text(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[targets]\npublic = 1", "no url"),
        ("targets = 3", "expected"),
        ("[targets.public]", "no url"),
        ('[targets.public]\nurl = "s3://b/p"', "production = true"),
        ('[targets.public]\nurl = "s3://b/p"\nproduction = false', "production = true"),
        ('[targets.public]\nurl = "sftp://u@h/p"', "production = true"),
        ('[targets.public]\nurl = "x"\nproduction = "yes"', "expected true or false"),
        ('[targets.public]\nurl = "x"\ngrace_days = -1', "grace_days"),
        ('[targets.public]\nurl = "x"\ngrace = 1', "nobody knows 'grace'"),
        ('[targets.public]\nurl = "ftp://h/p"\nproduction = true', "no place to publish to"),
        ('[targets.public]\nurl = "s3://b/p?x=1"\nproduction = true', r"no \?"),
        ('[targets."a b"]\nurl = "x"', "letters, digits"),
        ("[targets", "TOML"),
    ],
)
def test_a_wrong_declaration_is_told(home: Path, text: str, said: str) -> None:
    toml(home, text)
    with pytest.raises(UserError, match=said):
        find("public", home)


@pytest.mark.parametrize("url", ["s3://b/p", "sftp://u@h/p"])
def test_what_others_read_must_be_declared(home: Path, url: str) -> None:
    with pytest.raises(UserError, match="is not declared, and others read it"):
        find(url, home)


def test_a_name_is_a_declared_one_and_a_folder_is_written_as_a_path(home: Path) -> None:
    toml(home, '[targets.public]\nurl = "www"\nproduction = true\n')
    with pytest.raises(UserError, match=r"no target 'pubic' .*there are public.*\./pubic"):
        find("pubic", home)
    for name in ("./other", "sub/folder", str(home / "other"), f"file://{home}/other"):
        assert isinstance(find(name, home), Folder)
    assert find("public", home).folder == home / "www"
    assert set(targets.declared()) == {"public"}


def test_a_folder_that_is_declared_has_its_grace_also_by_its_path(home: Path) -> None:
    toml(home, '[targets.public]\nurl = "www"\ngrace_days = 3\n')
    assert find("./www", home).grace.days == 3
    assert find("./other", home).grace.days == 7


@pytest.mark.parametrize("url", [f"sftp://u:{SECRET}@h/p", f"s3://key:{SECRET}@b/p"])
def test_a_secret_in_a_url_is_refused_and_not_repeated(home: Path, url: str) -> None:
    toml(home, f'[targets.public]\nurl = "{url}"\nproduction = true')
    with pytest.raises(UserError, match="secrets stand in the environment") as told:
        find("public", home)
    assert SECRET not in str(told.value)
    toml(home, "")
    with pytest.raises(UserError) as told:
        find(url, home)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("place", ["./site", "./site/runs", "."])
def test_the_site_is_not_published_into_itself(home: Path, place: str) -> None:
    (home / "site").mkdir()
    with pytest.raises(UserError, match="the site itself"):
        find(place, home)


def test_somebody_elses_folder_or_bucket_is_left_alone(
    growing: Growing, home: Path, bucket: Bucket, declare
) -> None:
    theirs = home / "theirs"
    theirs.mkdir()
    (theirs / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds something else"):
        publish("./theirs", site=growing.folder, say=print)
    assert [path.name for path in theirs.iterdir()] == ["thesis.txt"]
    bucket.client().put_object(Bucket=bucket.name, Key="site/index.html", Body=b"theirs")
    with pytest.raises(UserError, match="did not publish"):
        publish(declare(bucket.url), site=growing.folder, say=print)
    assert bucket.reader()("index.html") == b"theirs"
    assert bucket.names() == ["index.html"]
