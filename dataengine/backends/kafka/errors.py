"""Kafka's errors in our words: which can pass by themselves, which never will, and what to do."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import aiokafka.errors as kafka

from dataengine.core.errors import ConfigurationError, DataEngineError, Rejected, Retryable

FOREIGN = (kafka.KafkaError, kafka.ConsumerStoppedError, kafka.IllegalOperation, OSError, TimeoutError)
"""What aiokafka raises where something outside of this process is the reason."""

_ACCESS = "Ask for the access that docs/guides/kafka.md lists for this service"
_LOGIN = "Check user, password and mechanism"
_SETTING = "Check the settings of the connection and of the broker"
_MISCONFIGURED: dict[type[kafka.KafkaError], str] = {
    kafka.TopicAuthorizationFailedError: _ACCESS,
    kafka.GroupAuthorizationFailedError: _ACCESS,
    kafka.ClusterAuthorizationFailedError: _ACCESS,
    kafka.TransactionalIdAuthorizationFailed: _ACCESS,
    kafka.DelegationTokenAuthorizationFailed: _ACCESS,
    kafka.SecurityDisabled: "The broker has no authorizer: leave the access rules out, or give it one",
    kafka.SaslAuthenticationFailed: _LOGIN,
    kafka.AuthenticationFailedError: _LOGIN,
    kafka.AuthenticationMethodNotSupported: _LOGIN,
    kafka.UnsupportedSaslMechanismError: _LOGIN,
    kafka.IllegalSaslStateError: "The listener does not ask for a user: check the port and the security settings",
    kafka.DelegationTokenAuthDisabled: _LOGIN,
    kafka.DelegationTokenNotFound: _LOGIN,
    kafka.DelegationTokenOwnerMismatch: _LOGIN,
    kafka.DelegationTokenRequestNotAllowed: _LOGIN,
    kafka.DelegationTokenExpired: _LOGIN,
    kafka.InvalidPrincipalType: _SETTING,
    kafka.InvalidTopicError: "Check the topic prefix: letters, digits, dot, underscore and minus only",
    kafka.InvalidGroupIdError: _SETTING,
    kafka.InconsistentGroupProtocolError: "Another program uses this group: choose another topic prefix",
    kafka.InvalidSessionTimeoutError: "The broker's group.min.session.timeout.ms and .max do not allow it",
    kafka.InvalidReplicationFactorError: "There are fewer brokers than copies were asked for",
    kafka.InvalidPartitionsError: _SETTING,
    kafka.InvalidReplicationAssignmentError: _SETTING,
    kafka.InvalidConfigurationError: _SETTING,
    kafka.InvalidRequiredAcksError: _SETTING,
    kafka.InvalidTransactionTimeout: _SETTING,
    kafka.PolicyViolationError: "A policy of the broker forbids it",
    kafka.UnsupportedVersionError: "Use Kafka 3.5 or newer",
    kafka.IncompatibleBrokerVersion: "Use Kafka 3.5 or newer",
    kafka.UnrecognizedBrokerVersion: "Use Kafka 3.5 or newer",
    kafka.UnsupportedCodecError: "Install the codec that the messages are compressed with",
    kafka.UnsupportedForMessageFormatError: "Use Kafka 3.5 or newer",
    kafka.KafkaConfigurationError: _SETTING,
}
_UNFIT = (
    kafka.MessageSizeTooLargeError,
    kafka.RecordListTooLargeError,
    kafka.RecordTooLargeError,
    kafka.InvalidTimestampError,
    kafka.CorruptRecordException,
    kafka.InvalidFetchRequestError,
)


def translated(error: BaseException, where: str) -> DataEngineError:
    """The error of ours for one of FOREIGN; what is not known to be hopeless is Retryable."""
    for kind, todo in _MISCONFIGURED.items():
        if isinstance(error, kind):
            return ConfigurationError(f"Kafka refused: {_words(error)}", where=where, todo=todo)
    if isinstance(error, _UNFIT):
        return Rejected(f"Kafka does not take or give the message: {_words(error)}", where=where)
    if isinstance(error, ssl.SSLCertVerificationError):
        todo = "Check the CA file, and that the address is a name in the certificate"
        return ConfigurationError(f"the broker's certificate is not trusted: {_words(error)}", where=where, todo=todo)
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return Retryable(
            "there is no such topic", where=where, todo="Create the topics; `dataengine doctor` lists them"
        )
    return Retryable(f"Kafka is not ready: {_words(error)}", where=where)


@contextmanager
def translating(where: str) -> Iterator[None]:
    """Raise what Kafka raises as errors of ours."""
    try:
        yield
    except FOREIGN as error:
        raise translated(error, where) from error


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not error.args:
        return "no answer in time"
    if isinstance(error, kafka.BrokerResponseError):
        detail = " ".join(str(part) for part in error.args)
        name = getattr(error, "message", type(error).__name__)
        return f"{name} ({detail})" if detail else name
    return str(error) or type(error).__name__
