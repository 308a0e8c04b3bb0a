#!/usr/bin/env bash
# Written by `retally plan`: suite @SUITE@ as @SHARDS@ tasks of a Slurm array, and a job that merges what they leave.
#
#   bash @FILE@
#
# submits both. Give it again after a failure: finished chunks are kept, the rest is computed. Slurm starts copies of this
# same file on the nodes, as `… shard` and `… merge`. docs/job-plans.md of retally says what each line is for.
set -euo pipefail

# The program, the same on this machine and on the nodes, with the options that every command gets.
retally=(
  @RETALLY@
)
suite=@SUITE@
shards=@SHARDS@
# The run's folder, on a file system that this machine and all nodes share.
out=@OUT@
# What is measured and how: options of `retally run`.
options=(
  @RUN@
)
@STORE@

submit() {
  local logs array merge
  if ! command -v -- "${retally[0]}" > /dev/null; then
    echo "there is no program \`${retally[0]}\`: put it on the PATH, or name it with \`retally plan --program\`" >&2
    exit 2
  fi
  if ! [ -f "$0" ]; then
    echo "this script submits itself, so it must be a file: bash @FILE@" >&2
    exit 2
  fi
  # Artifacts come into the store here, once: nodes often have no network. What is there already is only verified.
  "${retally[@]}" fetch @FETCH@
  mkdir -p -- "$out/logs"
  # `%` begins a pattern in the names of logs.
  logs="${out//%/%%}/logs"

  # What both jobs are asked for with.
  local both=(
    --ntasks=1
    # Cores of a task; `run` gets the same number.
    --cpus-per-task=@THREADS@
    @MEMORY@
    @ACCOUNT@
    # The time limit: @TIME_REASON@.
    # Nothing is lost if it is too short: the task goes back into the queue and continues.
    --time=@TIME@
    # A second try goes below the first.
    --open-mode=append
  )
  local tasks=(
    --job-name=@NAME@
    --array=@ARRAY@
    @GPU@
    # This many seconds before the limit the script gets SIGUSR1, and retally finishes its chunk:
    # @NOTICE_REASON@.
    --signal=B:USR1@@NOTICE@
    # A task whose node fails, or that is pre-empted, starts again and continues.
    --requeue
    --output="$logs/shard-%a.txt"
  )
  array=$(sbatch --parsable "${both[@]}" "${tasks[@]}" "$0" shard)
  # On a cluster of several its name follows the number.
  array=${array%%;*}

  local last=(
    --job-name=@NAME@-merge
    # After all tasks have ended well; never if one has not.
    --dependency="afterok:$array"
    --kill-on-invalid-dep=yes
    --output="$logs/merge.txt"
  )
  if ! merge=$(sbatch --parsable "${both[@]}" "${last[@]}" "$0" merge); then
    echo "the tasks are job $array, but there is no merge job; when they are done: ${retally[0]} merge" >&2
    exit 3
  fi
  merge=${merge%%;*}
  echo "submitted: $shards tasks as job $array, the merge as job $merge"
  echo "watch:     squeue --jobs=$array,$merge    or    ${retally[0]} status $out"
  echo "logs:      $out/logs"
  echo "report:    $out/report.html, when job $merge is done; it ends with 0 as claimed, 1 outside a band"
  echo "again:     this same command after a failure; what is finished is kept"
}

shard() {
  local task=${SLURM_ARRAY_TASK_ID:?is set by Slurm alone; to submit, give this script no word}
  local worker told code cancelled=no
  echo "task $task of $shards on $(uname -n), started again ${SLURM_RESTART_COUNT:-0} times"
  "${retally[@]}" run "$suite" --out "$out" --shard "$task/$shards" "${options[@]}" &
  worker=$!
  # Slurm tells this script, not retally. USR1: the time limit is near. TERM: cancelled or pre-empted.
  trap 'told=yes; kill -TERM "$worker" 2> /dev/null || true' USR1
  trap 'told=yes; cancelled=yes; kill -TERM "$worker" 2> /dev/null || true' TERM
  while true; do
    told=no
    code=0
    wait "$worker" || code=$?
    # A signal ends `wait`, not retally: wait until it has finished its chunk.
    if [ "$told" = no ]; then break; fi
  done
  trap - USR1 TERM
  case $code in
    # Temporary, or out of memory (aborted, killed): another node or another hour may do.
    3 | 134 | 137) requeue 5 ;;
    # Stopped before the end, and the same command continues; but who cancels a task does not want it back.
    4) if [ "$cancelled" = no ]; then requeue 50; fi ;;
  esac
  # 0 is done; 2 will never work as it is, and fails the task for good.
  exit "$code"
}

# Puts this task back into the queue, unless that has happened too often already.
requeue() {
  local most=$1 times=${SLURM_RESTART_COUNT:-0}
  if [ "$times" -ge "$most" ]; then
    echo "started again $times times already; giving up, and what is finished is kept"
    return
  fi
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID" || echo "Slurm does not start this task again"
}

merge() {
  local code=0
  "${retally[@]}" merge "$out" || code=$?
  case $code in
    0) echo "all as claimed: $out/report.html" ;;
    1) echo "measured, and something is outside its band: $out/report.html" ;;
    4) echo "chunks are missing: submit again" ;;
  esac
  exit "$code"
}

case ${1-submit} in
  submit) submit ;;
  shard) shard ;;
  merge) merge ;;
  *)
    echo "\`$1\` is no part of this script: give it no word to submit" >&2
    exit 2
    ;;
esac
