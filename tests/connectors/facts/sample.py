"""A small folder of facts, made of a tiny cluster."""

from paydown.testing import tiny, write_facts

TEXT = """
cluster small; step 1m; origin 2024-03-01T23:50
node n1 gpus=2 cpus=16 memory=64G gpu_memory=40G partitions=gpu model=A100
node n2 gpus=2 cpus=16 memory=64G partitions=gpu;debug
device n2:0/0,0/1 milli=500 memory=20G
state n2 reason=fans ..ddpp>
says n1 gpu=2 =====
job 1 annabel/chem partition=gpu on=n1:0 cpu=4 memory=8G wwRRRRRR!NODE_FAIL wRRRR
job 2 boris/phys on=n1:1 gpu=250m hwRRRRRRR>
use n1:0 ..[9F5]{3}x3
use n1:0 signal=memory ..5{4}
use n1 ...5555
row job_usage job_id=2 signal=gpu_util mean=0.5
"""


def make(folder):
    """Write the sample and give the connector's settings for it."""
    return {"folder": write_facts(tiny(TEXT), folder / "facts")}
