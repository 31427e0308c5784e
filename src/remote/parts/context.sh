# Goes where the user's command is to run: finds the session, takes over its environment, and changes to its directory. One call of tmux tells all of it.
# Values: azlin_session, azlin_new_name, azlin_directory to go to another directory, azlin_given_shell, azlin_variables (lines of `export NAME='value'`),
# azlin_agent, set if the SSH agent is forwarded: the session only knows the agent of the client that attached last, if any. azlin_alone, set if the command
# runs as over ssh: in the home directory, without a session.
# Sets azlin_id, azlin_created, azlin_went (cwd or no-cwd), azlin_shell.

# Turns the lines of `show-environment -s` into statements that are safe to evaluate: an exported bash function, for example, has a name that cannot be
# assigned to. Only used for values with line breaks, because starting awk takes longer than all the rest.
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

# The same without awk, if each variable of $1 is on a line of its own, as is nearly always so; fails otherwise. A line of a longer value may look like a
# variable, but the line that opens that value does not, so this fails. A quote inside a value always has a backslash before it.
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
    # Saves most names the comparison with the long list below.
    [!BEIOPSTU_a]*) ;;
    SHLVL | PWD | OLDPWD | _ | IFS | TERM | TMUX | TMUX_PANE | OPTIND | SHELLOPTS | BASHOPTS | UID | EUID | PPID | azlin_* | _q? | _q?? | \
      BASH_ARG* | BASH_FUNC* | BASH_LINENO* | BASH_SOURCE* | BASH_VERS* | BASHPID) continue ;;
    esac
    azlin_safe=$azlin_safe$azlin_line$azlin_newline
  done
  case $azlin_names in *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) return 1 ;; esac
}

# Reads the session $1, a target of tmux. The answer ends with a line of azlin's: a command substitution drops line breaks at the end, and a directory may
# end with some. Short parts come first: shells are slow at cutting a long text at its far end.
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
  # A name that ends in a semicolon would end the tmux command, and an id is not a name. Both are looked up in the list of sessions first.
  if [ -n "$azlin_alone" ]; then
    azlin_cwd=$HOME
    $azlin_beside
  else
    case $azlin_session in *\; | '$'*) false ;; *) azlin_context "=$azlin_session" ;; esac || {
      azlin_list
      azlin_find_or_make
      azlin_context "$azlin_id" || azlin_refuse failed "the session $azlin_id cannot be read"
      azlin_session=$azlin_name_found
    }
    export TMUX TMUX_PANE
  fi
  # A login over ssh has read ~/.bashrc already. At this level, the command's own bash does not read it again, nor print what it prints.
  # bash subtracts one when it becomes another program.
  SHLVL=1
  [ -z "$BASH_VERSION" ] || SHLVL=2
  export SHLVL
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
