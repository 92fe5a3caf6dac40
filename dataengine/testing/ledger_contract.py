"""What every `Ledger` promises, as tests: subclass and give a `ledger` fixture."""

from __future__ import annotations

from dataengine.core.ports import Ledger, Message

_OUT = [Message("eval-done", "run", b"\x00", {"ce_id": "1"})]


class LedgerContract:
    """Inherit as `class TestX(LedgerContract)` with a fixture named `ledger`."""

    async def test_attempts_are_counted_from_one(self, ledger: Ledger) -> None:
        """Before the work, so that a crash counts too."""
        assert [(await ledger.begin("evaluator", "e")).number for _ in range(3)] == [1, 2, 3]

    async def test_consumers_count_apart(self, ledger: Ledger) -> None:
        """One event may have several consumers."""
        await ledger.begin("evaluator", "e")
        assert (await ledger.begin("analyzer", "e")).number == 1

    async def test_a_forgiven_attempt_does_not_count(self, ledger: Ledger) -> None:
        """The world was not ready."""
        await ledger.begin("evaluator", "e")
        await ledger.forgive("evaluator", "e")
        assert (await ledger.begin("evaluator", "e")).number == 1

    async def test_what_followed_is_remembered(self, ledger: Ledger) -> None:
        """Also when nothing followed."""
        await ledger.begin("evaluator", "e")
        await ledger.finish("evaluator", "e", _OUT)
        assert (await ledger.begin("evaluator", "e")).outputs == tuple(_OUT)
        await ledger.finish("evaluator", "none", [])
        assert (await ledger.begin("evaluator", "none")).outputs == ()

    async def test_the_first_record_of_what_followed_wins(self, ledger: Ledger) -> None:
        """Two workers may have done the same work."""
        await ledger.finish("evaluator", "e", _OUT)
        await ledger.finish("evaluator", "e", [])
        assert (await ledger.begin("evaluator", "e")).outputs == tuple(_OUT)

    async def test_a_forgotten_event_is_new(self, ledger: Ledger) -> None:
        """So that a parked event can be replayed."""
        await ledger.finish("evaluator", "e", _OUT)
        await ledger.forget("evaluator", "e")
        attempt = await ledger.begin("evaluator", "e")
        assert (attempt.number, attempt.outputs) == (1, None)
