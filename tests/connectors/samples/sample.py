"""Small answers of Prometheus, of two metrics of a device and one of a host, made by hand."""

import json

GPU = {"Hostname": "gpu01", "gpu": "0", "UUID": "GPU-1", "modelName": "A100", "cluster": "lab"}
AT = [1709555670 + 30 * step for step in range(4)]
SERIES = {
    "DCGM_FI_DEV_GPU_UTIL": (GPU, ["98", "97", "0", "0"]),
    "DCGM_FI_PROF_SM_ACTIVE": (GPU, ["0.8", "0.7", "0", "NaN"]),
    "slurm_job_memory_rss": (
        {"instance": "gpu01:9798", "slurmjobid": "17", "cluster": "lab"},
        ["1048576", "1048576", "2097152", "2097152"],
    ),
}


def answer(name, labels, values, at=AT):
    """Give an answer of one series."""
    result = [{"metric": {"__name__": name, **labels}, "values": [list(pair) for pair in zip(at, values, strict=True)]}]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}}


def make(folder):
    """Write the sample and give the connector's settings for it."""
    files = []
    for name, (labels, values) in SERIES.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(answer(name, labels, values)))
        files.append(str(path))
    return {"files": tuple(files)}
