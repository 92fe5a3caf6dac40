"""What a machine lacks of Debian's packages is found by the programs that it has."""

from __future__ import annotations

from pathlib import Path

from deploy.local.packages import PACKAGES, absent_packages


def test_a_bare_machine_lacks_each_package_once(tmp_path: Path) -> None:
    absent = absent_packages(str(tmp_path))
    assert set(PACKAGES.values()) <= set(absent)
    assert len(absent) == len(set(absent))


def test_a_program_that_is_there_needs_no_package_wherever_it_came_from(tmp_path: Path) -> None:
    for program in PACKAGES:
        (tmp_path / program).touch(mode=0o755)
    assert not set(PACKAGES.values()) & set(absent_packages(str(tmp_path)))
