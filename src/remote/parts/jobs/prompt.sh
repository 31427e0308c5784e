. ./parts/stat.sh
# The process group in the foreground of the terminal of process $1.
azlin_front_of() {
  azlin_front=
  azlin_read_stat "$1" || return
  # shellcheck disable=SC2086
  set -- $azlin_stat
  azlin_front=$6
}
# A shell at its prompt reads keys as they come, shows none, and takes Return as it is (bash) or tells it from Ctrl-J (zsh). A program finds the terminal
# reading lines; a `read -n` of a shell is told by Return.
azlin_at_prompt() {
  azlin_front_of "$1"
  [ "$azlin_front" = "$1" ] || return
  case " $(stty -a <"$2" 2>/dev/null | tr '\n' ' ') " in
  *' -icrnl '*' -icanon '*' -echo '* | *' inlcr '*' -icanon '*' -echo '*) ;;
  *' -icanon '*' -echo '*' -icrnl '* | *' -icanon '*' -echo '*' inlcr '*) ;;
  *) return 1 ;;
  esac
}
