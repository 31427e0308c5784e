# Becomes the user's command. Values: azlin_kind (`command`, `words` that are quoted, `script`, `errexit` for one with -eo pipefail), azlin_text, azlin_shell,
# azlin_given_shell. A command goes to the shell as ssh gives it. A script, or a command that is too long for an argument, is read from descriptor 3: all
# line numbers are the user's own, no file holds it, no list of processes shows it.

# `setsid` where the command needs a process group of its own: dropbear leaves it in that of the connection.
azlin_setsid=
azlin_newline='
'

azlin_is_posix() {
  case ${azlin_shell##*/} in
  bash | zsh | ksh | ksh93 | mksh | lksh | pdksh | oksh | dash | ash | sh | yash | posh | rbash | rzsh) ;;
  *) return 1 ;;
  esac
}

# `.` reads a file with its own line numbers in every POSIX shell, `eval` does not in some. $1: the shell's options. What stands before the user's text stays on its first line.
azlin_source() {
  azlin_before='exec 3<&-;'
  if [ -n "$BASH_ENV" ]; then
    # As with ssh it is for the shells that the command starts; this one would read it, and print what it prints.
    azlin_before="export BASH_ENV=\$1; shift; $azlin_before"
    azlin_startup=$BASH_ENV
    unset BASH_ENV
    exec $azlin_setsid "$azlin_shell" "$@" -c '. /dev/fd/3' "${azlin_shell##*/}" "$azlin_startup" 3<<azlin_text_end
$azlin_before $azlin_text
azlin_text_end
  fi
  exec $azlin_setsid "$azlin_shell" "$@" -c '. /dev/fd/3' "${azlin_shell##*/}" 3<<azlin_text_end
$azlin_before $azlin_text
azlin_text_end
}

# Whether bash can keep a text that it reads as a file in a temporary one: where that is full nothing has begun yet.
azlin_has_room() {
  case $azlin_kind in command | words) [ "${#azlin_text}" -gt 30000 ] || [ -n "$BASH_ENV" ] || return 0 ;; esac
  true <<azlin_text_end
$azlin_text
azlin_text_end
}

azlin_begin() {
  case $azlin_kind:${azlin_shell##*/} in
  command:* | words:fish) ;;
  # Not every shell reads quotes as they are meant.
  words:*) azlin_is_posix || azlin_shell=sh ;;
  *) [ -n "$azlin_given_shell" ] || azlin_is_posix || azlin_shell=$(command -v bash || echo sh) ;;
  esac
  case $azlin_kind in
  script | errexit)
    case $azlin_kind:${azlin_shell##*/} in
    errexit:bash | errexit:zsh | errexit:ksh | errexit:ksh93 | errexit:mksh) azlin_source -eo pipefail ;;
    errexit:*)
      [ -z "$azlin_given_shell" ] || azlin_source -e
      azlin_shell=bash
      azlin_source -eo pipefail
      ;;
    esac
    if azlin_is_posix; then azlin_source; fi
    # An interpreter of another kind reads it as it would over ssh; the line break at its end comes anew.
    azlin_text=${azlin_text%"$azlin_newline"}
    exec $azlin_setsid "$azlin_shell" <<azlin_text_end
$azlin_text
azlin_text_end
    ;;
  esac
  # A shell takes a command that starts with a dash for one of its own options.
  case $azlin_text in -*) azlin_text=" $azlin_text" ;; esac
  if [ "${#azlin_text}" -gt 30000 ]; then
    azlin_is_posix && azlin_source
    exec $azlin_setsid "$azlin_shell" /dev/fd/3 3<<azlin_text_end
$azlin_text
azlin_text_end
  fi
  if ! azlin_is_posix; then exec $azlin_setsid "$azlin_shell" -c "$azlin_text"; fi
  [ "${azlin_shell##*/}:${BASH_ENV:+1}" != bash:1 ] || azlin_source
  exec $azlin_setsid "$azlin_shell" -c "$azlin_text" "${azlin_shell##*/}"
}
