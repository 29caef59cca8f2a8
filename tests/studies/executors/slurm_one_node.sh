#!/bin/sh
# A SLURM of one node on this machine, for the tests beside this file. Needs Debian's slurm-wlm and munge, no rights
# beyond one's own, and no file outside FOLDER.
#
#     eval "$(sh tests/experiments/executors/slurm_one_node.sh start FOLDER)"     (it prints: export SLURM_CONF=...)
#     sh tests/experiments/executors/slurm_one_node.sh stop FOLDER
set -u

write_configuration() {
    node=$(hostname -s)
    user=$(id -un)
    mkdir -p "$1/spool" "$1/state"
    # cred_expire (5 s is the least) is also how long a requeued job waits. What is inactive would need root or a database.
    cat >"$1/slurm.conf" <<CONF
ClusterName=onenode
SlurmctldHost=$node(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
SlurmctldPort=26817
SlurmdPort=26818
AuthType=auth/munge
AuthInfo=socket=$1/munge.socket,cred_expire=5
StateSaveLocation=$1/state
SlurmdSpoolDir=$1/spool
SlurmctldPidFile=$1/slurmctld.pid
SlurmdPidFile=$1/slurmd.pid
SlurmctldLogFile=$1/slurmctld.log
SlurmdLogFile=$1/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=5
KillWait=5
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo) State=UNKNOWN
PartitionName=all Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
}

start_daemons() {
    PATH=$PATH:/usr/sbin
    export SLURM_CONF="$1/slurm.conf"
    [ -f "$1/munge.key" ] || (umask 077 && dd if=/dev/urandom of="$1/munge.key" bs=128 count=1 2>/dev/null)
    munged --socket="$1/munge.socket" --key-file="$1/munge.key" --log-file="$1/munged.log" \
        --pid-file="$1/munged.pid" --seed-file="$1/munge.seed" >"$1/start.log" 2>&1 &&
        slurmctld -c >>"$1/start.log" 2>&1 && slurmd -c >>"$1/start.log" 2>&1
    for attempt in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        if [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ]; then
            echo "export SLURM_CONF='$SLURM_CONF'"
            return 0
        fi
        sleep 1
    done
    echo "the node is not idle after 20 s; see the logs in $1" >&2
    return 1
}

stop_daemons() {
    for daemon in slurmd slurmctld munged; do
        [ -f "$1/$daemon.pid" ] && kill "$(cat "$1/$daemon.pid")" 2>/dev/null
    done
}

if [ $# -ne 2 ]; then
    echo "usage: sh $0 start|stop FOLDER" >&2
    exit 2
fi
mkdir -p -m 711 "$2" && home=$(cd "$2" && pwd) || exit 1
case $1 in
start) write_configuration "$home" && start_daemons "$home" ;;
stop) stop_daemons "$home" ;;
*) echo "start or stop, not $1" >&2; exit 2 ;;
esac
