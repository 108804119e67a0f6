"""Every odd text of a dump, as it is seen in the wild."""

import gzip
import io
import sys
from datetime import UTC, datetime

import pytest

from paydown.connectors.interface import Context
from paydown.connectors.sacct import CONNECTOR, SacctSettings
from paydown.errors import InputError


@pytest.mark.parametrize(
    ("text", "state"),
    [("COMPLETED", "COMPLETED"), ("CANCELLED by 1234", "CANCELLED"), ("CANCELLED+", "CANCELLED"),
     ("OUT_OF_ME+", "OUT_OF_MEMORY"),
     ("TIMEOUT", "TIMEOUT"), ("NODE_FAIL", "NODE_FAIL"), ("CD", "COMPLETED"), ("REQUEUED", "REQUEUED")],
)  # fmt: skip
def test_states(jobs, text, state):
    assert jobs({"State": text}).jobs[0]["state"] == state


def test_a_state_that_slurm_does_not_have_loses_the_job_and_its_allocation(jobs):
    found = jobs({"State": "HAPPY"}, {"JobID": "1.batch", "State": "HAPPY"})
    assert (found.jobs, found.allocations, found.reasons) == ([], [], ["unknown-value"])


@pytest.mark.parametrize(
    ("asked", "nodes", "mib"),
    [("31000Mn", 2, 62_000), ("4Gc", 1, 32_768), ("62.50G", 1, 64_000), ("3816K", 1, 4), ("2147486648Mn", 1, None),
     ("0", 1, None), ("0n", 1, None), ("2T", 1, 2_097_152), ("", 1, None), ("16000", 1, 16_000)],
)  # fmt: skip
def test_asked_memory_without_tres(jobs, asked, nodes, mib):
    found = jobs({"ReqMem": asked, "ReqCPUS": 8, "ReqTRES": "", "NNodes": nodes})
    assert found.jobs[0]["req_memory_mib"] == mib
    assert ("flag bit" in found.note) == (asked == "2147486648Mn")


def test_asked_memory_of_tres_is_known_whatever_the_flag(jobs):
    found = jobs({"ReqMem": "2147486648Mn", "ReqTRES": "cpu=8,mem=24000M,node=1"})
    assert found.jobs[0]["req_memory_mib"] == 24_000
    assert "flag bit" not in found.note


@pytest.mark.parametrize(
    ("text", "ms"),
    [("37-14:00:00", 3_247_200_000), ("UNLIMITED", None), ("Partition_Limit", None), ("01:30:00", 5_400_000),
     ("10:00", 600_000), ("", None), ("1-00:00:00", 86_400_000)],
)  # fmt: skip
def test_time_limits(jobs, text, ms):
    assert jobs({"Timelimit": text}).jobs[0]["time_limit_ms"] == ms


def test_a_raw_time_limit_is_in_minutes(jobs):
    assert jobs({"TimelimitRaw": "90"}).jobs[0]["time_limit_ms"] == 5_400_000


@pytest.mark.parametrize("nothing", ["None", "None assigned", "Unknown", "", "(null)"])
def test_a_job_that_never_got_a_node(jobs, nothing):
    found = jobs({"NodeList": nothing, "State": "CANCELLED by 7", "Start": "2024-03-01T10:00:00"})
    assert found.allocations == []
    assert (found.jobs[0]["start"], found.jobs[0]["end"]) == (None, datetime(2024, 3, 1, 10, tzinfo=UTC))


def test_a_job_that_waits(jobs):
    row = {"State": "PENDING", "Start": "Unknown", "End": "Unknown", "NodeList": "None assigned", "AllocTRES": ""}
    found = jobs(
        {**row, "Reason": "Priority", "Partition": "gpu,long", "Eligible": "Unknown"},
        {"JobID": "2", "Reason": "Priority"},
    )
    waits, ran = found.jobs
    assert (waits["start"], waits["end"], waits["eligible"], waits["pending_reason"]) == (None, None, None, "Priority")
    assert (waits["partition"], ran["pending_reason"]) == ("gpu;long", None)
    assert [row["job_id"] for row in found.allocations] == ["2"]


def test_pending_array_tasks_are_spelt_out(jobs):
    row = {"State": "PENDING", "Start": "Unknown", "End": "Unknown", "NodeList": "None assigned"}
    found = jobs({"JobID": "123_4"}, {**row, "JobID": "123_[5-9%2]"}, {**row, "JobID": "124_[1,3-7:2]"})
    ids = ["123_4", "123_5", "123_6", "123_7", "123_8", "123_9", "124_1", "124_3", "124_5", "124_7"]
    assert [row["job_id"] for row in found.jobs] == ids
    assert {row["array_id"] for row in found.jobs} == {"123", "124"}
    assert found.rejects == []


def test_array_tasks_that_have_no_row_are_counted(jobs, monkeypatch):
    monkeypatch.setattr("paydown.dialects.slurm_accounting.jobs.MOST_TASKS", 3)
    row = {"State": "PENDING", "Start": "Unknown", "End": "Unknown", "NodeList": "None assigned"}
    found = jobs({**row, "JobID": "123_[0-9]"}, {**row, "JobID": "124_[1,2,...]"})
    assert [row["job_id"] for row in found.jobs] == ["123_0", "123_1", "123_2", "124_1", "124_2"]
    assert [(reject.reason, reject.count) for reject in found.rejects] == [("tasks-left-out", 7), ("tasks-left-out", 1)]


def test_heterogeneous_jobs_and_their_steps(jobs):
    found = jobs({"JobID": "123+0"}, {"JobID": "123+1", "NodeList": "n2", "TotalCPU": "00:30:00"},
                 {"JobID": "123+1.0", "MaxRSS": "2G", "State": "COMPLETED"})  # fmt: skip
    assert [(row["job_id"], row["array_id"]) for row in found.jobs] == [("123+0", None), ("123+1", None)]
    assert {(row["job_id"], row["signal"]) for row in found.usage} == {
        ("123+1", "cpu_used_milli"),
        ("123+1", "memory_used_mib"),
    }


@pytest.mark.parametrize(
    ("tres", "milli"),
    [
        ("cpu=8,gres/gpu=2,gres/gpu:a100=2", 2_000),
        ("cpu=8,gres/gpu:a100=2", 2_000),
        ("cpu=8,gres/gpu=3,gres/gpu:a100=2,gres/gpu:v100=1", 3_000),
        ("cpu=8,gres/gpu=3,gres/gpu:1g.10gb=3", 426),
        ("cpu=8,gres/gpu=2,gres/gpu:a100=1,gres/gpu:nvidia_a100_3g.20gb=1", 1_428),
        ("cpu=8,gres/gpu:a30_1g.6gb=4", 1_000),
        ("cpu=8", 0),
    ],
)
def test_gpus_of_tres(jobs, tres, milli):
    found = jobs({"AllocTRES": tres, "ReqTRES": tres})
    assert (found.allocations[0]["gpu_milli"], found.jobs[0]["req_gpu_milli"]) == (milli, milli)


def test_the_model_asked_for(jobs):
    found = jobs({"ReqTRES": "gres/gpu=1,gres/gpu:a100=1"}, {"JobID": "2", "ReqTRES": "gres/gpu=1"},
                 {"JobID": "3", "ReqTRES": "gres/gpu:1g.10gb=1"})  # fmt: skip
    assert [row["req_gpu_model"] for row in found.jobs] == ["a100", None, None]


def test_what_several_nodes_held_is_split_evenly(jobs):
    tres = "cpu=8,gres/gpu=4,mem=32000M,node=3"
    found = jobs({"NodeList": "n[9-10],m1", "AllocTRES": tres})
    held = {row["node"]: (row["gpu_milli"], row["cpu_milli"], row["memory_mib"]) for row in found.allocations}
    assert held == {"m1": (2_000, 3_000, 10_667), "n9": (1_000, 3_000, 10_667), "n10": (1_000, 2_000, 10_666)}
    assert "Jobs that held several nodes: 1." in found.note


@pytest.mark.parametrize("text", ["n[1-", "n[1-999999999]"])
def test_a_list_of_nodes_that_is_none(jobs, text):
    found = jobs({"NodeList": text})
    assert (found.allocations, found.reasons, len(found.jobs)) == ([], ["bad-nodes"], 1)


def test_older_gres_columns(jobs):
    found = jobs({"AllocTRES": "", "ReqTRES": "", "AllocGRES": "gpu:a100:2", "ReqGRES": "gpu:2", "AllocCPUS": "6"})
    assert (found.allocations[0]["gpu_milli"], found.allocations[0]["cpu_milli"]) == (2_000, 6_000)
    assert (found.jobs[0]["req_gpu_milli"], found.allocations[0]["memory_mib"]) == (2_000, None)


def test_without_tres_the_dump_does_not_state_allocation(dump):
    found = dump("JobID|State|Start|End|NodeList|NCPUS\n1|COMPLETED|2024-03-01T09:00:00|2024-03-01T10:00:00|n1|4\n")
    assert (found.allocations[0]["gpu_milli"], found.allocations[0]["cpu_milli"]) == (0, 4_000)
    assert (found.vouches[0].supports, "no AllocTRES" in found.note) == ((), True)


def test_attempts_of_a_requeued_job(jobs):
    first = {"State": "REQUEUED", "Start": "2024-03-01T08:10:00", "End": "2024-03-01T08:20:00"}
    second = {"Submit": "2024-03-01T08:20:00", "NodeList": "n2", "TotalCPU": "00:30:00"}
    found = jobs(second, {**first, "TotalCPU": "00:05:00"}, {"JobID": "2"})
    seen = {(row["job_id"], row["attempt"]): row["state"] for row in found.jobs}
    assert seen == {("1", 0): "REQUEUED", ("1", 1): "COMPLETED", ("2", 0): "COMPLETED"}
    assert {row["attempt"]: row["node"] for row in found.allocations if row["job_id"] == "1"} == {0: "n1", 1: "n2"}
    assert {row["attempt"]: row["mean"] for row in found.usage} == {0: 500, 1: 500}


def test_a_resized_job_has_an_attempt_for_each_size(jobs):
    found = jobs(
        {"State": "RESIZING", "End": "2024-03-01T09:30:00", "NodeList": "n[1-2]"}, {"Start": "2024-03-01T09:30:00"}
    )
    assert [(row["attempt"], row["state"]) for row in found.jobs] == [(0, "RESIZING"), (1, "COMPLETED")]


def test_slurm_counts_restarts_itself(jobs):
    assert jobs({"Restarts": "2"}).jobs[0]["attempt"] == 2


def test_versions_of_one_attempt_are_one_row(jobs):
    waiting = {"State": "PENDING", "Start": "Unknown", "End": "Unknown", "NodeList": "None assigned"}
    running = {"State": "RUNNING", "End": "Unknown"}
    found = jobs(waiting, running, {}, running, {})
    assert [(row["attempt"], row["state"]) for row in found.jobs] == [(0, "COMPLETED")]
    assert len(found.allocations) == 1


def test_two_clusters_in_one_dump(jobs):
    found = jobs({"Cluster": "a"}, {"Cluster": "b", "Start": "2024-03-01T09:30:00"}, cluster=None)
    assert [(row["cluster"], row["attempt"]) for row in found.jobs] == [("a", 0), ("b", 0)]
    assert [vouch.cluster for vouch in found.vouches] == ["a", "b"]


def test_times_in_the_cluster_s_zone(jobs):
    twice = {"JobID": "2", "Start": "2024-10-27T02:30:00", "End": "2024-10-27T04:00:00"}
    never = {"JobID": "3", "Start": "2024-03-31T02:30:00", "End": "2024-03-31T04:00:00"}
    found = jobs({}, twice, never, timezone="Europe/Berlin")
    assert [row["start"].hour for row in found.jobs] == [8, 0]
    assert found.reasons == ["no-such-time"]
    assert (
        "1 jobs have a time in the hour that the clock of Europe/Berlin showed twice: the first was chosen."
        in found.note
    )
    assert "Local times were read as Europe/Berlin." in found.note


@pytest.mark.parametrize(
    ("text", "hour"),
    [("1709283600", 9), ("2024-03-01T10:00:00+01:00", 9), ("2024-03-01T09:00:00Z", 9), ("2024-03-01T09:00:00", 8)],
)
def test_times_in_other_forms_beside_usual_ones(jobs, text, hour):
    row = {
        "JobID": "2",
        "Start": text,
        "Submit": "Unknown",
        "Eligible": "Unknown",
        "End": "Unknown",
        "State": "RUNNING",
    }
    found = jobs({}, row, timezone="Europe/Berlin")
    assert (found.jobs[1]["start"].hour, found.rejects) == (hour, [])


def test_a_time_that_is_none(jobs):
    found = jobs({"Start": "2024-02-30T00:00:00"}, {"JobID": "2", "Submit": "lately"}, {"JobID": "3"})
    assert ([row["job_id"] for row in found.jobs], found.reasons) == (["3"], ["not-a-time", "not-a-time"])
    assert [row["job_id"] for row in found.allocations] == ["3"]


def test_an_end_before_the_start(jobs):
    found = jobs({"End": "2024-03-01T08:59:59"}, {"JobID": "1.batch", "MaxRSS": "1G"})
    assert (found.jobs, found.allocations, found.usage, found.reasons) == ([], [], [], ["end-before-start"])


def test_batch_and_interactive(jobs):
    lines = ["sbatch -n1 x.sh", "/usr/bin/salloc", "srun --pty bash", "sbatcher", ""]
    found = jobs(*({"JobID": str(at), "SubmitLine": line} for at, line in enumerate(lines, 1)))
    assert [row["kind"] for row in found.jobs] == ["batch", "interactive", "interactive", None, None]
    assert [row["kind_source"] for row in found.jobs] == [
        *(f"SubmitLine {word}" for word in ("sbatch", "salloc", "srun")),
        None,
        None,
    ]


def test_a_dump_vouches_from_the_first_end_to_the_last_that_is_known(jobs):
    running = {"JobID": "2", "State": "RUNNING", "End": "Unknown", "Elapsed": "05:00:00"}
    (vouch,) = jobs({}, running).vouches
    day = 1_709_251_200_000
    assert (vouch.covers_from_ms - day, vouch.covers_to_ms - day) == (10 * 3_600_000, 14 * 3_600_000)
    assert vouch.supports == ("allocation", "wait")


COLUMNS = "JobID,State,Submit,Start,End,NodeList,AllocTRES,JobName"
LINE = "7|COMPLETED|2024-03-01T08:00:00|2024-03-01T09:00:00|2024-03-01T10:00:00|n1|cpu=1,mem=1G|"


@pytest.mark.parametrize(
    "columns", [COLUMNS, COLUMNS.replace(",", " "), COLUMNS.lower(), COLUMNS.replace("State", "State%20")]
)
@pytest.mark.parametrize("end", ["", "|"])
def test_columns_of_a_dump_without_header(dump, columns, end):
    found = dump(f"{LINE}one{end}\n{LINE.replace('7', '8', 1)}two{end}\n", columns=columns)
    assert [(row["job_id"], row["name"]) for row in found.jobs] == [("7", "one"), ("8", "two")]
    assert found.rejects == []


@pytest.mark.parametrize("end", ["", "|"])
def test_a_header_wins_over_columns(dump, end):
    found = dump(f"{COLUMNS.replace(',', '|')}{end}\n{LINE}one{end}\n", columns="JobID,State")
    assert found.jobs[0]["name"] == "one"


@pytest.mark.parametrize("end", ["", "|"])
def test_a_delimiter_in_the_last_name_is_mended(dump, end):
    head = COLUMNS.replace(",", "|")
    found = dump(f"{head}{end}\n{LINE}a|b||c{end}\n{LINE.replace('7', '8', 1)}plain{end}\n")
    assert [(row["job_id"], row["name"]) for row in found.jobs] == [("7", "a|b||c"), ("8", "plain")]
    assert found.rejects == []


def test_a_delimiter_in_another_name_is_a_reject(dump):
    found = dump("JobID|JobName|User|State\n1|a|b|ann|RUNNING\n2|c|ann|RUNNING\n")
    assert [row["job_id"] for row in found.jobs] == ["2"]
    assert [(reject.line, reject.reason) for reject in found.rejects] == [(2, "broken-line")]
    assert "ask for JobName as the last column" in found.rejects[0].detail
    assert found.rejects[0].row == "1|*|*|*|*"


@pytest.mark.parametrize("line", ["3|c|ann|RUNN", "3|my", "plan|ann|RUNNING", "3|two|halves|an", "3|ann's plan|ann"])
def test_a_broken_line_is_kept_without_what_may_be_a_name(dump, line):
    (reject,) = dump(f"JobID|JobName|User|State|WorkDir\n{line}").rejects
    assert reject.reason == "broken-line"
    assert reject.row.replace("3", "").strip("|*") == ""
    assert reject.row.count("|") == line.count("|")


def test_another_delimiter(dump):
    assert dump("JobID;State\n1;RUNNING\n", delimiter=";").jobs[0]["state"] == "RUNNING"


def test_several_files_gzip_and_standard_input(tmp_path, monkeypatch):
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"JobID|State\n1|RUNNING\n"))
    (tmp_path / "b").write_bytes(b"State|JobID|Cluster|Novelty\nCOMPLETED|2|x|1\n")

    class Stdin:
        buffer = io.BufferedReader(io.BytesIO(b"JobID|State\n3|RUNNING\n"))

    monkeypatch.setattr(sys, "stdin", Stdin)
    files = (str(tmp_path / "a.gz"), str(tmp_path / "b"), "-")
    items = list(CONNECTOR.read(SacctSettings(files=files), Context(cluster="c")))
    batches = [
        item for item in items if getattr(item, "table", "") == "jobs" and hasattr(item, "rows") and len(item.rows)
    ]
    assert [(batch.rows["job_id"].to_pylist(), batch.origin) for batch in batches] == [
        (["1"], files[0]), (["2"], files[1]), (["3"], "-")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "settings", "message"),
    [
        ("1|RUNNING\n", {}, "names no JobID.*--columns"),
        ("JobID|Stat\n1|RUNNING\n", {}, "no column State"),
        ("1|RUNNING\n", {"columns": "JobID,Stat"}, "no field `Stat`; did you mean `State`"),
        ("JobID|State\n1|RUNNING\n", {"cluster": None}, "no column Cluster.*--cluster"),
        ("", {}, "the file is empty"),
        (gzip.compress(b"JobID|State\n" + b"1|RUNNING\n" * 9_000)[:-20], {}, "cut off"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(dump, text, settings, message):
    with pytest.raises(InputError, match=message):
        dump(text, **settings)


def test_a_header_alone_says_nothing(dump):
    found = dump("JobID|State|Submit\n")
    assert (found.jobs, found.rejects, found.vouches) == ([], [], [])


def test_bad_lines_are_rejects_with_their_numbers(dump):
    name = "caf\xe9".encode("latin-1")
    data = (
        b"JobID|State|JobName|User\n1|RUNNING|"
        + name
        + b"|ann\n\nx|RUNNING|y|ann\n2|RUNNING|a\0b|ann\n3|RUNNING|ok|ann\n4|RUNN"
    )
    found = dump(data)
    assert {row["job_id"]: row["name"] for row in found.jobs} == {"1": None, "3": "ok"}
    seen = {(reject.line, reject.reason) for reject in found.rejects}
    assert seen == {(2, "not-utf8"), (4, "bad-key"), (5, "nul-byte"), (7, "broken-line")}
    assert "cut off" in next(reject.detail for reject in found.rejects if reject.line == 7)
    assert not any("ann" in reject.row for reject in found.rejects)


def test_a_name_of_a_million_characters_costs_only_the_name(dump):
    found = dump(f"JobID|State|JobName\n1|RUNNING|{'x' * 1_000_000}\n2|RUNNING|y\n")
    assert ([row["name"] for row in found.jobs], found.reasons) == ([None, "y"], ["too-long"])


def test_a_dump_in_many_pieces_is_read_as_one(jobs, monkeypatch):
    rows = []
    for at in range(60):
        rows += [{"JobID": f"{at}", "TotalCPU": "00:30:00"}, {"JobID": f"{at}.batch", "MaxRSS": f"{at + 1}G"}]
    whole = jobs(*rows)
    monkeypatch.setattr("paydown.dialects.slurm_accounting.lines.BLOCK", 700)
    pieces = jobs(*rows)
    assert len(whole.usage) == 120
    key = lambda row: (row["job_id"], row["signal"])  # noqa: E731 -- a sort key
    assert (pieces.jobs, sorted(pieces.usage, key=key)) == (whole.jobs, sorted(whole.usage, key=key))
