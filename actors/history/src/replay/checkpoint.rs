//! The checkpoint of an unfinished replay: what is replayed, and how far it is, so that it resumes exactly there.

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
    /// The range, as it was asked for.
    pub range: String,
    /// The filter, printed.
    pub filter: String,
    /// The format of the file, or the prefix of the subjects.
    pub output: String,
    /// The name of the run, which is the session of its market events.
    pub run: Token,
}

impl ReplaySpec {
    /// A name for the run, derived from what is replayed: the same replay has the same name, so that its duplicates are
    /// recognised, and different replays have different names.
    pub fn default_run(tapes: &[TapeRange], filter: &str) -> Token {
        let text = serde_json::to_string(&(tapes, filter)).expect("ranges are plain data");
        let digest = blake3::hash(text.as_bytes()).to_hex();
        format!("r-{}", &digest[..16]).parse().expect("a name")
    }

    /// The first respect in which an interrupted replay differs from the one that is asked for now. Where an age means
    /// another time by now, and where the tapes have grown, the bounds of the interrupted replay hold.
    fn difference(&self, now: &ReplaySpec) -> Option<String> {
        let tapes = |spec: &ReplaySpec| -> Vec<String> {
            spec.tapes.iter().map(|one| format!("{} of partition {}", one.tape, one.partition)).collect()
        };
        let compare = |name: &str, was: String, is: String| {
            (was != is).then(|| format!("its {name} was {was:?}, now {is:?} is asked for"))
        };
        compare("tape", tapes(self).join(", "), tapes(now).join(", "))
            .or_else(|| compare("range", self.range.clone(), now.range.clone()))
            .or_else(|| compare("filter", self.filter.clone(), now.filter.clone()))
            .or_else(|| compare("output", self.output.clone(), now.output.clone()))
            .or_else(|| compare("run", self.run.to_string(), now.run.to_string()))
    }
}

/// How far a replay is. The facts come in one order, so their count is enough; the rest is for checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Range, filter and output of the replay.
    pub spec: ReplaySpec,
    /// Facts written or published.
    pub facts: u64,
    /// Offset of the last of them, as `p0:1234.5`.
    pub last: Option<String>,
    /// Bytes of the file that hold them; 0 for subjects.
    pub bytes: u64,
    /// BLAKE3 of these bytes, in hex.
    pub hash: String,
}

impl Checkpoint {
    /// The beginning of a replay.
    pub fn start(spec: ReplaySpec) -> Self {
        Self { spec, facts: 0, last: None, bytes: 0, hash: blake3::hash(b"").to_hex().to_string() }
    }
}

/// The file that holds a checkpoint: a line of JSON, and a line with its BLAKE3.
#[derive(Debug, Clone)]
pub struct CheckpointFile(PathBuf);

impl CheckpointFile {
    /// The file at this path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file that belongs to an output file: its name with `.resume` appended.
    pub fn beside(file: &Path) -> Self {
        let mut name = file.as_os_str().to_owned();
        name.push(".resume");
        Self(name.into())
    }

    /// Path of the checkpoint file.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The checkpoint that it holds; `None` if there is no such file.
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

    /// The checkpoint that it holds, which must be of the replay asked for now.
    pub fn load_for(&self, now: &ReplaySpec) -> Result<Option<Checkpoint>, HistoryError> {
        let Some(saved) = self.load()? else { return Ok(None) };
        match saved.spec.difference(now) {
            Some(why) => Err(self.cannot(why)),
            None => Ok(Some(saved)),
        }
    }

    /// Replaces the checkpoint. A process killed at any moment leaves the old one or the new one, whole.
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

    /// Removes the file: the replay is done, or starts over.
    pub fn clear(&self) -> Result<(), HistoryError> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(HistoryError::file("remove", &self.0)(error))
            }
            _ => Ok(()),
        }
    }

    /// The error that its checkpoint cannot be resumed from.
    pub fn cannot(&self, why: String) -> HistoryError {
        HistoryError::Resume { path: self.0.clone(), why }
    }
}
