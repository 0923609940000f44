//! The checkpoint of an unfinished replay: its parameters and its progress, so that it can be resumed exactly there.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tapedeck_schemas::ids::Token;

use crate::error::HistoryError;
use crate::resolve::TapeRange;

/// Everything that the output of a replay depends on, apart from the facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaySpec {
    /// The tapes, in order of their partition.
    pub tapes: Vec<TapeRange>,
    /// The range, printed as the operator wrote it: an age is not resolved.
    pub range: String,
    /// The filter, printed.
    pub filter: String,
    /// The format of the file, or the prefix of the subjects.
    pub output: String,
    /// Name of the run: the session of the replayed market events.
    pub run: Token,
}

impl ReplaySpec {
    /// The default name of a run: a hash of the tapes, bounds and filter. The same replay repeated has the same name,
    /// so that `ingest` recognises duplicates; another replay has another name.
    pub fn default_run(tapes: &[TapeRange], filter: &str) -> Token {
        let text = serde_json::to_string(&(tapes, filter)).expect("ranges are plain data");
        let digest = blake3::hash(text.as_bytes()).to_hex();
        format!("r-{}", &digest[..16]).parse().expect("a name")
    }

    /// The first difference between an interrupted replay and the one requested now; `None` if it can be resumed.
    /// Bounds are not compared: if an age resolves to another time now, or the tapes have grown, those of the
    /// interrupted replay remain in force.
    fn difference(&self, now: &ReplaySpec) -> Option<String> {
        let tapes = |spec: &ReplaySpec| -> Vec<String> {
            let describe = |one: &TapeRange| {
                format!("{} of partition {}, generation {}", one.tape.tape, one.partition, one.tape.generation)
            };
            spec.tapes.iter().map(describe).collect()
        };
        let compare = |name: &str, was: String, is: String| {
            (was != is).then(|| format!("its {name} was {was:?}, but {is:?} is requested"))
        };
        compare("tape", tapes(self).join(", "), tapes(now).join(", "))
            .or_else(|| compare("range", self.range.clone(), now.range.clone()))
            .or_else(|| compare("filter", self.filter.clone(), now.filter.clone()))
            .or_else(|| compare("output", self.output.clone(), now.output.clone()))
            .or_else(|| compare("run", self.run.to_string(), now.run.to_string()))
    }
}

/// Progress of a replay. As the order of the facts is fixed, their number is the progress; the other fields are checked
/// before a replay is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The replay that was interrupted.
    pub spec: ReplaySpec,
    /// Number of facts written or published.
    pub facts: u64,
    /// Offset of the last fact written or published, as `p0g1:1234.5`; `None` before the first.
    pub last: Option<String>,
    /// Size of the file with these facts, in bytes; 0 for subjects.
    pub bytes: u64,
    /// BLAKE3 hash of those bytes, in hex.
    pub hash: String,
}

impl Checkpoint {
    /// The beginning of a replay.
    pub fn start(spec: ReplaySpec) -> Self {
        Self { spec, facts: 0, last: None, bytes: 0, hash: blake3::hash(b"").to_hex().to_string() }
    }
}

/// The file that holds a checkpoint: a line of JSON, and a line with the BLAKE3 hash of the first in hex.
#[derive(Debug, Clone)]
pub struct CheckpointFile(PathBuf);

impl CheckpointFile {
    /// A checkpoint file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The checkpoint file of an output file: its path with `.resume` appended.
    pub fn beside(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".resume");
        Self(name.into())
    }

    /// Path of the checkpoint file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the checkpoint; `None` if there is no such file. Fails if the file is not a checkpoint of this version.
    pub fn load(&self) -> Result<Option<Checkpoint>, HistoryError> {
        let text = match std::fs::read_to_string(&self.0) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                return Err(self.cannot("it is not text".into()));
            }
            Err(error) => return Err(HistoryError::file("read", &self.0)(error)),
        };
        let (line, digest) = text.split_once('\n').unwrap_or((&text, ""));
        if blake3::hash(line.as_bytes()).to_hex().as_str() != digest.trim_end() {
            return Err(self.cannot("it was altered, or is not a checkpoint".into()));
        }
        let read = serde_json::from_str(line);
        read.map(Some).map_err(|error| self.cannot(format!("another version of tapedeck wrote it ({error})")))
    }

    /// Reads the checkpoint, as [`CheckpointFile::load`]. Fails also if it is of another replay than `now`.
    pub fn load_for(&self, now: &ReplaySpec) -> Result<Option<Checkpoint>, HistoryError> {
        let Some(saved) = self.load()? else { return Ok(None) };
        match saved.spec.difference(now) {
            Some(why) => Err(self.cannot(why)),
            None => Ok(Some(saved)),
        }
    }

    /// Replaces the checkpoint. If the process is killed at any moment, the file is the old one or the new one.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<(), HistoryError> {
        let line = serde_json::to_string(checkpoint).expect("a checkpoint is plain data");
        let digest = blake3::hash(line.as_bytes()).to_hex();
        let mut new = self.0.as_os_str().to_owned();
        new.push(".new");
        let new = PathBuf::from(new);
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(format!("{line}\n{digest}\n").as_bytes())?;
            file.sync_data()?;
            std::fs::rename(&new, &self.0)
        };
        write().map_err(HistoryError::file("write", &self.0))
    }

    /// Removes the file, if it exists: the replay is complete, or starts over.
    pub fn clear(&self) -> Result<(), HistoryError> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(HistoryError::file("remove", &self.0)(error))
            }
            _ => Ok(()),
        }
    }

    /// The error that the replay of this checkpoint cannot be resumed, with the reason.
    pub fn cannot(&self, why: String) -> HistoryError {
        HistoryError::Resume { path: self.0.clone(), why }
    }
}
