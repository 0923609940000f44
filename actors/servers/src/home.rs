//! Where Postgres keeps its data and as whom it runs: it refuses root, and its user must be able to get there.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{ServersError, io};

/// Where the data go when their user cannot reach the directory that was asked for, as in a clone under /root.
const ELSEWHERE: &str = "/var/lib/tapedeck";
/// In the directory that was asked for: the home itself, or a link to it.
const HOME: &str = "server";

/// A directory of Postgres's own.
#[derive(Debug)]
pub(crate) struct Home {
    /// Where.
    pub(crate) path: PathBuf,
    /// Its user and group, when that is not us.
    pub(crate) user: Option<(u32, u32)>,
}

impl Home {
    /// The home for `dir`, found again or made.
    pub(crate) fn open(dir: &Path) -> Result<Self, ServersError> {
        let user = if is_root()? { Some(unprivileged(&read("/etc/passwd")?)?) } else { None };
        let here = dir.join(HOME);
        let path = match (here.read_link(), user) {
            (Ok(target), _) if target != elsewhere(dir) => return Err(copied(dir)),
            (Ok(target), _) if target.is_dir() => target,
            (Err(_), Some(user)) if !here.is_dir() && !reaches(user, dir)? => make_elsewhere(dir, &here)?,
            (Ok(_), _) => make_elsewhere(dir, &here)?,
            (Err(_), _) => here,
        };
        if !path.is_dir() {
            make(&path, 0o700)?;
        }
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid)).map_err(io(format!("give away {}", path.display())))?;
        }
        Ok(Self { path, user })
    }

    /// Removes the home of `dir`, wherever it is, and `dir` itself.
    pub(crate) fn remove(dir: &Path) -> Result<(), ServersError> {
        let target = elsewhere(dir);
        if dir.join(HOME).read_link().is_ok_and(|link| link == target) {
            remove(&target)?;
        }
        remove(dir)
    }

    /// Writes a file that only Postgres's user (and root) can read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> Result<(), ServersError> {
        let (path, half) = (self.path.join(name), self.path.join(format!("{name}.new")));
        let write = || {
            std::fs::write(&half, "")?;
            std::fs::set_permissions(&half, Permissions::from_mode(0o600))?;
            if let Some((uid, gid)) = self.user {
                chown(&half, Some(uid), Some(gid))?;
            }
            std::fs::write(&half, text)?;
            std::fs::rename(&half, &path)
        };
        write().map_err(io(format!("write {}", path.display())))
    }
}

/// Where the home of `dir` is, when it is not in it.
fn elsewhere(dir: &Path) -> PathBuf {
    Path::new(ELSEWHERE).join(format!("{:016x}", fnv1a(dir.as_os_str().as_encoded_bytes())))
}

/// Makes that home, with a link `here` to it. What an earlier `dir` of the same path has left there is not of this one.
fn make_elsewhere(dir: &Path, here: &Path) -> Result<PathBuf, ServersError> {
    let target = elsewhere(dir);
    if target.is_dir() {
        remove(&target)?;
    }
    if here.is_symlink() {
        std::fs::remove_file(here).map_err(io(format!("remove {}", here.display())))?;
    }
    if !Path::new(ELSEWHERE).is_dir() {
        make(Path::new(ELSEWHERE), 0o755)?;
    }
    make(&target, 0o700)?;
    symlink(&target, here).map_err(io(format!("link {}", here.display())))?;
    Ok(target)
}

/// A link that came here with a copy of the directory: the data are the original's.
fn copied(dir: &Path) -> ServersError {
    ServersError::Data { dir: dir.into(), why: "this is a copy or was moved, its data are the original's".into() }
}

fn remove(path: &Path) -> Result<(), ServersError> {
    std::fs::remove_dir_all(path).map_err(io(format!("remove {}", path.display())))
}

fn make(path: &Path, mode: u32) -> Result<(), ServersError> {
    let doing = format!("create {}", path.display());
    DirBuilder::new().recursive(true).create(path).map_err(io(doing.clone()))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io(doing))
}

/// Whether that user can enter the directory: asked of the kernel, which knows of modes, groups and lists alike.
fn reaches((uid, gid): (u32, u32), dir: &Path) -> Result<bool, ServersError> {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
    command.args(["--", "sh", "-c", r#"cd "$1""#, "sh"]).arg(dir).current_dir("/");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.map_err(io("run setpriv (of util-linux)"))?.success())
}

fn is_root() -> Result<bool, ServersError> {
    let status = read("/proc/self/status")?;
    let effective = status.lines().find_map(|line| line.strip_prefix("Uid:")?.split_whitespace().nth(1));
    Ok(effective == Some("0"))
}

/// User and group of `postgres`, else of `nobody`.
fn unprivileged(passwd: &str) -> Result<(u32, u32), ServersError> {
    let find = |name: &str| {
        let entry = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = entry.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let none = || std::io::Error::other("neither user postgres nor nobody exists");
    find("postgres").or_else(|| find("nobody")).ok_or_else(none).map_err(io("run Postgres as another user than root"))
}

fn read(path: &str) -> Result<String, ServersError> {
    std::fs::read_to_string(path).map_err(io(format!("read {path}")))
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo): a short name for a path.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_preferred_to_nobody_and_found_by_its_whole_name() {
        let passwd = "root:x:0:0::/:/bin/sh\npostgresql:x:9:9::/:/\nnobody:x:65534:65533::/:/\n";
        assert_eq!(unprivileged(passwd).unwrap(), (65534, 65533));
        assert_eq!(unprivileged(&format!("{passwd}postgres:x:101:104::/:/\n")).unwrap(), (101, 104));
        assert!(unprivileged("root:x:0:0::/:/bin/sh").is_err());
    }

    #[test]
    fn a_path_hashes_as_published() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
