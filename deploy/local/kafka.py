"""Apache Kafka on this machine: one broker, three, or one with SASL, TLS and an authorizer. Needs a JDK and Maven."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.server import Server, cache_folder, free_port, listens, need, tail

VERSION = "4.4.0"
_HERE = Path(__file__).parent / "kafka"
_CLUSTER = "dataengine-kafka-00001"
_JAVA = (
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)
_COMMON = {
    "auto.create.topics.enable": "false",
    "num.partitions": "3",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.num.partitions": "5",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # a killed broker comes back only when its old registration has expired
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "2",
    "log.cleaner.threads": "1",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.segment.bytes": "67108864",
}


@dataclass(frozen=True, slots=True)
class Jars:
    """What `get` fetched: the class path, and the class archive that halves the time of a start, if one was made."""

    class_path: str
    archive: Path | None = None


@dataclass(frozen=True, slots=True)
class Users:
    """Who may log in on a secured broker: user → password. `admin` is the super user, with PLAIN."""

    admin: str = "admin-secret"
    plain: Mapping[str, str] = field(default_factory=dict)
    scram: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Secured:
    """A broker that asks who is there. `server.address` is its SASL listener; `tls_address` is SASL over TLS, for the
    SCRAM users, signed by the certificate in `ca_file`."""

    server: Server
    tls_address: str
    ca_file: Path


def get() -> Jars:
    """Fetch the jars once and make the class archive. Raises MissingToolError without Java or Maven."""
    need("java", "install a JDK 17 or newer")
    maven = need("mvn", "install Maven")
    folder = cache_folder(f"kafka-{VERSION}")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        jars = folder / "jars"
        if not jars.is_dir():
            _fetch(maven, folder, jars)
        # the archive holds for the jars in this order only
        found = Jars(":".join(str(path) for path in sorted(jars.glob("*.jar"))))
        archive = folder / "classes.jsa"
        if not archive.is_file():
            _make_archive(found, folder, archive)
    return Jars(found.class_path, archive if archive.is_file() else None)


def server(folder: Path, port: int, controller_port: int | None = None) -> Server:
    """One broker on 127.0.0.1:`port` with its data in `folder`, not started yet. Started on the same folder again, it
    goes on with what it holds."""
    own = {"listeners": f"PLAINTEXT://127.0.0.1:{port}"}
    return _broker(folder, port, {1: controller_port or free_port()}, 1, own)


def cluster(folder: Path, ports: Sequence[int], controller_ports: Sequence[int]) -> list[Server]:
    """As many brokers as there are ports; topics of the cluster itself are on all of them. Start all before waiting
    for one: alone, a broker of a larger cluster does not get ready."""
    quorum = dict(enumerate(controller_ports, start=1))
    servers = []
    for node, port in enumerate(ports, start=1):
        own = {"listeners": f"PLAINTEXT://127.0.0.1:{port}", "num.replica.fetchers": "1"}
        servers.append(_broker(folder / f"broker-{node}", port, quorum, node, own, heap="256m"))
    return servers


def secured(folder: Path, port: int, tls_port: int, users: Users) -> Secured:
    """One broker with PLAIN and SCRAM-SHA-256 on `port`, SCRAM-SHA-256 over TLS on `tls_port`, and an authorizer that
    forbids what no ACL allows."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_file = _certificate(folder)
    names = " ".join(f'user_{name}="{password}"' for name, password in {"admin": users.admin, **users.plain}.items())
    login = (
        f'org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" password="{users.admin}"'
    )
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    own = {
        "listeners": f"SASL://127.0.0.1:{port},TLS://127.0.0.1:{tls_port}",
        "listener.security.protocol.map": "SASL:SASL_PLAINTEXT,TLS:SASL_SSL,CONTROLLER:SASL_PLAINTEXT",
        "inter.broker.listener.name": "SASL",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": f"{login} {names};",
        "listener.name.controller.plain.sasl.jaas.config": f'{login} user_admin="{users.admin}";',
        "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.tls.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.tls.sasl.enabled.mechanisms": "SCRAM-SHA-256",
        "listener.name.tls.ssl.keystore.type": "PEM",
        "listener.name.tls.ssl.keystore.location": str(folder / "server.pem"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:admin",
        "allow.everyone.if.no.acl.found": "false",
    }
    accounts = [f"SCRAM-SHA-256=[name={name},password={password}]" for name, password in users.scram.items()]
    broker = _broker(folder, port, {1: free_port()}, 1, own, scram=accounts)
    return Secured(broker, f"127.0.0.1:{tls_port}", ca_file)


def _broker(
    folder: Path,
    port: int,
    quorum: Mapping[int, int],
    node: int,
    own: Mapping[str, str],
    *,
    heap: str = "384m",
    scram: Sequence[str] = (),
    jars: Jars | None = None,
    options: Sequence[str] = (),
) -> Server:
    """Write the settings, format the data folder if it is new, and describe the process."""
    jars, java = jars or get(), need("java", "install a JDK 17 or newer")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        **_COMMON,
        "process.roles": "broker,controller",
        "node.id": str(node),
        "controller.quorum.voters": ",".join(f"{name}@127.0.0.1:{at}" for name, at in quorum.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(folder / "data"),
        **dict.fromkeys(_REPLICATED, str(len(quorum))),
        **dict.fromkeys(_IN_SYNC, str(max(1, len(quorum) - 1))),
        **own,
        "advertised.listeners": own["listeners"],
        "listeners": f"{own['listeners']},CONTROLLER://127.0.0.1:{quorum[node]}",
    }
    file = folder / "server.properties"
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    if not (folder / "data" / "meta.properties").is_file():
        _format(java, jars, file, scram)
    command = [java, f"-Xmx{heap}", *_options(jars), *options, "-cp", jars.class_path, "kafka.Kafka", str(file)]
    address = f"127.0.0.1:{port}"
    return Server(f"kafka-{node}", address, command, folder / "kafka.log", lambda: listens(port), {})


_REPLICATED = (
    "default.replication.factor",
    "offsets.topic.replication.factor",
    "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor",
)
_IN_SYNC = ("min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr")


def _options(jars: Jars) -> list[str]:
    archive = [f"-XX:SharedArchiveFile={jars.archive}", "-Xshare:auto"] if jars.archive else []
    return [*_JAVA, f"-Dlog4j2.configurationFile=file:{_HERE / 'log4j2.properties'}", *archive]


def _format(java: str, jars: Jars, file: Path, scram: Sequence[str]) -> None:
    command = [java, *_options(jars), "-cp", jars.class_path, "kafka.tools.StorageTool", "format", "-t", _CLUSTER]
    command += ["-c", str(file), *(part for account in scram for part in ("--add-scram", account))]
    subprocess.run(command, check=True, capture_output=True)


def _fetch(maven: str, folder: Path, jars: Path) -> None:
    part = folder / "jars.part"
    shutil.rmtree(part, ignore_errors=True)
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    with (folder / "maven.log").open("w") as log:
        ended = subprocess.run([maven, "-B", "-f", str(_HERE / "pom.xml"), *goal], stdout=log, stderr=log, check=False)
    if ended.returncode:
        raise RuntimeError(f"Maven could not fetch Kafka {VERSION}:\n{tail(folder / 'maven.log')}")
    part.rename(jars)


def _make_archive(jars: Jars, folder: Path, archive: Path) -> None:
    """Start a broker once and let Java write down the classes that it loaded."""
    port, trial, part = free_port(), folder / "trial", folder / "classes.part"
    shutil.rmtree(trial, ignore_errors=True)
    own = {"listeners": f"PLAINTEXT://127.0.0.1:{port}"}
    dump = [f"-XX:ArchiveClassesAtExit={part}", "-Xlog:cds=error", "-Xlog:cds+dynamic=error"]
    _broker(trial, port, {1: free_port()}, 1, own, jars=jars, options=dump).start(120).stop(60)
    shutil.rmtree(trial)
    if part.is_file():
        part.rename(archive)


def _certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 and localhost; returns what clients are to trust."""
    key, certificate = folder / "server.key", folder / "ca.pem"
    if not certificate.is_file():
        names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
        command = [need("openssl", "install openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
        command += ["-subj", "/CN=localhost", "-addext", names, "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        # one file, key first: what the broker's PEM key store reads
        (folder / "server.pem").write_text(key.read_text() + certificate.read_text())
    return certificate
