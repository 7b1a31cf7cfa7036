"""Receipts in a folder of Google Drive.

In: the folder's id and a service account. Out: a `ReceiptStore` through Google's own client. The fsspec adapter is not
used: it cannot be told another endpoint, caches listings, and stops at two files of one name. Invariant: Drive has no
conditional write, so a file is created, and counts only if it is the oldest of its name; a younger one of ours is
removed again. The operator's lease keeps other writers away.
"""

from __future__ import annotations

import errno
import io
import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from .store import ObjectReceipts

__all__ = ["DriveReceipts"]

SCOPE = "https://www.googleapis.com/auth/drive"
"""Of a folder that somebody else made, nothing less shows the files."""

REQUEST_SECONDS = 10.0

RETRIES = 1
"""Of a request after 429, 5xx and a lost connection, after a pause; whoever keeps receipts comes back later anyway."""

_SHARED = {"supportsAllDrives": True}


class DriveReceipts(ObjectReceipts):
    """Receipts in one folder; a file's name is the receipt's whole name, slashes included."""

    def __init__(self, folder: str, account: Mapping[str, Any] | None, endpoint: str | None) -> None:
        """`account`: a service account's key; None: the pod's own identity. OSError where it is none."""
        try:
            from googleapiclient.discovery_cache import get_static_doc  # type: ignore[import-untyped]
        except ImportError:
            raise OSError(errno.ENOSYS, "this operator was installed without the extra 'cloud'") from None
        self._folder = folder
        self._credentials = _credentials(account)
        self._api = json.loads(get_static_doc("drive", "v3"))
        if endpoint:
            root = endpoint.rstrip("/") + "/"
            self._api |= {"rootUrl": root, "baseUrl": f"{root}drive/v3/"}

    @property
    def shown(self) -> str:
        return f"gdrive://{self._folder}"

    def _create(self, name: str, data: bytes) -> bool:
        from googleapiclient.http import MediaIoBaseUpload  # type: ignore[import-untyped]

        if self._find(name):
            return False
        media = MediaIoBaseUpload(io.BytesIO(data), mimetype="application/json")
        body = {"name": name, "parents": [self._folder]}
        mine = self._ask("create", body=body, media_body=media, fields="id", **_SHARED)["id"]
        if self._find(name)[0]["id"] != mine:
            self._ask("delete", fileId=mine, **_SHARED)
            return False
        return True

    def _read(self, name: str) -> bytes | None:
        found = self._find(name)
        return bytes(self._ask("get_media", fileId=found[0]["id"], **_SHARED)) if found else None

    def _names(self, prefix: str) -> list[str]:
        condition = f" and name contains {_quoted(prefix)}" if prefix else ""
        return [str(file["name"]) for file in self._list(condition) if file["name"].startswith(prefix)]

    def _find(self, name: str) -> list[dict[str, Any]]:
        return [file for file in self._list(f" and name = {_quoted(name)}") if file["name"] == name]

    def _list(self, condition: str) -> list[dict[str, Any]]:
        """The first thousand files of the folder, the oldest first."""
        answer = self._ask(
            "list",
            q=f"{_quoted(self._folder)} in parents and trashed = false{condition}",
            orderBy="createdTime",
            pageSize=1000,
            fields="files(id,name,createdTime)",
            includeItemsFromAllDrives=True,
            **_SHARED,
        )
        return sorted(answer["files"], key=lambda file: (file["createdTime"], file["id"]))

    def _ask(self, method: str, **request: Any) -> Any:
        """One request on a connection of its own, since Google's are not to be shared between threads."""
        import httplib2  # type: ignore[import-untyped]
        from google.auth.exceptions import GoogleAuthError
        from google_auth_httplib2 import AuthorizedHttp  # type: ignore[import-untyped]
        from googleapiclient.discovery import build_from_document  # type: ignore[import-untyped]
        from googleapiclient.errors import Error, HttpError  # type: ignore[import-untyped]

        try:
            with closing(httplib2.Http(timeout=REQUEST_SECONDS)) as plain:
                http = AuthorizedHttp(self._credentials, http=plain)
                service = build_from_document(self._api, http=http)
                return getattr(service.files(), method)(**request).execute(num_retries=RETRIES)
        except HttpError as error:
            raise OSError(errno.EIO, f"{self.shown} cannot be used: HTTP {error.resp.status}") from None
        except (Error, GoogleAuthError, OSError, httplib2.HttpLib2Error) as error:
            raise OSError(errno.EIO, f"{self.shown} cannot be used: {type(error).__name__}") from None


def _credentials(account: Mapping[str, Any] | None) -> Any:
    import google.auth
    from google.auth.exceptions import GoogleAuthError
    from google.oauth2 import service_account

    try:
        if account is None:
            return google.auth.default(scopes=[SCOPE])[0]
        known: Any = service_account.Credentials  # the library carries no types
        return known.from_service_account_info(dict(account), scopes=[SCOPE])
    except (GoogleAuthError, ValueError):
        where = "the pod has no identity" if account is None else "service-account.json is no service account's key"
        raise OSError(errno.EACCES, f"Google Drive: {where}") from None


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
