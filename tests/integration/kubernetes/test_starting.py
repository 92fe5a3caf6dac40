"""A control plane that does not come up."""

from pathlib import Path

import pytest

from deploy.local import kubernetes
from deploy.local.server import DidNotStartError, MissingToolError

pytestmark = [pytest.mark.integration]


def test_what_did_start_is_stopped_when_the_rest_does_not(tmp_path: Path) -> None:
    try:
        with pytest.raises(DidNotStartError, match="kube-apiserver ended"):
            kubernetes.start_control_plane(tmp_path, {"no-such-setting": "x"})
    except MissingToolError as error:
        pytest.skip(str(error))
    assert (tmp_path / "etcd").is_dir(), "it did run"
    mine = [path for path in Path("/proc").glob("[0-9]*") if str(tmp_path).encode() in command(path)]
    assert not mine


def command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:  # it has ended meanwhile
        return b""
