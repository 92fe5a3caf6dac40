"""Kafka keeps the contract of every bus."""

import pytest

from dataengine.testing.bus_contract import BusContract

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kafka")]


class TestKafkaBus(BusContract):
    pass
