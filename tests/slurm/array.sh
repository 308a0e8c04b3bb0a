#!/bin/bash
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:TERM@60
# One task of the array: `array.sh FOLDER COMMAND…`. retally finds its shard in Slurm's own variables.
#
# The test holds a task by the file FOLDER/hold-TASK: its process then starts stopped. Every end is a line in FOLDER/ends:
# the task, how often it was requeued before, and the exit code.

folder=$1
shift
task=$SLURM_ARRAY_TASK_ID

"$@" &
retally=$!
[ -e "$folder/hold-$task" ] && kill -STOP "$retally"
echo "$retally" > "$folder/pid-$task.new"
mv "$folder/pid-$task.new" "$folder/pid-$task"

# Slurm warns the script before the limit; retally finishes its chunk and exits with 4.
warned=no
trap 'warned=yes; kill -TERM "$retally" 2>/dev/null' TERM
wait "$retally"
code=$?
while [ "$warned" = yes ] && [ "$code" -gt 128 ]; do
    # The signal interrupted `wait`, not retally.
    warned=no
    wait "$retally"
    code=$?
done

rm -f "$folder/pid-$task"
echo "$task ${SLURM_RESTART_COUNT:-0} $code" >> "$folder/ends"
case $code in
    # Temporary, incomplete, killed: the same command continues.
    3 | 4 | 137) scontrol requeue "${SLURM_ARRAY_JOB_ID}_$task" ;;
esac
exit "$code"
