#!/usr/bin/env bash
# What only a GPU can show, in one call of MINUTES (9 if nothing is said), without a network:
#
#   scripts/gpu_check.sh OUT [MINUTES] [CACHE]
#   scripts/gpu_check.sh --rehearse OUT [MINUTES]   all of it on a CPU, at toy size
#
# tests marked `gpu`, benchmarks against their peers, how much of the GPU's peak a training uses, and
# a training on CACHE for the time that is left. CACHE is a small folder that
#
#   python scripts/gpu_check/parts.py pack RUN CACHE
#
# makes of a run that has its poses. What each part found is in OUT/summary.json as soon as it is
# found, what it printed in OUT/log.txt; a part that fails, or runs out of its time, hinders no
# other. The packages are those of ${PYTHON:-.venv/bin/python, or else python3} and PYTHONPATH.
set -u
cd "$(dirname "$0")/.." || exit 1
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi
export PYTHON PYTHONPATH="$PWD/src:$PWD${PYTHONPATH:+:$PYTHONPATH}"
exec "$PYTHON" scripts/gpu_check/check.py "$@"
