"""A dump in text written by hand: a node with whole GPUs, one in MIG slices and drained, one without GPUs."""

DUMP = """\
NodeName=g1 Arch=x86_64 CoresPerSocket=16
   CPUAlloc=8 CPUEfctv=30 CPUTot=32 CPULoad=0.73
   AvailableFeatures=a100
   Gres=gpu:a100:4(S:0-1)
   GresUsed=gpu:a100:2(IDX:0-1)
   OS=Linux 6.1.0 #1 SMP
   RealMemory=256000 AllocMem=64000 FreeMem=20538 Sockets=2 Boards=1
   MemSpecLimit=6000
   State=MIXED ThreadsPerCore=1 TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A
   Partitions=gpu,all
   BootTime=2026-01-01T05:24:06 SlurmdStartTime=2026-01-01T10:10:32
   CfgTRES=cpu=32,mem=250G,billing=32,gres/gpu=4,gres/gpu:a100=4
   AllocTRES=cpu=8,mem=64000M,gres/gpu=2,gres/gpu:a100=2

NodeName=g2 Arch=x86_64 CoresPerSocket=16
   CPUAlloc=0 CPUTot=32 CPULoad=N/A
   Gres=gpu:a100:1,gpu:1g.10gb:7,gpu:3g.40gb:2
   RealMemory=256000 AllocMem=0 FreeMem=N/A Sockets=2 Boards=1
   State=IDLE+DRAIN ThreadsPerCore=1
   Partitions=gpu
   CfgTRES=cpu=32,mem=250G,billing=32,gres/gpu=10
   AllocTRES=
   Reason=fan broken: see Ticket=12 [ops@2026-01-02T08:00:00]

NodeName=c1 Arch=x86_64 CoresPerSocket=16
   CPUAlloc=0 CPUTot=32 CPULoad=0.73
   Gres=(null)
   RealMemory=128000 AllocMem=0
   State=IDLE ThreadsPerCore=1
   Partitions=all
   CfgTRES=cpu=32,mem=125G,billing=32
   AllocTRES=

"""
AT_MS = 1_767_427_200_000
"""2026-01-03T08:00:00Z."""
