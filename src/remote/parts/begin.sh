# Becomes the user's command. Values: azlin_kind (`command`, `words` that are quoted, `script`, `errexit` for a script with -eo pipefail), azlin_text,
# azlin_shell, azlin_given_shell. A command is passed to the shell as ssh would pass it. A script, or a command that is too long for an argument, is read from
# descriptor 3: its line numbers are the user's own, no file contains it, and no list of processes shows it.

# Set to `setsid` if the command needs its own process group: dropbear leaves it in that of the connection.
azlin_setsid=
azlin_newline='
'

azlin_is_posix() {
  case ${azlin_shell##*/} in
  bash | zsh | ksh | ksh93 | mksh | lksh | pdksh | oksh | dash | ash | sh | yash | posh | rbash | rzsh) ;;
  *) return 1 ;;
  esac
}

# Runs the text in the shell, with options $@. With `.`, a file has its own line numbers in every POSIX shell; with `eval`, not in all. What is put before the
# user's text stays on its first line.
azlin_source() {
  azlin_before='exec 3<&-;'
  if [ -n "$BASH_ENV" ]; then
    # As with ssh, BASH_ENV is for shells that the command starts. The shell itself must not read it, or the file's output would be printed.
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

# Whether bash has room for the temporary file that it needs for a here-document. Checked now, while nothing has begun yet.
azlin_has_room() {
  case $azlin_kind in command | words) [ "${#azlin_text}" -gt 30000 ] || [ -n "$BASH_ENV" ] || return 0 ;; esac
  true <<azlin_text_end
$azlin_text
azlin_text_end
}

azlin_begin() {
  case $azlin_kind:${azlin_shell##*/} in
  command:* | words:fish) ;;
  # Not every shell understands these quotes.
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
    # Any other interpreter reads it as its standard input, as over ssh. The here-document adds the line break at the end again.
    azlin_text=${azlin_text%"$azlin_newline"}
    exec $azlin_setsid "$azlin_shell" <<azlin_text_end
$azlin_text
azlin_text_end
    ;;
  esac
  # A shell would take a command that starts with a dash for one of its own options.
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
