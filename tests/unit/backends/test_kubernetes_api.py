"""Whatever the Kubernetes API answers, or does not answer, is one of our own errors."""

import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3
from kubernetes import client

from dataengine.backends.kubernetes.api import KubernetesApi
from dataengine.core.errors import ConfigurationError, Retryable

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """An API server that answers everything with `answer`."""

    def __init__(self) -> None:
        self.answer: Answer = status(200)
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def do_POST(self) -> None:
                server.answer(self)

            def do_DELETE(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


def status(code: int, message: str = "said the server", headers: dict[str, str] | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        body = json.dumps({"kind": "Status", "message": message, "items": []}).encode()
        handler.send_response(code)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def half_an_answer(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"kind": ')
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.http.shutdown()


def kubeconfig(folder: Path, address: str) -> Path:
    document = {
        "clusters": [{"name": "c", "cluster": {"server": address}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture
def api(server: Server, tmp_path: Path) -> KubernetesApi:
    return KubernetesApi("training", kubeconfig(tmp_path, server.address))


def every_call(api: KubernetesApi) -> list[Callable[[], object]]:
    return [lambda: api.create_job({}), lambda: api.job("j"), lambda: api.delete_job("j"), lambda: api.pods("j")]


@pytest.mark.parametrize("code", [408, 410, 429, 500, 502, 503, 504])
def test_what_may_pass_is_retryable(code: int, server: Server, api: KubernetesApi) -> None:
    server.answer = status(code)
    for call in every_call(api):
        with pytest.raises(Retryable, match="said the server"):
            call()


@pytest.mark.parametrize("code", [400, 401, 403, 405, 413, 415, 422])
def test_what_cannot_pass_is_a_configuration_error(code: int, server: Server, api: KubernetesApi) -> None:
    server.answer = status(code)
    for call in every_call(api):
        with pytest.raises(ConfigurationError, match="said the server"):
            call()


def test_a_missing_right_says_which_role_is_needed(server: Server, api: KubernetesApi) -> None:
    server.answer = status(403, 'jobs.batch is forbidden: User "x" cannot create resource "jobs"')
    with pytest.raises(ConfigurationError, match=r"cannot create resource.*Role with create, get and delete on jobs"):
        api.create_job({})


def test_a_quota_that_is_used_up_may_be_free_again(server: Server, api: KubernetesApi) -> None:
    server.answer = status(403, "jobs.batch is forbidden: exceeded quota: jobs")
    with pytest.raises(Retryable, match="exceeded quota"):
        api.create_job({})


def test_the_server_says_when_to_come_again(server: Server, api: KubernetesApi) -> None:
    server.answer = status(429, headers={"Retry-After": "7"})
    with pytest.raises(Retryable) as caught:
        api.job("j")
    assert caught.value.after == 7


def test_what_is_there_already_or_is_not_there_is_an_answer(server: Server, api: KubernetesApi) -> None:
    server.answer = status(409)
    assert api.create_job({}) is None
    server.answer = status(404, 'jobs.batch "j" not found')
    assert api.job("j") is None
    api.delete_job("j")


def test_a_namespace_that_is_not_there_is_named(server: Server, api: KubernetesApi) -> None:
    server.answer = status(404, 'namespaces "training" not found')
    for call in every_call(api)[:3]:
        with pytest.raises(ConfigurationError, match=r'namespaces "training" not found.*Create the namespace'):
            call()


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "7")
    handler.end_headers()
    handler.wfile.write(b"<html/>")


def test_an_answer_that_is_none_is_retryable(server: Server, api: KubernetesApi) -> None:
    server.answer = nonsense
    for call in (lambda: api.create_job({}), lambda: api.job("j"), lambda: api.pods("j")):
        with pytest.raises(Retryable, match="cannot be reached"):
            call()


@pytest.mark.parametrize("answer", [hang_up, half_an_answer])
def test_a_connection_that_breaks_is_retryable(answer: Answer, server: Server, api: KubernetesApi) -> None:
    server.answer = answer
    for call in every_call(api):
        with pytest.raises(Retryable, match="cannot be reached"):
            call()


def test_nobody_there_is_retryable(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(Retryable, match="cannot be reached"):
            KubernetesApi("training", kubeconfig(tmp_path, address)).job("j")


def test_a_certificate_that_is_not_trusted_is_a_configuration_error(server: Server, tmp_path: Path) -> None:
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    files = ("-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "certificate"))
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", *subject, *files], check=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    api = KubernetesApi("training", kubeconfig(tmp_path, server.address.replace("http:", "https:")))
    with pytest.raises(ConfigurationError, match="not trusted"):
        api.job("j")


@pytest.mark.parametrize("content", [None, "", "not: [yaml", "{}", '{"clusters": []}'])
def test_a_kubeconfig_that_is_none_is_a_configuration_error(content: str | None, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match="no way to the Kubernetes API"):
        KubernetesApi("training", path)


def test_outside_of_a_cluster_without_a_kubeconfig_there_is_no_way() -> None:
    with pytest.raises(ConfigurationError, match="Name a kubeconfig"):
        KubernetesApi("training")


def test_every_error_of_the_clients_is_known() -> None:
    foreign = [client.exceptions.ApiException, client.exceptions.OpenApiException]
    assert issubclass(foreign[0], foreign[1])
    assert issubclass(urllib3.exceptions.MaxRetryError, urllib3.exceptions.HTTPError)
