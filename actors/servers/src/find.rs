//! Finds the servers' programs and reads their versions.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::ServersError;

/// A version as (major, minor).
pub(crate) type Version = (u32, u32);

/// The oldest nats-server that supports the streams' settings.
pub(crate) const NATS_MIN: Version = (2, 14);
/// The oldest PostgreSQL that is tested.
pub(crate) const POSTGRES_MIN: Version = (15, 0);

/// The nats-server to run: `TAPEDECK_NATS_SERVER`, else the first of a supported version on PATH or in the folder
/// `.tools` that `./dev` creates beside the build.
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
            None => why = format!("{} --version failed", path.display()),
        }
    }
    Err(ServersError::Program { program, why })
}

/// The folder with PostgreSQL's programs, and its major version: `TAPEDECK_POSTGRES_BIN`, else the one on PATH, else
/// Debian's newest. `data_version` is the major version that wrote the existing data; only it can read them.
pub(crate) fn postgres_bin(data_version: Option<u32>) -> Result<(PathBuf, u32), ServersError> {
    let program = "postgres";
    let mut found: Vec<(PathBuf, u32)> = postgres_dirs()
        .into_iter()
        .filter(|dir| dir.join(program).is_file() && dir.join("initdb").is_file())
        .filter_map(|dir| version(&dir.join(program)).map(|(major, _)| (dir, major)))
        .collect();
    found.retain(|(_, major)| (*major, 0) >= POSTGRES_MIN && data_version.is_none_or(|version| version == *major));
    found.into_iter().next().ok_or_else(|| {
        let wanted = match data_version {
            Some(version) => format!("{version}, which wrote the data"),
            None => format!(">= {}", POSTGRES_MIN.0),
        };
        let why = format!("no postgres and initdb of version {wanted} on PATH or in /usr/lib/postgresql");
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

/// The first version number in the output of `--version`: `nats-server: v2.15.1`, `postgres (PostgreSQL) 15.18`.
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
    fn versions_are_parsed_from_the_output_of_the_programs() {
        assert_eq!(parse_version("nats-server: v2.15.1\n"), Some((2, 15)));
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"), Some((15, 18)));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel"), Some((19, 0)));
        assert_eq!(parse_version("cannot run"), None);
    }
}
