# Prints the byte at which to start in the file $2. $1: that byte, `-N` for the last N lines, or `@N` for the last N seconds.
azlin_from() {
  case $1 in
  -*)
    azlin_size=$(wc -c <"$2")
    echo $((azlin_size - $(head -c "$azlin_size" "$2" | tail -n "${1#-}" | wc -c)))
    ;;
  # What an older azlin has started has no times: all of its output may be that new.
  @*) cat times 2>/dev/null | awk -v "since=$(($(date +%s) - ${1#@}))" -v "of=$2" '$1 < since { at = of == "out" ? $2 : $3 } END { print at == "" ? 0 : at }' ;;
  *) echo "$1" ;;
  esac
}
