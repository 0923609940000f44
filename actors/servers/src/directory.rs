//! The directory and the user of Postgres, which refuses to run as root.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{ServersError, io};

/// Holds the data if Postgres's user cannot enter the requested directory, as in a clone under /root.
const FALLBACK: &str = "/var/lib/tapedeck";
/// In the requested directory: Postgres's directory, or a link to it.
const SERVER: &str = "server";

/// The directory that Postgres writes to.
#[derive(Debug)]
pub(crate) struct PostgresDirectory {
    /// Absolute path.
    pub(crate) path: PathBuf,
    /// User and group that own it and run Postgres; `None` for those of this process.
    pub(crate) user: Option<(u32, u32)>,
}

impl PostgresDirectory {
    /// Finds or creates the directory that belongs to `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, ServersError> {
        let user = if is_root()? { Some(unprivileged(&read("/etc/passwd")?)?) } else { None };
        let inside = dir.join(SERVER);
        let path = match (inside.read_link(), user) {
            (Ok(target), _) if target != fallback(dir) => {
                let why = "this directory was copied or moved, and links to the data of the original".into();
                return Err(ServersError::Data { dir: dir.into(), why });
            }
            (Ok(target), _) if target.is_dir() => target,
            (Err(_), Some(user)) if !inside.is_dir() && !can_enter(user, dir)? => create_fallback(dir, &inside)?,
            (Ok(_), _) => create_fallback(dir, &inside)?,
            (Err(_), _) => inside,
        };
        if !path.is_dir() {
            create(&path, 0o700)?;
        }
        if let Some((uid, gid)) = user {
            chown(&path, Some(uid), Some(gid)).map_err(io(format!("change the owner of {}", path.display())))?;
        }
        Ok(Self { path, user })
    }

    /// Writes a file that only Postgres's user (and root) can read.
    pub(crate) fn write_secret(&self, name: &str, text: &str) -> Result<(), ServersError> {
        let path = self.path.join(name);
        let incomplete = self.path.join(format!("{name}.new"));
        let write = || {
            std::fs::write(&incomplete, "")?;
            std::fs::set_permissions(&incomplete, Permissions::from_mode(0o600))?;
            if let Some((uid, gid)) = self.user {
                chown(&incomplete, Some(uid), Some(gid))?;
            }
            std::fs::write(&incomplete, text)?;
            std::fs::rename(&incomplete, &path)
        };
        write().map_err(io(format!("write {}", path.display())))
    }
}

/// The directory that belongs to `dir` if it cannot be inside it.
fn fallback(dir: &Path) -> PathBuf {
    Path::new(FALLBACK).join(format!("{:016x}", fnv1a(dir.as_os_str().as_encoded_bytes())))
}

/// Creates the directory of [`fallback`] empty, and `link` to it. Data found there belong to an earlier `dir`.
fn create_fallback(dir: &Path, link: &Path) -> Result<PathBuf, ServersError> {
    let target = fallback(dir);
    if target.is_dir() {
        remove(&target)?;
    }
    if link.is_symlink() {
        std::fs::remove_file(link).map_err(io(format!("remove {}", link.display())))?;
    }
    if !Path::new(FALLBACK).is_dir() {
        create(Path::new(FALLBACK), 0o755)?;
    }
    create(&target, 0o700)?;
    symlink(&target, link).map_err(io(format!("create the link {}", link.display())))?;
    Ok(target)
}

/// Removes `dir` and, if its data are elsewhere, those too.
pub(crate) fn remove_data(dir: &Path) -> Result<(), ServersError> {
    let target = fallback(dir);
    if dir.join(SERVER).read_link().is_ok_and(|link| link == target) {
        remove(&target)?;
    }
    remove(dir)
}

pub(crate) fn remove(path: &Path) -> Result<(), ServersError> {
    std::fs::remove_dir_all(path).map_err(io(format!("remove {}", path.display())))
}

fn create(path: &Path, mode: u32) -> Result<(), ServersError> {
    let action = format!("create {}", path.display());
    DirBuilder::new().recursive(true).create(path).map_err(io(action.clone()))?;
    std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(io(action))
}

/// Whether that user can enter the directory. The kernel decides, by modes, groups and access control lists.
fn can_enter((uid, gid): (u32, u32), dir: &Path) -> Result<bool, ServersError> {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
    command.args(["--", "sh", "-c", r#"cd "$1""#, "sh"]).arg(dir).current_dir("/");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.map_err(io("run setpriv (from util-linux)"))?.success())
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
    let none = || std::io::Error::other("there is neither a user `postgres` nor `nobody`; create one");
    find("postgres").or_else(|| find("nobody")).ok_or_else(none).map_err(io("find a user other than root for Postgres"))
}

fn read(path: &str) -> Result<String, ServersError> {
    std::fs::read_to_string(path).map_err(io(format!("read {path}")))
}

/// FNV-1a, 64 bits (Fowler, Noll, Vo); shortens a path to a name.
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
    fn fnv1a_matches_its_published_test_vector() {
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
