# Sets azlin_stat to the fields of /proc/$1/stat after the name, which may contain anything: the state, the parent, the process group and so on.
azlin_read_stat() {
  azlin_stat=
  { read -r azlin_stat <"/proc/$1/stat"; } 2>/dev/null || return
  # Not `##`, which takes dash three times as long as all the rest.
  while case $azlin_stat in *") "*) ;; *) false ;; esac; do azlin_stat=${azlin_stat#*) }; done
}
