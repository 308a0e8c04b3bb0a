#!/bin/bash
#SBATCH --open-mode=append
# The job that depends on the array: `merge.sh COMMAND…`.
exec "$@"
