# azlin keeps its files on a VM in ~/.azlin, where nobody else can read or write anything.

# Makes the directory $1, or says in azlin_said why it cannot be trusted. A link cannot: whoever made it could point it elsewhere.
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
