# The fields of /proc/$1/stat after the name, which may hold anything, in azlin_stat: the state, the parent, the process group and so on.
azlin_read_stat() {
  azlin_stat=
  { read -r azlin_stat <"/proc/$1/stat"; } 2>/dev/null || return
  # Not `##`, for which dash takes three times as long as for all the rest.
  while case $azlin_stat in *") "*) ;; *) false ;; esac; do azlin_stat=${azlin_stat#*) }; done
}
