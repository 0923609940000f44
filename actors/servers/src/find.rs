//! Where the servers' programs are, and which version they have.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ServersError;

/// A version as (major, minor).
pub(crate) type Version = (u32, u32);

/// Oldest nats-server with what the streams use.
pub(crate) const NATS_MIN: Version = (2, 14);
/// Oldest PostgreSQL that is tested.
pub(crate) const POSTGRES_MIN: Version = (15, 0);

/// The nats-server to run: `TAPEDECK_NATS_SERVER`, else the first good enough one on PATH or in the `.tools` folder
/// that `./dev` makes beside the build.
pub(crate) fn nats_server() -> Result<PathBuf, ServersError> {
    let program = "nats-server";
    let tools = own_ancestors().map(|dir| dir.join(".tools/venv/bin"));
    let candidates: Vec<PathBuf> = match std::env::var_os("TAPEDECK_NATS_SERVER") {
        Some(path) => vec![path.into()],
        None => path_dirs().into_iter().chain(tools).map(|dir| dir.join(program)).filter(|p| p.is_file()).collect(),
    };
    let mut why = format!("not found on PATH (want >= {}.{})", NATS_MIN.0, NATS_MIN.1);
    for path in candidates {
        match version(&path) {
            Some(found) if found >= NATS_MIN => return Ok(path),
            Some((major, minor)) => {
                why = format!("{} is {major}.{minor}, want >= {}.{}", path.display(), NATS_MIN.0, NATS_MIN.1);
            }
            None => why = format!("{} does not run", path.display()),
        }
    }
    Err(ServersError::Program { program, why })
}

/// The folder with PostgreSQL's programs, and its major version: `TAPEDECK_POSTGRES_BIN`, else PATH's, else Debian's
/// newest. Data of an earlier run need the major version that wrote them, given as `wrote`.
pub(crate) fn postgres_bin(wrote: Option<u32>) -> Result<(PathBuf, u32), ServersError> {
    let program = "postgres";
    let mut found: Vec<(PathBuf, u32)> = postgres_dirs()
        .into_iter()
        .filter(|dir| dir.join(program).is_file() && dir.join("initdb").is_file())
        .filter_map(|dir| version(&dir.join(program)).map(|(major, _)| (dir, major)))
        .collect();
    found.retain(|(_, major)| (*major, 0) >= POSTGRES_MIN && wrote.is_none_or(|wrote| wrote == *major));
    found.into_iter().next().ok_or_else(|| {
        let which = wrote.map_or(format!(">= {}", POSTGRES_MIN.0), |wrote| format!("{wrote}, which wrote the data"));
        let why = format!("no postgres and initdb of version {which} on PATH or in /usr/lib/postgresql");
        ServersError::Program { program, why }
    })
}

fn postgres_dirs() -> Vec<PathBuf> {
    if let Some(dir) = std::env::var_os("TAPEDECK_POSTGRES_BIN") {
        return vec![dir.into()];
    }
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    debian.sort();
    path_dirs().into_iter().chain(debian.into_iter().rev().map(|(_, dir)| dir)).collect()
}

fn path_dirs() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

fn own_ancestors() -> impl Iterator<Item = PathBuf> {
    let exe = std::env::current_exe().unwrap_or_default();
    exe.ancestors().skip(1).map(Path::to_path_buf).collect::<Vec<_>>().into_iter()
}

fn version(program: &Path) -> Option<Version> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// The first number of the text with what follows its point: `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.18`.
fn parse_version(text: &str) -> Option<Version> {
    let text = &text[text.find(|c: char| c.is_ascii_digit())?..];
    let mut parts = text.split(|c: char| !c.is_ascii_digit());
    let major = parts.next()?.parse().ok()?;
    Some((major, parts.next().and_then(|minor| minor.parse().ok()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_print_them() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel"), Some((19, 0)));
        assert_eq!(parse_version("cannot run"), None);
    }
}
