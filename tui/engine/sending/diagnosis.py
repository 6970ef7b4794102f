"""Says why a cluster cannot be reached, in words that name the setting to look at.

librdkafka tells an expired certificate, an unknown authority and a wrong host name apart in no
error, and a TLS port answers a plain client with nothing but a closed connection. Where its words
are not enough, the port itself is tried.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping

_PROBE_SECONDS = 3.0
_CODE_EXPIRED, _CODE_NOT_YET_VALID = 10, 9
_CODES_NAME = (62, 64)

#: What a part of librdkafka's text means, and what to do about it.
_WORDS: tuple[tuple[str, str, str], ...] = (
    ("Unsupported SASL mechanism", "the broker does not offer this SASL mechanism",
     "Check sasl.mechanism"),
    ("not valid in current SASL state", "the port asks for no password, but the config has one",
     "Check security.protocol and the port in bootstrap.servers"),
    ("Authentication failed", "the broker refuses the user name or the password",
     "Check sasl.username and sasl.password"),
    ("SASL authentication error", "the broker refuses the user name or the password",
     "Check sasl.mechanism, sasl.username and sasl.password"),
    ("PLAINTEXT broker listener", "the port does not speak TLS, but the config asks for it",
     "Check security.protocol and the port in bootstrap.servers"),
    ("SSL connection closed", "the port does not speak TLS, but the config asks for it",
     "Check security.protocol and the port in bootstrap.servers"),
    ("Failed to resolve", "the host name of the broker is not known",
     "Check bootstrap.servers and the network"),
    ("Connection refused", "nothing listens at that address",
     "Check bootstrap.servers, and whether the broker runs"),
)


def diagnose(trouble: str, config: Mapping[str, object]) -> str:
    """Return why the cluster cannot be reached, and what to do; empty where nothing is known.

    Args:
        trouble: what librdkafka said; may be empty. It knows the address that failed.
        config: librdkafka properties.
    """
    if "certificate verify failed" in trouble:
        return _look_at_certificate(_address(trouble, config), config)
    for part, what, remedy in _WORDS:
        if part in trouble:
            advertised = _advertised(trouble, config) if "bootstrap.servers" in remedy else ""
            return f"{what} ({_shortened(trouble)}). {advertised or remedy}"
    protocol = str(config.get("security.protocol", "plaintext")).lower()
    if protocol in ("plaintext", "sasl_plaintext") and _speaks_tls(_address(trouble, config)):
        return (f"the port speaks TLS, but security.protocol is {protocol.upper()}. "
                "Check security.protocol and the port in bootstrap.servers")
    return _shortened(trouble)


def _advertised(trouble: str, config: Mapping[str, object]) -> str:
    """Return what to do where the address that fails was given by a broker, not by the config."""
    match = re.match(r"(?:\w+://)?(\S+:\d+)/\d+:", trouble)
    servers = [server.strip().rpartition("://")[2].lower()
               for server in str(config.get("bootstrap.servers", "")).split(",")]
    if match is None or match.group(1).lower() in servers:
        return ""
    return f"bootstrap.servers is right, and the broker advertises {match.group(1)}, which " \
        "cannot be reached from here: check advertised.listeners of the broker, and the network"


def _shortened(trouble: str) -> str:
    """Return the text without librdkafka's remark on its own state."""
    return re.sub(r" \(after \d+ms in state \w+(, .*)?\)$", "", trouble)


def _address(trouble: str, config: Mapping[str, object]) -> tuple[str, int]:
    match = re.match(r"(?:\w+://)?(\[[^]]+\]|[^:/\s]+):(\d+)/", trouble)
    if match is None:
        first = str(config.get("bootstrap.servers", "")).split(",")[0].strip()
        match = re.match(r"(?:\w+://)?(\[[^]]+\]|[^:/\s]+):?(\d*)", first)
    if match is None:
        return "", 0
    return match.group(1).strip("[]"), int(match.group(2) or 9092)


def _speaks_tls(address: tuple[str, int]) -> bool:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection(address, _PROBE_SECONDS) as plain:
            plain.settimeout(_PROBE_SECONDS)
            context.wrap_socket(plain, server_hostname=address[0]).close()
    except (OSError, ValueError):
        return False
    return True


def _look_at_certificate(address: tuple[str, int], config: Mapping[str, object]) -> str:
    what = "the broker's certificate cannot be verified"
    remedy = "Check ssl.ca.location"
    try:
        context = ssl.create_default_context(
            cafile=str(config["ssl.ca.location"]) if "ssl.ca.location" in config else None)
        with socket.create_connection(address, _PROBE_SECONDS) as plain:
            plain.settimeout(_PROBE_SECONDS)
            context.wrap_socket(plain, server_hostname=address[0]).close()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code == _CODE_EXPIRED:
            what, remedy = "the broker's certificate has expired", \
                "Have it renewed on the broker, and check this computer's clock"
        elif error.verify_code == _CODE_NOT_YET_VALID:
            what, remedy = "the broker's certificate is not valid yet", \
                "Check this computer's clock, and the certificate on the broker"
        elif error.verify_code in _CODES_NAME:
            what, remedy = f"the broker's certificate is for another name than {address[0]}", \
                "Check bootstrap.servers, and the certificate on the broker"
        else:
            what = f"the broker's certificate is signed by an authority that is not trusted here " \
                f"({error.verify_message})"
            remedy = "Check ssl.ca.location: it must hold the certificate of that authority"
    except (OSError, ValueError):
        pass  # librdkafka's own words have to do
    return f"{what}. {remedy}"
