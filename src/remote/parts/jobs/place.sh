# Sets azlin_jobs to the folder with the jobs of this VM. Several VMs can share a home directory (NFS), so each has its own folder, named by the VM's name, its
# machine id and where its tmux servers are.
azlin_home=$HOME
azlin_host= azlin_machine=
{
  read -r azlin_host </proc/sys/kernel/hostname
  read -r azlin_machine </etc/machine-id
} 2>/dev/null
azlin_host=${azlin_host%%.*}
case $azlin_host in '' | *[!A-Za-z0-9-]*) azlin_host=vm ;; esac
case $azlin_machine in *[!a-z0-9]*) azlin_machine= ;; esac
# Eight characters are enough to tell VMs with the same name apart.
azlin_here=$azlin_host-${azlin_machine%"${azlin_machine#????????}"}
azlin_add_place() {
  IFS=/
  set -f
  # shellcheck disable=SC2086
  set -- $TMUX_TMPDIR
  set +f
  IFS=-
  azlin_here=$azlin_here$*
  unset IFS
}
[ -z "$TMUX_TMPDIR" ] || azlin_add_place
azlin_jobs=$azlin_home/.azlin/jobs/$azlin_here

azlin_make_jobs() {
  azlin_private "$azlin_home/.azlin" || azlin_cannot "$azlin_said"
  [ -d "$azlin_jobs" ] || azlin_said=$(umask 077 && mkdir -p "$azlin_jobs" 2>&1 && printf '%s\n' "$azlin_host" 2>&1 >"$azlin_jobs/.vm") || azlin_cannot "$azlin_said"
}

# Prints the name of the VM that has the folder $1.
azlin_name_of() {
  azlin_name=
  { read -r azlin_name <"$1/.vm"; } 2>/dev/null
  printf '%s\n' "${azlin_name:-another VM}"
}
# Answers that there is no job $1 here, or which VM has it, if it is another one that shares this home directory.
azlin_no_job() {
  for azlin_other in "$azlin_home"/.azlin/jobs/*/"$1"; do
    azlin_folder=${azlin_other%/*}
    [ ! -d "$azlin_other" ] || [ "$azlin_folder" = "$azlin_jobs" ] || azlin_refuse elsewhere "$(azlin_name_of "$azlin_folder")"
  done
  azlin_refuse no-job
}
