# What a session does, as far as its panes tell: rows of azlin_mark, for each pane what tmux says of it and what runs there. A shell waits for somebody when
# it has no child (one that was left with Ctrl-Z counts), was given no script and no command, and has its terminal in the mode in which it edits a line;
# shells that do not edit lines are taken at their word.
azlin_runs() {
  azlin_kids= azlin_comm=
  # What is no shell says enough by its name.
  case $3 in *sh | nu) ;; *) return ;; esac
  if [ -r "/proc/$1/task/$1/children" ]; then read -r azlin_kids <"/proc/$1/task/$1/children"
  else azlin_kids=$(ps -A -o ppid= -o pid= 2>/dev/null | awk -v of="$1" '$1 == of { print $2 } END { if (!NR) print "?" }'); fi
  azlin_kids=${azlin_kids%%[!0-9?]*}
  if [ -n "$azlin_kids" ]; then
    azlin_comm='?'
    { read -r azlin_comm <"/proc/$azlin_kids/comm"; } 2>/dev/null
  else
    azlin_words=
    { IFS= read -r azlin_words <"/proc/$1/cmdline"; } 2>/dev/null
    # Shells that were given nothing at all are nearly all there are; to look closer takes two programs.
    case $azlin_words in
    "-$3" | "$3" | "/bin/$3" | "/usr/bin/$3") ;;
    *) azlin_comm=$(tr '\000' '\n' 2>/dev/null <"/proc/$1/cmdline" | sed -n '2,$ { /^-[^-]*c/ { n; p; q; }; /^[^-]/ { p; q; }; }') ;;
    esac
    case $3 in
    bash | zsh | fish) case $azlin_comm:$(stty -a <"$2" 2>/dev/null) in :*' icanon'*) azlin_comm=$3 ;; esac ;;
    esac
  fi
}
# Of the panes that $@ names for list-panes. The name of what runs comes last. What has not changed reads the same the next time.
azlin_facts() {
  tmux -u list-panes "$@" -F "$azlin_mark:pane:#{session_id}:#{session_attached}:#{session_activity}:#{window_activity}:#{pane_pid}:#{pane_dead}:#{pane_tty}:#{@azlin-expires}:#{pane_current_command}" 2>/dev/null |
    sed -n "s/^$azlin_mark://p" | while IFS= read -r azlin_pane; do
    azlin_rest=${azlin_pane#*:*:*:*:*:}
    azlin_pid=${azlin_rest%%:*} azlin_rest=${azlin_rest#*:*:}
    azlin_tty=${azlin_rest%%:*} azlin_rest=${azlin_rest#*:*:}
    azlin_runs "$azlin_pid" "$azlin_tty" "$azlin_rest"
    printf '%s\n' "$azlin_pane"
    [ -z "$azlin_comm" ] || printf 'below:%s:%s\n' "$azlin_pid" "$azlin_comm"
  done
}
