#!/usr/bin/env bash
# What needs a GPU, in under eight minutes: every head against the CPU, training throughput against torchvision, a profile.
#
#   OUT=out bash benchmarks/device.sh              on a GPU, from the repository's root
#   DEVICE=cpu SMALL=1 bash benchmarks/device.sh   rehearsal
#
# Writes log.txt, sections.txt and training.jsonl to OUT. PYTHON is the interpreter to use.
# Each section has a time limit of its own, so one that hangs or fails loses no other.
set -uo pipefail
cd "$(dirname "$0")/.."
OUT=${OUT:-out}
mkdir -p "$OUT"
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
DEVICE=${DEVICE:-cuda}
LIMIT=${LIMIT:-470} # seconds for everything
PATIENCE=1          # multiplies each section's limit
SIZES=(--batch 12)
LARGER=(--batch 24 32)
BENCH=(mask-rcnn --rounds 3)
if [ -n "${SMALL:-}" ]; then
  LIMIT=7200 PATIENCE=20
  SIZES=(--batch 2 --size 128 160 --steps 2)
  LARGER=(--batch 3 --size 128 160 --steps 2)
  BENCH=(mask-rcnn --rounds 1 --size 128 160)
fi
RESULTS=$OUT/training.jsonl
SECTIONS=$OUT/sections.txt
LOG=$OUT/log.txt
: >"$RESULTS" >"$SECTIONS" >"$LOG"
export PYTHONUNBUFFERED=1

# section NAME SECONDS COMMAND…: run it within its limit and what is left of the whole; print and keep its output.
section() {
  local name=$1 seconds=$(($2 * PATIENCE)) left=$((LIMIT - SECONDS)) start=$SECONDS
  shift 2
  echo "== $name"
  if [ "$left" -lt 10 ]; then
    echo "-- $name: skipped, no time is left" | tee -a "$SECTIONS"
    return
  fi
  timeout --kill-after=5 "$((seconds < left ? seconds : left))" "$@" 2>&1 | tee -a "$LOG"
  echo "-- $name: exit status ${PIPESTATUS[0]} after $((SECONDS - start)) s" | tee -a "$SECTIONS"
}

training() { # NAME SECONDS ARGUMENTS…
  section "$1" "$2" "$PYTHON" -m benchmarks.training --device "$DEVICE" --json "$RESULTS" "${@:3}"
}

section environment 60 "$PYTHON" -c "
import platform, torch, torchvision, timm
print('python', platform.python_version(), 'torch', torch.__version__, 'torchvision', torchvision.__version__,
      'timm', timm.__version__)
print(torch.cuda.get_device_properties(0) if torch.cuda.is_available() else 'no GPU')"
HUB_TEST_DEVICE=$DEVICE section tests 130 \
  "$PYTHON" -m pytest tests/cuda -m cuda -q --tb=short --durations=3 -p no:cacheprovider
training eager 80 eager torchvision torchvision-fp32 "${SIZES[@]}" --profile
training larger 50 eager "${LARGER[@]}"
training compile 110 compile "${SIZES[@]}"
training cudagraphs 110 cudagraphs cudagraphs-trunk "${SIZES[@]}"
section benchmarks 80 "$PYTHON" -m benchmarks --device "$DEVICE" "${BENCH[@]}"
echo "== summary after $SECONDS s"
cat "$SECTIONS"
grep -E "images/s|failed:|[0-9]%|the host waits|passed|faster-rcnn|mask-rcnn" "$LOG"
