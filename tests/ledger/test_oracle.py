"""Hand-computed corners of the oracle's own rules, in the notation of docs/spec/ledger-examples.md."""

import pytest
from tests.ledger.brute import brute
from tests.ledger.brute_hold import device_order, largest_remainder
from tests.ledger.brute_samples import half_up, ppm
from tests.ledger.brute_time import clip, cut, union
from tests.ledger.compare import product
from tests.ledger.examples import block, differences, said

CORNERS = {
    "1.2 no source, no ledger of what is held": """
        sources supports=wait 0..10
        nodes gpus=1 0..
        allocations job_id=1 gpu_milli=1000 gpus=0 0..
        =>
        gpu unobserved/dark 10000
    """,
    "1.2 a label beyond the horizon is no doubt": """
        sources supports=capacity;allocation 0..10
        nodes gpus=1 0..
        gpu_samples gpu=0 job_id=1 gpu_util_ratio=1 9..11 every 1
        =>
        doubts gpu=0 job_id=1 reason=label-without-holder samples=1
    """,
    "1.4 an empty row ends the one before": """
        nodes gpus=1 0..10
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        allocations job_id=1 gpu_milli=1000 gpus=0 4..4
        =>
        gpu unobserved/dark 4000
    """,
    "1.4 rule 3 leaves known devices alone": """
        nodes gpus=2 0..10
        allocations job_id=1 gpu_milli=2000 gpus=0 0..10
        gpu_samples gpu=1 gpu_util_ratio=1 0..10
        =>
        gpu unobserved/dark 10000
        gpu overcommitted 10000
        pools kind=outside used=10000
    """,
    "1.4 rule 3 on a node without GPUs": """
        nodes gpus=0 0..10
        allocations job_id=1 gpu_milli=1000 0..10
        gpu_samples gpu=0 job_id=1 gpu_util_ratio=1 0..10
        =>
        gpu overcommitted 10000
    """,
    "1.6 not worked out while an allocation does not track it": """
        nodes cpus=1 0..10
        allocations job_id=1 cpu_milli=2000 0..10
        allocations job_id=2 5..10
        =>
        cpu unobserved/dark 15000
        cpu overcommitted 5000
        cpu reported 5000
    """,
    "1.6 GPU memory: what the milli lose, then what the node lacks": """
        nodes 0..10
        devices gpu=0 milli=1000 memory_mib=100 0..
        devices gpu=1 milli=1000 0..
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        allocations job_id=2 gpu_milli=1500 0..10
        =>
        gpu_memory unobserved/dark job_id=1 1000
        gpu_memory overcommitted job_id=2 1500
    """,
    "1.7 unseen on a node that is not listed is not cut": """
        node_allocations gpu_milli=9000 0..10
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        =>
        gpu unobserved/dark 10000
        gpu unobserved/unseen 80000
    """,
    "1.8 a job whose allocation holds GPUs waits for GPUs": """
        nodes gpus=1 cpus=1 0..10
        jobs job_id=1 submit=0 start=5
        allocations job_id=1 gpu_milli=1000 gpus=0 5..10
        =>
        gpu reported 10000
        gpu blocked 5000
        gpu unobserved/dark 5000
        cpu reported 5000
        cpu idle 5000
    """,
    "2 a later attempt without a row of the attempt itself": """
        nodes gpus=1 0..10
        jobs job_id=1 attempt=1
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        gpu_samples gpu=0 gpu_util_ratio=1 0..10
        =>
        gpu used/lost job_id=1 attempt=0 10000
    """,
    "3.1 a rejected figure gives way to the next signal": """
        nodes gpus=1 0..10
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        gpu_samples gpu=0 gpu_util_ratio=0.5 rejected=gr_engine_active_ratio 0..10
        =>
        gpu used signal=gpu_util 5000
        gpu underused signal=gpu_util 5000
    """,
    "3.2 exactly one and a half times, and not a millisecond more": """
        nodes gpus=2 0..20
        allocations job_id=1 gpu_milli=1000 gpus=0 0..20
        allocations job_id=2 gpu_milli=1000 gpus=1 0..20
        gpu_samples gpu=0 gpu_util_ratio=1 0..2
        gpu_samples gpu=0 gpu_util_ratio=1 3..5
        gpu_samples gpu=1 gpu_util_ratio=1 0..0.05
        gpu_samples gpu=1 gpu_util_ratio=1 0.1..2.1
        =>
        gpu used job_id=1 5000
        gpu unobserved/dark job_id=1 15000
        gpu used job_id=2 2050
        gpu unobserved/dark job_id=2 17950
    """,
    "3.2 host samples follow those of their own label": """
        nodes cpus=1 0..10
        allocations job_id=1 cpu_milli=1000 0..10
        host_samples job_id=1 cpu_used_milli=1000 0..6
        host_samples cpu_used_milli=500 4..10
        =>
        cpu used 8000
        cpu underused 2000
    """,
    "3.3 a label of one holder does not hide the device from another": """
        nodes gpus=1 0..10
        allocations job_id=1 gpu_milli=500 gpus=0 0..10
        allocations job_id=2 gpu_milli=500 gpus=0 0..10
        gpu_samples gpu=0 job_id=1 gpu_util_ratio=0.5 0..10
        gpu_samples gpu=0 gpu_util_ratio=0.25 0..10
        =>
        gpu used job_id=1 basis=sampled 5000
        gpu used job_id=2 basis=shared 1250
        gpu underused job_id=2 basis=shared 3750
    """,
    "3.5 figures of one device leave the others dark": """
        nodes gpus=2 0..10
        allocations job_id=1 gpu_milli=2000 gpus=0;1 2..10
        gpu_samples gpu=1 gpu_util_ratio=1 0..5
        job_usage job_id=1 node=n gpu=0 signal=gpu_util mean=1
        =>
        gpu used basis=job-mean 8000
        gpu unobserved/dark 8000
    """,
    "3.6 over-allocation and sharing end no run; allocation borders do": """
        nodes gpus=1 0..20
        allocations job_id=1 gpu_milli=600 gpus=0 0..7
        allocations job_id=1 gpu_milli=500 gpus=0 7..10
        allocations job_id=2 gpu_milli=600 gpus=0 3..4
        gpu_samples gpu=0 gpu_util_ratio=0 0..10 every 1
        =>
        gpu inactive/never_used job_id=1 basis=sampled 3600
        gpu inactive/never_used job_id=1 basis=shared 600
        gpu underused job_id=1 1500
        gpu underused job_id=2 basis=shared 400
        gpu overcommitted job_id=2 200
    """,
    "3.6 a sample of tensor activity alone is never quiet": """
        settings gpu_signals=tensor_active
        nodes gpus=1 0..10
        allocations job_id=1 gpu_milli=1000 gpus=0 0..10
        gpu_samples gpu=0 tensor_active_ratio=0 0..10
        =>
        gpu underused signal=tensor_active 10000
    """,
    "3.6 a run of samples that all reach in from before": """
        nodes gpus=1 0..20
        allocations job_id=1 gpu_milli=1000 gpus=0 5..12
        gpu_samples gpu=0 gpu_util_ratio=0 0..12
        =>
        gpu inactive/never_used 7000
    """,
    "3.7 figures of the whole job take no part in the pool": """
        nodes gpus=2 0..10
        allocations job_id=1 gpu_milli=1000 0..10
        allocations job_id=2 gpu_milli=1000 0..10
        gpu_samples gpu=0 gpu_util_ratio=0.5 0..10 every 5
        gpu_samples gpu=1 gpu_util_ratio=0.5 0..10 every 5
        job_usage job_id=2 signal=gpu_util mean=1
        =>
        gpu unobserved/pooled job_id=1 10000
        gpu used job_id=2 basis=job-mean 10000
        pools kind=pooled used=5000 underused=5000
    """,
    "5 a job that says nothing asks for what it held": """
        nodes pool=A gpus=1 0..
        jobs job_id=1 submit=0 start=10
        allocations job_id=1 gpu_milli=1000 gpus=0 10..20
        =>
        demand tres=gpu pool=A allocated=10000 waiting=10000
    """,
}


def example(name):
    lines = [line.strip() for line in CORNERS[name].strip().splitlines()]
    return block(name, "\n".join(lines) + "\n")


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("ledger", [brute, product])
def test_corners(name, ledger):
    one = example(name)
    assert not differences(one, said(ledger(one.facts, one.settings)))


def test_devices_are_ordered_by_number():
    assert sorted(["x", "10", "3/1", "3", "3/0", "9"], key=device_order) == ["3", "3/0", "3/1", "9", "10", "x"]


def test_largest_remainder_gives_ties_to_the_first():
    assert largest_remainder(10, [1, 1, 1]) == [4, 3, 3]
    assert largest_remainder(5, [3, 7, 0]) == [2, 3, 0]


def test_halves_are_rounded_up():
    assert (half_up(0.5), half_up(1.4999), ppm(0.0100005)) == (1, 1, 10_001)


def test_stretches_merge_clip_and_cut():
    assert union([(5, 7), (0, 2), (2, 3), (4, 4)]) == [(0, 3), (5, 7)]
    assert clip((1, 6), [(0, 3), (5, 9)]) == [(1, 3), (5, 6)]
    assert cut((1, 11), 5) == [(1, 5), (5, 10), (10, 11)]
