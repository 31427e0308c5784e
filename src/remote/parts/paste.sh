# tmux 3.7 and newer show control characters as text when something is pasted, unless told not to. Older versions do not know that option.
azlin_paste_flags() {
  case $azlin_version in
  '' | 2.* | 3.[0-6] | 3.[0-6][!0-9]*) azlin_flags= ;;
  *) azlin_flags=-S ;;
  esac
}
# Types standard input into the pane $1, byte for byte, through the buffer $2. Does nothing if the shell of the pane has ended: tmux 3.3 would
# end, with all sessions, when something is pasted there.
azlin_paste() {
  azlin_paste_flags
  tmux -u load-buffer -b "$2" - && tmux -u if-shell -F -t "$1" '#{pane_dead}' '' "paste-buffer $azlin_flags -d -b $2 -t '$1'"
}
# Leaves the history of the pane $1 if somebody is looking at it; tmux before 3.2 needs another command.
azlin_leave_history() { tmux copy-mode -q -t "$1" 2>/dev/null || tmux send-keys -X -t "$1" cancel 2>/dev/null; }
