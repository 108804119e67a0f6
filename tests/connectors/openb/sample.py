"""Small lists in the form of the openb trace, every row made by hand."""

NODES = """\
sn,cpu_milli,memory_mib,gpu,model
box-a,32000,262144,0,
box-b,96000,786432,8,G9
box-c,64000,524288,2,T9
"""
PODS = """\
name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time
pod-1,12000,16384,1,1000,,LS,Running,0,86400,0
pod-2,6000,12288,1,460,T9,BE,Succeeded,60,3660,75
pod-3,8000,8192,8,1000,V9M16|V9M32,BE,Failed,120,240,130
pod-4,4000,4096,0,0,,BE,Pending,200,300,
pod-5,4000,4096,1,250,nan,Burstable,Running,500.0,,510.0
"""


def make(folder):
    """Write the sample and give the connector's settings for it."""
    (folder / "openb_node_list_all_node.csv").write_text(NODES)
    (folder / "openb_pod_list_default.csv").write_text(PODS)
    return {"path": folder}
