"""An access token for Google's interfaces, from a token that is given or a service account's file."""

from __future__ import annotations

from analysis.platforms.card import Key
from analysis.platforms.contract import Session, Unknown

KEYS = (
    Key("token", "an access token that is good for an hour; instead of credentials", required=False),
    Key("credentials", "the path of a service account's JSON file", secret=False, required=False),
)


def headers(session: Session, scope: str) -> dict[str, str]:
    """The Authorization header. Unknown("not_configured") when neither token nor credentials are set."""
    path = session.option("credentials", "")
    if not path:
        return {"Authorization": f"Bearer {session.key('token').get_secret_value()}"}
    from google.auth.exceptions import GoogleAuthError
    from google.auth.transport.requests import Request
    from google.oauth2.service_account import Credentials

    try:
        account = Credentials.from_service_account_file(path, scopes=[scope])
        account.refresh(Request())
    except (OSError, ValueError) as error:
        raise Unknown(
            "not_configured", f"the service account's file {path} cannot be used: {error}"
        ) from error
    except GoogleAuthError as error:
        raise Unknown(
            "blocked", f"Google gave the service account no token: {type(error).__name__}"
        ) from error
    return {"Authorization": f"Bearer {account.token}"}
