"""One user of the local MinIO for each service, with the rights of its policy and a secret of its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dataengine.backends.minio.policies import RIGHTS, policy_of
from deploy.local import minio


@dataclass(frozen=True, slots=True)
class StoreUsers:
    """The users of `bucket`. Their secrets lie in `file`, which nobody but its owner may read."""

    file: Path
    bucket: str

    def make(self, endpoint: str) -> None:
        """Make those that MinIO does not have yet, or change their rights: with the administrator's keys. That takes
        seconds; what was made before with these rights is left alone."""
        wanted = {name: policy_of(name, self.bucket) for name in RIGHTS}
        known = json.loads(self.file.read_text()) if self.file.is_file() else {}
        if known.get("policies") == wanted:
            return
        passwords = {name: known.get("secrets", {}).get(name) or secrets.token_urlsafe(24) for name in wanted}

        def make_one(name: str) -> None:
            minio.add_user(endpoint, name, passwords[name], wanted[name])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(make_one, wanted))
        partial = self.file.with_suffix(".part")
        partial.touch()
        partial.chmod(0o600)
        partial.write_text(json.dumps({"policies": wanted, "secrets": passwords}))
        partial.replace(self.file)

    def variables(self, name: str) -> Mapping[str, str]:
        """With what a service logs in. Raises KeyError for one that has no user."""
        secret = json.loads(self.file.read_text())["secrets"][name]
        return {"DATAENGINE_S3_ACCESS_KEY": name, "DATAENGINE_S3_SECRET_KEY": secret}
