"""The plan of a round, from the analysis that asks for it."""

from __future__ import annotations

from collections import defaultdict

from dataengine.core.artifacts import ArtifactRef, RunKeys
from dataengine.core.events import WeaknessReport
from dataengine.core.identity import derived_seed
from dataengine.core.ports import Store
from dataengine.generation.planning import RoundRequest, budget_of, parts_of
from dataengine.generation.pool import beside, pool_of
from dataengine.generation.round_facts import RoundReader
from dataengine.runtime.runfile import RunFile
from dataengine.wire.documents import AnalysisDoc, PlanDoc


def plan_round(store: Store, rounds: RoundReader, event: WeaknessReport) -> ArtifactRef:
    """Plan the round after the analysis, unless that was done. Blocking. Raises Rejected if there is nothing to plan
    with."""
    number = event.round + 1
    key = RunKeys(event.run).round(number, "plan.json")
    standing = store.find(key)
    if standing is not None:
        return standing
    run = RunFile.load(store, event.config)
    analysis = AnalysisDoc.load(store, event.analysis)
    source = rounds.source(run)
    used = rounds.former.before(event.run, number).asked.images if run.images.exclude_used else frozenset()
    pool = pool_of(run.images, source, used, run.seed)
    budget = budget_of(analysis.weights, run.generation.budget_in(number))
    cases = rounds.bad_cases(analysis)
    by_type: dict[str, list[str]] = defaultdict(list)
    for case in cases.values():
        by_type[case.question_type].append(case.question_id)
    request = RoundRequest(
        budget=budget,
        per_part=run.generation.per_part,
        requests_per_sample=run.generation.max_requests_per_sample,
        images=[image.image_id for image in pool],
        bad_cases=by_type,
        examples=run.analysis.examples,
        seed=derived_seed("generation", run.seed, number),
        beside=beside(run.images, pool, cases),
    )
    document = PlanDoc(
        run=event.run,
        round=number,
        analysis=event.analysis,
        start_from=event.start_from,
        budget=budget,
        parts=parts_of(request),
    )
    return store.claim(key, document.encode())
