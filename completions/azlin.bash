# bash completion for azlin: azlin completion --install puts it in place. What is offered comes from azlin itself.

_azlin() {
  local reply line
  COMPREPLY=()
  # Bash ends a word at a colon. azlin is told so, and returns only the rest.
  reply=$(azlin __complete -- bash "$COMP_LINE" "$COMP_POINT" "$COMP_WORDBREAKS" 2>/dev/null) || return 0
  case ${reply%%$'\n'*} in
    words)
      # Otherwise bash would offer files where azlin has nothing to offer.
      compopt +o default +o bashdefault 2>/dev/null
      while IFS= read -r line; do
        if [[ -n $line ]]; then COMPREPLY+=("$line"); fi
      done <<<"${reply#words}"
      ;;
    directories) compopt -o dirnames +o default +o bashdefault 2>/dev/null ;;
  esac
}

complete -o bashdefault -o default -o nosort -F _azlin azlin 2>/dev/null || complete -o bashdefault -o default -F _azlin azlin
