#!/bin/sh
# Grades a class as a Slurm array: each task a shard, all of them into one folder that every node sees.
#
#   cd COURSE && sbatch --array=1-8 xtask/graders/slurm/array.sh SUBMISSIONS OUT
#
# When the last task has ended, OUT/index.html and OUT/grades.csv are there. A task that was lost, cancelled or requeued costs
# nothing that is graded: submit the same array again, of as many tasks as you like. A task that ended with 3 has graded its
# share, but for somebody who cannot be graded by no fault of their own: the end of its log, and grades.csv, say who and why.
#
#SBATCH --job-name=racecourse
#SBATCH --cpus-per-task=2
#SBATCH --time=04:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=racecourse-%A-%a.log
set -eu

if [ $# -ne 2 ]; then
    echo "usage: sbatch --array=1-N array.sh SUBMISSIONS OUT" >&2
    exit 2
fi
: "${SLURM_ARRAY_TASK_ID:?submit it with sbatch --array=1-N}"

# The ids may begin anywhere and go in steps; shards are counted from 1.
shard=$(( (SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN) / SLURM_ARRAY_TASK_STEP + 1 ))

# `exec`, so that the signal before the time limit reaches the grader, which then gives back what it had begun.
# shellcheck disable=SC2086 # the command may be several words
exec ${RACECOURSE_GRADE:-cargo xtask grade} --batch "$1" --out "$2" --jobs 1 --shard "$shard/$SLURM_ARRAY_TASK_COUNT"
