"""What a text of the tiny-cluster notation means, and what it refuses."""

from datetime import UTC, datetime, timedelta
from math import isnan

import pytest

from paydown.model.facts import FACTS
from paydown.testing import NotationError, tiny

ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)


def rows(text, table, *columns):
    """Give rows of a table as tuples; instants as minutes after the origin."""
    found = tiny(text)[table].to_pylist()
    return [tuple(shown(row[name]) for name in columns or FACTS[table].names) for row in found]


def shown(value):
    return (value - ORIGIN) / timedelta(minutes=1) if isinstance(value, datetime) else value


def test_every_table_is_there_with_its_schema():
    found = tiny("")
    assert found.keys() == FACTS.keys()
    assert all(found[name].schema.names == list(table.names) for name, table in FACTS.items())
    assert all(found[name].schema.types == table.arrow.types for name, table in FACTS.items())
    assert [name for name, table in found.items() if len(table)] == ["sources"]


def test_headers_in_any_order_and_on_one_line():
    text = "node n1 gpus=1 =\nstep 30s; origin 2024-01-01T00:10; cluster west  # the smaller one"
    assert rows(text, "nodes", "cluster", "start", "end") == [("west", 10.0, 10.5)]


def test_node():
    text = "node n1 gpus=2 cpus=16 memory=64G gpu_memory=40960 model=A100 partitions=gpu;debug pool=p provider_id=i-1"
    assert rows(text, "nodes") == [
        ("tiny", "n1", "gpu;debug", "p", "A100", 2, 40_960, 16, 65_536, "i-1", 0, None)
    ]  # fmt: skip


def test_a_figure_that_is_not_given_is_null():
    assert rows("node n1", "nodes", "partitions", "gpus", "cpus", "memory_mib") == [("", None, None, None)]
    assert rows("job 1 on=n1:0 R", "allocations", "cpu_milli", "memory_mib") == [(None, None)]


def test_a_node_that_changes():
    text = "node n1 gpus=2 ===..==\nnode n1 gpus=4 at=10m =>"
    assert rows(text, "nodes", "gpus", "start", "end") == [(2, 0, 3), (2, 5, 7), (4, 10, None)]


def test_devices():
    text = "device n1:0,1\ndevice n1:2/0,2/1 milli=142 memory=10G model=A100 =="
    assert rows(text, "devices", "gpu", "milli", "memory_mib", "gpu_model", "start", "end") == [
        ("0", 1000, None, None, 0, None), ("1", 1000, None, None, 0, None),
        ("2/0", 142, 10_240, "A100", 0, 2), ("2/1", 142, 10_240, "A100", 0, 2),
    ]  # fmt: skip


def test_node_states():
    text = "state n1,n2 reason='bad disk' .dd.ppu>"
    assert rows(text, "node_states", "node", "state", "reason", "start", "end") == [
        (node, state, "bad disk", start, end)
        for state, start, end in (("down", 1, 3), ("planned_down", 4, 6), ("up", 6, None))
        for node in ("n1", "n2")
    ]


def test_what_a_node_says():
    text = "says n1 gpu=1.5 cpu=4 memory=1G .==\nsays n2 cpu=250m"
    assert rows(text, "node_allocations", "node", "gpu_milli", "cpu_milli", "memory_mib", "start", "end") == [
        ("n1", 1500, 4000, 1024, 1, 3), ("n2", None, 250, None, 0, None),
    ]  # fmt: skip


def life(text):
    return rows(text, "jobs", "job_id", "attempt", "submit", "eligible", "start", "end", "state")


@pytest.mark.parametrize(
    ("strip", "expected"),
    [
        ("RRR", (None, None, 0, 3, "COMPLETED")),
        ("..wwRR..", (2, 2, 4, 6, "COMPLETED")),
        ("hhwR", (0, 2, 3, 4, "COMPLETED")),
        ("hhRR", (0, 2, 2, 4, "COMPLETED")),
        (".hh", (1, None, None, 3, "CANCELLED")),
        (".hh>", (1, None, None, None, "PENDING")),
        ("ww>", (0, 0, None, None, "PENDING")),
        ("wR>", (0, 0, 1, None, "RUNNING")),
        ("wR!FAILED", (0, 0, 1, 2, "FAILED")),
        ("w!CANCELLED", (0, 0, None, 1, "CANCELLED")),
        ("R{90}", (None, None, 0, 90, "COMPLETED")),
        ("|..ww|RRRR|", (2, 2, 4, 8, "COMPLETED")),
        ("R>", (None, None, 0, None, "RUNNING")),
        ("R!OUT_OF_MEMORY", (None, None, 0, 1, "OUT_OF_MEMORY")),
    ],
)
def test_the_life_of_a_job(strip, expected):
    assert life(f"job 7 {strip}") == [("7", 0, *expected)]


def test_attempts():
    assert life("job 7 wRR!NODE_FAIL .wR!REQUEUEDRR>") == [
        ("7", 0, 0, 0, 1, 3, "NODE_FAIL"), ("7", 1, 4, 4, 5, 6, "REQUEUED"), ("7", 2, None, None, 6, None, "RUNNING"),
    ]  # fmt: skip
    assert life("job 7.2 R") == [("7", 2, None, None, 0, 1, "COMPLETED")]
    assert life("job 123_4 R\njob 123+1 .R")[1] == ("123+1", 0, None, None, 1, 2, "COMPLETED")


def test_who_and_how():
    text = "job 1 alice/chem partition=gpu qos=high kind=batch limit=1h30m priority=2.5 reason=Resources name='a b' w>"
    columns = ("user", "account", "partition", "qos", "kind", "time_limit_ms", "priority", "pending_reason", "name")
    assert rows(text, "jobs", *columns) == [
        ("alice", "chem", "gpu", "high", "batch", 5_400_000, 2.5, "Resources", "a b")
    ]  # fmt: skip
    assert rows("job 1 /chem R\njob 2 bob/ R\njob 3 R", "jobs", "user", "account") == [
        (None, "chem"), ("bob", None), (None, None),
    ]  # fmt: skip
    assert rows("job 1 exclusive=true array=9 submit=+30s qos=null .R", "jobs", "exclusive", "array_id", "submit") == [
        (True, "9", 0.5)
    ]  # fmt: skip


def test_what_is_held():
    text = "device n1:3/1 milli=142\njob 1 on=n1:0,1+n2:4-6+n3 cpu=2 memory=1G RR\njob 2 on=n1:3/1,2 .R"
    columns = ("job_id", "node", "gpu_milli", "gpus", "cpu_milli", "memory_mib", "start", "end")
    assert rows(text, "allocations", *columns) == [
        ("1", "n1", 2000, "0;1", 2000, 1024, 0, 2), ("1", "n2", 3000, "4;5;6", 2000, 1024, 0, 2),
        ("1", "n3", 0, None, 2000, 1024, 0, 2), ("2", "n1", 1142, "3/1;2", None, None, 1, 2),
    ]  # fmt: skip


def test_shares_and_devices_that_are_not_known():
    text = "job 1 on=n1:0 gpu=250m R\njob 2 on=n1:0 gpu=0.5 R\njob 3 on=n1 gpu=2 R"
    assert rows(text, "allocations", "gpu_milli", "gpus") == [(250, "0"), (500, "0"), (2000, None)]


def test_what_is_asked_for():
    columns = ("req_nodes", "req_gpu_milli", "req_cpu_milli", "req_memory_mib", "req_gpu_model")
    assert rows("job 1 on=n1:0,1+n2:0 cpu=2 R", "jobs", *columns) == [(2, 3000, 4000, None, None)]
    assert rows("job 1 gpu=4 cpu=8 memory=2G nodes=2 model=A100 w>", "jobs", *columns) == [
        (2, 4000, 8000, 2048, "A100")
    ]
    assert rows("job 1 on=n1:0 ask_gpu=2 ask_cpu=1 ask_memory=9 R", "jobs", *columns) == [(1, 2000, 1000, 9, None)]


def test_a_job_that_never_ran_holds_nothing():
    assert rows("job 1 on=n1:0 ww", "allocations") == []


def test_holds_of_their_own():
    assert rows("hold 9.1 on=n1:0+n2 cpu=1 RR.R>", "allocations", "job_id", "attempt", "node", "start", "end") == [
        ("9", 1, "n1", 0, 2), ("9", 1, "n1", 3, None), ("9", 1, "n2", 0, 2), ("9", 1, "n2", 3, None),
    ]  # fmt: skip
    assert rows("hold 9 on=n1:0 R", "jobs") == []


def test_device_samples():
    text = "use n1:0 .09F-(0.123)[1x]{2}"
    found = rows(text, "gpu_samples", "start", "gpu_util_ratio")
    assert [start for start, _ in found] == [1, 2, 3, 5, 6, 7, 8, 9]
    assert [value for _, value in found if not isnan(value)] == [0.0, 0.9, 1.0, 0.123, 0.1, 0.1]
    assert rows(text, "gpu_samples", "node", "gpu", "job_id", "duration_ms")[0] == ("n1", "0", None, 60_000)


def test_signals_of_one_sample_share_its_row():
    text = "node n1 gpu_memory=10G\nuse n1:0,1 job=7 55\nuse n1:0 job=7 signal=memory .F\nuse n1:0 signal=memory 5"
    assert rows(text, "gpu_samples", "gpu", "job_id", "start", "gpu_util_ratio", "memory_used_mib") == [
        ("0", "7", 0, 0.5, None), ("0", "7", 1, 0.5, 10_240), ("1", "7", 0, 0.5, None), ("1", "7", 1, 0.5, None),
        ("0", None, 0, None, 5120),
    ]  # fmt: skip


def test_other_instruments():
    text = "use n1:0 signal=sm_active every=30s duration=20s shift=5s 55\nuse n1:0 at=2m signal=power_w (301.5)"
    assert rows(text, "gpu_samples", "start", "duration_ms", "sm_active_ratio", "power_w") == [
        (5 / 60, 20_000, 0.5, None), (35 / 60, 20_000, 0.5, None), (2, 60_000, None, 301.5),
    ]  # fmt: skip


def test_host_samples():
    text = "node n1 cpus=16 memory=64G\nuse n1 5x\nuse n1 signal=memory F\nuse n2 job=3 full=2 7\nuse n1 at=9m (3)"
    assert rows(text, "host_samples", "node", "job_id", "start", "cpu_used_milli", "memory_used_mib") == [
        ("n1", None, 0, 8000, 65_536), ("n1", None, 1, -1, None), ("n2", "3", 0, 1400, None), ("n1", None, 9, 3, None),
    ]  # fmt: skip


def test_memory_of_a_slice_and_of_its_card():
    text = "node n1 gpu_memory=80G\ndevice n1:0/0 memory=10G\nuse n1:0/0,1 signal=memory F"
    assert rows(text, "gpu_samples", "gpu", "memory_used_mib") == [("0/0", 10_240), ("1", 81_920)]


def test_rows_of_any_table():
    text = (
        "row job_usage job_id=1 signal=gpu_util mean=0.25\n"
        "row quotas scope=account name=chem tres=gpu amount=8000 kind=limit end=+1h\n"
        "row reservations name=r nodes=n1;n2 kind=maintenance start=2024-01-01T00:05 end=null\n"
        "row identities person=p1 kind=user name='Ann B'"
    )
    assert rows(text, "job_usage", "job_id", "attempt", "signal", "mean", "source") == [
        ("1", 0, "gpu_util", 0.25, "tiny")
    ]
    assert rows(text, "quotas", "cluster", "amount", "start", "end") == [("tiny", 8000, 0, 60)]
    assert rows(text, "reservations", "nodes", "start", "end") == [("n1;n2", 5, None)]
    assert rows(text, "identities", "name", "cluster", "start") == [("Ann B", None, None)]


def test_what_is_vouched_for():
    columns = ("source", "supports", "covers_from", "covers_to")
    assert rows("node n1\njob 1 on=n1 wR", "sources", *columns) == [("tiny", "capacity;allocation;wait", 0, 2)]
    assert rows("use n1:0 ...5", "sources", *columns) == [("tiny", "use", 0, 4)]
    assert rows("state n1 ....d....", "sources", *columns) == [("tiny", "", 0, 9)]
    assert rows("horizon +1h; supports use wait", "sources", *columns) == [("tiny", "use;wait", 0, 60)]
    said = "row sources source=other supports=use covers_from=+0m covers_to=+3m ingested_at=+3m\nnode n1"
    assert rows(said, "sources", *columns) == [("other", "use", 0, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes n1", r"line 1: no statement begins with `nodes`; did you mean `node`\?"),
        ("\n\nnode", "line 3: node: the node's name is missing"),
        ("node n1 gpu=2", r"there is no `gpu=` here; did you mean `gpus`\?"),
        ("node n1 gpus=two", "gpus=two is no amount"),
        ("node n1 gpus=1.5", "no whole number"),
        ("node n1 memory=64X", "memory=64X is no amount"),
        ("node n1 gpus=1 gpus=2", "`gpus=` is given twice"),
        ("node n1 =d=", "`d` cannot stand in this strip"),
        ("node n1 =(5)", r"`\(5\)` cannot stand in this strip"),
        ("state n1", "the strip is missing"),
        ("step 1m\nstep 2m", "line 2: step: it is said twice"),
        ("step 0s", "a step must last some time"),
        ("step soon", "`soon` is no length of time"),
        ("origin yesterday", "`yesterday` is no instant"),
        ("cluster a b", "one word must follow"),
        ("supports everything", "is none of capacity"),
        ("device n1", "names no device"),
        ("device n1:", "is no place"),
        ("job 1 on=n1:0,0 R", "is no place"),
        ("job 1 on=:0 R", "is no place"),
        ("job 1", "the strip is missing"),
        ("job 1 RwR", "`RwR` is no life of a job"),
        ("job 1 ...", "is no life of a job"),
        ("job 1 5R", "is no life of a job"),
        ("job 1 R!FAILURE", r"`!FAILURE` is no state of a job; did you mean `FAILED`\?"),
        ("job 1 prio=3 R", "there is no `prio=` here"),
        ("job 1 start=+5m R", "there is no `start=` here"),
        ("job 1 priority=high R", "priority=high is no real"),
        ("hold 1 R", "`on=` is missing"),
        ("use n1:0 signal=sm_activ 5", r"no signal `sm_activ`; did you mean `sm_active`\?"),
        ("use n1 5", "`5` of what"),
        ("use n1:0 5r", "`r` is no sample"),
        ("use n1:0 (much)", "is no figure"),
        ("use n1:0 5(", "cannot be read from"),
        ("use n1:0 5{3", "cannot be read from"),
        ("use n1:0 5{9999999}", "more than 1,000,000 steps"),
        ("use n1:0 5\nuse n1:0 6", "contradict each other"),
        ("use n1:0 5\nuse n1:0 signal=sm_active duration=1s 6", "contradict each other"),
        ("row job x=1", r"there is no table `job`; did you mean `jobs`\?"),
        ("row quotas scope=account", "is missing"),
        ("row job_usage job_id=1 attempt=one signal=gpu_util", "attempt=one is no int"),
        ("state n1 reason='bad d", "a quotation mark is not closed"),
    ],
)
def test_what_is_refused(text, message):
    with pytest.raises(NotationError, match=message):
        tiny(text)
