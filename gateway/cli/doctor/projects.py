"""PEKAT's Projects Managers: whether they answer, and know the projects that the recipes name."""

from collections.abc import Iterator

from gateway.cli.doctor.finding import Finding, Patient, defect, ok
from gateway.cli.project_states import ProjectState, project_states, projects_of


def look_at_projects(patient: Patient) -> Iterator[Finding]:
    """Asks for states only: nothing is started or stopped."""
    silent = set[str]()
    for one in project_states(projects_of(patient.settings)):
        manager = str(one.asked.place)
        if one.silent and manager in silent:
            continue
        if one.silent:
            silent.add(manager)
        yield _finding(one, manager)


def _finding(one: ProjectState, manager: str) -> Finding:
    if one.silent:
        return defect(manager, one.wrong, one.hint)
    if one.wrong:
        return defect(one.asked.project, f"{one.wrong} ({one.asked.whose})", one.hint)
    return ok(one.asked.project, f"{one.state}, says the Projects Manager at {manager} ({one.asked.whose})")
