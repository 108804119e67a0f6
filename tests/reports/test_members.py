"""Teams and departments over clusters and time, as cuts and as filters; whoever has none."""

import pytest

from paydown.errors import UsageError
from paydown.reports import registry
from paydown.reports.registry import report


def rows(store, name, *columns, **asked):
    found = report(name)
    answer = found.run(store, found.parameters(**asked))
    return [tuple(row[column] for column in columns) for row in answer.rows.to_pylist()], answer


@pytest.fixture
def two_clusters(book):
    """Give two clusters with a job each of ada (who changes teams), bob (no team) and one of nobody known."""

    def job(cluster, number, user, start, end):
        key = {"cluster": cluster, "job_id": number, "attempt": 0}
        more = {"submit": book.at(start), "start": book.at(start), "end": book.at(end), "state": "COMPLETED"}
        held = {"node": "n", "gpu_milli": 1000, "start": book.at(start), "end": book.at(end)}
        return key | {"user": user} | more, key | held

    told = [
        job("c", "1", "u1", 1, 3), job("d", "1", "u1", 25, 29), job("c", "2", "u2", 2, 10), job("d", "3", None, 2, 3),
    ]  # fmt: skip
    entry = {"basis": "none", "signal": None, "partition": None, "account": None, "node": "n", "detail": "dark"}
    held = [("c", 0, "1", "u1", 2), ("d", 1, "1", "u1", 4), ("c", 0, "2", "u2", 8), ("d", 0, "3", None, 1)]
    held += [("d", 0, "(unseen)", None, 3)]
    from datetime import timedelta

    daily = [
        book.entry("unobserved", hours, **entry)
        | {"cluster": cluster, "day": book.DAY + timedelta(days=day), "job_id": number, "user": user}
        for cluster, day, number, user, hours in held
    ]
    daily.append(book.entry("idle", 5, cluster="c"))
    posted = [row | {"cluster": name} for name in "cd" for row in book.posted(book.DAY, book.DAY + timedelta(days=1))]
    identities = [
        {"person": "u1", "kind": "user", "name": "ada"},
        {"person": "u1", "kind": "user", "name": "ada", "team": "optics", "department": "physics", "end": book.at(24)},
        {
            "person": "u1",
            "kind": "user",
            "name": "ada",
            "team": "vision",
            "department": "physics",
            "start": book.at(24),
        },
        {"person": "u2", "kind": "user", "name": "bob", "department": "maths"},
    ]
    return book.store(
        sources=[book.SOURCE | {"cluster": name} for name in "cd"],
        posted=posted,
        identities=identities,
        jobs=[each for each, _ in told],
        allocations=[each for _, each in told],
        daily=daily,
    )


def test_usage_by_team_spans_clusters_and_follows_who_changes(two_clusters):
    found, answer = rows(two_clusters, "usage", "team", "gpu_hours", by=("team",))
    assert sorted(found) == [("(unmapped)", 9.0), ("optics", 2.0), ("vision", 4.0)]
    assert any("usage --by user --team '(unmapped)'" in note for note in answer.notes)
    found, answer = rows(two_clusters, "usage", "department", "gpu_hours", by=("department",))
    assert sorted(found) == [("(unmapped)", 1.0), ("maths", 8.0), ("physics", 6.0)]
    assert any("--department '(unmapped)'" in note for note in answer.notes)


def test_usage_of_a_team_and_of_those_without(two_clusters):
    assert rows(two_clusters, "usage", "gpu_hours", team=("vision",))[0] == [(4.0,)]
    assert rows(two_clusters, "usage", "gpu_hours", team=("vision", "optics"))[0] == [(6.0,)]
    found, _ = rows(two_clusters, "usage", "user", "gpu_hours", by=("user",), team=("(unmapped)",))
    assert found == [("bob", 8.0), (None, 1.0)]
    assert rows(two_clusters, "usage", "gpu_hours", department=("physics",), cluster=("c",))[0] == [(2.0,)]


@pytest.mark.parametrize("timezone", ["America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin"])
def test_teams_are_those_of_utc_days_whatever_the_zone(two_clusters, timezone):
    found, _ = rows(two_clusters, "usage", "team", "gpu_hours", by=("team",), timezone=timezone)
    assert sorted(found) == [("(unmapped)", 9.0), ("optics", 2.0), ("vision", 4.0)]
    found, _ = rows(two_clusters, "usage", "jobs_started", "gpu_hours", team=("vision",), timezone=timezone)
    assert found == [(1, 4.0)]


def test_the_ledger_by_team_leaves_what_nobody_holds_apart(two_clusters):
    found, _ = rows(two_clusters, "ledger", "team", "category", "hours", by=("team", "category"))
    assert {(team, hours) for team, category, hours in found if category == "unobserved"} == {
        ("(unmapped)", 9.0), ("(unseen)", 3.0), ("optics", 2.0), ("vision", 4.0),
    }  # fmt: skip
    assert (None, "idle", 5.0) in found


def test_debt_of_a_team(two_clusters):
    found, answer = rows(two_clusters, "debt", "team", "debt_max_hours", by=("team",), team=("optics", "(unmapped)"))
    assert sorted(found) == [("(unmapped)", 9.0), ("optics", 2.0)]
    assert any(note.startswith("What nobody holds") for note in answer.notes)
    assert rows(two_clusters, "debt", "not_held_hours", team=("optics",))[0] == [(None,)]


def test_a_job_belongs_to_the_team_of_its_start(two_clusters):
    found, _ = rows(two_clusters, "jobs", "cluster", "job_id", "gpu_allocated_hours", team=("vision",))
    assert found == [("d", "1", 4.0)]
    found, _ = rows(two_clusters, "jobs", "cluster", "job_id", team=("(unmapped)",))
    assert sorted(found) == [("c", "2"), ("d", "3")]


def test_a_team_that_is_not_there_names_the_nearest(two_clusters):
    with pytest.raises(UsageError, match="did you mean vision"):
        rows(two_clusters, "usage", team=("visionn",))


def test_without_any_identity_all_is_unmapped(book):
    store = book.store(**{name: rows for name, rows in book.two_days().items() if name != "identities"})
    assert rows(store, "usage", "team", by=("team",))[0] == [("(unmapped)",)]
    assert len(rows(store, "usage", "gpu_hours", team=("(unmapped)",))[0]) == 1


@pytest.mark.parametrize("asked", [{"team": ("vision",)}, {"department": ("(unmapped)",)}, {"team": ("(unmapped)",)}])
@pytest.mark.parametrize("name", registry.names())
def test_every_report_can_be_asked_of_a_team(two_days, name, asked):
    found = registry.report(name)
    if "team" not in found.parameters.model_fields:
        pytest.skip("it is about no people")
    more = {"job_id": "1", "team": ("vision",)} if name == "job" else asked
    if name == "nodes":
        with pytest.raises(UsageError, match="nodes have no user, team"):
            found.run(two_days, found.parameters(**more))
        return
    found.run(two_days, found.parameters(**more))


@pytest.mark.parametrize(
    "name", [name for name in registry.names() if name not in {"coverage", "job", "jobs", "nodes"}]
)
def test_every_report_with_cuts_can_be_cut_by_team_and_department(two_days, name):
    found = registry.report(name)
    if "by" not in found.parameters.model_fields:
        pytest.skip("it has no cuts")
    answer = found.run(two_days, found.parameters(by=("team", "department")))
    assert any({"team", "department"} <= set(each.rows.column_names) for each in (answer, *answer.more))
