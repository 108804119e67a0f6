"""Who is who, from CSV and from real Slurms: what counts, what is refused, and that names stay in one table."""

from pathlib import Path

import pytest

from paydown.connectors.facts import CONNECTOR as FACTS
from paydown.connectors.facts import FactsSettings
from paydown.connectors.identities import CONNECTOR, IdentitiesSettings
from paydown.connectors.interface import Context
from paydown.errors import InputError
from paydown.ingest import ingest
from paydown.store import open_store

from . import sample

DUMPS = Path(__file__).parents[2] / "dumps" / "identities"


def said(*files, cluster=None, timezone="UTC", **settings):
    """Give the rows (kind, name, cluster, team, department, start, end) and the reasons of rejects."""
    settings = IdentitiesSettings(files=tuple(map(str, files)), **settings)
    items = list(CONNECTOR.read(settings, Context(cluster=cluster, timezone=timezone)))
    names = ("kind", "name", "cluster", "team", "department", "start", "end")
    batches = [item.rows.select(names).to_pylist() for item in items if hasattr(item, "rows")]
    rows = [tuple(row.values()) for batch in batches for row in batch]
    return rows, [item.reason for item in items if not hasattr(item, "rows")]


def teams(rows):
    return {(row[1], row[2]): (row[3], row[4]) for row in rows if row[0] == "user"}


@pytest.fixture
def csv(tmp_path):
    def write(text, name="people.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_list_of_people(csv):
    rows, rejects = said(csv(sample.PEOPLE), timezone="Europe/Berlin")
    assert rejects == []
    users = [(*row[1:5], *(time and time.isoformat() for time in row[5:])) for row in rows if row[0] == "user"]
    change = "2026-01-31T23:00:00+00:00"
    assert users == [
        ("ada", None, "optics", "physics", None, change),
        ("ada", None, "vision", "physics", change, None),
        ("bob", None, None, "maths", None, None),
        ("emmy", "lab", "rings", "maths", None, None),
    ]
    assert [row[:3] for row in rows if row[0] != "user"] == [
        ("display", "Ada Example", None), ("e-mail", "ada@example.org", None), ("display", "Bob Example", None),
        ("display", "Example, Emmy", "lab"),
    ]  # fmt: skip


def test_columns_by_other_names_and_with_semicolons(csv):
    path = csv("Kennung;Arbeitsgruppe\nada;Optik\n")
    with pytest.raises(InputError, match="no column holds user names"):
        said(path)
    rows, _ = said(path, columns={"user": "Kennung", "team": "Arbeitsgruppe"})
    assert teams(rows) == {("ada", None): ("Optik", None)}
    with pytest.raises(InputError, match="is no column of it"):
        said(path, columns={"user": "Kennungen"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "empty"),
        ("login,team,deparment\nada,x,y\n", "did you mean `department`"),
        ("login,room\nada,12\n", "more than the user name"),
        ("JobID|State\n1|RUNNING\n", "no column holds user names"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no column holds user names"),
        (b'{"users": [{"name"', "cut off or damaged"),
        (b'{"jobs": []}', "without users"),
        (b'{"users": [{"name": 3}]}', "cannot be read"),
        ("User|Def Acct\n", "names no user"),
    ],
)
def test_what_is_no_list_of_people_is_an_error_that_says_what_to_do(csv, text, told):
    with pytest.raises(InputError, match=told):
        said(csv(text))


def test_hostile_rows_are_rejects_that_name_nobody(csv):
    rows = [
        b"login,team,start",
        b"ada,x,2026-01-01",
        b"b\0b,x,",
        b"m\xfcller,x,",
        b"carol,x,31.1.2026",
        b",x,",
        b"a,b,,,,",
    ]
    rows += [b"x" * 5_000 + b",x,", b"dora,x,9999999-01-01"]
    settings = IdentitiesSettings(files=(str(csv(b"\n".join(rows))),))
    items = list(CONNECTOR.read(settings, Context()))
    rejects = [item for item in items if not hasattr(item, "rows")]
    assert {(reject.line, reject.reason) for reject in rejects} == {
        (3, "nul-byte"), (4, "not-utf8"), (5, "not-a-time"), (6, "bad-key"), (7, "wrong-cells"), (8, "too-long"),
        (9, "not-a-time"),
    }  # fmt: skip
    assert all(reject.row == "" and "carol" not in reject.detail for reject in rejects)


def test_a_user_in_two_teams_at_once(csv):
    rows, rejects = said(csv("login,team\nada,optics\nada,vision\nada,optics\n"))
    assert (teams(rows), rejects) == ({("ada", None): ("optics", None)}, ["second-place"])


@pytest.mark.parametrize("version", ["22.05.8", "24.11.5"])
@pytest.mark.parametrize(
    "files", [["user"], ["user-withassoc"], ["assoc"], ["user", "assoc"], ["user-withassoc", "account"]]
)
def test_users_of_real_slurms(version, files):
    rows, rejects = said(*(DUMPS / version / f"sacctmgr-show-{name}-P.txt" for name in files))
    lab = "lab" if "account" in files else None
    expected = {"alice": ("nlp", lab), "bob": ("vision", lab), "carol": ("prod", lab)}
    found = teams(rows)
    assert {name: found[name, None] for name in expected} == expected
    assert rejects == []


@pytest.mark.parametrize("files", [["user", "assoc"], ["user-withassoc", "assoc"], ["assoc"]])
def test_users_as_json(files):
    rows, _ = said(*(DUMPS / "24.11.5" / f"sacctmgr-show-{name}.json" for name in files), department_from="parent")
    found = teams(rows)
    assert found["alice", None] == ("nlp", "research")
    assert found["carol", None] == ("prod", None)


def test_levels_of_accounts(csv):
    path = csv(
        "Cluster|Account|User|Par Name|\nlab|nlp||research|\nlab|nlp|ada||\nlab|x|bob||\nlab|y|bob||\n", "assoc.txt"
    )
    rows, rejects = said(path, team_from="parent", department_from="none")
    assert teams(rows) == {("ada", None): ("research", None), ("bob", None): (None, None)}
    assert rejects == ["several-accounts"]


def test_accounts_that_differ_from_cluster_to_cluster(csv):
    path = csv("User|Def Acct|Cluster|Account\nada|x|a|x\nada|y|b|y\nbob|z|a|z\nbob|z|b|z\n", "users.txt")
    assert teams(said(path)[0]) == {
        ("ada", None): (None, None), ("ada", "a"): ("x", None), ("ada", "b"): ("y", None), ("bob", None): ("z", None),
    }  # fmt: skip


def test_lines_of_a_dump_that_is_cut_off(csv):
    path = csv("User|Def Acct|Admin\nada|x|None\nbob|y\nc\0|x|None\n", "users.txt")
    rows, rejects = said(path)
    assert (list(teams(rows)), rejects) == ([("ada", None)], ["wrong-cells", "nul-byte"])


@pytest.fixture
def store(tmp_path):
    return open_store(tmp_path / "store", create=True)


@pytest.fixture
def take(store, csv):
    def run(text, **settings):
        return ingest(store, CONNECTOR, IdentitiesSettings(files=(str(csv(text)),), **settings), Context())

    return run


def in_force(store, name="ada"):
    found = store.snapshot().rows("identities").to_pylist()
    mine = [row for row in found if row["name"] == name and row["team"]]
    return max(mine, key=lambda row: row["start"].timestamp() if row["start"] else -1)["team"], len(mine)


def test_a_later_file_corrects_an_earlier_and_the_same_again_changes_nothing(take, store):
    for team, count in (("optics", 1), ("vision", 2), ("optics", 3)):
        take(f"login,team\nada,{team}\n")
        assert in_force(store) == (team, count)
        done = take(f"login,team\nada,{team}\n")
        assert (done.inserted, done.replaced) == ({}, {})
    assert take("login,department\nada,physics\n").inserted == {"identities": 1}
    take("login,team,department\nada,optics,physics\n")
    assert in_force(store) == ("optics", 3)
    assert take("login,team,department\nada,optics,physics\n").inserted == {}


def test_a_change_of_teams_from_a_moment_on(take, store):
    take("login,team\nada,optics\n")
    take("login,team\nada,vision\n", since_ms=1_750_000_000_000)
    assert in_force(store) == ("vision", 2)
    done = take("login,team\nada,lasers\n")
    assert (done.rejects, in_force(store)) == ({"needs-start": 1}, ("vision", 2))
    take("login,team\nada,lasers\n", since_ms=1_750_000_000_000)
    assert in_force(store) == ("lasers", 3)


def test_one_user_name_is_one_person_on_all_clusters_whatever_came_first(take, store, tmp_path):
    def jobs(cluster):
        folder = tmp_path / cluster
        folder.mkdir()
        (folder / "jobs.csv").write_text(f"cluster,job_id,attempt,state,user\n{cluster},1,0,RUNNING,ada\n")
        ingest(store, FACTS, FactsSettings(folder=folder), Context())

    jobs("a")
    take("login,team,display\nada,optics,Ada Example\n")
    jobs("b")
    users = set(store.snapshot().rows("jobs")["user"].to_pylist())
    assert len(users) == 1
    people = store.snapshot().rows("identities").to_pylist()
    assert {row["person"] for row in people} == users
    assert {row["name"] for row in people} == {"ada", "Ada Example"}


def test_two_people_of_one_name_stay_two(take, store):
    take("login,display,team\nli1,Li Example,optics\n")
    take("login,display,team\nli2,Li Example,vision\n")
    people = {
        row["name"]: row["person"] for row in store.snapshot().rows("identities").to_pylist() if row["kind"] == "user"
    }
    assert len(set(people.values())) == 2
