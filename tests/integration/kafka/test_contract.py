"""Kafka keeps the contract of every bus."""

import pytest

from dataengine.testing.bus_contract import BusContract

pytestmark = [pytest.mark.integration]


class TestKafkaBus(BusContract):
    pass
