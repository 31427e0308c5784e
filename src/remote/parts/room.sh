# What azlin keeps on a VM stands in ~/.azlin, where nobody else can look or put anything.

# Makes the directory $1, or says in azlin_said why it cannot be trusted. Whoever made a link could lead it elsewhere.
azlin_private() {
  [ -d "$1" ] || [ -L "$1" ] || azlin_said=$(umask 077 && mkdir "$1" 2>&1) || [ -d "$1" ] || return
  [ ! -L "$1" ] || { azlin_said="$1 is a symbolic link, and azlin keeps nothing behind a link"; return 1; }
  [ -O "$1" ] || { azlin_said="$1 belongs to another user"; return 1; }
  case $(ls -ld "$1" 2>/dev/null) in
  drwx------*) ;;
  *) azlin_said=$(chmod 700 "$1" 2>&1) || return ;;
  esac
}

azlin_cannot() { azlin_refuse cannot "$1"; }
