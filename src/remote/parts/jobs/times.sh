# Notes the lengths $1 and $2 of the output. The time comes after them, so that what was written before it is never taken for something newer.
azlin_note_times() { echo "${3:-$(date +%s)} $1 $2" >>times; }
azlin_note_growth() {
  if [ out -nt times ] || [ err -nt times ]; then azlin_note_times "$(wc -c <out)" "$(wc -c <err)"; fi
} 2>/dev/null
