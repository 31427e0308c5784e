. ./parts/stat.sh
# Sets azlin_front to the process group in the foreground of the terminal of process $1.
azlin_front_of() {
  azlin_front=
  azlin_read_stat "$1" || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_front=$6
}
# Whether the shell $1 is at its prompt on the terminal $2. There, a shell reads keys as they come, without echo, and takes Return as it is (bash) or tells it
# from Ctrl-J (zsh). A program gets a terminal that reads lines, and a `read -n` of a shell treats Return differently.
azlin_at_prompt() {
  azlin_front_of "$1"
  [ "$azlin_front" = "$1" ] || return
  case " $(stty -a <"$2" 2>/dev/null | tr '\n' ' ') " in
  *' -icrnl '*' -icanon '*' -echo '* | *' inlcr '*' -icanon '*' -echo '*) ;;
  *' -icanon '*' -echo '*' -icrnl '* | *' -icanon '*' -echo '*' inlcr '*) ;;
  *) return 1 ;;
  esac
  # A subshell of the prompt looks like its shell. It may have been in the foreground at the first look, and the shell have come to its prompt by the second.
  azlin_front_of "$1"
  [ "$azlin_front" = "$1" ]
}
