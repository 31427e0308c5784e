# tmux 3.7 and newer show control characters as text when something is pasted, unless told not to; older ones do not know that option.
azlin_paste_flags() {
  case $azlin_version in
  '' | 2.* | 3.[0-6] | 3.[0-6][!0-9]*) azlin_flags= ;;
  *) azlin_flags=-S ;;
  esac
}
# Types standard input into the pane $1, byte for byte, by way of the buffer $2. tmux 3.3 ends, with all sessions, when something is pasted into a pane
# whose shell has ended.
azlin_paste() {
  azlin_paste_flags
  tmux -u load-buffer -b "$2" - && tmux -u if-shell -F -t "$1" '#{pane_dead}' '' "paste-buffer $azlin_flags -d -b $2 -t '$1'"
}
# Takes whoever looks at the history of the pane $1 back; tmux before 3.2 has another way.
azlin_leave_history() { tmux copy-mode -q -t "$1" 2>/dev/null || tmux send-keys -X -t "$1" cancel 2>/dev/null; }
