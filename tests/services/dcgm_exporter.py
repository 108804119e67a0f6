"""A stand-in for dcgm-exporter and for the exporters of jobstats: their metric names, labels, units and number format.

The readings are what a test sets. It needs Python alone: `python dcgm_exporter.py PORT HOST... [--gpus 8]`.

    GET  /HOST/metrics  dcgm-exporter's page of that host
    GET  /HOST/jobs     the page of nvidia_gpu_prometheus_exporter: nvidia_gpu_jobId, duty cycle, memory
    POST /set           merges {"gpu03/2": {...}} into what is set and answers all that is set
    POST /reset         forgets all of it

Keys are HOST/GPU; either may be `*`, and the narrower wins. What can be set of a GPU: util (%), fb_used (MiB), power
(W), gr_engine, sm_active, sm_occupancy, tensor, dram (0 to 1), xid; hpc_job ("17" or ["17", "18"]), pod, namespace,
container (labels); missing: true (no series at all); noprof: true (no DCGM_FI_PROF_*); blank: true (DCGM's number for
"no value"); mig: [{"id": 1, "profile": "1g.10gb", "util": 30, "hpc_job": "18"}] (MIG: no GPU_UTIL; labels GPU_I_ID,
GPU_I_PROFILE). With util alone the other activities follow from it. null takes a key, or a whole GPU, back. What is
not set is an idle GPU.
"""

import argparse
import hashlib
import http.server
import json
import threading
import time

BLANK = 9223372036854775794
MODEL = "NVIDIA A100-SXM4-80GB"
MEMORY_MIB = 81920
RESERVED_MIB = 600
"""Used and free together are a little less than the card has."""
METRICS = [  # name, type, decimals, the reading
    ("DCGM_FI_DEV_SM_CLOCK", "gauge", 0, "clock"),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", 0, "temp"),
    ("DCGM_FI_DEV_POWER_USAGE", "gauge", 6, "power"),
    ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "counter", 0, "energy"),
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", 0, "util"),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", "gauge", 0, "mem_copy"),
    ("DCGM_FI_DEV_XID_ERRORS", "gauge", 0, "xid"),
    ("DCGM_FI_DEV_FB_FREE", "gauge", 0, "fb_free"),
    ("DCGM_FI_DEV_FB_USED", "gauge", 0, "fb_used"),
    ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "gauge", 6, "gr_engine"),
    ("DCGM_FI_PROF_SM_ACTIVE", "gauge", 6, "sm_active"),
    ("DCGM_FI_PROF_SM_OCCUPANCY", "gauge", 6, "sm_occupancy"),
    ("DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "gauge", 6, "tensor"),
    ("DCGM_FI_PROF_DRAM_ACTIVE", "gauge", 6, "dram"),
]


def uuid(host, gpu):
    """Give the made-up name of a card, always the same."""
    text = hashlib.md5(f"{host}/{gpu}".encode(), usedforsecurity=False).hexdigest()
    return f"GPU-{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def readings(said):
    """Give all readings of a GPU or MIG slice from what is set of it."""
    util, used = said.get("util", 0), said.get("fb_used", 4)
    found = {
        "clock": 1410 if util else 210, "temp": 35 + util * 0.4, "power": 60 + util * 3.2, "energy": 0, "util": util,
        "mem_copy": util * 0.6, "xid": 0, "fb_used": used, "fb_free": MEMORY_MIB - RESERVED_MIB - used,
        "gr_engine": util / 100, "sm_active": util / 100 * 0.9, "sm_occupancy": util / 100 * 0.45,
        "tensor": util / 100 * 0.35, "dram": util / 100 * 0.4,
    }  # fmt: skip
    found |= {key: said[key] for key in found if said.get(key) is not None}
    return dict.fromkeys(found, BLANK) if said.get("blank") else found


def labels_of(host, gpu, part, said, job):
    """Give the labels of one series, in dcgm-exporter's order."""
    labels = {"gpu": gpu, "UUID": uuid(host, gpu), "pci_bus_id": f"00000000:{gpu:02X}:00.0", "device": f"nvidia{gpu}"}
    labels |= {"modelName": MODEL}
    if part:
        labels |= {"GPU_I_PROFILE": part["profile"], "GPU_I_ID": part["id"]}
    labels |= {"Hostname": host, "DCGM_FI_DRIVER_VERSION": "535.104.05"}
    labels |= {key: said[key] for key in ("container", "namespace", "pod") if said.get(key) is not None}
    return labels | ({"hpc_job": job} if job is not None else {})


def text_of(labels):
    """Write labels as the page has them."""
    return ",".join(f'{key}="{value}"' for key, value in labels.items())


def written(value, decimals):
    """Write a reading as dcgm-exporter does."""
    return str(value) if value == BLANK else format(value, f".{decimals}f")


class Cards:
    """What is set, and the pages that follow from it."""

    def __init__(self, gpus):
        self.gpus = gpus
        self.said = {}
        self.energy = {}
        self.lock = threading.Lock()

    def set(self, new):
        with self.lock:
            for key, values in new.items():
                merged = {**self.said.get(key, {}), **(values or {})} if values is not None else {}
                self.said[key] = {name: value for name, value in merged.items() if value is not None}
            self.said = {key: values for key, values in self.said.items() if values}
            return self.said

    def reset(self):
        with self.lock:
            self.said = {}

    def of(self, host, gpu):
        found = {}
        for key in ("*/*", f"*/{gpu}", f"{host}/*", f"{host}/{gpu}"):
            found |= self.said.get(key, {})
        return found

    def series(self, host):
        """Yield GPU, MIG slice or None, what is set of it, and the job that holds it, of all that a host has."""
        for gpu in range(self.gpus):
            said = self.of(host, gpu)
            for part in () if said.get("missing") else said.get("mig") or [None]:
                own = said if part is None else {**{k: said[k] for k in ("noprof", "blank") if k in said}, **part}
                jobs = own.get("hpc_job")
                for job in jobs if isinstance(jobs, list) else [jobs]:
                    yield gpu, part, own, job

    def metrics(self, host, now):
        """Write dcgm-exporter's page."""
        found = [
            (labels_of(host, gpu, part, said, job), part, said, readings(said))
            for gpu, part, said, job in self.series(host)
        ]
        for labels, _, said, values in found:
            if not said.get("blank"):
                values["energy"] = self.consumed((labels["UUID"], labels.get("GPU_I_ID")), values["power"], now)
        lines = []
        for name, kind, decimals, key in METRICS:
            rows = [
                f"{name}{{{text_of(labels)}}} {written(values[key], decimals)}"
                for labels, part, said, values in found
                if not (part and key in {"util", "mem_copy"}) and not (said.get("noprof") and "_PROF_" in name)
            ]
            lines += [f"# HELP {name} {key}", f"# TYPE {name} {kind}", *rows] if rows else []
        return "\n".join(lines) + "\n"

    def consumed(self, card, power, now):
        """Give the energy counter of a card in mJ: its power over the time since it was last asked."""
        last, total = self.energy.get(card, (now, 0))
        self.energy[card] = (now, total + (now - last) * power * 1000)
        return self.energy[card][1]

    def jobs(self, host):
        """Write the page that jobstats scrapes of a host's GPUs."""
        lines = []
        for gpu, part, said, job in self.series(host):
            if part:
                continue
            values = readings(said)
            labels = {"minor_number": gpu, "ordinal": gpu, "name": MODEL, "uuid": uuid(host, gpu)}
            figures = {
                "jobId": job or 0, "duty_cycle": round(values["util"]), "memory_total_bytes": MEMORY_MIB << 20,
                "memory_used_bytes": int(values["fb_used"]) << 20,
                "power_usage_milliwatts": int(values["power"] * 1000),
                "temperature_celsius": round(values["temp"]),
            }  # fmt: skip
            lines += [f"nvidia_gpu_{name}{{{text_of(labels)}}} {value}\n" for name, value in figures.items()]
        return "".join(sorted(lines))


def handler(cards, hosts):
    """Make the class that answers requests."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, text, code=200, kind="text/plain; version=0.0.4; charset=utf-8"):
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            host, _, page = self.path.strip("/").partition("/")
            if host in hosts and page == "metrics":
                self.answer(cards.metrics(host, time.time()))
            elif host in hosts and page == "jobs":
                self.answer(cards.jobs(host))
            else:
                self.answer("not found\n", 404)

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.path == "/reset":
                cards.reset()
            self.answer(json.dumps(cards.set(json.loads(body or b"{}"))), kind="application/json")

        def log_message(self, *_):
            pass

    return Handler


def main():
    """Serve until told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("hosts", nargs="+")
    parser.add_argument("--gpus", type=int, default=8)
    asked = parser.parse_args()
    address = ("127.0.0.1", asked.port)
    http.server.ThreadingHTTPServer(address, handler(Cards(asked.gpus), set(asked.hosts))).serve_forever()


if __name__ == "__main__":
    main()
