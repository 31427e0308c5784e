# Goes where the user's command is to run: finds the session, takes its environment over, changes to its directory. One call of tmux tells all of it.
# Values: azlin_session, azlin_new_name, azlin_directory to go to another one, azlin_given_shell, azlin_variables (lines of `export NAME='value'`),
# azlin_agent, set when the SSH agent is forwarded: the session knows the one of whoever attached last, if any.
# Sets azlin_id, azlin_created, azlin_went (cwd or no-cwd), azlin_shell.

# Turns the lines of `show-environment -s` into statements that are safe to evaluate: an exported bash function, say, has a name that no assignment
# can have. For values with line breaks; starting awk takes longer than all the rest.
azlin_statements() {
  LC_ALL=C awk '
    function wanted(name) { return name !~ /^(SHLVL|PWD|OLDPWD|_|IFS|TERM|TMUX|TMUX_PANE|OPTIND|SHELLOPTS|BASHOPTS|UID|EUID|PPID)$/ && name !~ /^(azlin_|_q..?$|BASH_ARG|BASH_FUNC|BASH_LINENO|BASH_SOURCE|BASH_VERS|BASHPID)/ }
    !open && /^unset [A-Za-z_][A-Za-z0-9_]*;$/ { if (wanted(substr($0, 7, length($0) - 7))) print; next }
    !open && !/="/ { next }
    !open { good = match($0, /^[A-Za-z_][A-Za-z0-9_]*="/) && wanted(substr($0, 1, RLENGTH - 2)); statement = $0 }
    open { statement = statement "\n" $0 }
    {
      line = $0
      gsub(/\\./, "", line)
      quotes += gsub(/"/, "", line)
      open = quotes % 2
      if (!open) { if (good) print statement; quotes = 0 }
    }'
}

# The same where each variable of $1 is on a line of its own, which is nearly always so; fails where not. A line that only looks like one is part of a
# longer value: what opens that value looks like none, and a quote inside of a value stands after a backslash.
azlin_plain_statements() {
  azlin_safe= azlin_names=
  for azlin_line in $1; do
    case $azlin_line in
    'unset '*';')
      azlin_name=${azlin_line#unset }
      azlin_name=${azlin_name%;}
      ;;
    *)
      azlin_name=${azlin_line%%=*}
      case $azlin_line in
      *"\\\"; export $azlin_name;") return 1 ;;
      *=\"*"\"; export $azlin_name;") ;;
      *) return 1 ;;
      esac
      ;;
    esac
    azlin_names=$azlin_names$azlin_name
    case $azlin_name in
    '' | [0-9]*) return 1 ;;
    # Spares most names the comparison with all of the others.
    [!BEIOPSTU_a]*) ;;
    SHLVL | PWD | OLDPWD | _ | IFS | TERM | TMUX | TMUX_PANE | OPTIND | SHELLOPTS | BASHOPTS | UID | EUID | PPID | azlin_* | _q? | _q?? | \
      BASH_ARG* | BASH_FUNC* | BASH_LINENO* | BASH_SOURCE* | BASH_VERS* | BASHPID) continue ;;
    esac
    azlin_safe=$azlin_safe$azlin_line$azlin_newline
  done
  case $azlin_names in *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) return 1 ;; esac
}

# $1: the session as tmux's target. The answer ends with a line of ours: what is taken from a command loses the line breaks at its end, and a
# directory may have some. What is short stands in front: shells take long to cut something long at its far end.
azlin_context() {
  azlin_said=$(
    $azlin_beside
    exec tmux -u display-message -p -t "$1:" "$azlin_mark:#{session_id},#{pane_id},#{pid},#{version},#{socket_path}" \; \
      display-message -p -t "$1:" "$azlin_mark:#{pane_current_path}$azlin_mark:" \; \
      show-environment -g -s \; show-environment -s -t "$1" \; display-message -p -t "$1:" "$azlin_mark:end" 2>/dev/null
  )
  azlin_beside=
  case $azlin_said in *"$azlin_mark:"'$'*"$azlin_newline$azlin_mark:"*"$azlin_mark:$azlin_newline"*"$azlin_mark:end"*) ;; *) return 1 ;; esac
  azlin_said=${azlin_said#*"$azlin_mark:"}
  azlin_said=${azlin_said%"$azlin_mark:end"*}
  azlin_line=${azlin_said%%"$azlin_newline"*}
  azlin_said=${azlin_said#"$azlin_line$azlin_newline$azlin_mark:"}
  azlin_cwd=${azlin_said%%"$azlin_mark:"*}
  azlin_said=${azlin_said#"$azlin_cwd$azlin_mark:$azlin_newline"}
  azlin_id=${azlin_line%%,*} azlin_line=${azlin_line#*,}
  azlin_pane=${azlin_line%%,*} azlin_line=${azlin_line#*,}
  azlin_server=${azlin_line%%,*} azlin_line=${azlin_line#*,}
  azlin_check_version "${azlin_line%%,*}"
  azlin_socket=${azlin_line#*,}
  IFS=$azlin_newline
  set -f
  azlin_plain_statements "$azlin_said" || azlin_safe=
  set +f
  unset IFS
  [ -n "$azlin_safe" ] || azlin_safe=$(printf '%s\n' "$azlin_said" | azlin_statements)
  eval "$azlin_safe"
  TMUX_PANE=$azlin_pane TMUX=$azlin_socket,$azlin_server,${azlin_id#?}
}

azlin_enter() {
  azlin_shell=${azlin_given_shell:-${SHELL:-/bin/sh}} azlin_own_agent=$SSH_AUTH_SOCK
  # A name that ends in a semicolon would end the tmux command, and an id is no name: both take the longer way.
  case $azlin_session in *\; | '$'*) false ;; *) azlin_context "=$azlin_session" ;; esac || {
    azlin_list
    azlin_find_or_make
    azlin_context "$azlin_id" || azlin_refuse failed "the session $azlin_id cannot be read"
    azlin_session=$azlin_name_found
  }
  # A login by ssh has read ~/.bashrc already; at this level the command's own bash leaves it alone, and what it prints.
  # bash takes one off when it becomes another program.
  SHLVL=1
  [ -z "$BASH_VERSION" ] || SHLVL=2
  export TMUX TMUX_PANE SHLVL
  [ -z "$azlin_agent" ] || [ -z "$azlin_own_agent" ] || export SSH_AUTH_SOCK="$azlin_own_agent"
  eval "$azlin_variables"
  azlin_went=cwd
  cd "$azlin_cwd" 2>/dev/null || azlin_went=no-cwd
  if [ -n "$azlin_directory" ]; then
    # shellcheck disable=SC2088
    case $azlin_directory in '~') azlin_directory=$HOME ;; '~/'*) azlin_directory=$HOME/${azlin_directory#??} ;; esac
    CDPATH='' cd -- "$azlin_directory" >/dev/null 2>&1 || azlin_refuse no-directory "$azlin_directory"
    azlin_went=cwd
  fi
  command -v "$azlin_shell" >/dev/null 2>&1 || azlin_refuse no-shell "$azlin_shell"
}
