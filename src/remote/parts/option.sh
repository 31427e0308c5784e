# Sets the option $1 of the session to $2; an empty $2 removes it.
azlin_set() {
  if [ -n "$2" ]; then azlin_said=$(tmux -u set-option -t "$azlin_id" "$1" "$2" 2>&1)
  else azlin_said=$(tmux -u set-option -u -t "$azlin_id" "$1" 2>&1); fi || azlin_refuse failed "$azlin_said"
}
