"""An Apache Kafka that asks for passwords and rights, and speaks TLS with good and bad papers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from confluent_kafka.admin import AdminClient

from tests.certificates import make_authority, write_server_store
from tests.kafka_broker import KafkaBroker, Listener, free_port

USER, PASSWORD = "alice", "alice-s3cret"
_LOGIN = ('org.apache.kafka.common.security.plain.PlainLoginModule required username="admin" '
          f'password="admin" user_admin="admin" user_{USER}="{PASSWORD}";')


class SecuredBroker:
    """A node with one listener for each way of being reached.

    The plain listener of the node itself is for the tests: its clients may do everything.

    Attributes:
        kafka: the node.
        sasl: address that asks for a password, and where rights count.
        tls, expired: addresses that speak TLS, the second one with an expired certificate.
        ca, other_ca: files with the right authority's certificate, and with another one's.
    """

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="papers-"))
        authority = make_authority("the authority")
        self.ca, self.other_ca = self.directory / "ca.pem", self.directory / "other.pem"
        self.ca.write_bytes(authority.pem())
        self.other_ca.write_bytes(make_authority("another authority").pem())
        listeners = [
            Listener("SASL", free_port(), "SASL_PLAINTEXT", properties={
                "sasl.enabled.mechanisms": "PLAIN", "plain.sasl.jaas.config": _LOGIN}),
            *(Listener(name, free_port(), "SSL", properties={
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": write_server_store(
                    self.directory / f"{name}.pem", authority, is_expired=is_expired)})
              for name, is_expired in (("TLS", False), ("EXPIRED", True)))]
        self.sasl, self.tls, self.expired = (f"127.0.0.1:{one.port}" for one in listeners)
        self.kafka = KafkaBroker(listeners=listeners, properties={
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS"})

    def admin(self) -> AdminClient:
        """Return a client that may do everything."""
        return AdminClient({"bootstrap.servers": self.kafka.bootstrap})

    def close(self) -> None:
        """End the node."""
        self.kafka.close()


def sasl_config(address: str, password: str = PASSWORD) -> str:
    """Return lines of ``[broker]`` for the listener that asks for a password."""
    return (f"bootstrap.servers = {address}\nsecurity.protocol = SASL_PLAINTEXT\n"
            f"sasl.mechanism = PLAIN\nsasl.username = {USER}\nsasl.password = {password}\n")
