#compdef azlin
# zsh completion for azlin: azlin completion --install puts it in place. What is offered comes from azlin itself.

_azlin() {
  local line current
  local -a reply values shown
  # An open quote is not part of the word.
  current=${(Q)words[CURRENT]#[\"\']}
  reply=("${(@f)$(azlin __complete -- zsh "${(@Q)words[1,CURRENT-1]}" "$current" 2>/dev/null)}")
  case $reply[1] in
    files | directories)
      # For --option=FILE, complete the file.
      [[ $PREFIX = --*=* ]] && compset -P '*='
      [[ $reply[1] = files ]] && _files || _files -/
      return
      ;;
  esac
  for line in "${(@)reply[2,-1]}"; do
    [[ -n $line ]] || continue
    values+=("${line%%$'\t'*}")
    shown+=("${${line/$'\t'/  }%  }")
  done
  (( $#values )) || return 1
  # Show each one with its description, one per line.
  compadd -l -d shown -V azlin -M 'm:{a-zA-Z}={A-Za-z}' -- "${(@)values}"
}

if [[ ${funcstack[1]} = _azlin ]]; then
  _azlin "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
  compdef _azlin azlin
fi
