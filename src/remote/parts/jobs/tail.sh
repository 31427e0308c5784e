# Some readers of growing files look once a second unless they are told to look more often.
azlin_choose_tail() {
  azlin_tail=tail
  if tail -s 0.1 -n 0 /dev/null 2>/dev/null; then azlin_tail='tail -s 0.1'; fi
}
