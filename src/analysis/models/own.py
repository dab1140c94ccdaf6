"""The publisher's own acts: which posts are its own, of which account, and whether they carry its links.

Question. What did the publisher itself do on each platform, business and private accounts apart?

Formula. An act is one's own when the account it was asked for, or the export it stands in, is: its
observer ends in the kind of account ("x posts business") or is an archive that only the owner can have.
A post that carries several links is one post. A link is one's own when the content is of the publisher's
site. Nobody else's account is ever matched: actors are hashes of one platform.

Abstains act by act: how many words a post had is unknown unless its platform's export shows it (``words``).
"""

from __future__ import annotations

import pandas as pd

ACCOUNTS = ("business", "private")
ARCHIVES = ("twitter archive", "placements list")
"""Observers of exports that only an account's owner has, and that do not say which kind of account it is."""
UNSTATED = "unstated"
POSTS = ("submission", "post", "status", "quote", "repost", "pin", "upload", "placement")
ANSWERS = ("reply", "quote")
COLUMNS = ["platform", "account", "post", "kind", "at", "content_id", "community", "parent_id", "own_link",
           "words"]  # fmt: skip


def account(observer: pd.Series) -> pd.Series:
    """Whose account an observer speaks for: business, private, unstated; missing where it is nobody's own."""
    last = observer.str.rsplit(" ", n=1).str[-1]
    return last.where(last.isin(ACCOUNTS)).mask(observer.isin(ARCHIVES), UNSTATED)


def sections(contents: pd.DataFrame) -> pd.Series:
    """content_id to its kind of content: the section its address names (/recipes/...), where it names one.

    A year, a number or a lone slug is no section; such contents are missing here.
    """
    first = contents["url"].str.extract(r"^https?://[^/]+/([a-z][a-z_-]{1,30})/[^/]", expand=False)
    return pd.Series(first.to_numpy(), index=contents["content_id"]).dropna()


def own_acts(events: pd.DataFrame, ours: pd.Series, readings: pd.DataFrame | None = None) -> pd.DataFrame:
    """The publisher's own posts, answers and messages, one row each.

    Parameters
    ----------
    events
        event_id, content_id, platform, kind, occurred_at, observer, community, parent_id.
    ours
        content_ids of the publisher's own content.
    readings
        Readings of metric ``words``: platform, item_id, value.

    Returns
    -------
    DataFrame
        platform; account (business, private or unstated); post (event_id of the post); kind; at (UTC);
        content_id (its own link where it carries one, else what it carries first); community; parent_id;
        own_link (bool); words (besides links; missing where not told). In order of time.
    """
    acts = events.assign(account=account(events["observer"])).dropna(subset="account")
    acts = acts.assign(
        post=acts["event_id"].str.split("#").str[0],
        own_link=acts["content_id"].isin(ours),
        at=acts["occurred_at"],
    )
    acts = acts.sort_values(["own_link", "event_id"], ascending=[False, True], kind="stable")
    acts = acts.drop_duplicates(["platform", "account", "post"])
    acts["words"] = float("nan")
    if readings is not None and len(readings):
        known = readings[(readings["metric"] == "words") & readings["value"].notna()]
        words = (known["platform"] + ":" + known["item_id"]).to_frame("post").assign(value=known["value"])
        acts["words"] = acts["post"].map(words.drop_duplicates("post").set_index("post")["value"])
    return acts.sort_values(["at", "post"], ignore_index=True)[COLUMNS]
