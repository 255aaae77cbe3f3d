"""What a recipe demands beyond PEKAT's own result: how many objects of which class, and within which score. Pure.

A rule can only make a verdict stricter or leave it undecided: what PEKAT found bad stays bad, what was never decided
stays so, and OK comes out only where PEKAT said OK and every rule is kept.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from gateway.core.result import Judgement, Reason, Verdict


@dataclass(frozen=True, slots=True)
class VerdictRules:
    """The rules of one recipe; without any, every judgement stands as it is.

    `at_most` and `at_least` go by label, as PEKAT names its classes. Score, where a greater one is worse: under
    `ok_below` a part may be OK, over `nok_above` it is NOK, between the two somebody has to look at it.
    """

    most: int | None = None
    fewest: int = 0
    at_most: Mapping[str, int] = field(default_factory=dict)
    at_least: Mapping[str, int] = field(default_factory=dict)
    ok_below: float | None = None
    nok_above: float | None = None

    def judged(self, judgement: Judgement, *, all_read: bool = True) -> Judgement:
        """The judgement by these rules. `all_read` False: some detections could not be read.

        Where the verdict changes or a rule is broken, `detail` says which.
        """
        if judgement.reason is not Reason.NONE:
            return judgement
        broken = [*self._too_many(judgement), *(self._too_few(judgement) if all_read else ()), *self._bad(judgement)]
        if broken:
            return _with(judgement, Verdict.NOK, Reason.NONE, broken)
        if judgement.verdict is Verdict.NOK:
            return judgement
        if unknown := [*self._unknown(judgement, all_read)]:
            return _with(judgement, Verdict.NO_DECISION, Reason.UNCHECKED, unknown)
        if doubt := [*self._doubtful(judgement)]:
            return _with(judgement, Verdict.NO_DECISION, Reason.REVIEW, doubt)
        return judgement

    def _too_many(self, judgement: Judgement) -> Iterator[str]:
        found, count = _labels(judgement), len(judgement.detections)
        if self.most is not None and count > self.most:
            yield f"{count} objects, at most {self.most} allowed"
        for label, most in self.at_most.items():
            if found[label] > most:
                yield f"{found[label]} of {label}, at most {most} allowed"

    def _too_few(self, judgement: Judgement) -> Iterator[str]:
        found, count = _labels(judgement), len(judgement.detections)
        if count < self.fewest:
            yield f"{count} objects, at least {self.fewest} wanted"
        for label, fewest in self.at_least.items():
            if found[label] < fewest:
                yield f"{found[label]} of {label}, at least {fewest} wanted"

    def _bad(self, judgement: Judgement) -> Iterator[str]:
        score = judgement.score
        if score is not None and self.nok_above is not None and score > self.nok_above:
            yield f"score {score:g} is over {self.nok_above:g}"

    def _unknown(self, judgement: Judgement, all_read: bool) -> Iterator[str]:
        """Rules that nobody can tell whether they are kept."""
        counts = self.most is not None or self.fewest or self.at_most or self.at_least
        if counts and not all_read:
            yield "not every object could be read, and the recipe limits their number"
        if self.at_most and _labels(judgement)[""]:
            yield "an object has no class, and the recipe limits classes"
        if judgement.score is None and (self.ok_below is not None or self.nok_above is not None):
            yield "PEKAT gave no score, and the recipe goes by it"

    def _doubtful(self, judgement: Judgement) -> Iterator[str]:
        score = judgement.score
        if score is not None and self.ok_below is not None and score >= self.ok_below:
            yield f"score {score:g} is not below {self.ok_below:g}: to be looked at"


NO_RULES = VerdictRules()


def _labels(judgement: Judgement) -> Counter[str]:
    return Counter(one.label for one in judgement.detections)


def _with(judgement: Judgement, verdict: Verdict, reason: Reason, why: list[str]) -> Judgement:
    detail = "; ".join([*([judgement.detail] if judgement.detail else []), *why])
    return replace(judgement, verdict=verdict, reason=reason, detail=detail)
