"""Who gets the next image: by example, and by a machine that tries everything."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.vision.breaker import Breaker, BreakerRule, Sign, Standing
from gateway.vision.pool import Endpoint, choose

RULE = BreakerRule(failures=3, pause_us=5_000_000, pause_max_us=60_000_000)
CHECK_US = 5_000_000


def pool(*standings: Standing, limit: int = 2) -> list[Endpoint]:
    return [Endpoint(f"http://{n}", limit, RULE, breaker=Breaker(s)) for n, s in enumerate(standings)]


def test_the_fewest_in_flight_and_then_the_longest_idle() -> None:
    endpoints = pool(*(Standing.CLOSED,) * 3)
    order = []
    for now in range(6):
        chosen = choose(endpoints)
        assert chosen is not None
        chosen.begin(now)
        order.append(endpoints.index(chosen))
    assert order == [0, 1, 2, 0, 1, 2]
    assert choose(endpoints) is None
    endpoints[1].end()
    assert choose(endpoints) is endpoints[1]


def test_in_turn_also_where_each_is_through_before_the_next_comes() -> None:
    endpoints, order = pool(*(Standing.CLOSED,) * 3), []
    for now in range(1, 10):
        chosen = choose(endpoints)
        assert chosen is not None
        chosen.begin(now)
        chosen.end()
        order.append(endpoints.index(chosen))
    assert order == [0, 1, 2] * 3


def test_ill_ones_wait_until_nobody_is_well_even_where_all_that_are_well_are_full() -> None:
    well, doubtful, opened = endpoints = pool(Standing.CLOSED, Standing.DOUBTFUL, Standing.OPEN, limit=1)
    assert choose(endpoints) is well
    well.begin(1)
    assert choose(endpoints) is None
    well.breaker = Breaker(Standing.OPEN)
    assert choose(endpoints) is doubtful
    doubtful.begin(2)
    assert choose(endpoints) is opened


def test_one_on_probation_gets_one_image_in_its_turn() -> None:
    well, probation = endpoints = pool(Standing.CLOSED, Standing.HALF_OPEN)
    well.begin(1)
    assert choose(endpoints) is probation
    probation.begin(2)
    assert choose(endpoints) is well
    well.begin(3)
    assert choose(endpoints) is None


def test_who_was_tried_is_not_tried_again() -> None:
    first, second = endpoints = pool(Standing.CLOSED, Standing.OPEN)
    assert choose(endpoints, {first}) is second
    assert choose(endpoints, {first, second}) is None


def test_a_single_one_is_always_tried() -> None:
    for standing in Standing:
        (only,) = endpoints = pool(standing)
        assert choose(endpoints) is only
        only.begin(1)
        only.begin(2)
        assert choose(endpoints) is None


class Pools(RuleBasedStateMachine):
    """Endpoints that are up or down, images and pings that come and go in any order, and a clock."""

    @initialize(count=st.integers(1, 5), limit=st.integers(1, 3))
    def begin(self, count: int, limit: int) -> None:
        self.now = 1
        self.limit = limit
        self.endpoints = [Endpoint(f"http://{n}", limit, RULE) for n in range(count)]
        self.images: list[Endpoint] = []
        self.idle_turns = dict.fromkeys(self.endpoints, 0)

    @rule(microseconds=st.one_of(st.integers(1, 10), st.integers(1, 120_000_000)))
    def time_passes(self, microseconds: int) -> None:
        self.now += microseconds

    @rule()
    def image(self) -> None:
        self.now += 1
        chosen = choose(self.endpoints)
        free = [endpoint for endpoint in self.endpoints if endpoint.in_flight < self.limit]
        well = [endpoint for endpoint in free if endpoint.standing is Standing.CLOSED]
        any_well = any(endpoint.standing is Standing.CLOSED for endpoint in self.endpoints)
        if chosen is None:
            assert not well, "one that is well was free"
            assert any_well or not free, "all are ill, and one was free to be tried"
            return
        assert chosen in free
        if any_well:
            assert chosen.standing in (Standing.CLOSED, Standing.HALF_OPEN)
            assert chosen.standing is Standing.CLOSED or chosen.in_flight == 0, "a second image on probation"
            assert all(chosen.in_flight <= endpoint.in_flight for endpoint in well), "another had fewer"
            self._count_turns(chosen, well)
        else:
            self.idle_turns[chosen] = 0
        chosen.begin(self.now)
        self.images.append(chosen)

    def _tell(self, endpoint: Endpoint, sign: Sign) -> None:
        endpoint.tell(sign, self.now)
        if endpoint.standing is not Standing.CLOSED:
            self.idle_turns[endpoint] = 0  # it does not stay well

    def _count_turns(self, chosen: Endpoint, well: list[Endpoint]) -> None:
        """Fairness: who stays well and empty is passed over by each of the others once at most."""
        for endpoint in self.endpoints:
            waited = endpoint in well and endpoint.in_flight == 0 and endpoint is not chosen
            self.idle_turns[endpoint] = self.idle_turns[endpoint] + 1 if waited else 0
            assert self.idle_turns[endpoint] < len(self.endpoints), f"{endpoint.url} is never asked"

    @precondition(lambda self: self.images)
    @rule(data=st.data(), sign=st.sampled_from([Sign.ANSWERED, Sign.FAILED, Sign.UNREACHABLE, None]))
    def image_ends(self, data: st.DataObject, sign: Sign | None) -> None:
        endpoint = self.images.pop(data.draw(st.integers(0, len(self.images) - 1)))
        if sign is not None:
            self._tell(endpoint, sign)
            assert sign is not Sign.ANSWERED or endpoint.standing is Standing.CLOSED
            assert sign is not Sign.UNREACHABLE or endpoint.standing is Standing.OPEN
        endpoint.end()

    @rule(data=st.data(), sign=st.sampled_from([Sign.PING_ANSWERED, Sign.PING_FAILED, Sign.UNREACHABLE]))
    def ping_ends(self, data: st.DataObject, sign: Sign) -> None:
        self._tell(data.draw(st.sampled_from(self.endpoints)), sign)

    @rule(data=st.data())
    def recovers(self, data: st.DataObject) -> None:
        """Once it answers pings again it gets an image within the longest pause, one check, and a round of the pool."""
        endpoint = data.draw(st.sampled_from(self.endpoints))
        since = self.now
        while endpoint.standing is not Standing.CLOSED:
            self.now += CHECK_US
            self._tell(endpoint, Sign.PING_ANSWERED)
            if endpoint.standing is Standing.HALF_OPEN:
                self._clear()
                for _ in self.endpoints:
                    self.image()
                assert endpoint in self.images, "on probation, and it got no image"
                self._tell(endpoint, Sign.ANSWERED)
            assert self.now - since <= RULE.pause_max_us + 2 * CHECK_US

    def _clear(self) -> None:
        for endpoint in self.images:
            endpoint.end()
        self.images.clear()

    @invariant()
    def counts_are_right(self) -> None:
        for endpoint in getattr(self, "endpoints", []):
            assert 0 <= endpoint.in_flight <= self.limit
            assert endpoint.in_flight == self.images.count(endpoint)


TestPools = Pools.TestCase
TestPools.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
