# Stores standard input on the VM, up to the word azlin_upload, which ends and names it. Input that was cut off is thrown away. Says that it is ready, then,
# with a second status, that it has everything.
. ./parts/prelude.sh
. ./parts/room.sh
. ./parts/jobs/place.sh
azlin_make_jobs
umask 077
azlin_file=$azlin_jobs/.in-$azlin_upload
azlin_answer 'ok ready'
azlin_fail() {
  rm -f "$azlin_file"
  cat >/dev/null
  printf 'cannot\n%s\n' "$1"
  exit 0
}
azlin_said=$({ cat >"$azlin_file"; } 2>&1) || azlin_fail "$azlin_said"
[ "$(tail -c "${#azlin_upload}" "$azlin_file")" = "$azlin_upload" ] || azlin_fail 'its input was cut off'
azlin_size=$(($(wc -c <"$azlin_file") - ${#azlin_upload}))
dd if=/dev/null of="$azlin_file" bs=1 seek="$azlin_size" 2>/dev/null || azlin_fail 'dd does not work there'
printf 'ok\n'
