#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine, for tests: Debian's slurm-wlm and munge.
#
#   scripts/slurm_cluster.sh start     starts it (and says how to talk to it)
#   scripts/slurm_cluster.sh stop      stops it, jobs and all
#   scripts/slurm_cluster.sh env       the lines to eval: sbatch, squeue, … then find it
#   scripts/slurm_cluster.sh run CMD…  runs one command on it
#
# It installs nothing, and everything it writes is in one folder, $MIRAGE_SLURM. It has its own
# munge key and ports, $MIRAGE_SLURM_PORT and the two after it, so a Slurm that is there already is
# not disturbed. Nodes node1 and node2
# both are this machine (four pretended cores each); their names resolve to nothing, so jobs
# are told where the first node is: MASTER_ADDR=127.0.0.1.
set -euo pipefail

HOME_OF=${MIRAGE_SLURM:-${TMPDIR:-/tmp}/mirage-slurm-$(id -u)}
CONF=$HOME_OF/slurm.conf
PORT=${MIRAGE_SLURM_PORT:-16817}
PATH=$PATH:/usr/sbin:/sbin

need() {
    for program in slurmctld slurmd sbatch munged; do
        if ! command -v "$program" > /dev/null; then
            echo "slurm_cluster: no $program here; on Debian: apt-get install slurm-wlm munge" >&2
            exit 3
        fi
    done
}

configure() {
    mkdir -p "$HOME_OF"/{state,spool-node1,spool-node2,log}
    chmod 700 "$HOME_OF"
    [ -s "$HOME_OF/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom > "$HOME_OF/munge.key")
    cat > "$CONF" <<END
ClusterName=mirage
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$PORT
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
# A requeued job waits for as long as a credential lives.
AuthInfo=socket=$HOME_OF/munge.socket,cred_expire=5
StateSaveLocation=$HOME_OF/state
SlurmdSpoolDir=$HOME_OF/spool-%n
SlurmctldPidFile=$HOME_OF/slurmctld.pid
SlurmdPidFile=$HOME_OF/%n.pid
SlurmctldLogFile=$HOME_OF/log/slurmctld.log
SlurmdLogFile=$HOME_OF/log/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=defer,batch_sched_delay=1,sched_interval=2
# What is preempted gets the signal that its job asked for, and time to save.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
JobRequeue=1
KillWait=5
OverTimeLimit=1
NodeName=node[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[$((PORT + 1))-$((PORT + 2))] CPUs=4 State=UNKNOWN
PartitionName=normal Nodes=node[1-2] Default=YES PriorityTier=1 GraceTime=60 MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=node[1-2] PriorityTier=10 MaxTime=INFINITE State=UP
END
}

start() {
    need
    if [ -e "$HOME_OF/slurmctld.pid" ] && kill -0 "$(cat "$HOME_OF/slurmctld.pid")" 2> /dev/null; then
        echo "slurm_cluster: running already in $HOME_OF"
        return
    fi
    configure
    munged --force --key-file="$HOME_OF/munge.key" --socket="$HOME_OF/munge.socket" \
        --pid-file="$HOME_OF/munged.pid" --log-file="$HOME_OF/log/munged.log" \
        --seed-file="$HOME_OF/munged.seed" 2> "$HOME_OF/log/munged.start"
    slurmctld -f "$CONF"
    for node in node1 node2; do
        slurmd -N "$node" -f "$CONF"
    done
    for _ in $(seq 60); do
        if [ "$(SLURM_CONF=$CONF sinfo -h -p normal -t idle -o %D 2> /dev/null)" = 2 ]; then
            echo "slurm_cluster: two nodes are up; eval \"\$($0 env)\" to use them"
            return
        fi
        sleep 0.5
    done
    echo "slurm_cluster: the nodes did not come up; see $HOME_OF/log" >&2
    exit 1
}

stop() {
    if [ -e "$CONF" ] && command -v scancel > /dev/null; then
        SLURM_CONF=$CONF timeout 10 scancel --quiet --state=PENDING --user="$(id -un)" || true
        SLURM_CONF=$CONF timeout 10 scancel --quiet --signal=KILL --user="$(id -un)" || true
        SLURM_CONF=$CONF timeout 10 scancel --quiet --user="$(id -un)" || true
        sleep 1
    fi
    for name in node1 node2 slurmctld munged; do
        [ ! -e "$HOME_OF/$name.pid" ] || kill "$(cat "$HOME_OF/$name.pid")" 2> /dev/null || true
    done
    sleep 1
    rm -rf "$HOME_OF"
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    env) echo "export SLURM_CONF=$CONF MASTER_ADDR=127.0.0.1" ;;
    run) shift && SLURM_CONF=$CONF exec "$@" ;;
    *) sed -n '2,14s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
