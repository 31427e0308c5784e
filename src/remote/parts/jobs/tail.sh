# Some versions of tail check a growing file only once a second unless told to do so more often.
azlin_choose_tail() {
  azlin_tail=tail
  if tail -s 0.1 -n 0 /dev/null 2>/dev/null; then azlin_tail='tail -s 0.1'; fi
}
