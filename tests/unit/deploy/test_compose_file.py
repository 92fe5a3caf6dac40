"""The compose file says what the chart and `make up` say."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local import compose, kafka, machine, minio

CHART = compose.DEPLOY / "helm" / "dataengine" / "templates" / "triton.yaml"


def with_defaults(text: str) -> str:
    """As compose reads it where no variable is set."""
    return re.sub(r"\$\{[A-Z_0-9]+:-([^}]*)\}", r"\1", text)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(with_defaults(compose.FILE.read_text()))["services"]
    return services


def test_the_services_are_those_of_make_up_on_the_same_ports(services: dict[str, Any]) -> None:
    usual = {name: compose.PORTS[variable] for name, variable in compose.SERVICES.items()}

    assert usual == machine.PORTS
    assert {name: service["ports"][0] for name, service in services.items()} == {
        name: f"127.0.0.1:{port}:{port}" for name, port in machine.PORTS.items()
    }


def test_every_published_port_is_one_of_the_loopback_address(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service["ports"]]

    assert len(published) == 6
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_each_has_a_health_check_and_whoever_keeps_data_a_volume(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load(compose.FILE.read_text())["volumes"]
    used = [volume.split(":")[0] for service in services.values() for volume in service["volumes"]]

    assert all(service["healthcheck"]["test"][0] == "CMD" for service in services.values())
    assert set(volumes) == {"kafka", "minio", "student"}
    assert set(volumes) < set(used)


def test_triton_is_started_as_the_chart_starts_it(services: dict[str, Any]) -> None:
    block = CHART.read_text().split("command:", 1)[1].split("ports:", 1)[0]
    chart = re.findall(r"^\s+- (\S+)$", block, re.MULTILINE)
    addresses = [
        word for word in services["triton"]["command"] if re.match(r"--(http|grpc|metrics)-(address|port)=", word)
    ]

    assert [word for word in services["triton"]["command"] if word not in addresses] == chart
    assert len(addresses) == 6


def test_images_that_are_pulled_are_pinned_as_make_up_pulls_them(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == compose.PULLED["KAFKA_IMAGE"]
    assert services["kafka"]["image"].endswith(f":{kafka.VERSION}")
    assert services["minio"]["image"] == compose.PULLED["MINIO_IMAGE"]


def test_images_that_are_built_are_built_by_the_one_dockerfile(services: dict[str, Any]) -> None:
    built = {name: service["build"] for name, service in services.items() if "build" in service}

    assert set(built) == set(compose.BUILT.values())
    assert {build["dockerfile"] for build in built.values()} == {"deploy/Dockerfile"}
    assert {name: build["args"]["SERVICE"] for name, build in built.items()} == {
        "triton": "student-server",
        "teacher": "generator",
    }


def test_every_image_can_be_another_one() -> None:
    text = compose.FILE.read_text()

    assert all(f"image: ${{{variable}:-" in text for variable in (*compose.PULLED, *compose.BUILT))


def test_minio_knows_the_administrator_whom_make_up_logs_in_as(services: dict[str, Any]) -> None:
    given = services["minio"]["environment"]

    assert (given["MINIO_ROOT_USER"], given["MINIO_ROOT_PASSWORD"]) == (minio.ROOT_USER, minio.ROOT_PASSWORD)


def test_kafka_is_advertised_where_it_is_published(services: dict[str, Any]) -> None:
    mounted = [volume.split(":")[0] for volume in services["kafka"]["volumes"] if "properties" in volume]
    settings = compose.KAFKA_SETTINGS.read_text().splitlines()

    assert {(compose.DEPLOY / Path(path)).resolve() for path in mounted} == {compose.KAFKA_SETTINGS}
    assert f"advertised.listeners=PLAINTEXT://127.0.0.1:{machine.PORTS['kafka']}" in settings
