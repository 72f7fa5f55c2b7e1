#!/bin/sh
# Tries array.sh on this machine alone: a cluster of one node on the loopback interface, an array of 4 shards, and the same
# class at once. The two tables are the same to the byte, but for what wrong programs fail by chance on real threads. As root,
# with Debian's slurm-wlm and munge; nothing in /etc is changed.
#
#   cd COURSE && xtask/graders/slurm/try.sh SUBMISSIONS
set -eu

submissions=$(realpath "${1:?usage: try.sh SUBMISSIONS}")
here=$(dirname "$(realpath "$0")")
place=$(mktemp -d)
chmod 755 "$place"
mkdir "$place/state" "$place/spool"
processes=
stop() {
    for process in $processes; do
        kill "$process" 2>/dev/null || true
    done
    wait
    echo "logs and results are in $place"
}
trap stop EXIT

export SLURM_CONF="$place/slurm.conf"
cat > "$SLURM_CONF" <<CONF
ClusterName=try
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$place/munge.socket
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=localhost NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=try Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF

dd if=/dev/urandom of="$place/munge.key" bs=128 count=1 2>/dev/null
chmod 400 "$place/munge.key"
munged --foreground --key-file="$place/munge.key" --socket="$place/munge.socket" --pid-file="$place/munged.pid" \
    --log-file="$place/munged.log" --seed-file="$place/munged.seed" > "$place/munged.out" 2>&1 &
processes="$processes $!"
sleep 1
slurmctld -D > "$place/slurmctld.log" 2>&1 &
processes="$! $processes"
slurmd -D -N localhost > "$place/slurmd.log" 2>&1 &
processes="$! $processes"

tries=0
until sinfo --noheader --format=%T 2>/dev/null | grep -q idle; do
    tries=$((tries + 1))
    if [ $tries -gt 60 ]; then
        tail -n 5 "$place"/*.log >&2
        exit 3
    fi
    sleep 1
done

began=$(date +%s)
# Who cannot be graded, such as an archive among the folders, makes a 3 of the code: the others are graded all the same.
code=0
sbatch --wait --array=1-4 --cpus-per-task=1 --output="$place/task-%a.log" "$here/array.sh" "$submissions" "$place/out" || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || exit "$code"
echo "the array took $(($(date +%s) - began)) s"
# shellcheck disable=SC2086 # the command may be several words
${RACECOURSE_GRADE:-cargo xtask grade} --batch "$submissions" --out "$place/whole" --jobs 2 2> "$place/whole.log" || code=$?
[ "$code" -eq 0 ] || [ "$code" -eq 3 ] || exit "$code"
if ! cmp -s "$place/out/grades.csv" "$place/whole/grades.csv"; then
    diff "$place/out/grades.csv" "$place/whole/grades.csv" || true
    echo "the tables differ. A wrong program on real threads may fail a test in one run and not in another; a right one may not" >&2
    exit 1
fi
echo "the same table: $(wc -l < "$place/out/grades.csv") lines"
