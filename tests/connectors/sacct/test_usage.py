"""What steps measured becomes figures of their job; zeros that nobody measured do not."""

import pytest

GPU = {"AllocTRES": "cpu=8,gres/gpu=2,gres/gpu:a100=2,mem=32G"}


def step(job="1", name="batch", **cells):
    return {"JobID": f"{job}.{name}", "State": "COMPLETED", "Elapsed": "01:00:00", **cells}


def figures(found, signal):
    return {row["job_id"]: (row["mean"], row["max"]) for row in found.usage if row["signal"] == signal}


@pytest.mark.parametrize(
    ("own", "steps", "milli"),
    [("04:00:00", [{}], 4_000), ("", [{"TotalCPU": "30:00.500"}, {"TotalCPU": "1-00:00:00"}], 24_500),
     ("", [{"AveCPU": "00:30:00", "NTasks": "4"}], 2_000), ("00:00:00", [{"TotalCPU": "00:30:00"}], 500)],
)  # fmt: skip
def test_cpu_is_a_mean_over_the_job(jobs, own, steps, milli):
    found = jobs({"TotalCPU": own}, *(step(name=str(at), **cells) for at, cells in enumerate(steps)))
    assert figures(found, "cpu_used_milli") == {"1": (milli, None)}
    assert "use" in found.vouches[0].supports


@pytest.mark.parametrize(
    ("steps", "mib"),
    [([{"MaxRSS": "3816K"}], 4), ([{"MaxRSS": "1048576"}], 1), ([{"MaxRSS": "1G"}, {"MaxRSS": "2G"}], 2_048),
     ([{"AveRSS": "1G", "MaxRSS": "1.5G", "NTasks": "4"}], 4_096),
     ([{"TRESUsageInTot": "cpu=1,mem=3G,vmem=9G", "MaxRSS": "1G"}], 3_072), ([{"TRESUsageInTot": "mem=3G"}], 3_072)],
)  # fmt: skip
def test_memory_is_the_largest_step(jobs, steps, mib):
    found = jobs({}, *(step(name=str(at), **cells) for at, cells in enumerate(steps)))
    assert figures(found, "memory_used_mib") == {"1": (None, mib)}


def test_gpu_use_is_a_share_of_what_was_held_weighted_by_time(jobs):
    found = jobs(
        GPU,
        step(name="0", Elapsed="00:30:00", TRESUsageInTot="gres/gpumem=10G,gres/gpuutil=100"),
        step(name="1", Elapsed="00:15:00", TRESUsageInTot="gres/gpumem=30G,gres/gpuutil=200"),
    )
    assert figures(found, "gpu_util") == {"1": (0.5, 1.0)}
    assert figures(found, "gpu_memory_used_mib") == {"1": (None, 30_720)}


def test_the_average_over_tasks_counts_where_there_is_no_total(jobs):
    found = jobs(GPU, step(NTasks="2", TRESUsageInAve="gres/gpuutil=50"))
    assert figures(found, "gpu_util") == {"1": (0.5, 0.5)}


def test_zeros_of_a_source_that_never_showed_more_are_none(jobs):
    found = jobs(GPU, step(TRESUsageInTot="gres/gpumem=0,gres/gpuutil=0"))
    assert found.usage == []
    assert [(reject.reason, reject.count) for reject in found.rejects] == [("unproven-zero", 1), ("unproven-zero", 1)]


def test_a_zero_is_proven_by_another_figure_of_the_model(jobs):
    other = {"AllocTRES": GPU["AllocTRES"].replace("a100", "v100")}
    found = jobs(
        GPU, step(TRESUsageInTot="gres/gpuutil=0"), {**GPU, "JobID": "2"}, step("2", TRESUsageInTot="gres/gpuutil=40"),
        {**other, "JobID": "3"}, step("3", TRESUsageInTot="gres/gpuutil=0"),
    )  # fmt: skip
    assert figures(found, "gpu_util") == {"1": (0.0, 0.0), "2": (0.2, 0.2)}
    assert [(reject.reason, reject.count) for reject in found.rejects] == [("unproven-zero", 1)]


def test_zeros_of_extern_steps_and_of_mig_slices_are_none(jobs):
    mig = {"AllocTRES": "gres/gpu=1,gres/gpu:1g.10gb=1", "JobID": "2"}
    found = jobs(
        GPU, step(name="extern", TRESUsageInTot="gres/gpuutil=0"), mig, step("2", TRESUsageInTot="gres/gpuutil=0"),
        {**GPU, "JobID": "3"}, step("3", TRESUsageInTot="gres/gpuutil=40"),
    )  # fmt: skip
    assert set(figures(found, "gpu_util")) == {"3"}
    assert [(reject.reason, reject.count) for reject in found.rejects] == [("unproven-zero", 2)]


def test_a_gpu_job_without_figures_has_none(jobs):
    found = jobs(GPU, step(MaxRSS="1G"), {**GPU, "JobID": "2"}, step("2", TRESUsageInTot="gres/gpuutil=40"))
    assert set(figures(found, "gpu_util")) == {"2"}
    assert figures(found, "gpu_memory_used_mib") == {}


def test_exact_zeros_of_cpu_and_memory_are_none(jobs):
    found = jobs({"TotalCPU": "00:00:00"}, step(MaxRSS="0", TotalCPU="00:00:00"))
    assert (found.usage, found.reasons) == ([], ["unproven-zero", "unproven-zero"])


def test_a_job_that_goes_on_has_no_figures_yet(jobs):
    found = jobs({"State": "RUNNING", "End": "Unknown", "TotalCPU": "01:00:00"}, step(MaxRSS="1G"))
    assert found.usage == []


def test_a_step_without_its_job_is_a_reject(jobs):
    found = jobs({}, step("9", MaxRSS="1G"))
    assert (found.usage, found.reasons) == ([], ["step-without-job"])


def test_steps_that_lie_apart_from_their_job(jobs):
    found = jobs({}, {"JobID": "2"}, step(MaxRSS="1G"))
    assert figures(found, "memory_used_mib") == {"1": (None, 1_024)}
