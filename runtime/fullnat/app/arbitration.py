"""Who is primary on a switch: our bid, and what the switch says about it (P4Runtime 1.3, section 5)."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import NoReturn

from fullnat.p4rt.client import Arbitration, Client, Mastership
from fullnat.p4rt.errors import ConnectionLost, NotPrimary

ANSWER_SECONDS = 10.0
"""The first answer to a bid must come within this time."""

_LOGGER = logging.getLogger(__name__)


class Candidate:
    """``client`` has made its bid by opening the stream."""

    def __init__(self, client: Client) -> None:
        self.standby = False
        """Another controller is primary, and that was said."""
        self.primary = False
        """By the last word of the switch."""
        self.surpassed = 0
        """Nobody is primary, and the switch has had this election id, which is beyond our highest bid."""
        self._client = client
        self._updates: deque[Arbitration] = deque()
        self._arrived = asyncio.Event()
        self._answered = False

    def heard(self, update: Arbitration) -> None:
        """The switch says who is primary."""
        self.primary = update.mastership is Mastership.PRIMARY
        self._updates.append(update)
        self._arrived.set()

    async def won(self) -> None:
        """Stand by until we are primary. Raises ConnectionLost when nobody answers."""
        while True:
            update = await self._next()
            if update.mastership is Mastership.PRIMARY:
                self.standby = False
                return
            higher = max(update.election_id, self._client.election_id) + 1
            is_free = update.mastership is Mastership.NONE
            if is_free and higher <= self._client.highest_bid:
                await self._client.bid(higher)
                continue
            self.surpassed = update.election_id if is_free else 0
            if not self.standby:
                self.standby = True
                what = "the switch has had" if is_free else "primary is"
                _LOGGER.info("standing by: %s the controller with election id %d", what, update.election_id)

    async def lost(self) -> NoReturn:
        """Until another controller is primary, which is raised as NotPrimary."""
        while True:
            update = await self._next()
            if update.mastership is not Mastership.PRIMARY:
                raise NotPrimary(f"the controller with election id {update.election_id} is primary")

    def stand_down(self, reason: str) -> None:
        """We are primary no more: until :meth:`won` says otherwise."""
        self.standby = True
        _LOGGER.warning("no longer primary: %s", reason)

    async def _next(self) -> Arbitration:
        while not self._updates:
            self._arrived.clear()
            if self._answered:
                await self._arrived.wait()
                continue
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    await self._arrived.wait()
            except TimeoutError:
                raise ConnectionLost("the switch does not answer the arbitration") from None
        self._answered = True
        return self._updates.popleft()
